//! Walks that go wrong or far: loops, long ways down, many candidates, denials, endpoints that may not be asked.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use charter_domain::{Context, Kind, Query, time::Clock};
use charter_proof::{AnchorSet, Chain, verify::verify, verify_denial};
use charter_proto::charter::{
    federation::v1::{GetSubordinateStatementRequest, federation_service_client::FederationServiceClient},
    registry::v1::set_status_request::Target,
};
use charter_tests::{AUTHORITY, Asking, Registry, Said, TestApp, TestClock};

use crate::kept::{turns, until, within};

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";
const SECTOR: &str = "did:web:sector.example";
const ISSUER: &str = "did:web:university.example";

fn child(n: usize) -> String {
    format!("did:web:c{n}.example")
}

/// A registry and as many others below it or beside it, in one server.
async fn with_children(count: usize) -> TestApp {
    let mut build = TestApp::build().registry(AUTHORITY);
    for n in 0..count {
        build = build.under(&child(n), AUTHORITY);
    }
    build.start().await
}

async fn issues<'a>(app: &'a TestApp, authority: &str, entity: &str) -> Registry<'a> {
    let registry = app.registry(authority);
    registry.registers(entity).authorized("issue", "Degree").await;
    registry
}

/// How long an answer takes.
async fn took(asking: &Asking<'_>) -> Duration {
    let start = Instant::now();
    asking.rest().await;
    start.elapsed()
}

#[tokio::test]
async fn a_suspension_halfway_down_is_seen_at_the_root_and_its_chain_is_refused() {
    let clock = Arc::new(TestClock::default());
    let root = TestApp::build().clock(&clock).registry(ROOT).start().await;
    let nation = TestApp::build().clock(&clock).under(NATION, ROOT).start().await;
    let sector = TestApp::build().clock(&clock).under(SECTOR, NATION).start().await;
    let (top, middle, bottom) = (root.registry(ROOT), nation.registry(NATION), sector.registry(SECTOR));
    top.delegates(&middle, &["Degree"]).await;
    middle.delegates(&bottom, &["Degree"]).await;
    bottom.registers(ISSUER).authorized("issue", "Degree").await;
    let asking = root.anonymous().asks(ISSUER, "issue", "Degree").with("evidence", "chain");
    let before = asking.both().await;
    assert_eq!(before.line(), "200 yes ACTIVE");
    middle.sets(Target::SubordinateId(SECTOR.to_owned()), "SUSPENDED").await;
    let acknowledged = Instant::now();
    let below = nation.anonymous().asks(ISSUER, "issue", "Degree").both().await;
    assert_eq!(below.line(), "200 no ANCESTOR_SUSPENDED", "at once where it was decided");
    let seen = |said: &Said| said.line() == "200 no ANCESTOR_SUSPENDED";
    turns(&asking, Duration::from_secs(2), |said| said.yes, seen).await;
    println!("a suspension two levels down is seen at the root after {:.2?}", acknowledged.elapsed());
    let after = asking.both().await;
    // The nation's signed no, the root's statement about it, and the root's configuration.
    assert_eq!((after.line().as_str(), after.chain.len()), ("200 no ANCESTOR_SUSPENDED", 3));
    let no = Chain::new(after.chain).expect("a chain");
    // Who puts the new statement about the sector into the old chain proves nothing with it.
    let request =
        GetSubordinateStatementRequest { authority_id: NATION.to_owned(), subordinate_id: SECTOR.to_owned() };
    let statement = FederationServiceClient::new(nation.channel()).get_subordinate_statement(request).await;
    let mut links = before.chain;
    let query = Query::parse(Kind::Authorization, (ROOT, ISSUER, "issue", "Degree"), Context::default());
    let (query, now) = (query.expect("a question"), clock.now());
    let anchors = AnchorSet::parse(&root.rest().get("/.well-known/trust-anchors").await.body);
    let anchors = anchors.expect("an anchor set");
    let proves = |links: Vec<String>| {
        let chain = Chain::new(links).expect("a chain");
        verify(&chain, &query, &anchors, now, now, None).map(drop)
    };
    let denied = verify_denial(&no, &query, &anchors, now, now, None).expect("proven");
    assert_eq!((denied.decided_by.as_str(), denied.reason.code()), (NATION, "ANCESTOR_SUSPENDED"));
    proves(links.clone()).expect("the old one is good until it expires");
    links[1] = statement.expect("a statement").into_inner().subordinate_statement;
    println!("{}", proves(links).expect_err("suspended"));
}

