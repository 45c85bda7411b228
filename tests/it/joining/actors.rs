//! A root and a sector on servers of their own, both sealed, and somebody whom neither knows.

use std::{sync::Arc, time::Duration};

use charter_domain::{AuthorityId, Context, HttpsId, Kind, Query, time::Clock as _};
use charter_proof::{AnchorSet, Chain, FaultCode, verify};
use charter_proto::charter::{
    federation::v1::{self as federation, federation_service_client::FederationServiceClient},
    registry::v1::{
        self as pb, application_service_client::ApplicationServiceClient, change_status::Target,
        joining_service_client::JoiningServiceClient, log_service_client::LogServiceClient,
        propose_request::Change, sign_application_request::What,
    },
};
use charter_server::app::application::signed::{self, Says, Signed};
use charter_signing::{Algorithm, JwkSet, Signer as _, SoftwareSigner};
use charter_tests::{Asking, TestApp, TestClock, governed::Governed};
use charter_tlog::{hash, log_proof::LogProof, proof::verify_inclusion};
use serde_json::Value;
use tonic::{Request, Status, transport::Channel};

use crate::{
    kept::until,
    life::state_of,
    logged::{published, vkey},
};

pub const ROOT: &str = "did:web:root.example";
pub const SECTOR: &str = "did:web:sector.example";
/// Stated by the sector for two credentials.
pub const PUPIL: &str = "did:web:pupil.example";
/// In which what another process does is heard.
pub const SOON: Duration = Duration::from_secs(60);

pub struct Two {
    pub root: Governed,
    pub sector: Governed,
}

pub fn grant(resources: &[&str]) -> pb::Grant {
    pb::Grant {
        actions: vec!["issue".to_owned()],
        resources: resources.iter().map(|r| (*r).to_owned()).collect(),
        may_delegate: true,
        ..pb::Grant::default()
    }
}

pub fn wish(resources: &[&str]) -> pb::JoinWish {
    pb::JoinWish {
        scope: vec![grant(resources)],
        max_path_length: Some(2),
        answers_as_own: true,
        contact: "office@sector.example".to_owned(),
        ..pb::JoinWish::default()
    }
}

pub fn joining(g: &Governed) -> JoiningServiceClient<Channel> {
    JoiningServiceClient::new(g.app.channel())
}

fn application(g: &Governed) -> ApplicationServiceClient<Channel> {
    ApplicationServiceClient::new(g.app.channel())
}

pub async fn submit(g: &Governed, signed: String) -> Result<pb::ApplicationReceipt, Status> {
    let request = pb::SubmitApplicationRequest { application: signed, ..Default::default() };
    Ok(application(g).submit_application(request).await?.into_inner().receipt.expect("a receipt"))
}

/// The public event of a number, proven to the checkpoint that its log has published.
pub async fn proven(app: &TestApp, authority: &str, seq: i64) -> Value {
    published(app, authority).await;
    let mut client = LogServiceClient::new(app.channel());
    let request = pb::GetInclusionProofRequest { index: Some(seq - 1), ..Default::default() };
    let said = client.get_inclusion_proof(request).await.expect("a proof").into_inner();
    let proof: LogProof = said.log_proof.parse().expect("a proof");
    proof.checkpoint().verify_log(&vkey(app, authority).await).expect("signed by the log");
    let registry = crate::logged::id(app, authority);
    let index = u64::try_from(seq - 1).expect("an index");
    let event = app.app.store.entries(registry, index, index + 1).await.expect("read").remove(0);
    let tree = proof.checkpoint().checkpoint();
    verify_inclusion(hash::leaf(&event), index, tree.size(), proof.hashes(), tree.root())
        .expect("in the tree");
    serde_json::from_slice(&event).expect("JSON")
}

impl Two {
    pub async fn start() -> Self {
        let clock = Arc::<TestClock>::default();
        let root = Governed::start_of(ROOT, &clock, |b| b.registry(ROOT).reachable()).await;
        let sector = Governed::start_of(SECTOR, &clock, |b| b.registry(SECTOR).reachable()).await;
        let entity = pb::RegisterEntity {
            identifier: PUPIL.to_owned(),
            names: [("en".to_owned(), "Pupil".to_owned())].into(),
            country: "FI".to_owned(),
            ..pb::RegisterEntity::default()
        };
        sector.decides(Change::RegisterEntity(entity)).await;
        for resource in ["edu:degree", "edu:diploma"] {
            let authorization = pb::ImportAuthorization {
                action: "issue".to_owned(),
                resource: resource.to_owned(),
                ..pb::ImportAuthorization::default()
            };
            let statement = pb::MakeStatement {
                entity_id: PUPIL.to_owned(),
                authorization: Some(authorization),
                accreditation_id: String::new(),
            };
            sector.decides(Change::MakeStatement(statement)).await;
        }
        Self { root, sector }
    }

