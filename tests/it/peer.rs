//! A subordinate that answers whatever a test makes it answer, over real gRPC, and remembers what it was asked.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use charter_domain::{
    AuthorityId, Context, EvidenceLevel, HttpsId, Interval, Kind, Query, Reason, Timestamp,
    recognition::RawPeer,
};
use charter_proof::{AuthorityStatement, Denial};
use charter_proto::charter::federation::v1::{
    self as pb,
    federation_service_server::{FederationService, FederationServiceServer},
};
use charter_proto::charter::registry::v1 as reg;
use charter_signing::{Algorithm, JwkSet, SoftwareSigner};
use charter_tests::{AUTHORITY, TestApp};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

pub const PEER: &str = "did:web:peer.example";

type Said = Result<pb::ResolveResponse, Status>;

/// A question as it came, with its trace context.
#[derive(Debug, Clone)]
pub struct Asked {
    pub request: pb::ResolveRequest,
    pub traceparent: Option<String>,
    pub timeout: Option<String>,
}

pub struct Peer {
    pub signer: SoftwareSigner,
    pub endpoint: String,
    said: Mutex<HashMap<String, Said>>,
    asked: Mutex<Vec<Asked>>,
    /// What it says of itself and of its delegations.
    below: Mutex<Option<pb::ListPeersResponse>>,
    /// What it states of a subordinate, and what stands above itself.
    above: Mutex<Option<pb::GetSubordinateStatementResponse>>,
    /// Entity configurations that it shows, and statements, by authority or superior and subordinate.
    documents: Mutex<HashMap<String, String>>,
    /// What it states of who recognises it.
    shown: Mutex<Vec<String>>,
    /// How often it was asked for that.
    pub shown_to: AtomicUsize,
    /// How often it was asked for its delegations.
    pub looked_at: AtomicUsize,
    /// How often it was asked for epochs.
    pub polled: AtomicUsize,
    /// It does not say at which epoch it is.
    pub epochless: AtomicBool,
    /// How long it thinks.
    slow: Duration,
}

#[derive(Clone)]
struct Service(Arc<Peer>);

