//! A server of a few fixed answers: an entity named like a reason is answered with that reason.

pub mod governance;
pub mod log;
pub mod web;

use std::pin::Pin;

use charter_domain::{Outcome, Reason};
use charter_proto::charter::{
    federation::v1::{
        self as fed,
        federation_service_server::{FederationService, FederationServiceServer},
    },
    registry::v1::{
        self as reg,
        audit_service_server::AuditServiceServer,
        governance_service_server::GovernanceServiceServer,
        import_service_server::{ImportService, ImportServiceServer},
        registry_service_server::{RegistryService, RegistryServiceServer},
    },
};
use futures::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status, Streaming, transport::server::TcpIncoming};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A set with a key whose private part nobody has (RFC 8037, A.2).
pub const ANCHORS: &str = r#"{"version":1,"threshold":1,"anchors":[{"authority_id":"did:web:root.example",
"entity_id":"https://root.example","jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA",
"kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}]}"#;

pub struct Fake;

type Reply<T> = Result<Response<T>, Status>;

impl Fake {
    pub async fn start() -> String {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().expect("an address")).expect("binds");
        let address = incoming.local_addr().expect("bound");
        let server = tonic::transport::Server::builder()
            .add_service(AuditServiceServer::new(Self))
            .add_service(FederationServiceServer::new(Self))
            .add_service(GovernanceServiceServer::new(Self))
            .add_service(ImportServiceServer::new(Self))
            .add_service(RegistryServiceServer::new(Self));
        tokio::spawn(server.serve_with_incoming(incoming));
        format!("http://{address}")
    }
}

fn status(code: Code, reason: &str, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "charter", [("a".to_owned(), "b".to_owned())]);
    Status::with_error_details(code, message, details)
}

fn none<T>() -> Reply<T> {
    Err(Status::unimplemented(""))
}

fn permit<T>(request: &Request<T>) -> Result<(), Status> {
    match request.metadata().get("authorization").and_then(|v| v.to_str().ok()) {
        Some("Bearer let-me-in") => Ok(()),
        _ => Err(status(Code::Unauthenticated, "UNAUTHENTICATED", "a bearer token is needed")),
    }
}

#[tonic::async_trait]
impl FederationService for Fake {
    type WatchStream = futures::stream::Empty<Result<fed::WatchResponse, Status>>;

    async fn resolve(&self, request: Request<fed::ResolveRequest>) -> Reply<fed::ResolveResponse> {
        let asked = request.into_inner();
        let reason = Reason::parse(&asked.entity_id)
            .ok_or_else(|| status(Code::NotFound, "UNKNOWN_ENTITY", "no such entity"))?;
        let outcome = match reason.outcome() {
            Outcome::Yes => fed::Outcome::Yes,
            Outcome::No => fed::Outcome::No,
            Outcome::Indeterminate => fed::Outcome::Indeterminate,
        };
        Ok(Response::new(fed::ResolveResponse {
            outcome: outcome.into(),
            reason: reason.code().to_owned(),
            decided_by: "did:web:root.example".to_owned(),
            chain: vec!["a.b.c".to_owned(), "d.e.f".to_owned()],
            ..Default::default()
        }))
    }
    async fn get_entity_configuration(
        &self,
        _: Request<fed::GetEntityConfigurationRequest>,
    ) -> Reply<fed::GetEntityConfigurationResponse> {
        none()
    }
    async fn get_subordinate_statement(
        &self,
        _: Request<fed::GetSubordinateStatementRequest>,
    ) -> Reply<fed::GetSubordinateStatementResponse> {
        none()
    }
    async fn get_recognition(
        &self,
        _: Request<fed::GetRecognitionRequest>,
    ) -> Reply<fed::GetRecognitionResponse> {
        none()
    }
    async fn list_peers(&self, _: Request<fed::ListPeersRequest>) -> Reply<fed::ListPeersResponse> {
        none()
    }
    async fn get_log_evidence(
        &self,
        _: Request<fed::GetLogEvidenceRequest>,
    ) -> Reply<fed::GetLogEvidenceResponse> {
        none()
    }
    async fn watch(&self, _: Request<fed::WatchRequest>) -> Reply<Self::WatchStream> {
        none()
    }
    async fn get_epoch(&self, _: Request<fed::GetEpochRequest>) -> Reply<fed::GetEpochResponse> {
        none()
    }
}

#[tonic::async_trait]
impl ImportService for Fake {
    type ImportRecordsStream = Pin<Box<dyn Stream<Item = Result<reg::ImportRecordsResponse, Status>> + Send>>;

