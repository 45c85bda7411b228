//! A chain made with real keys, verified from files.

use std::path::PathBuf;

use charter_domain::{AuthorityId, Context, HttpsId, Interval, Kind, Reason, SpkiPins, Timestamp};
use charter_proof::{
    Anchor, AnchorSet, AuthorityStatement, Denial, EntityConfiguration,
    document::{FederationEntity, Metadata, TrustRegistry},
};
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use tempfile::TempDir;

use super::*;

/// An authority that is its own anchor, with a chain file and an anchor file.
struct Fixture {
    dir: TempDir,
    chain: Vec<u8>,
    signer: SoftwareSigner,
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

impl Fixture {
    fn new() -> Self {
        let signer = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key");
        let iss = HttpsId::parse("https://root.example").expect("an https id");
        let authority_id = AuthorityId::parse("did:web:root.example").expect("a DID");
        let iat = clock::at_or_now(None).secs() - 3_600;
        let configuration = EntityConfiguration {
            iss: iss.clone(),
            sub: iss.clone(),
            iat,
            exp: iat + 86_400,
            jwks: signer.key().clone().into(),
            authority_hints: None,
            trust_mark_issuers: Default::default(),
            metadata: Metadata {
                federation_entity: FederationEntity::default(),
                trust_registry: TrustRegistry {
                    authority_id: authority_id.clone(),
                    trqp_endpoint: "http://127.0.0.1:1".to_owned(),
                    grpc_endpoint: "http://127.0.0.1:1".to_owned(),
                    endpoints: Vec::new(),
                    governance_framework: None,
                    tls_spki_sha256: SpkiPins::default(),
                    log: None,
                    emergency_officers: Vec::new(),
                },
            },
        };
        let statement = AuthorityStatement {
            iss: iss.clone(),
            authority_id: authority_id.clone(),
            sub: EntityId::parse("did:web:uni.example").expect("an entity"),
            iat,
            exp: iat + 86_400,
            kind: Kind::Authorization,
            action: Action::parse("issue").expect("an action"),
            resource: Resource::parse("Degree").expect("a resource"),
            jurisdictions: Vec::new(),
            conditions: Default::default(),
            valid: vec![Interval { from: Some(instant("2020-01-01T00:00:00Z")), until: None }],
            accreditation: None,
            seq: 1,
        };
        let links = [statement.sign(&signer), configuration.sign(&signer)].map(|l| l.expect("signs"));
        let chain = Chain::new(links.into()).expect("a chain").to_bytes();
        let anchor = Anchor { authority_id, entity_id: iss, jwks: signer.key().clone().into() };
        let anchors = AnchorSet::new(vec![anchor], None).expect("a set").to_json().expect("JSON");
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("anchors.json"), anchors).expect("written");
        Self { dir, chain, signer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The chain with a signed no in place of the statement.
    fn denied(&self, reason: Reason) -> Vec<u8> {
        let (iss, now) =
            (HttpsId::parse("https://root.example").expect("an https id"), clock::at_or_now(None));
        let authority_id = AuthorityId::parse("did:web:root.example").expect("a DID");
        let terms = (authority_id.as_str(), "did:web:uni.example", "issue", "Degree");
        let query = Query::parse(Kind::Authorization, terms, Context::default()).expect("a question");
        let exp = now.secs() + 600;
        let denial = Denial {
            iss,
            authority_id,
            iat: now.secs(),
            exp,
            asked: (&query).into(),
            reason,
            as_of: now,
            valid_until: Timestamp::from_secs(exp),
            epoch: 2,
            published_size: 1,
        };
        let mut links = Chain::parse(&self.chain).expect("a chain").links().to_vec();
        links[0] = denial.sign(&self.signer).expect("signs");
        Chain::new(links).expect("a chain").to_bytes()
    }

    async fn verify(&self, chain: &[u8], change: impl FnOnce(&mut Verify)) -> Exit {
        std::fs::write(self.path("chain.json"), chain).expect("written");
        let mut args = Verify {
            file: self.path("chain.json"),
            against: Against {
                anchor: self.path("anchors.json"),
                at: None,
                max_age: None,
                entity: None,
                action: None,
                resource: None,
                recognized_by: None,
                offline: true,
                output: Format::Json,
            },
        };
        change(&mut args);
        run(args).await.unwrap_or_else(|failure| failure.exit)
    }
}

#[tokio::test]
async fn a_chain_verifies_for_its_own_question_and_no_other() {
    let f = Fixture::new();
    assert_eq!(f.verify(&f.chain, |_| ()).await, Exit::Ok);
    let entity = |id: &'static str| move |args: &mut Verify| args.against.entity = Some(id.to_owned());
    assert_eq!(f.verify(&f.chain, entity("did:web:uni.example")).await, Exit::Ok);
    assert_eq!(f.verify(&f.chain, entity("did:web:other.example")).await, Exit::CannotVerify);
    assert_eq!(
        f.verify(&f.chain, |args| args.against.resource = Some("Doctorate".to_owned())).await,
        Exit::CannotVerify
    );
}

#[tokio::test]
async fn a_verified_no_ends_as_a_no_and_a_doubtful_one_as_neither() {
    let f = Fixture::new();
    let no = f.denied(Reason::Revoked);
    assert_eq!(f.verify(&no, |_| ()).await, Exit::Negative);
    assert_eq!(f.verify(&f.denied(Reason::UnknownEntity), |_| ()).await, Exit::Unknown);
    assert_eq!(f.verify(&no, |a| a.against.output = Format::Table).await, Exit::Negative);
    assert_eq!(
        f.verify(&no, |a| a.against.resource = Some("Doctorate".to_owned())).await,
        Exit::CannotVerify
    );
    assert_eq!(
        f.verify(&no, |a| a.against.at = Some(instant("2021-06-01T00:00:00Z"))).await,
        Exit::CannotVerify
    );
    for n in (0..no.len()).step_by(97) {
        let mut changed = no.clone();
        changed[n] ^= 1;
        assert_eq!(f.verify(&changed, |_| ()).await, Exit::CannotVerify, "byte {n}");
    }
}

#[tokio::test]
async fn not_in_force_then_is_a_no_and_too_old_is_no_answer() {
    let f = Fixture::new();
    assert_eq!(
        f.verify(&f.chain, |a| a.against.at = Some(instant("2019-06-01T00:00:00Z"))).await,
        Exit::Negative
    );
    assert_eq!(f.verify(&f.chain, |a| a.against.at = Some(instant("2021-06-01T00:00:00Z"))).await, Exit::Ok);
    let age = |text: &'static str| {
        move |a: &mut Verify| a.against.max_age = Some(text.parse().expect("a duration"))
    };
    assert_eq!(f.verify(&f.chain, age("30m")).await, Exit::CannotVerify);
    assert_eq!(f.verify(&f.chain, age("2h")).await, Exit::Ok);
}

#[tokio::test]
async fn a_changed_chain_or_another_anchor_never_verifies() {
    let f = Fixture::new();
    for n in (0..f.chain.len()).step_by(97) {
        let mut changed = f.chain.clone();
        changed[n] ^= 1;
        assert_eq!(f.verify(&changed, |_| ()).await, Exit::CannotVerify, "byte {n}");
    }
    let other = Fixture::new();
    assert_eq!(
        f.verify(&f.chain, |a| a.against.anchor = other.path("anchors.json")).await,
        Exit::CannotVerify
    );
    assert_eq!(f.verify(b"[]", |_| ()).await, Exit::CannotVerify);
    assert_eq!(f.verify(&f.chain, |a| a.file = other.path("absent.json")).await, Exit::CannotVerify);
}
