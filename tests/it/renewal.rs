//! Documents stay fresh: nothing on file ever expires while the reconciler runs, and an alarm says early when it doesn't.

use std::time::{Duration, Instant};

use charter_domain::{
    Context, Kind, Query,
    record::{RawAuthorization, RawRecord},
    time::Clock,
};
use charter_proof::{AnchorSet, Chain, verify::verify};
use charter_server::{app::renewal::Renewed, tasks::renewal};
use charter_tests::{
    AUTHORITY, TestApp,
    alerts::{Scrape, fires},
};

use crate::kept::{Dice, raw, whole};

const STATEMENTS: u32 = 300;
const ROUND: Duration = Duration::from_secs(1_800);
/// 60 days.
const ROUNDS: u64 = 60 * 48;
const SETTINGS: &str = "
cache = { lease_ms = 1000, poll_ms = 250 }
limits = { per_address_rps = 100000, per_address_burst = 100000, global_rps = 100000, deadline_ms = 10000 }
documents = { lifetime_secs = 86400, renew_every_secs = 1800, renew_batch = 100 }
";

async fn loaded(settings: &str, count: u32) -> TestApp {
    let app = TestApp::build().settings(settings).start().await;
    for chunk in (1..=count).collect::<Vec<_>>().chunks(500) {
        let rows = chunk.iter().map(|n| (*n, raw(&entity(*n)))).collect();
        app.registry(AUTHORITY).loads(rows, false).await.expect("loaded");
        app.clock.advance(Duration::from_secs(60)); // Not all of them are born together.
    }
    app
}

/// One entity that may do ten things.
fn ten(identifier: &str) -> RawRecord {
    let mut raw = raw(identifier);
    let first = raw.authorizations[0].clone();
    let other = |n| RawAuthorization { resource: format!("Degree{n}"), ..first.clone() };
    raw.authorizations.extend((1..10).map(other));
    raw
}

fn entity(n: u32) -> String {
    format!("did:web:e{n}.example")
}

/// Asks with proof, and verifies it as somebody who holds only the anchor set.
async fn proves(app: &TestApp, anchors: &AnchorSet, n: u32) {
    let entity = entity(n);
    let said = app.anonymous().asks(&entity, "issue", "Degree").with("evidence", "chain").rest().await;
    assert_eq!(said.line(), "200 yes ACTIVE", "{entity}");
    let terms = (AUTHORITY, entity.as_str(), "issue", "Degree");
    let query = Query::parse(Kind::Authorization, terms, Context::default()).expect("a question");
    let chain = Chain::new(said.chain).expect("a chain");
    let now = app.clock.now();
    verify(&chain, &query, anchors, now, now, None).expect("proven");
}

#[tokio::test]
async fn sixty_days_pass_and_no_answer_is_unverifiable_for_expiry() {
    let app = loaded(SETTINGS, STATEMENTS).await;
    let registry = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let anchors = AnchorSet::parse(&app.rest().get("/.well-known/trust-anchors").await.body);
    let anchors = anchors.expect("an anchor set");
    let documents = &app.app.config.documents;
    let mut dice = Dice::new(1);
    let mut least = Duration::MAX;
    for round in 0..ROUNDS {
        app.clock.advance(ROUND);
        // The worst moment: just before the round that is due.
        let earliest = app.app.store.earliest_expiry(registry).await.expect("read").expect("documents");
        least = least.min(earliest.since(app.clock.now()));
        assert!(earliest > app.clock.now(), "round {round}: a document has expired");
        if round % 4 == 0 {
            proves(&app, &anchors, 1 + u32::try_from(dice.below(u64::from(STATEMENTS))).expect("small"))
                .await;
        }
        renewal::once(&app.app).await;
        let earliest = app.app.store.earliest_expiry(registry).await.expect("read").expect("documents");
        assert!(
            !renewal::is_late(documents, earliest, app.clock.now()),
            "round {round}: an alarm for nothing"
        );
    }
    println!(
        "{STATEMENTS} statements, {ROUNDS} rounds: the nearest any document came to its expiry is {least:?}"
    );
    assert!(least >= Duration::from_secs(documents.lifetime_secs / 2) - ROUND);
}

#[tokio::test]
async fn a_signer_that_stopped_is_told_of_half_a_lifetime_ahead() {
    let app = loaded(SETTINGS, 10).await;
    let registry = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let documents = &app.app.config.documents;
    let earliest = app.app.store.earliest_expiry(registry).await.expect("read").expect("documents");
    let mut now = app.clock.now();
    assert!(!renewal::is_late(documents, earliest, now));
    while !renewal::is_late(documents, earliest, now) {
        now = now.plus(Duration::from_secs(60));
    }
    let (ahead, half) = (earliest.since(now), Duration::from_secs(documents.lifetime_secs / 2));
    println!("the alarm is raised {ahead:?} ahead of the first expiry");
    assert!(ahead + 2 * ROUND + Duration::from_secs(60) >= half && ahead < half);
}

