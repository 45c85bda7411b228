//! A subordinate whose log shows two histories: its superior, who is its witness, catches it, keeps the evidence, and
//! believes no yes from there any more.

use std::{sync::Arc, time::Duration};

use charter_federation::LocalAuthority as _;
use charter_server::witness::admin;
use charter_tests::{
    TestApp, TestClock,
    alerts::{Scrape, fires},
    hand_log::HandLog,
};
use charter_tlog::witness::{AddCheckpoint, Equivocation};

use crate::{
    kept::until,
    witness::{asks, submit, time_of_by},
};

const ROOT: &str = "did:web:root.example";
const SECTOR: &str = "did:web:sector.example";
const ISSUER: &str = "did:web:university.example";
const OTHER: &str = "did:web:suspended.example";
const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_planted_equivocation_is_caught_and_nothing_new_is_believed() {
    let clock = Arc::new(TestClock::default());
    let sector = TestApp::build().clock(&clock).under(SECTOR, ROOT).start().await;
    let id = sector.app.hosted.by_authority(SECTOR).expect("served");
    let key = Arc::clone(sector.app.hosted.tenant(id).expect("served").log_keys.log());
    // The sector's own key, in the hands of somebody who shows what they like.
    let log = HandLog::of(Arc::clone(&key.signer), key.vkey.clone(), 20);
    let root = TestApp::build().clock(&clock).registry(ROOT).details(&log.setting()).start().await;
    root.registry(ROOT).delegates(&sector.registry(SECTOR), &["Degree"]).await;
    sector.registry(SECTOR).registers(ISSUER).authorized("issue", "Degree").await;
    sector.registry(SECTOR).registers(OTHER).authorized("issue", "Degree").await;
    let asking = root.anonymous().asks(ISSUER, "issue", "Degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");

    let good = log.request(0, 9);
    time_of_by(&root, ROOT, &good, &asks(&root, &good).await);
    let before = Scrape::of(&root).await;
    let lie = AddCheckpoint { proof: vec![], ..log.forked(3).request(9, 9) };
    assert_eq!(submit(&root, lie.to_string()).await.problem(), (422, "INCONSISTENT".to_owned()));

    let listed = root.rest().get("/witness/evidence").await.json();
    let text = listed["evidence"][0]["text"].as_str().expect("a text");
    let evidence: Equivocation = text.parse().expect("evidence");
    evidence.verify(&key.vkey).expect("it verifies by the sector's key alone");
    // Kept answers count no longer: no yes, and no silence that becomes a no.
    assert_eq!(asking.both().await.line(), "503 UNVERIFIABLE");
    let other = root.anonymous().asks(OTHER, "issue", "Degree");
    assert_eq!(other.both().await.line(), "503 UNVERIFIABLE");
    // What the root knows of its delegations is read once for all questions, though no event has come.
    let registry = root.app.hosted.by_authority(ROOT).expect("served");
    let view = async || root.app.hosted.view(registry).await.expect("a view");
    until(SOON, "the view is kept", async || Arc::ptr_eq(&view().await, &view().await)).await;
    // Negative news is news.
    sector.registry(SECTOR).revokes(OTHER).await;
    until(SOON, "revoked", async || other.rest().await.line() == "200 no REVOKED").await;
    // The sector itself answers as before: whom to ask is the verifier's to decide.
    assert_eq!(sector.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(), "200 yes ACTIVE");

    let during = Scrape::of(&root).await;
    assert!(admin::release(&root.app.config, ROOT, log.origin()).expect("released"));
    until(SOON, "believed again", async || asking.rest().await.line() == "200 yes ACTIVE").await;
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    fires("CharterEquivocation", &before, &during, &Scrape::of(&root).await);
}
