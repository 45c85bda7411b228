//! A no with its proof: at every door, and from subordinates that deny truly, falsely or without a signature.

use std::time::Duration;

use charter_domain::{Context, Kind, Query, Reason, time::Clock};
use charter_proof::{AnchorSet, Chain, Denial, FaultCode, verify, verify_denial};
use charter_signing::{Algorithm, SoftwareSigner};
use charter_tests::{AUTHORITY, TestApp};

use crate::peer::{PEER, Peer, denial, no};

fn links(json: &serde_json::Value) -> Vec<String> {
    let list = json.as_array().expect("a chain").iter();
    list.map(|link| link.as_str().expect("a link").to_owned()).collect()
}

async fn anchors(app: &TestApp) -> AnchorSet {
    let file = app.rest().get("/.well-known/trust-anchors").await.body.to_vec();
    AnchorSet::parse(&file).expect("an anchor set")
}

fn question(authority: &str, entity: &str) -> Query {
    let terms = (authority, entity, "issue", "Degree");
    Query::parse(Kind::Authorization, terms, Context::default()).expect("a question")
}

#[tokio::test]
async fn a_subordinates_signed_no_is_believed_and_proves_itself_to_others() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    let (entity, now) = ("did:web:revoked.example", app.clock.now());
    let token = denial(entity, Reason::Revoked, now).sign(&peer.signer).expect("signed");
    peer.says(entity, Ok(no(Reason::Revoked, vec![token], now)));
    let said = app.anonymous().asks(entity, "issue", "Degree").both().await;
    assert_eq!((said.line().as_str(), said.decided_by.as_str()), ("200 no REVOKED", PEER));
    // Whoever asked shows it to somebody else, who asks nobody.
    let body = serde_json::json!({
        "entity_id": entity, "authority_id": AUTHORITY, "action": "issue", "resource": "Degree",
        "context": { "evidence": "chain" },
    });
    let reply = app.rest().post("/authorization", &body).await.json();
    let chain = Chain::new(links(&reply["evidence"]["chain"])).expect("a chain");
    let (anchors, query) = (anchors(&app).await, question(AUTHORITY, entity));
    let denied = verify_denial(&chain, &query, &anchors, now, now, None).expect("proven");
    assert_eq!((denied.decided_by.as_str(), denied.reason), (PEER, Reason::Revoked));
    assert_eq!(denied.links.len(), 3);
    let refused = verify(&chain, &query, &anchors, now, now, None).expect_err("no yes");
    assert_eq!(refused.code, FaultCode::WrongType);
}

/// Changes of an honest denial that make it a lie.
type Lie = fn(&mut Denial);
const LIES: [(&str, Lie); 10] = [
    ("another entity", |d| d.asked.entity = "did:web:other.example".to_owned().try_into().expect("valid")),
    ("another action", |d| d.asked.action = "verify".to_owned().try_into().expect("valid")),
    ("another resource", |d| d.asked.resource = "Licence".to_owned().try_into().expect("valid")),
    ("another kind", |d| d.asked.kind = Kind::Recognition),
    ("asked of another", |d| d.asked.authority = AUTHORITY.to_owned().try_into().expect("valid")),
    ("another authority", |d| d.authority_id = AUTHORITY.to_owned().try_into().expect("valid")),
    ("another issuer", |d| d.iss = "https://registry.example".to_owned().try_into().expect("valid")),
    ("another reason", |d| d.reason = Reason::Ended),
    ("replayed", |d| {
        (d.iat, d.exp) = (d.iat - 600, d.exp - 600);
        (d.as_of, d.valid_until) =
            (d.as_of.minus(Duration::from_secs(600)), d.valid_until.minus(Duration::from_secs(600)));
    }),
    ("from the future", |d| {
        (d.iat, d.exp) = (d.iat + 600, d.exp + 600);
        (d.as_of, d.valid_until) =
            (d.as_of.plus(Duration::from_secs(600)), d.valid_until.plus(Duration::from_secs(600)));
    }),
];

#[tokio::test]
async fn a_denial_that_does_not_prove_the_no_makes_it_unverifiable() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    let (now, caller) = (app.clock.now(), app.anonymous());
    for (n, (what, lie)) in LIES.iter().enumerate() {
        let entity = format!("did:web:denied-{n}.example");
        let mut told = denial(&entity, Reason::Revoked, now);
        lie(&mut told);
        peer.says(&entity, Ok(no(Reason::Revoked, vec![told.sign(&peer.signer).expect("signed")], now)));
        assert_eq!(caller.asks(&entity, "issue", "Degree").both().await.line(), "503 UNVERIFIABLE", "{what}");
    }
    let stranger = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let entity = "did:web:forged.example";
    let forged = denial(entity, Reason::Revoked, now).sign(&stranger).expect("signed");
    peer.says(entity, Ok(no(Reason::Revoked, vec![forged], now)));
    assert_eq!(caller.asks(entity, "issue", "Degree").both().await.line(), "503 UNVERIFIABLE", "forged");
    let entity = "did:web:unsigned.example";
    peer.says(entity, Ok(no(Reason::Revoked, Vec::new(), now)));
    assert_eq!(caller.asks(entity, "issue", "Degree").both().await.line(), "503 UNVERIFIABLE", "unsigned");
}

#[tokio::test]
async fn an_older_denial_than_one_seen_makes_it_unverifiable() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_superior(&app).await;
    let (entity, now) = ("did:web:denied.example", app.clock.now());
    // Good for long, so that its age alone can be what is wrong.
    let told = |age: i64| {
        let mut told = denial(entity, Reason::NotListed, now);
        told.exp = now.secs() + 600;
        (told.iat, told.valid_until) = (now.secs() - age, charter_domain::Timestamp::from_secs(told.exp));
        told.asked.time = Some(now);
        Ok(no(Reason::NotListed, vec![told.sign(&peer.signer).expect("signed")], now))
    };
    // With a time, so that nothing of it is kept.
    let caller = app.anonymous();
    let asks = caller.asks(entity, "issue", "Degree").at(now);
    for (age, line) in [(0, "200 no NOT_LISTED"), (1_200, "503 UNVERIFIABLE"), (200, "200 no NOT_LISTED")] {
        peer.says(entity, told(age));
        assert_eq!(asks.both().await.line(), line, "issued {age} s ago");
    }
}
