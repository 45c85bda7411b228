//! Recognition between federations: real servers that recognise each other, asked with and without leave to follow.

use std::{sync::Arc, time::Duration};

use charter_domain::{
    Context, Interval, Kind, Query, Reason, Scope, recognition::RawPeer, scope::Grant, time::Clock,
};
use charter_proof::{AnchorSet, Chain, RecognitionStatement, verify::verify, verify_denial};
use charter_proto::charter::{
    federation::v1::{self as fed, federation_service_client::FederationServiceClient},
    registry::v1::{self as pb, propose_request::Change},
};
use charter_signing::{Algorithm, SoftwareSigner};
use charter_tests::{AUTHORITY, Asking, Said, TestApp, TestClock, governed::Governed};

use crate::{
    kept::turns,
    peer::{PEER, Peer, denial, no, statement, yes},
};

mod mutual;

const HERE: &str = "did:web:union.example";
const THERE: &str = "did:web:islands.example";
const BELOW: &str = "did:web:schools.islands.example";
const SCHOOL: &str = "did:web:academy.islands.example";
const HOUR: Duration = Duration::from_secs(3_600);
/// Longer than it is kept that a peer states nothing in turn.
const NOT_SHOWN: Duration = Duration::from_secs(11);

/// Two anchors; below the second one, who speaks for degrees and licences.
struct Two {
    here: TestApp,
    there: TestApp,
    below: TestApp,
    clock: Arc<TestClock>,
}

impl Two {
    async fn start() -> Self {
        let clock = Arc::new(TestClock::default());
        let two = Self {
            here: TestApp::build().clock(&clock).registry(HERE).start().await,
            there: TestApp::build().clock(&clock).registry(THERE).start().await,
            below: TestApp::build().clock(&clock).under(BELOW, THERE).start().await,
            clock,
        };
        let (there, below) = (two.there.registry(THERE), two.below.registry(BELOW));
        there.delegates(&below, &["Degree", "Licence"]).await;
        below.registers(SCHOOL).authorized("issue", "Degree").authorized("issue", "Licence").await;
        drop((there, below));
        two
    }

    /// `HERE` recognises `THERE` for degrees, with leave to follow, until that time (empty: for a year).
    async fn recognises(&self, until: &str) {
        let (here, there) = (self.here.registry(HERE), self.there.registry(THERE));
        let peer = there.as_peer();
        here.registers(THERE).recognized("issue", "Degree").valid("", until).peer(peer).await;
    }

    /// Both recognise each other, for a year.
    async fn mutual() -> Self {
        let two = Self::start().await;
        two.recognises("").await;
        two.in_turn().await;
        two
    }

    /// `THERE` recognises `HERE` in turn, and lets nobody follow.
    async fn in_turn(&self) {
        let (here, there) = (self.here.registry(HERE), self.there.registry(THERE));
        let peer = RawPeer { may_follow: false, ..here.as_peer() };
        there.registers(HERE).recognized("issue", "Degree").peer(peer).await;
    }

    fn asks(&self, resource: &str) -> Asking<'_> {
        self.here.anonymous().asks(SCHOOL, "issue", resource)
    }

    fn follows(&self, resource: &str) -> Asking<'_> {
        self.asks(resource).with("follow_recognition", "true")
    }
}

async fn shown(app: &TestApp, peer: &str, counter: bool) -> fed::GetRecognitionResponse {
    let mut client = FederationServiceClient::new(app.channel());
    let request =
        fed::GetRecognitionRequest { authority_id: String::new(), peer_id: peer.to_owned(), counter };
    client.get_recognition(request).await.expect("shown").into_inner()
}

#[tokio::test]
async fn a_question_is_followed_to_a_peer_and_proven_with_the_anchor_asked() {
    let two = Two::mutual().await;
    let said = two.follows("Degree").with("evidence", "full").both().await;
    assert_eq!(said.line(), "200 yes ACTIVE", "{said:?}");
    assert_eq!((said.basis.as_str(), said.decided_by.as_str()), ("RECOGNIZED", BELOW));
    assert!(said.message.contains("recognise each other"), "{}", said.message);
    let chain = Chain::new(said.chain).expect("a chain");
    assert_eq!(chain.links().len(), 5, "statement, delegation, both recognitions, configuration");
    let anchors = two.here.rest().get("/.well-known/trust-anchors").await;
    let anchors = AnchorSet::parse(&anchors.body).expect("an anchor set");
    let now = two.clock.now();
    let proven = |follow_recognition| {
        let context = Context { follow_recognition, ..Context::default() };
        let query = Query::parse(Kind::Authorization, (HERE, SCHOOL, "issue", "Degree"), context);
        verify(&chain, &query.expect("a question"), &anchors, now, now, None)
    };
    assert_eq!(proven(true).expect("proven").decided_by.as_str(), BELOW);
    proven(false).expect_err("the question does not say that it is followed");
    let mut one = chain.links().to_vec();
    one.remove(2);
    let context = Context { follow_recognition: true, ..Context::default() };
    let query = Query::parse(Kind::Authorization, (HERE, SCHOOL, "issue", "Degree"), context);
    let one = Chain::new(one).expect("a chain");
    let fault = verify(&one, &query.expect("a question"), &anchors, now, now, None);
    assert_eq!(fault.expect_err("the peer's side is missing").link, 1);
}