/// With `WHOLE=1` at national size: 100,000 statements. Documents live for a week here, the longest that can be set, so
/// that this takes minutes; what they live for changes how often they are signed, not how.
#[tokio::test]
async fn sixty_days_of_many_statements() {
    const STEP: Duration = Duration::from_secs(6 * 3_600);
    let entities: u32 = if whole() { 10_000 } else { 1_000 };
    let statements = 10 * usize::try_from(entities).expect("small");
    let settings = SETTINGS.replace(
        "lifetime_secs = 86400, renew_every_secs = 1800, renew_batch = 100",
        "lifetime_secs = 604800, renew_every_secs = 21600, renew_batch = 5000",
    );
    let app = TestApp::build().settings(&settings).start().await;
    for chunk in (1..=entities).collect::<Vec<_>>().chunks(500) {
        let rows = chunk.iter().map(|n| (*n, ten(&entity(*n)))).collect();
        app.registry(AUTHORITY).loads(rows, false).await.expect("loaded");
    }
    let registry = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let anchors = AnchorSet::parse(&app.rest().get("/.well-known/trust-anchors").await.body);
    let anchors = anchors.expect("an anchor set");
    let (mut dice, mut least, mut most, mut signed) = (Dice::new(2), Duration::MAX, 0, 0);
    for _ in 0..60 * 4 {
        app.clock.advance(STEP);
        let earliest = app.app.store.earliest_expiry(registry).await.expect("read").expect("documents");
        least = least.min(earliest.since(app.clock.now()));
        let one = |dice: &mut Dice| 1 + u32::try_from(dice.below(u64::from(entities))).expect("small");
        proves(&app, &anchors, one(&mut dice)).await;
        let done = renewal::once(&app.app).await;
        assert_eq!(done.refused, 0);
        most = most.max(done.renewed);
        signed += done.renewed;
        proves(&app, &anchors, one(&mut dice)).await;
    }
    println!(
        "{signed} documents signed again, {most} in one round at most; the nearest to its expiry: {least:?}"
    );
    assert!(signed > 16 * statements, "{signed}");
    assert!(most < statements * 6 / 10, "they are not all due at once: {most}");
    assert!(least >= Duration::from_secs(604_800 / 2) - STEP);
}

/// Who can write to the tables cannot make the signer sign it: only events, with their permits, can.
#[tokio::test]
async fn what_was_changed_behind_the_events_is_not_signed_again() {
    let app = loaded(SETTINGS, 3).await;
    renewal::once(&app.app).await; // The configuration names the trust mark type that is new.
    let registry = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let admin = app.database.admin(&app.database.name).await;
    let changed = admin
        .execute(
            "update statements set jurisdictions = '[\"SE\"]' where statement_id = (select min(statement_id) from statements)",
            &[],
        )
        .await;
    assert_eq!(changed.expect("forged"), 1);
    let before = Scrape::of(&app).await;
    app.clock.advance(Duration::from_secs(86_400 / 2 + 60));
    let done = renewal::once(&app.app).await;
    assert_eq!(done, Renewed { renewed: 3, refused: 1 }, "two statements and the configuration; one refused");
    let earliest = app.app.store.earliest_expiry(registry).await.expect("read").expect("documents");
    assert!(
        earliest.since(app.clock.now()) < Duration::from_secs(43_200),
        "the forged one is left to expire"
    );
    // What is not signed again raises the alarm where an operator looks, hours before it expires.
    app.clock.advance(2 * ROUND);
    renewal::once(&app.app).await;
    let metrics = app.rest().get("/metrics").await;
    for line in ["charter_documents_renewal_late 1", "charter_documents_renewal_refused 1"] {
        assert!(metrics.text().contains(line), "{line} in {}", metrics.text());
    }
    let left = earliest.since(app.clock.now());
    assert!(left > Duration::from_secs(7 * 3_600), "{left:?} is left");
    let during = Scrape::of(&app).await;
    // As the runbook says.
    let url = app.database.url("charter_owner");
    let rebuilt = tokio::task::spawn_blocking(move || charter_store::rebuild::run(&url, false));
    assert_eq!(rebuilt.await.expect("no panic").expect("rebuilt")[0].fault, None);
    renewal::once(&app.app).await;
    let after = Scrape::of(&app).await;
    for alert in ["CharterRenewalLate", "CharterRenewalRefused"] {
        fires(alert, &before, &during, &after);
    }
}

/// What a backlog costs: every document is due at once.
#[tokio::test]
async fn five_thousand_documents_due_at_once_are_renewed_in_one_round() {
    let settings = SETTINGS.replace("renew_batch = 100", "renew_batch = 500");
    let app = loaded(&settings, 5_000).await;
    let registry = app.app.hosted.by_authority(AUTHORITY).expect("served");
    app.clock.advance(Duration::from_secs(86_400 - 3_600));
    let start = Instant::now();
    renewal::once(&app.app).await;
    let took = start.elapsed();
    let earliest = app.app.store.earliest_expiry(registry).await.expect("read").expect("documents");
    assert!(earliest.since(app.clock.now()) > Duration::from_secs(43_200));
    println!("5,000 documents renewed in {took:.2?}: 100,000 take {:.0?} of each half day", took * 20);
}
