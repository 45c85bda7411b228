//! A subordinate that lies, fails or dawdles: never a yes, never a no, and asked no more often than it must be.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use charter_cache::DEP_LEASE;
use charter_domain::{
    AuthorityId, HttpsId, Interval, Kind, Reason, SpkiPins, Timestamp, scope::Jurisdiction, time::Clock,
};
use charter_proof::{
    AuthorityStatement, SubordinateStatement,
    document::{Constraints, Delegated, DelegatedMetadata},
};
use charter_proto::charter::federation::v1::{self as pb, ResolveResponse};
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use charter_tests::{AUTHORITY, Asking, TestApp, app::hurried};
use futures::future::join_all;
use tonic::Status;

use crate::peer::{PEER, Peer, denial, no, statement, yes};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn asks<'a>(app: &'a TestApp, entity: &str) -> Asking<'a> {
    app.anonymous().asks(entity, "issue", "Degree")
}

#[tokio::test]
async fn an_honest_yes_is_believed() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    let (entity, now) = ("did:web:honest.example", app.clock.now());
    peer.says(entity, Ok(yes(vec![statement(entity, now).sign(&peer.signer).expect("signed")], now)));
    let said = asks(&app, entity).both().await;
    assert_eq!((said.line().as_str(), said.decided_by.as_str()), ("200 yes ACTIVE", PEER));
}

/// Changes of an honest statement that make it a lie.
type Lie = fn(&mut AuthorityStatement);
const LIES: [(&str, Lie); 11] = [
    ("another entity", |s| s.sub = "did:web:other.example".to_owned().try_into().expect("valid")),
    ("another action", |s| s.action = "verify".to_owned().try_into().expect("valid")),
    ("another resource", |s| s.resource = "Licence".to_owned().try_into().expect("valid")),
    ("another kind", |s| s.kind = Kind::Recognition),
    ("outside its jurisdiction", |s| s.jurisdictions = vec![Jurisdiction::parse("SE").expect("valid")]),
    ("without a jurisdiction", |s| s.jurisdictions.clear()),
    ("another authority", |s| s.authority_id = AUTHORITY.to_owned().try_into().expect("valid")),
    ("another issuer", |s| s.iss = "https://registry.example".to_owned().try_into().expect("valid")),
    ("expired", |s| (s.iat, s.exp) = (s.iat - 7_200, s.iat - 3_600)),
    ("from the future", |s| (s.iat, s.exp) = (s.iat + 7_200, s.exp + 7_200)),
    ("never in force", |s| s.valid = Vec::<Interval>::new()),
];

#[tokio::test]
async fn a_statement_that_does_not_prove_the_yes_makes_it_unverifiable() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    let now = app.clock.now();
    for (n, (what, lie)) in LIES.iter().enumerate() {
        let entity = format!("did:web:lie-{n}.example");
        let mut told = statement(&entity, now);
        lie(&mut told);
        peer.says(&entity, Ok(yes(vec![told.sign(&peer.signer).expect("signed")], now)));
        assert_eq!(asks(&app, &entity).both().await.line(), "503 UNVERIFIABLE", "{what}");
    }
}

/// What the peer states about somebody to whom it passes on what it was given.
fn about(name: &str, keys: &SoftwareSigner, now: Timestamp) -> SubordinateStatement {
    let grant = r#"[{"actions":["issue"],"resources":["Degree"],"jurisdictions":["FI"]}]"#;
    let trust_registry = Delegated {
        authority_id: AuthorityId::parse(&format!("did:web:{name}.example")).expect("valid"),
        scope: serde_json::from_str(grant).expect("a scope"),
        valid: vec![Interval::ALWAYS],
        status: "ACTIVE".to_owned(),
        tls_spki_sha256: SpkiPins::default(),
    };
    SubordinateStatement {
        iss: HttpsId::parse("https://peer.example").expect("valid"),
        sub: HttpsId::parse(&format!("https://{name}.example")).expect("valid"),
        iat: now.secs(),
        exp: now.secs() + 3_600,
        jwks: keys.key().clone().into(),
        constraints: Constraints::default(),
        metadata: DelegatedMetadata { trust_registry },
    }
}