#[tokio::test]
async fn nothing_is_followed_unasked_or_outside_of_what_is_recognised() {
    let two = Two::mutual().await;
    assert_eq!(two.asks("Degree").both().await.line(), "404 UNKNOWN_ENTITY");
    let no = two.asks("Degree").with("follow_recognition", "false").both().await;
    assert_eq!(no.line(), "404 UNKNOWN_ENTITY");
    assert_eq!(two.asks("Degree").with("follow_recognition", "yes").both().await.status, 400);
    // Another credential type: the peer would say yes, and is not asked.
    assert_eq!(two.follows("Licence").both().await.line(), "404 UNKNOWN_RESOURCE");
    let own = two.there.anonymous().asks(SCHOOL, "issue", "Licence").both().await;
    assert_eq!(own.line(), "200 yes ACTIVE");
    // The peer recognises in turn, and its own recognition says that nobody follows it.
    two.here.registry(HERE).registers("did:web:college.example").authorized("issue", "Degree").await;
    let back = two.there.anonymous().asks("did:web:college.example", "issue", "Degree");
    assert_eq!(back.with("follow_recognition", "true").both().await.line(), "404 UNKNOWN_ENTITY");
    // What the peer has not heard of either stays unknown.
    let stranger = two.here.anonymous().asks("did:web:nobody.example", "issue", "Degree");
    assert_eq!(stranger.with("follow_recognition", "true").both().await.line(), "404 UNKNOWN_ENTITY");
}

#[tokio::test]
async fn a_recognition_that_is_over_is_not_followed() {
    let two = Two::start().await;
    let end = two.clock.now().plus(HOUR);
    two.recognises(&end.to_string()).await;
    two.in_turn().await;
    let said = two.follows("Degree").rest().await;
    assert_eq!(said.line(), "200 yes ACTIVE");
    two.clock.advance(HOUR + Duration::from_secs(1));
    assert_eq!(two.follows("Degree").both().await.line(), "404 UNKNOWN_ENTITY");
    // As of then it was in force.
    let then = two.follows("Degree").at(end.minus(Duration::from_secs(60))).both().await;
    assert_eq!(then.line(), "200 yes ACTIVE", "{}", then.message);
}

#[tokio::test]
async fn a_revoked_recognition_ends_every_answer_that_followed_it_at_once() {
    let two = Two::mutual().await;
    assert_eq!(two.follows("Degree").both().await.line(), "200 yes ACTIVE");
    two.here.registry(HERE).revokes(THERE).await;
    assert_eq!(two.follows("Degree").both().await.line(), "404 UNKNOWN_ENTITY");
    let left = shown(&two.here, THERE, false).await.recognition_statements;
    let payload = charter_signing::jws::peek(&left[0]).expect("a statement");
    let payload: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    let valid = payload["valid"].as_array().expect("a list");
    assert!(
        valid.iter().all(|i| i["until"].is_string()),
        "the statement says itself that it is over: {payload}"
    );
}

#[tokio::test]
async fn a_revocation_by_the_peer_is_seen_by_who_follows() {
    let two = Two::mutual().await;
    assert_eq!(two.follows("Degree").both().await.line(), "200 yes ACTIVE");
    two.below.registry(BELOW).revokes(SCHOOL).await;
    let revoked = |said: &Said| said.line() == "200 no REVOKED";
    turns(&two.follows("Degree"), Duration::from_secs(2), |said| said.yes, revoked).await;
}

#[tokio::test]
async fn recognition_is_one_hop() {
    let third_authority = "did:web:mainland.example";
    let two = Two::mutual().await;
    let third = TestApp::build().clock(&two.clock).registry(third_authority).start().await;
    let far = "did:web:far.mainland.example";
    third.registry(third_authority).registers(far).authorized("issue", "Degree").await;
    let (third, there) = (third.registry(third_authority), two.there.registry(THERE));
    there.registers(third_authority).recognized("issue", "Degree").peer(third.as_peer()).await;
    third.registers(THERE).recognized("issue", "Degree").peer(there.as_peer()).await;
    let near = two.there.anonymous().asks(far, "issue", "Degree").with("follow_recognition", "true");
    assert_eq!(near.both().await.line(), "200 yes ACTIVE", "one hop");
    let asking = two.here.anonymous().asks(far, "issue", "Degree").with("follow_recognition", "true");
    assert_eq!(asking.both().await.line(), "404 UNKNOWN_ENTITY", "two hops");
}