impl Peer {
    pub async fn start(slow: Duration) -> Arc<Self> {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let peer = Arc::new(Self {
            signer: SoftwareSigner::generate(Algorithm::Es256).expect("a key"),
            endpoint: format!("http://{}", socket.local_addr().expect("bound")),
            said: Mutex::default(),
            asked: Mutex::default(),
            below: Mutex::default(),
            above: Mutex::default(),
            documents: Mutex::default(),
            shown: Mutex::default(),
            shown_to: AtomicUsize::new(0),
            looked_at: AtomicUsize::new(0),
            polled: AtomicUsize::new(0),
            epochless: AtomicBool::new(false),
            slow,
        });
        let service = FederationServiceServer::new(Service(Arc::clone(&peer)));
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(socket)));
        peer
    }

    /// Lets it speak for `Degree` in Finland, under the test's registry.
    pub async fn is_delegated(&self, app: &TestApp) {
        self.delegated(app, &self.endpoint, false).await;
    }

    /// The same, reached at another address.
    pub async fn is_delegated_at(&self, app: &TestApp, endpoint: &str) {
        self.delegated(app, endpoint, false).await;
    }

    /// The same, and it may pass that on.
    pub async fn is_superior(&self, app: &TestApp) {
        self.delegated(app, &self.endpoint, true).await;
    }

    async fn delegated(&self, app: &TestApp, endpoint: &str, may_delegate: bool) {
        let registry = app.registry(AUTHORITY);
        let request = reg::PutDelegationRequest {
            registry_id: AUTHORITY.to_owned(),
            subordinate_id: PEER.to_owned(),
            entity_identifier: "https://peer.example".to_owned(),
            jwks_json: self.keys(),
            endpoint: endpoint.to_owned(),
            scope: vec![reg::Grant {
                actions: vec!["issue".to_owned()],
                resources: vec!["Degree".to_owned()],
                jurisdictions: vec!["FI".to_owned()],
                may_delegate,
                ..reg::Grant::default()
            }],
            max_path_length: Some(2),
            answers_as_own: true,
            valid_from: None,
            valid_until: None,
            ..Default::default()
        };
        registry.client().put_delegation(registry.signed(request)).await.expect("delegated");
    }

    pub fn says(&self, entity: &str, said: Said) {
        self.said.lock().expect("not poisoned").insert(entity.to_owned(), said);
    }

    pub fn shows(&self, statements: Vec<String>) {
        *self.shown.lock().expect("not poisoned") = statements;
    }

    /// As somebody recognises it, with leave to follow.
    pub fn as_peer(&self) -> RawPeer {
        RawPeer {
            entity_identifier: "https://peer.example".to_owned(),
            jwks_json: self.keys(),
            endpoint: self.endpoint.clone(),
            may_follow: true,
            one_sided: false,
            tls_spki_sha256: Vec::new(),
        }
    }

    fn keys(&self) -> String {
        let keys = charter_signing::Signer::key(&self.signer).clone();
        JwkSet::new(vec![keys]).expect("a set").to_json()
    }

    pub fn says_below(&self, said: pb::ListPeersResponse) {
        *self.below.lock().expect("not poisoned") = Some(said);
    }

    pub fn shows_above(&self, said: pb::GetSubordinateStatementResponse) {
        *self.above.lock().expect("not poisoned") = Some(said);
    }

    /// Shows the configuration of an authority, or what `superior subordinate` names.
    pub fn keeps(&self, name: &str, document: &str) {
        self.documents.lock().expect("not poisoned").insert(name.to_owned(), document.to_owned());
    }

    fn kept(&self, name: &str) -> Option<String> {
        self.documents.lock().expect("not poisoned").get(name).cloned()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

/// What an honest peer states.
pub fn statement(entity: &str, now: Timestamp) -> AuthorityStatement {
    AuthorityStatement {
        iss: HttpsId::parse("https://peer.example").expect("valid"),
        authority_id: AuthorityId::parse(PEER).expect("valid"),
        sub: entity.to_owned().try_into().expect("valid"),
        iat: now.secs(),
        exp: now.secs() + 3_600,
        kind: Kind::Authorization,
        action: "issue".to_owned().try_into().expect("valid"),
        resource: "Degree".to_owned().try_into().expect("valid"),
        jurisdictions: vec![charter_domain::scope::Jurisdiction::parse("FI").expect("valid")],
        conditions: [].into(),
        valid: vec![Interval::ALWAYS],
        accreditation: None,
        seq: 3,
    }
}

/// What an honest peer denies.
pub fn denial(entity: &str, reason: Reason, now: Timestamp) -> Denial {
    let context = Context { evidence: EvidenceLevel::Chain, ..Context::default() };
    let query = Query::parse(Kind::Authorization, (PEER, entity, "issue", "Degree"), context);
    let exp = now.secs() + 300;
    Denial {
        iss: HttpsId::parse("https://peer.example").expect("valid"),
        authority_id: AuthorityId::parse(PEER).expect("valid"),
        iat: now.secs(),
        exp,
        asked: (&query.expect("a question")).into(),
        reason,
        as_of: now,
        valid_until: Timestamp::from_secs(exp),
        epoch: 3,
        published_size: 3,
    }
}

/// A no with this chain.
pub fn no(reason: Reason, chain: Vec<String>, now: Timestamp) -> pb::ResolveResponse {
    let mut said = yes(chain, now);
    said.outcome = pb::Outcome::No.into();
    reason.code().clone_into(&mut said.reason);
    reason.code().clone_into(&mut said.path[0].reason);
    said
}

/// A yes with this chain.
pub fn yes(chain: Vec<String>, now: Timestamp) -> pb::ResolveResponse {
    let time = |t: Timestamp| Some(prost_types::Timestamp { seconds: t.secs(), nanos: 0 });
    pb::ResolveResponse {
        outcome: pb::Outcome::Yes.into(),
        reason: "ACTIVE".to_owned(),
        basis: "DIRECT".to_owned(),
        decided_by: PEER.to_owned(),
        chain,
        path: vec![pb::ResolveStep {
            authority_id: PEER.to_owned(),
            epoch: 3,
            reason: "ACTIVE".to_owned(),
            via: vec![],
            ..Default::default()
        }],
        as_of: time(now),
        expires_at: time(now.plus(Duration::from_secs(60))),
        ..pb::ResolveResponse::default()
    }
}

#[tonic::async_trait]
impl FederationService for Service {
    type WatchStream = tokio_stream::Empty<Result<pb::WatchResponse, Status>>;

    async fn watch(&self, _: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("an older registry"))
    }

    async fn resolve(
        &self,
        request: Request<pb::ResolveRequest>,
    ) -> Result<Response<pb::ResolveResponse>, Status> {
        let of = |name: &str| request.metadata().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (traceparent, timeout) = (of("traceparent"), of("grpc-timeout"));
        let request = request.into_inner();
        let said = self.0.said.lock().expect("not poisoned").get(&request.entity_id).cloned();
        self.0.asked.lock().expect("not poisoned").push(Asked { request, traceparent, timeout });
        tokio::time::sleep(self.0.slow).await;
        said.unwrap_or_else(|| Err(Status::not_found("nothing to say"))).map(Response::new)
    }

    async fn get_epoch(
        &self,
        request: Request<pb::GetEpochRequest>,
    ) -> Result<Response<pb::GetEpochResponse>, Status> {
        self.0.polled.fetch_add(1, Ordering::Relaxed);
        if self.0.epochless.load(Ordering::Relaxed) {
            return Err(Status::unimplemented("an older registry"));
        }
        let epochs = request.into_inner().authorities.iter().map(|_| 3).collect();
        Ok(Response::new(pb::GetEpochResponse { epochs, ..Default::default() }))
    }

    async fn list_peers(
        &self,
        request: Request<pb::ListPeersRequest>,
    ) -> Result<Response<pb::ListPeersResponse>, Status> {
        self.0.looked_at.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.0.slow).await;
        let below = request.into_inner().via.pop().filter(|below| self.0.kept(below).is_some());
        if let Some(authority_id) = below {
            // Who is below has nobody below.
            return Ok(Response::new(pb::ListPeersResponse { authority_id, epoch: 3, ..Default::default() }));
        }
        let said = self.0.below.lock().expect("not poisoned").clone();
        said.map(Response::new).ok_or_else(|| Status::unimplemented("an older registry"))
    }

    async fn get_recognition(
        &self,
        _: Request<pb::GetRecognitionRequest>,
    ) -> Result<Response<pb::GetRecognitionResponse>, Status> {
        self.0.shown_to.fetch_add(1, Ordering::Relaxed);
        let recognition_statements = self.0.shown.lock().expect("not poisoned").clone();
        Ok(Response::new(pb::GetRecognitionResponse { recognition_statements, ..Default::default() }))
    }

    async fn get_log_evidence(
        &self,
        _: Request<pb::GetLogEvidenceRequest>,
    ) -> Result<Response<pb::GetLogEvidenceResponse>, Status> {
        Err(Status::unimplemented("a registry without a log"))
    }

    async fn get_entity_configuration(
        &self,
        request: Request<pb::GetEntityConfigurationRequest>,
    ) -> Result<Response<pb::GetEntityConfigurationResponse>, Status> {
        let kept = self.0.kept(&request.into_inner().authority_id);
        let entity_configuration = kept.ok_or_else(|| Status::unimplemented("an older registry"))?;
        Ok(Response::new(pb::GetEntityConfigurationResponse { entity_configuration }))
    }

    async fn get_subordinate_statement(
        &self,
        request: Request<pb::GetSubordinateStatementRequest>,
    ) -> Result<Response<pb::GetSubordinateStatementResponse>, Status> {
        let pb::GetSubordinateStatementRequest { authority_id, subordinate_id } = request.into_inner();
        if let Some(subordinate_statement) = self.0.kept(&format!("{authority_id} {subordinate_id}")) {
            let superior_chain = Vec::new();
            return Ok(Response::new(pb::GetSubordinateStatementResponse {
                subordinate_statement,
                superior_chain,
            }));
        }
        let said = self.0.above.lock().expect("not poisoned").clone();
        said.map(Response::new).ok_or_else(|| Status::unimplemented("no superior"))
    }
}
