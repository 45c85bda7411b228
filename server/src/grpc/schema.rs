//! `charter.registry.v1.SchemaService`: documents against schemas, and what credential types are called elsewhere.

use charter_domain::Resource;
use charter_proto::charter::registry::v1::{self as pb, schema_service_server::SchemaService};
use charter_store::schemas::TypeView;
use tonic::{Request, Response};

use super::{Doorway, Reply, convert};
use crate::{
    Error,
    app::{credential_type, list as lists, schema},
};

fn view(t: TypeView) -> pb::CredentialType {
    let defined_at = Some(convert::time(t.defined_at()));
    let d = t.defined;
    let text = |r: Option<Resource>| r.map(String::from).unwrap_or_default();
    pb::CredentialType {
        resource: d.resource.into(),
        vc_type: text(d.vc_type),
        vct: text(d.vct),
        doc_type: text(d.doc_type),
        schema_id: text(d.schema_id),
        equivalents: d.equivalents.into_iter().map(String::from).collect(),
        defined_at,
    }
}

#[tonic::async_trait]
impl SchemaService for Doorway {
    async fn validate_document(
        &self,
        request: Request<pb::ValidateDocumentRequest>,
    ) -> Reply<pb::ValidateDocumentResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let which = schema::which(&r.schema_id, &r.resource, r.revision).map_err(Error::from)?;
        let (used, faults) = schema::validate(&self.app, registry, which, &r.document_json).await?;
        let fault =
            |f: schema::Fault| pb::SchemaFault { instance: f.instance, schema: f.schema, message: f.message };
        Ok(Response::new(pb::ValidateDocumentResponse {
            valid: faults.is_empty(),
            faults: faults.into_iter().map(fault).collect(),
            schema_id: used.id,
            resource: used.resource,
            revision: used.revision,
            deprecated: used.deprecated.is_some(),
        }))
    }

    async fn get_credential_type(
        &self,
        request: Request<pb::GetCredentialTypeRequest>,
    ) -> Reply<pb::GetCredentialTypeResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let found = credential_type::get(&self.app, registry, &r.resource).await?;
        Ok(Response::new(pb::GetCredentialTypeResponse { credential_type: Some(view(found)) }))
    }

    async fn list_credential_types(
        &self,
        request: Request<pb::ListCredentialTypesRequest>,
    ) -> Reply<pb::ListCredentialTypesResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let find = lists::credential_types(&r.filter)?;
        let noun = format!("credential types {}", r.filter);
        let page = self.page(&noun, registry, r.page_size, &r.page_token)?;
        let from = (page.after.as_ref().and_then(|a| a.parse().ok()).unwrap_or(0), page.limit);
        let list = self.app.store.find_credential_types(registry, find, from).await.map_err(Error::from)?;
        let next_page_token = self.next(&page, list.len(), list.last().map(|t| t.seq.to_string()));
        let credential_types = list.into_iter().map(view).collect();
        Ok(Response::new(pb::ListCredentialTypesResponse { credential_types, next_page_token }))
    }
}