    /// With all that was applied for in force, and recorded on both sides.
    pub async fn joined() -> Self {
        let two = Self::start().await;
        let receipt = two.applies(&["edu:*"]).await;
        let draft = two.accepts(&receipt, Vec::new()).await.expect("proposed");
        two.root.person("anna").approves(&draft).await.expect("approved");
        two.joins().await;
        two
    }

    /// Asks the root about the pupil.
    pub fn asks(&self) -> Asking<'_> {
        self.root.app.anonymous().asks(PUPIL, "issue", "edu:degree")
    }

    /// What the sector's key signed for the root.
    pub async fn signs(&self, superior: &str, what: What) -> Result<String, Status> {
        let otto = self.sector.person("otto");
        let request = pb::SignApplicationRequest {
            superior: superior.to_owned(),
            what: Some(what),
            ..Default::default()
        };
        Ok(joining(&self.sector).sign_application(otto.signed(request)).await?.into_inner().application)
    }

    pub async fn signed(&self, resources: &[&str]) -> String {
        self.signs("https://root.example", What::Join(wish(resources))).await.expect("signed")
    }

    pub async fn submits(&self, application: String) -> Result<pb::ApplicationReceipt, Status> {
        submit(&self.root, application).await
    }

    pub async fn applies(&self, resources: &[&str]) -> pb::ApplicationReceipt {
        self.submits(self.signed(resources).await).await.expect("received")
    }

    pub async fn inquires(&self, receipt: &pb::ApplicationReceipt) -> Result<pb::ApplicationReceipt, Status> {
        let what = What::Inquire(receipt.application_id.clone());
        self.inquires_with(self.signs("https://root.example", what).await?).await
    }

    pub async fn inquires_with(&self, inquiry: String) -> Result<pb::ApplicationReceipt, Status> {
        let request = pb::InquireApplicationRequest { inquiry, ..Default::default() };
        let reply = application(&self.root).inquire_application(request).await?.into_inner();
        Ok(reply.receipt.expect("a receipt"))
    }

    pub async fn listed(&self, state: &str) -> Vec<pb::Application> {
        let request = pb::ListApplicationsRequest { state: state.to_owned(), ..Default::default() };
        let request: Request<_> = self.root.person("aino").signed(request);
        joining(&self.root).list_applications(request).await.expect("listed").into_inner().applications
    }

    /// An empty scope is all that was applied for.
    pub async fn accepts(
        &self,
        receipt: &pb::ApplicationReceipt,
        scope: Vec<pb::Grant>,
    ) -> Result<pb::Proposal, Status> {
        let request = pb::AcceptApplicationRequest {
            application_id: receipt.application_id.clone(),
            scope,
            reason: "as applied for".to_owned(),
            ..Default::default()
        };
        let reply = joining(&self.root).accept_application(self.root.person("otto").signed(request)).await?;
        Ok(reply.into_inner().proposal.expect("a proposal"))
    }

    pub async fn refuses(
        &self,
        receipt: &pb::ApplicationReceipt,
        why: &str,
    ) -> Result<pb::Application, Status> {
        let (application_id, reason) = (receipt.application_id.clone(), why.to_owned());
        let request = pb::RefuseApplicationRequest { application_id, reason, ..Default::default() };
        let reply = joining(&self.root).refuse_application(self.root.person("otto").signed(request)).await?;
        Ok(reply.into_inner().application.expect("an application"))
    }

    /// The root's statement about the sector.
    pub async fn statement(&self) -> String {
        let request = federation::GetSubordinateStatementRequest {
            authority_id: String::new(),
            subordinate_id: SECTOR.to_owned(),
        };
        let mut client = FederationServiceClient::new(self.root.app.channel());
        client.get_subordinate_statement(request).await.expect("stated").into_inner().subordinate_statement
    }

    /// What the sector would record of the root.
    pub async fn superior(&self) -> pb::JoinSuperior {
        let mut client = FederationServiceClient::new(self.root.app.channel());
        let request = federation::GetEntityConfigurationRequest::default();
        let reply = client.get_entity_configuration(request).await.expect("a configuration").into_inner();
        let (statement, configuration) = (self.statement().await, reply.entity_configuration);
        pb::JoinSuperior { statement, configuration, endpoint: String::new() }
    }

    /// The sector records that it joined, by two persons.
    pub async fn joins(&self) -> pb::Proposal {
        by_two(&self.sector, Change::JoinSuperior(self.superior().await)).await
    }

    /// Waits until the sector has heard what the root says of it.
    pub async fn hears(&self) {
        let hosted = &self.sector.app.app.hosted;
        let id = crate::logged::id(&self.sector.app, SECTOR);
        let heard = async || !hosted.tenant(id).expect("a registry").upward().is_empty();
        until(SOON, "the way up is heard", heard).await;
    }

    pub async fn leaves(&self) -> pb::Proposal {
        let leave =
            pb::LeaveSuperior { superior: "https://root.example".to_owned(), code: "MERGED".to_owned() };
        by_two(&self.sector, Change::LeaveSuperior(leave)).await
    }

    /// Whom the sector's entity configuration names, as it says to others.
    pub async fn hints(&self) -> Vec<String> {
        let mut client = FederationServiceClient::new(self.sector.app.channel());
        let request = federation::GetEntityConfigurationRequest::default();
        let reply = client.get_entity_configuration(request).await.expect("a configuration").into_inner();
        let payload = charter_signing::jws::peek(&reply.entity_configuration).expect("a token");
        let said: Value = serde_json::from_slice(&payload).expect("JSON");
        let hints = said["authority_hints"].as_array().into_iter().flatten();
        hints.map(|hint| hint.as_str().expect("an id").to_owned()).collect()
    }

    /// A change at the root, by two persons.
    pub async fn decides(&self, change: Change) -> pb::Proposal {
        by_two(&self.root, change).await
    }

    pub fn state(&self, state: &str) -> Change {
        state_of(Target::SubordinateId(SECTOR.to_owned()), state)
    }

    /// Whether a chain proves that the pupil may issue, to who trusts the root alone.
    pub async fn verifies(&self, chain: Vec<String>, resource: &str) -> Result<(), FaultCode> {
        let file = self.root.app.rest().get("/.well-known/trust-anchors").await.body.to_vec();
        let anchors = AnchorSet::parse(&file).expect("an anchor set");
        let terms = (ROOT, PUPIL, "issue", resource);
        let query = Query::parse(Kind::Authorization, terms, Context::default()).expect("a question");
        let (chain, now) = (Chain::new(chain).expect("a chain"), self.root.app.clock.now());
        verify(&chain, &query, &anchors, now, now, None).map(drop).map_err(|fault| fault.code)
    }

    /// How many events the root has.
    pub async fn events(&self) -> i64 {
        let root = &self.root.app;
        root.app.store.epoch(crate::logged::id(root, ROOT)).await.expect("an epoch")
    }
}

