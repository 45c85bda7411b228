//! Peers that mean harm, over real sockets: clocks that are off, floods, drips, addresses of others, a superior that lies.
//! What they cannot do: make a yes, make others wait, fill memory.

mod drip;
mod raw;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use charter_domain::{Context, Kind, Query, Timestamp, time::Clock};
use charter_proof::{AnchorSet, Chain, EntityConfiguration, SubordinateStatement, verify::verify};
use charter_proto::charter::federation::v1::{
    GetSubordinateStatementRequest, GetSubordinateStatementResponse,
    federation_service_client::FederationServiceClient,
};
use charter_server::tasks::superior;
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use charter_tests::{AUTHORITY, Said, TestApp, TestClock, app::hurried};

use self::raw::{Hostile, Manner};
use crate::{
    dead_peer::silent,
    federation::{ISSUER, ROOT, SECTOR},
    kept::until,
    peer::{Peer, statement, yes},
};

const ENTITY: &str = "did:web:honest.example";
/// A hop may take five seconds; a machine that is busy, some more. What is sent here would take for ever.
const DEADLINE: Duration = Duration::from_secs(25);
/// What HTTP/2 lets a peer send unasked, and what the sender has in its own buffers.
const IN_FLIGHT: usize = 16 << 20;
/// What a process may grow by while a gigabyte is offered to it.
const GROWTH: usize = 128 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

async fn asks(app: &TestApp, entity: &str) -> Said {
    app.anonymous().asks(entity, "issue", "Degree").rest().await
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("a size");
    1_024 * line.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number")
}

#[tokio::test]
async fn a_clock_may_be_ahead_by_a_minute_and_no_more() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    let now = app.clock.now();
    let good = "200 yes ACTIVE";
    for (n, (ahead, line)) in
        [(59, good), (60, good), (61, "503 UNVERIFIABLE"), (-59, good)].into_iter().enumerate()
    {
        let entity = format!("did:web:ahead-{n}.example");
        let mut told = statement(&entity, now);
        told.iat += ahead;
        peer.says(&entity, Ok(yes(vec![told.sign(&peer.signer).expect("signed")], now)));
        let said = app.anonymous().asks(&entity, "issue", "Degree").both().await;
        assert_eq!(said.line(), line, "{ahead} s");
    }
}

#[tokio::test]
async fn registries_whose_clocks_are_a_minute_apart_answer_each_other() {
    let good = "200 yes ACTIVE";
    for (sector_is, line) in [(59, good), (-59, good), (61, "503 UNVERIFIABLE")] {
        let (root, clock) = (TestApp::start().await, Arc::new(TestClock::default()));
        clock.set(Timestamp::from_secs(root.clock.now().secs() + sector_is));
        let sector = TestApp::build().clock(&clock).under(SECTOR, AUTHORITY).start().await;
        let told = sector.registry(SECTOR);
        told.registers(ISSUER).authorized("issue", "Degree").valid("2020-01-01T00:00:00Z", "").await;
        root.registry(AUTHORITY).delegates(&told, &["Degree"]).await;
        let said = asks(&root, ISSUER).await;
        assert_eq!(said.line(), line, "{sector_is} s: {}", said.message);
    }
}

#[tokio::test]
async fn a_gigabyte_is_refused_at_its_first_bytes_and_messages_without_end_at_the_deadline() {
    for (manner, most) in [(Manner::Gigabyte, IN_FLIGHT), (Manner::Endless, usize::MAX)] {
        let app = TestApp::build().settings(&hurried()).start().await;
        let (peer, hostile) = (Peer::start(Duration::ZERO).await, Hostile::start(manner.clone()).await);
        peer.is_delegated_at(&app, &hostile.endpoint).await;
        let (before, start) = (resident(), Instant::now());
        let said = app.anonymous().asks(ENTITY, "issue", "Degree").at_once().rest().await;
        assert_eq!(said.line(), "503 UNVERIFIABLE", "{manner:?}");
        assert!(start.elapsed() < DEADLINE, "{manner:?} {:?}", start.elapsed());
        until(PATIENCE, "the flood is ended", async || hostile.ended() > 0).await;
        let grown = resident().saturating_sub(before);
        println!("{manner:?}: {} bytes taken, memory grown by {grown}", hostile.sent());
        assert!(hostile.sent() > 0 && hostile.sent() <= most, "{manner:?} {}", hostile.sent());
        assert!(grown < GROWTH, "{manner:?} {grown}");
    }
}

#[tokio::test]
async fn a_feed_of_a_gigabyte_is_ended_and_the_answers_stay() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    let now = app.clock.now();
    let honest = yes(vec![statement(ENTITY, now).sign(&peer.signer).expect("signed")], now);
    let hostile = Hostile::start(Manner::Honest(Box::new(honest))).await;
    peer.is_delegated_at(&app, &hostile.endpoint).await;
    let before = resident();
    assert_eq!(asks(&app, ENTITY).await.line(), "200 yes ACTIVE");
    until(PATIENCE, "a feed was opened and ended", async || hostile.ended() > 0).await;
    let grown = resident().saturating_sub(before);
    assert!(hostile.sent() <= hostile.ended().max(1) * IN_FLIGHT, "{}", hostile.sent());
    assert!(grown < GROWTH, "{grown}");
    assert_eq!(asks(&app, ENTITY).await.line(), "200 yes ACTIVE", "its epoch is polled");
}