/// What a peer says of the registry of the test.
fn counter(app: &TestApp, keys: &SoftwareSigner) -> String {
    let here = app.registry(AUTHORITY).as_peer();
    let https = |text: &str| charter_domain::HttpsId::parse(text).expect("valid");
    let did = |text: &str| charter_domain::AuthorityId::parse(text).expect("valid");
    let now = app.clock.now();
    let grant = r#"{"actions":["issue"],"resources":["Degree"]}"#;
    let counter = RecognitionStatement {
        iss: https("https://peer.example"),
        sub: https(&here.entity_identifier),
        iat: now.secs(),
        exp: now.secs() + 3_600,
        authority_id: did(PEER),
        peer_id: did(AUTHORITY),
        jwks: charter_signing::JwkSet::parse(here.jwks_json.as_bytes()).expect("keys"),
        endpoint: here.endpoint,
        scope: Scope(vec![serde_json::from_str::<Grant>(grant).expect("a grant")]),
        may_follow: false,
        one_sided: false,
        valid: vec![Interval::ALWAYS],
        tls_spki_sha256: Default::default(),
        seq: 1,
    };
    counter.sign(keys).expect("signed")
}

#[tokio::test]
async fn a_forged_statement_in_turn_or_a_forged_yes_is_not_believed() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    let registry = app.registry(AUTHORITY);
    registry.registers(PEER).recognized("issue", "Degree").peer(peer.as_peer()).await;
    let (entity, now) = ("did:web:honest.example", app.clock.now());
    peer.says(entity, Ok(yes(vec![statement(entity, now).sign(&peer.signer).expect("signed")], now)));
    let asking =
        |entity: &str| app.anonymous().asks(entity, "issue", "Degree").with("follow_recognition", "true");
    let stranger = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    for (keys, line, says) in [
        (&stranger, "404 UNKNOWN_ENTITY", "one-sided"),
        (&peer.signer, "200 yes ACTIVE", "recognise each other"),
    ] {
        peer.shows(vec![counter(&app, keys)]);
        let said = asking(entity).both().await;
        assert_eq!(said.line(), line, "{}", said.message);
        assert!(said.message.contains(says), "{}", said.message);
        app.clock.advance(NOT_SHOWN);
    }
    let lie = "did:web:lie.example";
    peer.says(lie, Ok(yes(vec![statement(lie, now).sign(&stranger).expect("signed")], now)));
    assert_eq!(asking(lie).both().await.line(), "503 UNVERIFIABLE");
    // What the peer was asked says that it is asked for itself, and nothing of following.
    let asked = peer.asked();
    let last = &asked.last().expect("asked").request;
    assert_eq!((last.authority_id.as_str(), last.visited.as_slice()), (PEER, &[AUTHORITY.to_owned()][..]));
    assert!(!last.context.contains_key("follow_recognition"), "{:?}", last.context);
}

#[tokio::test]
async fn a_no_of_a_peer_counts_with_its_signature_alone() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    app.registry(AUTHORITY).registers(PEER).recognized("issue", "Degree").peer(peer.as_peer()).await;
    peer.shows(vec![counter(&app, &peer.signer)]);
    let (now, caller) = (app.clock.now(), app.anonymous());
    let asking = |entity: &str| caller.asks(entity, "issue", "Degree").with("follow_recognition", "true");
    let unsigned = "did:web:unsigned.example";
    peer.says(unsigned, Ok(no(Reason::Revoked, Vec::new(), now)));
    assert_eq!(asking(unsigned).both().await.line(), "503 UNVERIFIABLE");
    let stranger = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let forged = "did:web:forged.example";
    let token = denial(forged, Reason::Revoked, now).sign(&stranger).expect("signed");
    peer.says(forged, Ok(no(Reason::Revoked, vec![token], now)));
    assert_eq!(asking(forged).both().await.line(), "503 UNVERIFIABLE");
    let anchors = app.rest().get("/.well-known/trust-anchors").await;
    let anchors = AnchorSet::parse(&anchors.body).expect("an anchor set");
    // Of a question that names the peer too, the peer denies that very question.
    for (entity, locator) in [("did:web:plain.example", None), ("did:web:located.example", Some(PEER))] {
        let mut told = denial(entity, Reason::Revoked, now);
        told.asked.locator = locator.map(|l| charter_domain::AuthorityId::parse(l).expect("a DID"));
        let context =
            Context { locator: told.asked.locator.clone(), follow_recognition: true, ..Context::default() };
        peer.says(entity, Ok(no(Reason::Revoked, vec![told.sign(&peer.signer).expect("signed")], now)));
        let asking = asking(entity).with("evidence", "chain");
        let asking = if let Some(locator) = locator { asking.with("locator", locator) } else { asking };
        let said = asking.both().await;
        assert_eq!((said.line().as_str(), said.decided_by.as_str()), ("200 no REVOKED", PEER));
        let query = Query::parse(Kind::Authorization, (AUTHORITY, entity, "issue", "Degree"), context);
        let chain = Chain::new(said.chain).expect("a chain");
        let denied = verify_denial(&chain, &query.expect("a question"), &anchors, now, now, None);
        let denied = denied.expect("proven");
        assert_eq!((denied.decided_by.as_str(), denied.links.len()), (PEER, 4));
    }
}