async fn by_two(g: &Governed, change: Change) -> pb::Proposal {
    let draft = g.person("otto").proposes(change).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved")
}

/// Somebody with a key of their own, who calls themselves the sector.
pub struct Stranger {
    signer: SoftwareSigner,
}

impl Stranger {
    pub fn new() -> Self {
        Self { signer: SoftwareSigner::generate(Algorithm::Es256).expect("a key") }
    }

    /// The sector's configuration, of another name and under their own key.
    pub async fn configuration(&self, two: &Two, name: &str) -> String {
        let configuration = two.sector.app.rest().get("/.well-known/openid-federation").await.text();
        let mut own = signed::configuration(&configuration, two.now()).expect("a configuration");
        own.jwks = JwkSet::from(self.signer.key().clone());
        (own.iss, own.sub) = (https(name), https(name));
        let did = AuthorityId::parse(&format!("did:web:{name}.example")).expect("a DID");
        own.metadata.trust_registry.authority_id = did;
        own.sign(&self.signer).expect("signed")
    }

    /// The same in the sector's own name, with another endpoint.
    pub async fn configuration_at(&self, two: &Two, endpoint: &str) -> String {
        let configuration = self.configuration(two, "sector").await;
        let mut own = signed::configuration(&configuration, two.now()).expect("a configuration");
        endpoint.clone_into(&mut own.metadata.trust_registry.grpc_endpoint);
        own.sign(&self.signer).expect("signed")
    }

    pub fn jwks(&self) -> String {
        JwkSet::from(self.signer.key().clone()).to_json()
    }

    /// What they would sign, in the name of the sector.
    pub async fn draft(&self, two: &Two, says: Says) -> Signed {
        let now = two.now();
        Signed {
            iss: https("sector"),
            aud: https("root"),
            iat: now.secs(),
            exp: now.plus(signed::LIFE).secs(),
            jti: uuid::Uuid::new_v4(),
            configuration: self.configuration(two, "sector").await,
            says,
        }
    }

    pub fn sign(&self, signed: &Signed) -> String {
        signed::sign(signed, &self.signer).expect("signed")
    }

    pub async fn says(&self, two: &Two, says: Says) -> String {
        self.sign(&self.draft(two, says).await)
    }
}

impl Two {
    pub fn now(&self) -> charter_domain::Timestamp {
        self.root.app.clock.now()
    }
}

pub fn https(name: &str) -> HttpsId {
    HttpsId::parse(&format!("https://{name}.example")).expect("an id")
}