#[tokio::test]
async fn a_peer_of_one_byte_a_second_ends_at_the_deadline_and_nobody_else_waits() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    let now = app.clock.now();
    let uri: http::Uri = peer.endpoint.parse().expect("a URL");
    let address = uri.authority().expect("an address").as_str().parse().expect("an address");
    peer.is_delegated_at(&app, &drip::to(address).await).await;
    peer.says(ENTITY, Ok(yes(vec![statement(ENTITY, now).sign(&peer.signer).expect("signed")], now)));
    let sector = TestApp::build().clock(&app.clock).under(SECTOR, AUTHORITY).start().await;
    sector.registry(SECTOR).registers(ISSUER).authorized("issue", "Licence").await;
    app.registry(AUTHORITY).delegates(&sector.registry(SECTOR), &["Licence"]).await;
    // With a time, so that each of them goes to the other branch.
    let other = app.anonymous().asks(ISSUER, "issue", "Licence").at(now);
    assert_eq!(other.grpc().await.line(), "200 yes ACTIVE", "connected");
    let (waiting, meanwhile) = (AtomicBool::new(true), AtomicUsize::new(0));
    let dripped = async {
        let start = Instant::now();
        let said = app.anonymous().asks(ENTITY, "issue", "Degree").at_once().rest().await;
        waiting.store(false, Ordering::SeqCst);
        (said.line(), start.elapsed())
    };
    let others = async {
        while waiting.load(Ordering::SeqCst) {
            assert_eq!(other.grpc().await.line(), "200 yes ACTIVE");
            meanwhile.fetch_add(1, Ordering::SeqCst);
        }
    };
    let ((line, took), ()) = tokio::join!(dripped, others);
    println!("{line} after {took:?}; {meanwhile:?} answers of the other branch meanwhile");
    assert_eq!(line, "503 UNVERIFIABLE");
    assert!(took < DEADLINE, "{took:?}");
    // Had each waited for the one that drips, it would be one.
    assert!(meanwhile.load(Ordering::SeqCst) >= 3, "{meanwhile:?}");
}

#[tokio::test]
async fn nobody_is_asked_where_a_peer_points_to() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    let (elsewhere, connections) = silent().await;
    let hostile = Hostile::start(Manner::Elsewhere(elsewhere)).await;
    peer.is_delegated_at(&app, &hostile.endpoint).await;
    assert_eq!(asks(&app, ENTITY).await.line(), "503 UNVERIFIABLE");
    assert_eq!(connections.connections(), 0);
}

/// What a superior may send of the way up: statement and configuration.
type WayUp = [String; 2];

/// The same in the name of the honest one, under keys of the liar's own: about the sector's real keys or the liar's.
fn lies(honest: &WayUp, anchors: &AnchorSet, liar: &SoftwareSigner) -> Vec<(&'static str, WayUp)> {
    let keys = &anchors.anchors[0].jwks;
    let mut statement = SubordinateStatement::parse_verified(&honest[0], keys).expect("honest");
    let mut configuration = EntityConfiguration::parse_verified(&honest[1], keys).expect("honest");
    configuration.jwks = liar.key().clone().into();
    let own = configuration.sign(liar).expect("signed");
    let real = statement.sign(liar).expect("signed");
    statement.jwks = liar.key().clone().into();
    let swapped = statement.sign(liar).expect("signed");
    vec![
        ("another anchor of the same name", [honest[0].clone(), own.clone()]),
        ("a statement that another has signed", [real.clone(), honest[1].clone()]),
        ("both", [real, own.clone()]),
        ("other keys of the sector", [swapped, own]),
    ]
}

#[tokio::test]
async fn a_superior_that_lies_spoils_the_way_up_and_proves_nothing() {
    let (root, relay) = (TestApp::build().registry(ROOT).start().await, Peer::start(Duration::ZERO).await);
    let details = format!("superior_endpoint = \"{}\"", relay.endpoint);
    let sector = TestApp::build().clock(&root.clock).under(SECTOR, ROOT).details(&details).start().await;
    root.registry(ROOT).delegates(&sector.registry(SECTOR), &["Degree"]).await;
    sector.registry(SECTOR).registers(ISSUER).authorized("issue", "Degree").await;
    let anchors = root.rest().get("/.well-known/trust-anchors").await;
    let anchors = AnchorSet::parse(&anchors.body).expect("an anchor set");
    let request =
        GetSubordinateStatementRequest { authority_id: ROOT.to_owned(), subordinate_id: SECTOR.to_owned() };
    let reply = FederationServiceClient::new(root.channel()).get_subordinate_statement(request).await;
    let mut honest = reply.expect("a statement").into_inner();
    let honest: WayUp = [honest.subordinate_statement, honest.superior_chain.remove(0)];
    let liar = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let mut sent = vec![("the truth", honest.clone())];
    sent.extend(lies(&honest, &anchors, &liar));
    for (what, [statement, configuration]) in sent {
        relay.shows_above(GetSubordinateStatementResponse {
            subordinate_statement: statement.clone(),
            superior_chain: vec![configuration.clone()],
        });
        let tenant = sector.app.hosted.tenants().next().expect("a registry");
        let sent = [statement, configuration];
        let asks = sector.anonymous().asks(ISSUER, "issue", "Degree").with("evidence", "chain");
        // It is looked up in the background too: what was sent before may come in last.
        until(PATIENCE, what, async || {
            superior::fetch(&sector.app, tenant).await;
            let said = asks.rest().await;
            assert_eq!((said.line().as_str(), said.basis.as_str()), ("200 yes ACTIVE", "DIRECT"), "{what}");
            said.chain[1..] == sent
        })
        .await;
        let said = asks.rest().await;
        let query =
            Query::parse(Kind::Authorization, (SECTOR, ISSUER, "issue", "Degree"), Context::default());
        let (chain, now) = (Chain::new(said.chain).expect("a chain"), root.clock.now());
        let proven = verify(&chain, &query.expect("a question"), &anchors, now, now, None);
        assert_eq!(proven.is_ok(), what == "the truth", "{what}");
    }
}