#[tokio::test]
async fn who_is_no_peer_is_not_recognised() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    let registry = app.registry(AUTHORITY);
    let refused = async |entity: &str, change: fn(&mut RawPeer)| {
        let mut raw = peer.as_peer();
        change(&mut raw);
        let record = charter_domain::record::RawRecord {
            identifier: entity.to_owned(),
            names: [("en".to_owned(), "A peer".to_owned())].into(),
            country: "XX".to_owned(),
            authorizations: vec![charter_domain::record::RawAuthorization {
                kind: "recognition".to_owned(),
                action: "issue".to_owned(),
                resource: "Degree".to_owned(),
                peer: Some(raw),
                ..Default::default()
            }],
            ..Default::default()
        };
        let replies = registry.loads(vec![(1, record)], false).await.expect("answered");
        replies[0].errors.first().map(|e| e.field.clone()).unwrap_or_default()
    };
    assert_eq!(refused(AUTHORITY, |_| {}).await, "entity_id", "itself");
    assert_eq!(refused("https://peer.example", |_| {}).await, "entity_id", "not by a DID");
    let own = |p: &mut RawPeer| {
        p.entity_identifier = "https://registry.example".to_owned();
    };
    assert_eq!(refused(PEER, own).await, "peer.entity_identifier", "its own name");
    let keys = |p: &mut RawPeer| p.jwks_json = "{}".to_owned();
    assert_eq!(refused(PEER, keys).await, "peer.jwks_json", "no keys");
    assert_eq!(refused(PEER, |_| {}).await, "valid_until", "no end");
    peer.is_delegated(&app).await;
    assert_eq!(refused(PEER, |_| {}).await, "peer.entity_identifier", "a subordinate");
}

#[tokio::test]
async fn two_persons_recognise_a_peer_and_one_does_not() {
    let (g, peer) = (Governed::start().await, Peer::start(Duration::ZERO).await);
    g.decides(Change::RegisterEntity(pb::RegisterEntity {
        identifier: PEER.to_owned(),
        names: [("en".to_owned(), "A peer".to_owned())].into(),
        country: "XX".to_owned(),
        ..Default::default()
    }))
    .await;
    let raw = peer.as_peer();
    let recognise = Change::MakeStatement(pb::MakeStatement {
        entity_id: PEER.to_owned(),
        authorization: Some(pb::ImportAuthorization {
            kind: "recognition".to_owned(),
            action: "issue".to_owned(),
            resource: "Degree".to_owned(),
            valid_until: g.app.clock.now().plus(HOUR).to_string(),
            peer: Some(pb::ImportPeer {
                entity_identifier: raw.entity_identifier,
                jwks_json: raw.jwks_json,
                endpoint: raw.endpoint,
                may_follow: true,
                one_sided: false,
                tls_spki_sha256: raw.tls_spki_sha256,
            }),
            ..Default::default()
        }),
        ..Default::default()
    });
    let (entity, now) = ("did:web:honest.example", g.app.clock.now());
    peer.says(entity, Ok(yes(vec![statement(entity, now).sign(&peer.signer).expect("signed")], now)));
    peer.shows(vec![counter(&g.app, &peer.signer)]);
    let asking = g.app.anonymous().asks(entity, "issue", "Degree").with("follow_recognition", "true");
    let proposal = g.person("olga").proposes(recognise).await.expect("proposed");
    assert_eq!(asking.both().await.line(), "404 UNKNOWN_ENTITY", "one person proposes");
    let done = g.person("anna").approves(&proposal).await.expect("approved");
    assert_eq!(done.measure, "RECOGNIZE");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
}