    async fn import_records(
        &self,
        request: Request<Streaming<reg::ImportRecordsRequest>>,
    ) -> Reply<Self::ImportRecordsStream> {
        permit(&request)?;
        let answer = |chunk: Result<reg::ImportRecordsRequest, Status>| {
            let records = chunk?.records;
            let (taken, free): (Vec<_>, Vec<_>) =
                records.into_iter().partition(|r| r.identifier == "did:web:taken.example");
            let error = |r: reg::ImportRecord| reg::ImportError {
                line: r.line,
                code: "DUPLICATE_ENTITY".to_owned(),
                field: "identifier".to_owned(),
                message: "is in the registry".to_owned(),
            };
            let accepted = u32::try_from(free.len()).expect("few");
            let errors = taken.into_iter().map(error).collect();
            Ok(reg::ImportRecordsResponse { accepted, errors, epoch: 1 })
        };
        Ok(Response::new(request.into_inner().map(answer).boxed()))
    }
    async fn set_status(&self, request: Request<reg::SetStatusRequest>) -> Reply<reg::SetStatusResponse> {
        permit(&request)?;
        match request.into_inner().target {
            Some(reg::set_status_request::Target::EntityId(_)) => {
                Ok(Response::new(reg::SetStatusResponse { epoch: 9 }))
            }
            _ => Err(status(Code::FailedPrecondition, "REGISTRY_SEALED", "the registry is sealed")),
        }
    }
    async fn put_delegation(
        &self,
        _: Request<reg::PutDelegationRequest>,
    ) -> Reply<reg::PutDelegationResponse> {
        none()
    }
    async fn put_schema(&self, _: Request<reg::PutSchemaRequest>) -> Reply<reg::PutSchemaResponse> {
        none()
    }
    async fn seal_registry(&self, _: Request<reg::SealRegistryRequest>) -> Reply<reg::SealRegistryResponse> {
        none()
    }
}

#[tonic::async_trait]
impl RegistryService for Fake {
    async fn list_registries(
        &self,
        _: Request<reg::ListRegistriesRequest>,
    ) -> Reply<reg::ListRegistriesResponse> {
        let registry = reg::Registry { phase: "BOOTSTRAP".to_owned(), ..Default::default() };
        let registries = vec![registry];
        Ok(Response::new(reg::ListRegistriesResponse { registries, next_page_token: String::new() }))
    }
    async fn get_entity(&self, request: Request<reg::GetEntityRequest>) -> Reply<reg::GetEntityResponse> {
        if request.get_ref().entity_id == "did:web:a.example" {
            let entity = Some(reg::Entity { etag: "W/\"1\"".to_owned(), ..Default::default() });
            return Ok(Response::new(reg::GetEntityResponse { entity }));
        }
        Err(status(Code::NotFound, "NOT_FOUND", "no such entity"))
    }
    async fn list_entities(
        &self,
        request: Request<reg::ListEntitiesRequest>,
    ) -> Reply<reg::ListEntitiesResponse> {
        let (name, next) = if request.get_ref().page_token.is_empty() { ("One", "2") } else { ("Two", "") };
        let names = [("en".to_owned(), name.to_owned())].into();
        let entities = vec![reg::Entity { names, ..Default::default() }];
        Ok(Response::new(reg::ListEntitiesResponse { entities, next_page_token: next.to_owned() }))
    }
    async fn get_registry(&self, _: Request<reg::GetRegistryRequest>) -> Reply<reg::GetRegistryResponse> {
        none()
    }
    async fn get_accreditation(
        &self,
        _: Request<reg::GetAccreditationRequest>,
    ) -> Reply<reg::GetAccreditationResponse> {
        Ok(Response::new(reg::GetAccreditationResponse::default()))
    }
    async fn get_statement(&self, _: Request<reg::GetStatementRequest>) -> Reply<reg::GetStatementResponse> {
        Ok(Response::new(reg::GetStatementResponse::default()))
    }
    async fn get_delegation(
        &self,
        _: Request<reg::GetDelegationRequest>,
    ) -> Reply<reg::GetDelegationResponse> {
        Ok(Response::new(reg::GetDelegationResponse::default()))
    }
    async fn list_delegations(
        &self,
        _: Request<reg::ListDelegationsRequest>,
    ) -> Reply<reg::ListDelegationsResponse> {
        none()
    }
    async fn list_accreditations(
        &self,
        _: Request<reg::ListAccreditationsRequest>,
    ) -> Reply<reg::ListAccreditationsResponse> {
        none()
    }
    async fn get_schema(&self, _: Request<reg::GetSchemaRequest>) -> Reply<reg::GetSchemaResponse> {
        none()
    }
    async fn list_schemas(&self, _: Request<reg::ListSchemasRequest>) -> Reply<reg::ListSchemasResponse> {
        none()
    }
}
