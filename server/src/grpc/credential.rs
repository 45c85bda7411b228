//! `charter.registry.v1.CredentialService`.

use charter_proto::charter::registry::v1::{self as pb, credential_service_server::CredentialService};
use tonic::{Request, Response};

use super::{Doorway, Reply, convert, governance::asked};
use crate::app::credential;

#[tonic::async_trait]
impl CredentialService for Doorway {
    async fn list_credentials(
        &self,
        request: Request<pb::ListCredentialsRequest>,
    ) -> Reply<pb::ListCredentialsResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let shown = |c: charter_store::credential::Credential| pb::Credential {
            credential_id: c.id.to_string(),
            staff_id: c.staff_id.0,
            credential: c.credential.code().to_owned(),
            scopes: c.scopes.iter().map(|s| s.code().to_owned()).collect(),
            valid_until: Some(convert::time(c.valid_until())),
            revoked: c.revoked,
            last_used: c.used.unwrap_or_default(),
            sha256: c.sha256,
        };
        let found = credential::list(&self.app, &staff, registry).await?;
        let credentials = found.into_iter().map(shown).collect();
        Ok(Response::new(pb::ListCredentialsResponse { credentials }))
    }

    async fn revoke_credential(
        &self,
        request: Request<pb::RevokeCredentialRequest>,
    ) -> Reply<pb::RevokeCredentialResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = credential::id(&r.credential_id)?;
        let app = std::sync::Arc::clone(&self.app);
        let asked = asked(&r.request_id, "", r.validate_only)?;
        let work = async move { credential::revoke(&app, &staff, registry, (id, &r.code), &asked).await };
        let epoch = crate::app::govern::to_its_end(work).await?;
        Ok(Response::new(pb::RevokeCredentialResponse { epoch }))
    }
}