#[tokio::test]
async fn nobody_below_speaks_in_the_name_of_who_asks() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_superior(&app).await;
    let (keys, now) = (SoftwareSigner::generate(Algorithm::Es256).expect("a key"), app.clock.now());
    // The registry of the test is `did:web:registry.example`; its keys are others.
    for (name, line) in [("accomplice", "200 yes ACTIVE"), ("registry", "503 UNVERIFIABLE")] {
        let (entity, about) = (format!("did:web:of-{name}.example"), about(name, &keys, now));
        let mut told = statement(&entity, now);
        told.iss = about.sub.clone();
        told.authority_id = about.metadata.trust_registry.authority_id.clone();
        let chain = vec![told.sign(&keys).expect("signed"), about.sign(&peer.signer).expect("signed")];
        peer.says(
            &entity,
            Ok(ResolveResponse { decided_by: told.authority_id.to_string(), ..yes(chain, now) }),
        );
        assert_eq!(asks(&app, &entity).both().await.line(), line, "{name}");
    }
}

#[tokio::test]
async fn a_reply_that_does_not_fit_its_proof_makes_it_unverifiable() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    let now = app.clock.now();
    let stranger = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let change = |n: usize, reply: &mut ResolveResponse, entity: &str| -> Option<&'static str> {
        let step = reply.path[0].clone();
        Some(match n {
            0 => {
                reply.chain = vec![statement(entity, now).sign(&stranger).expect("signed")];
                "other keys"
            }
            1 => {
                reply.chain.clear();
                "no chain"
            }
            2 => {
                let cut = reply.chain[0].len() - 9;
                reply.chain[0].truncate(cut);
                "a chain cut short"
            }
            3 => {
                reply.decided_by = "did:web:other.example".to_owned();
                "another decider"
            }
            4 => {
                reply.chain = vec![reply.chain[0].clone(); 2];
                "a link too many"
            }
            5 => {
                reply.chain = vec![reply.chain[0].clone(); 500];
                "a long chain"
            }
            6 => {
                reply.path = vec![pb::ResolveStep { via: vec![PEER.to_owned(); 20], ..step }];
                "a deep path"
            }
            7 => {
                reply.reason = "SURELY".to_owned();
                "an unknown reason"
            }
            8 => {
                reply.expires_at = None;
                "no expiry"
            }
            9 => {
                reply.chain = vec!["a.b.c".to_owned()];
                "no JWS at all"
            }
            10 => {
                reply.chain[0].push_str(&"A".repeat(400_000));
                "more than fits into a message"
            }
            _ => return None,
        })
    };
    for n in 0.. {
        let entity = format!("did:web:misfit-{n}.example");
        let mut reply = yes(vec![statement(&entity, now).sign(&peer.signer).expect("signed")], now);
        let Some(what) = change(n, &mut reply, &entity) else { break };
        peer.says(&entity, Ok(reply));
        assert_eq!(asks(&app, &entity).both().await.line(), "503 UNVERIFIABLE", "{what}");
    }
}

#[tokio::test]
async fn a_statement_much_older_than_one_seen_before_makes_it_unverifiable() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    let (entity, now) = ("did:web:honest.example", app.clock.now());
    // With a time, so that nothing of it is kept.
    let asks = asks(&app, entity).at(now);
    let (good, refused, unlike) = ("200 yes ACTIVE", "503 UNVERIFIABLE", true);
    // As the newest says it, it was only renewed since; with other words it is of before a change.
    for (age, changed, line) in [
        (0, !unlike, good),
        (1_200, unlike, refused),
        (200, unlike, good),
        (1_200, !unlike, good),
        (1_200, unlike, refused),
    ] {
        let mut told = statement(entity, now);
        told.iat -= age;
        if changed {
            told.valid = vec![Interval { from: Some(now.minus(Duration::from_secs(86_400))), until: None }];
        }
        peer.says(entity, Ok(yes(vec![told.sign(&peer.signer).expect("signed")], now)));
        assert_eq!(asks.both().await.line(), line, "issued {age} s ago, changed since: {changed}");
    }
    // Of another statement about the same entity nothing was seen yet.
    let mut other = statement(entity, now);
    (other.iat, other.seq) = (other.iat - 1_200, 2);
    peer.says(entity, Ok(yes(vec![other.sign(&peer.signer).expect("signed")], now)));
    assert_eq!(asks.both().await.line(), "200 yes ACTIVE");
}

