//! Answers across registries: separate servers and databases, asked at the top.

use std::{sync::Arc, time::Duration};

use charter_domain::{Context, Kind, Query, time::Clock};
use charter_proof::{AnchorSet, Chain, verify::verify};
use charter_proto::charter::registry::v1::set_status_request::Target;
use charter_tests::{Said, TestApp, TestClock};

use crate::kept::turns;

pub const ROOT: &str = "did:web:root.example";
pub const NATION: &str = "did:web:nation.example";
pub const SECTOR: &str = "did:web:sector.example";
pub const ISSUER: &str = "did:web:university.example";

/// Root, nation and sector: three servers with three databases, each delegating to the next.
pub struct Three {
    pub root: TestApp,
    pub nation: TestApp,
    pub sector: TestApp,
}

impl Three {
    pub async fn start() -> Self {
        let clock = Arc::new(TestClock::default());
        let three = Self {
            root: TestApp::build().clock(&clock).registry(ROOT).start().await,
            nation: TestApp::build().clock(&clock).under(NATION, ROOT).start().await,
            sector: TestApp::build().clock(&clock).under(SECTOR, NATION).start().await,
        };
        let registries =
            (three.root.registry(ROOT), three.nation.registry(NATION), three.sector.registry(SECTOR));
        registries.0.delegates(&registries.1, &["Degree", "Diploma"]).await;
        registries.1.delegates(&registries.2, &["Degree"]).await;
        registries.2.registers(ISSUER).authorized("issue", "Degree").await;
        drop(registries);
        three
    }
}

#[tokio::test]
async fn the_root_answers_for_the_sector_with_a_chain_that_verifies() {
    let three = Three::start().await;
    let asking = three.root.anonymous().asks(ISSUER, "issue", "Degree").with("evidence", "full");
    let said = asking.both().await;
    assert_eq!(said.line(), "200 yes ACTIVE", "{said:?}");
    assert_eq!((said.basis.as_str(), said.decided_by.as_str()), ("DELEGATED", SECTOR));
    let chain = Chain::new(said.chain).expect("a chain");
    assert_eq!(chain.links().len(), 4);
    let anchors = three.root.rest().get("/.well-known/trust-anchors").await;
    let anchors = AnchorSet::parse(&anchors.body).expect("an anchor set");
    let query = Query::parse(Kind::Authorization, (ROOT, ISSUER, "issue", "Degree"), Context::default());
    let now = three.root.clock.now();
    verify(&chain, &query.expect("a question"), &anchors, now, now, None).expect("proven");
    // Named directly, the registry below answers through the root too.
    for authority in [NATION, SECTOR] {
        let said = three.root.anonymous().asks(ISSUER, "issue", "Degree").of(authority).both().await;
        assert_eq!(said.line(), "200 yes ACTIVE", "{authority} {said:?}");
    }
    let stranger = three.root.anonymous().asks("did:web:nobody.example", "issue", "Degree").both().await;
    assert_eq!(stranger.line(), "404 UNKNOWN_ENTITY");
    for app in [&three.nation, &three.sector] {
        let refused = app.rest().get("/.well-known/trust-anchors").await;
        assert_eq!(refused.problem().0, 404, "only the root is an anchor");
    }
}

#[tokio::test]
async fn a_revocation_in_the_sector_reaches_the_root_within_two_seconds() {
    let three = Three::start().await;
    let asking = three.root.anonymous().asks(ISSUER, "issue", "Degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    three.sector.registry(SECTOR).revokes(ISSUER).await;
    let revoked = |said: &Said| said.line() == "200 no REVOKED";
    turns(&asking, Duration::from_secs(2), |said| said.yes, revoked).await;
    assert_eq!(asking.both().await.line(), "200 no REVOKED");
}

#[tokio::test]
async fn a_revoked_delegation_ends_every_answer_below_it() {
    let three = Three::start().await;
    let asking = three.root.anonymous().asks(ISSUER, "issue", "Degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    let root = three.root.registry(ROOT);
    root.sets(Target::SubordinateId(NATION.to_owned()), "SUSPENDED").await;
    assert_eq!(asking.both().await.line(), "200 no ANCESTOR_SUSPENDED");
    root.sets(Target::SubordinateId(NATION.to_owned()), "ACTIVE").await;
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
}

#[tokio::test]
async fn a_sector_that_cannot_be_asked_is_no_answer_rather_than_a_no() {
    let three = Three::start().await;
    three.sector.stop().await;
    let asking = three.root.anonymous().asks(ISSUER, "issue", "Degree");
    let said = asking.rest().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE");
    assert_eq!(asking.grpc().await.line(), "503 UNVERIFIABLE");
}

#[tokio::test]
async fn what_was_not_delegated_is_not_believed_from_below() {
    let root = TestApp::build().registry(ROOT).start().await;
    let nation = TestApp::build().under(NATION, ROOT).start().await;
    let sector = TestApp::build().under(SECTOR, NATION).start().await;
    let (top, middle, bottom) = (root.registry(ROOT), nation.registry(NATION), sector.registry(SECTOR));
    top.delegates(&middle, &["Degree"]).await;
    // The nation passes on more than it was given; it alone believes it.
    middle.delegates(&bottom, &["Degree", "Licence"]).await;
    let clinic = bottom.registers("did:web:clinic.example").authorized("issue", "Licence").await;
    bottom.registers(ISSUER).authorized("issue", "Degree").await;
    let below = nation.anonymous().asks(&clinic, "issue", "Licence").both().await;
    assert_eq!(below.line(), "200 yes ACTIVE");
    let above = root.anonymous().asks(&clinic, "issue", "Licence").both().await;
    assert!(!above.yes && above.status != 503, "{above:?}");
    // Nor is a delegation wider than the one above it a proof for what lies inside both.
    let inside = root.anonymous().asks(ISSUER, "issue", "Degree").both().await;
    assert_eq!(inside.line(), "503 UNVERIFIABLE", "{inside:?}");
}
