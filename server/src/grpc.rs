//! gRPC: one file per proto service; decode, call the use-case, encode.

mod application;
pub mod audit;
pub mod convert;
mod credential;
pub mod delegation;
pub mod event;
pub mod federation;
mod feed;
pub mod governance;
pub mod import;
pub mod key;
pub mod log;
mod peers;
pub mod policy;
pub mod privacy;
pub mod procedure;
pub mod registry;
pub mod schema;
pub mod trqp;
pub mod webhook;
mod wish;
mod witness;

use std::sync::Arc;

use charter_domain::{AuthorityId, Registry, RegistryId, policy::Caller};
use charter_federation::LocalAuthority as _;
use charter_proto::{
    DESCRIPTORS,
    charter::{
        federation::v1::federation_service_server::FederationServiceServer,
        registry::v1::{
            application_service_server::ApplicationServiceServer, audit_service_server::AuditServiceServer,
            credential_service_server::CredentialServiceServer, event_service_server::EventServiceServer,
            governance_service_server::GovernanceServiceServer, import_service_server::ImportServiceServer,
            joining_service_server::JoiningServiceServer, key_service_server::KeyServiceServer,
            log_service_server::LogServiceServer, policy_service_server::PolicyServiceServer,
            privacy_service_server::PrivacyServiceServer, procedure_service_server::ProcedureServiceServer,
            registry_service_server::RegistryServiceServer, schema_service_server::SchemaServiceServer,
            webhook_service_server::WebhookServiceServer, witness_service_server::WitnessServiceServer,
        },
    },
    trqp::v2::trust_registry_query_service_server::TrustRegistryQueryServiceServer,
};
use tonic::{Request, Status, service::Routes};
use tonic_health::pb::health_server::HealthServer;

use crate::{
    App, Error,
    config::{Listener, listener::Service},
    door::{Here, held},
    error::Code,
};

/// Largest message of one question; batches and imports have their own.
const SINGLE: usize = 64 * 1024;
const BATCH: usize = 256 * 1024;
/// A schema of the largest size, and what is said about it.
const PROPOSAL: usize = 96 * 1024;
/// A document of the largest size, and which schema is meant.
const DOCUMENT: usize = 260 * 1024;
const IMPORT: usize = 4 * 1024 * 1024;

/// What every service has.
#[derive(Clone)]
pub struct Doorway {
    pub app: Arc<App>,
}

impl Doorway {
    pub fn here<T>(&self, request: &Request<T>) -> Result<Here, Error> {
        let found = request.extensions().get::<Here>().copied();
        found.ok_or_else(|| Error::new(Code::Internal, "an error of ours; it was logged"))
    }

    pub fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Error> {
        self.app.caller(&request.metadata().clone().into_headers())
    }

    /// The registry that a body names (an authority of this process), else the one the request came to.
    /// What is held, or has moved, is not served by another way either.
    pub fn named(&self, here: &Here, registry_id: &str) -> Result<RegistryId, Error> {
        let found = self.named_whatever_holds(here, registry_id)?;
        if found != here.registry {
            held::open(&self.app, found, "")?;
        }
        Ok(found)
    }

    /// The same for what is open of every registry: its log.
    pub fn named_whatever_holds(&self, here: &Here, registry_id: &str) -> Result<RegistryId, Error> {
        if registry_id.is_empty() {
            return Ok(here.registry);
        }
        let found = self.app.hosted.by_authority(registry_id);
        found.ok_or_else(|| Error::not_found("registry", registry_id))
    }

    /// An authority that a body names which is on another server: of those below, documents are kept.
    pub fn below(&self, authority_id: &str) -> Option<AuthorityId> {
        let named = AuthorityId::parse(authority_id).ok()?;
        self.app.hosted.hosted(&named).is_none().then_some(named)
    }

    pub fn registry(&self, id: RegistryId) -> Result<&Registry, Error> {
        let tenant = self.app.tenant(id)?;
        Ok(&tenant.registry)
    }
}

pub fn router(app: &Arc<App>, listener: &Listener) -> axum::Router {
    let doorway = Doorway { app: Arc::clone(app) };
    let mut routes = Routes::builder();
    routes.add_service(HealthServer::new(health::Health(Arc::clone(app))));
    reflection(&mut routes);
    if listener.offers(Service::Public) {
        routes.add_service(EventServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(SchemaServiceServer::new(doorway.clone()).max_decoding_message_size(DOCUMENT));
        routes.add_service(KeyServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(LogServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(ApplicationServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(PolicyServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        // TRQP's service is not here: see `trqp_services`.
    }
    // Staff read what they change.
    if listener.offers(Service::Public) || listener.offers(Service::Staff) {
        routes.add_service(RegistryServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
    }
    // Signed in, other registries see it where they come to, and staff where they do.
    if listener.offers(Service::Peer) || listener.offers(Service::Staff) {
        routes.add_service(WitnessServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
    }
    if listener.offers(Service::Peer) {
        routes.add_service(FederationServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
    }
    if listener.offers(Service::Staff) {
        routes.add_service(ProcedureServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(JoiningServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(CredentialServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(GovernanceServiceServer::new(doorway.clone()).max_decoding_message_size(PROPOSAL));
        routes.add_service(AuditServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(PrivacyServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(WebhookServiceServer::new(doorway.clone()).max_decoding_message_size(SINGLE));
        routes.add_service(ImportServiceServer::new(doorway).max_decoding_message_size(IMPORT));
    }
    routes.routes().prepare().into_axum_router()
}

/// Under this path the door goes to `trqp_service` directly: it carries nearly all calls.
pub const TRQP: &str = "/trqp.v2.TrustRegistryQueryService/";

/// One for single questions, one for batches: a message may be as large as its method needs.
pub fn trqp_services(app: &Arc<App>) -> [TrustRegistryQueryServiceServer<Doorway>; 2] {
    [SINGLE, BATCH].map(|limit| {
        let doorway = Doorway { app: Arc::clone(app) };
        TrustRegistryQueryServiceServer::new(doorway).max_decoding_message_size(limit)
    })
}

/// Both versions: older clients know v1alpha only.
fn reflection(routes: &mut tonic::service::RoutesBuilder) {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => {
            routes.add_service(v1).add_service(v1alpha);
        }
        (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "reflection is not served"),
    }
}

mod health {
    //! `grpc.health.v1`: the same reasons as `/readyz`, asked when asked.

    use std::{pin::Pin, sync::Arc};

    use futures::Stream;
    use tonic::{Request, Response, Status};
    use tonic_health::pb::{
        HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server,
    };

    use crate::{App, rest::health::reasons};

    pub struct Health(pub Arc<App>);

    async fn check(app: &App) -> HealthCheckResponse {
        let ready = reasons(app).await.is_empty();
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        HealthCheckResponse { status: status.into() }
    }

    #[tonic::async_trait]
    impl health_server::Health for Health {
        async fn check(
            &self,
            _: Request<HealthCheckRequest>,
        ) -> Result<Response<HealthCheckResponse>, Status> {
            Ok(Response::new(check(&self.0).await))
        }

        type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

        async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
            let now = check(&self.0).await;
            Ok(Response::new(Box::pin(futures::stream::iter([Ok(now)]))))
        }
    }
}

/// Answers of use-cases as gRPC replies.
pub type Reply<T> = Result<tonic::Response<T>, Status>;