#[tokio::test]
async fn answers_about_others_confirm_nothing_that_was_kept() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    peer.epochless.store(true, Ordering::Relaxed);
    let (kept, other, now) = ("did:web:kept.example", "did:web:other.example", app.clock.now());
    for entity in [kept, other] {
        peer.says(entity, Ok(yes(vec![statement(entity, now).sign(&peer.signer).expect("signed")], now)));
    }
    assert_eq!(asks(&app, kept).rest().await.line(), "200 yes ACTIVE");
    let start = Instant::now();
    let denied = denial(kept, Reason::Revoked, now).sign(&peer.signer).expect("signed");
    peer.says(kept, Ok(no(Reason::Revoked, vec![denied], now)));
    // What it has kept itself is of the epoch of before. With a time, so that it is asked again and again.
    while start.elapsed() < DEP_LEASE + Duration::from_millis(200) {
        assert_eq!(asks(&app, other).at(now).rest().await.line(), "200 yes ACTIVE");
    }
    assert_eq!(asks(&app, kept).rest().await.line(), "200 no REVOKED");
}

#[tokio::test]
async fn an_error_of_a_subordinate_is_neither_yes_nor_no() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    for (n, code) in (0..=16).map(tonic::Code::from_i32).enumerate().skip(1) {
        let entity = format!("did:web:failing-{n}.example");
        peer.says(&entity, Err(Status::new(code, "no")));
        assert_eq!(asks(&app, &entity).at_once().rest().await.line(), "503 UNVERIFIABLE", "{code:?}");
    }
}

#[tokio::test]
async fn a_subordinate_that_dawdles_is_waited_for_no_longer_than_the_deadline() {
    let app = TestApp::build().settings(&hurried()).start().await;
    let peer = Peer::start(Duration::from_secs(60)).await;
    peer.is_delegated(&app).await;
    let start = Instant::now();
    let said = asks(&app, "did:web:slow.example").at_once().rest().await;
    println!("{} after {:.2?}", said.line(), start.elapsed());
    assert_eq!(said.line(), "503 UNVERIFIABLE");
    // A second, and what a busy machine adds: far from the minute that it dawdles.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn fifty_equal_questions_at_once_are_one_question_to_the_subordinate() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::from_millis(300)).await);
    peer.is_delegated(&app).await;
    let (entity, now) = ("did:web:honest.example", app.clock.now());
    peer.says(entity, Ok(yes(vec![statement(entity, now).sign(&peer.signer).expect("signed")], now)));
    let asking = asks(&app, entity);
    let said = join_all((0..50).map(|n| {
        let asking = asking.clone();
        async move { if n % 2 == 0 { asking.rest().await } else { asking.grpc().await } }
    }))
    .await;
    assert!(said.iter().all(|s| s.line() == "200 yes ACTIVE"));
    assert_eq!(peer.asked().len(), 1);
}

#[tokio::test]
async fn a_question_goes_down_with_less_of_everything_and_with_its_trace() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    let entity = "did:web:any.example";
    let request = app
        .rest()
        .request(http::Method::POST, "/authorization")
        .header("content-type", "application/json")
        .header("traceparent", TRACE)
        .body(asks(&app, entity).json().to_string().into());
    app.rest().send(request.expect("a request")).await;
    let asked = peer.asked().remove(0);
    assert_eq!(asked.traceparent.as_deref(), Some(TRACE));
    assert!(asked.timeout.is_some(), "the call has a deadline of its own");
    let request = asked.request;
    assert_eq!((request.depth_left, request.queries_left), (Some(7), Some(31)));
    assert_eq!(request.visited, [AUTHORITY]);
    assert_eq!((request.registry_id.as_str(), request.authority_id.as_str()), (PEER, PEER));
    let deadline = request.deadline.expect("a deadline").seconds;
    assert!(deadline <= app.clock.now().secs() + 60, "{deadline}");
}
