//! `charter.registry.v1.ApplicationService` and `JoiningService`.

use charter_domain::{Invalid, NamingConstraints, Timestamp, delegation::path_length, scope::Grant};
use charter_proto::charter::registry::v1::{
    self as pb, application_service_server::ApplicationService, joining_service_server::JoiningService,
    sign_application_request::What,
};
use tonic::{Request, Response};

use super::{Doorway, Reply, convert, delegation, governance, import};
use crate::{
    Error,
    app::application::{self, Accept, Receipt, Shown, Wanted, signed::Join},
};

fn receipt(r: Receipt) -> pb::ApplicationReceipt {
    pb::ApplicationReceipt {
        application_id: r.id.to_string(),
        purpose: r.purpose.to_owned(),
        state: r.state.to_owned(),
        expires_at: Some(convert::time(r.expires_at)),
        reason: r.reason,
        seq: r.seq,
    }
}

fn encode(a: Shown) -> pb::Application {
    pb::Application {
        application_id: a.receipt.id.to_string(),
        purpose: a.receipt.purpose.to_owned(),
        state: a.receipt.state.to_owned(),
        applicant_id: a.applicant,
        entity_identifier: a.entity_identifier,
        name: a.name,
        thumbprint: a.thumbprint,
        jwks_json: a.jwks,
        endpoint: a.endpoint,
        tls_spki_sha256: a.tls_spki_sha256.texts(),
        scope: a.scope.0.iter().map(delegation::grant).collect(),
        max_path_length: a.max_path_length.map(u32::from),
        naming_constraints: delegation::names(&a.naming_constraints),
        answers_as_own: a.answers_as_own,
        valid_until: a.valid_until.map(convert::time),
        contact: a.contact,
        code: a.code,
        left_seq: a.left_seq,
        received_at: Some(convert::time(a.received_at)),
        expires_at: Some(convert::time(a.receipt.expires_at)),
        proposal_id: a.proposal.map(|id| id.to_string()).unwrap_or_default(),
        seq: a.receipt.seq,
        reason: a.receipt.reason,
        application: a.signed,
    }
}

fn grants(list: Vec<pb::Grant>) -> Result<Vec<Grant>, Invalid> {
    list.into_iter().map(import::grant).collect()
}

fn names(given: Option<pb::NamingConstraints>) -> Result<NamingConstraints, Invalid> {
    given.map_or_else(
        || Ok(NamingConstraints::default()),
        |n| NamingConstraints::parse(&delegation::naming(n)),
    )
}

fn until(given: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, Invalid> {
    convert::optional_time("valid_until", given)
}

fn wanted(what: Option<What>) -> Result<Wanted, Error> {
    Ok(match what.ok_or_else(|| Invalid::new("what", "must be `join`, `leave` or `inquire`"))? {
        What::Join(wish) => Wanted::Join(Join {
            scope: grants(wish.scope)?,
            max_path_length: path_length(wish.max_path_length)?,
            naming_constraints: names(wish.naming_constraints)?,
            answers_as_own: wish.answers_as_own,
            valid_until: until(wish.valid_until)?,
            contact: wish.contact,
        }),
        What::Leave(pb::LeaveNotice {}) => Wanted::Leave,
        What::Inquire(id) => Wanted::Inquire(
            application::id(&id).map_err(|e| Error { field: Some("inquire".to_owned()), ..e })?,
        ),
    })
}

#[tonic::async_trait]
impl ApplicationService for Doorway {
    async fn submit_application(
        &self,
        request: Request<pb::SubmitApplicationRequest>,
    ) -> Reply<pb::SubmitApplicationResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let kept = application::submit(&self.app, registry, &r.application).await?;
        Ok(Response::new(pb::SubmitApplicationResponse { receipt: Some(receipt(kept)) }))
    }

    async fn inquire_application(
        &self,
        request: Request<pb::InquireApplicationRequest>,
    ) -> Reply<pb::InquireApplicationResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let found = application::inquire(&self.app, registry, &r.inquiry).await?;
        Ok(Response::new(pb::InquireApplicationResponse { receipt: Some(receipt(found)) }))
    }
}

#[tonic::async_trait]
impl JoiningService for Doorway {
    async fn sign_application(
        &self,
        request: Request<pb::SignApplicationRequest>,
    ) -> Reply<pb::SignApplicationResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let wanted = wanted(r.what)?;
        let (application, exp) = application::sign(&self.app, &staff, registry, &r.superior, wanted).await?;
        let expires_at = Some(convert::time(exp));
        Ok(Response::new(pb::SignApplicationResponse { application, expires_at }))
    }

    async fn list_applications(
        &self,
        request: Request<pb::ListApplicationsRequest>,
    ) -> Reply<pb::ListApplicationsResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let found = application::list(&self.app, &staff, registry, &request.get_ref().state).await?;
        let applications = found.into_iter().map(encode).collect();
        Ok(Response::new(pb::ListApplicationsResponse { applications }))
    }

    async fn get_application(
        &self,
        request: Request<pb::GetApplicationRequest>,
    ) -> Reply<pb::GetApplicationResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let id = application::id(&request.get_ref().application_id)?;
        let found = application::get(&self.app, &staff, registry, id).await?;
        Ok(Response::new(pb::GetApplicationResponse { application: Some(encode(found)) }))
    }

    async fn accept_application(
        &self,
        request: Request<pb::AcceptApplicationRequest>,
    ) -> Reply<pb::AcceptApplicationResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = application::id(&r.application_id)?;
        let accept = Accept {
            scope: grants(r.scope).map_err(Error::from)?,
            max_path_length: path_length(r.max_path_length).map_err(Error::from)?,
            naming_constraints: names(r.naming_constraints).map_err(Error::from)?,
            answers_as_own: r.answers_as_own,
            valid_until: until(r.valid_until).map_err(Error::from)?,
            reason: r.reason,
        };
        let proposed =
            application::accept(&self.app, &staff, registry, id, (accept, r.validate_only)).await?;
        let proposal = Some(governance::proposal(proposed));
        Ok(Response::new(pb::AcceptApplicationResponse { proposal }))
    }

    async fn refuse_application(
        &self,
        request: Request<pb::RefuseApplicationRequest>,
    ) -> Reply<pb::RefuseApplicationResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = application::id(&r.application_id)?;
        let refused =
            application::refuse(&self.app, &staff, registry, id, (&r.reason, r.validate_only)).await?;
        Ok(Response::new(pb::RefuseApplicationResponse { application: Some(encode(refused)) }))
    }
}