#[tokio::test]
async fn two_registries_that_delegate_to_each_other_end_in_a_loop_not_in_a_wait() {
    let one = TestApp::build().registry(ROOT).start().await;
    let other = TestApp::build().clock(&one.clock).registry(NATION).start().await;
    one.registry(ROOT).delegates(&other.registry(NATION), &["Degree"]).await;
    other.registry(NATION).delegates(&one.registry(ROOT), &["Degree"]).await;
    for app in [&one, &other] {
        let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
        let said = asking.both().await;
        assert_eq!(said.line(), "502 LOOP", "{said:?}");
        within(Duration::from_secs(1), "a loop is no wait", async || took(&asking).await).await;
    }
    // What one of them states itself is an answer all the same.
    issues(&one, ROOT, ISSUER).await;
    let said = one.anonymous().asks(ISSUER, "issue", "Degree").both().await;
    assert_eq!(said.line(), "200 yes ACTIVE", "{said:?}");
}

#[tokio::test]
async fn a_way_down_longer_than_allowed_is_too_long_and_not_a_no() {
    const DEEP: usize = 10;
    let app = with_children(DEEP).await;
    let mut above = app.registry(AUTHORITY);
    for n in 0..DEEP {
        let below = app.registry(&child(n));
        above.delegates(&below, &["Degree"]).await;
        above = below;
    }
    issues(&app, &child(DEEP - 1), "did:web:deep.example").await;
    let said = app.anonymous().asks("did:web:deep.example", "issue", "Degree").both().await;
    assert_eq!(said.line(), "502 CHAIN_TOO_LONG", "{said:?}");
    issues(&app, &child(3), "did:web:near.example").await;
    let near = app.anonymous().asks("did:web:near.example", "issue", "Degree").both().await;
    println!("four levels down, with more below: {}", near.line());
}

#[tokio::test]
async fn of_more_than_eight_candidates_the_question_must_name_one() {
    let app = with_children(9).await;
    for n in 0..9 {
        let child = app.registry(&child(n));
        app.registry(AUTHORITY).delegates(&child, &["Degree"]).await;
    }
    issues(&app, &child(4), ISSUER).await;
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
    let said = asking.both().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE");
    assert!(said.message.contains("locator needed"), "{}", said.message);
    let located = asking.with("locator", &child(4)).both().await;
    assert_eq!((located.line(), located.decided_by), ("200 yes ACTIVE".to_owned(), child(4)));
}

#[tokio::test]
async fn a_denial_of_one_overrides_the_yes_of_another() {
    let app = with_children(2).await;
    let (one, other) = (app.registry(&child(0)), app.registry(&child(1)));
    for registry in [&one, &other] {
        app.registry(AUTHORITY).delegates(registry, &["Degree"]).await;
        registry.registers(ISSUER).authorized("issue", "Degree").await;
    }
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    // Epochs of subordinates are polled once a second.
    let denied = async |line: &'static str| {
        turns(&asking, Duration::from_secs(3), |said| said.yes, |said| said.line() == line).await;
    };
    one.suspends(ISSUER).await;
    denied("200 no SUSPENDED").await;
    let said = asking.both().await;
    assert_eq!((said.line(), said.decided_by), ("200 no SUSPENDED".to_owned(), child(0)));
    assert!(said.message.contains(&child(1)), "both are named: {}", said.message);
    one.ends(ISSUER).await;
    let again = async || asking.rest().await.line() == "200 yes ACTIVE";
    until(Duration::from_secs(30), "an orderly end denies nothing", again).await;
    other.revokes(ISSUER).await;
    denied("200 no REVOKED").await;
}

#[tokio::test]
async fn nobody_is_asked_in_plaintext_off_this_machine() {
    let nation = TestApp::build().registry(NATION).start().await;
    for endpoint in ["http://10.255.255.1:7210", "http://nation.example:7200"] {
        let root = TestApp::build().registry(ROOT).start().await;
        let registry = root.registry(ROOT);
        let mut request = registry.delegation(&nation.registry(NATION), &["Degree"]);
        request.endpoint = endpoint.to_owned();
        registry.client().put_delegation(registry.signed(request)).await.expect("recorded");
        let asking = root.anonymous().asks(ISSUER, "issue", "Degree");
        let said = asking.both().await;
        assert_eq!(said.line(), "503 UNVERIFIABLE");
        assert!(said.message.contains("plaintext"), "{}", said.message);
        within(Duration::from_secs(1), "nothing was dialled", async || took(&asking).await).await;
    }
}
