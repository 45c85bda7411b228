//! Feeds: a superior hears of a subordinate's events as they happen; bad news counts at once, good news when it is proven.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use charter_cache::Dep;
use charter_domain::{SpkiPins, Timestamp, record::RawRecord, time::Clock};
use charter_federation::PeerEndpoint;
use charter_proto::charter::{
    federation::v1::{
        self as pb, federation_service_client::FederationServiceClient, watch_response::Item as Sent,
    },
    registry::v1::PutDelegationRequest,
};
use charter_server::{
    app::watch::{self, Item, Wish},
    error::Code,
    log::fault::{Point, When},
};
use charter_tests::{AUTHORITY, TestApp, TestClock, app::SETTINGS, ask::error, wire::Wire};

use crate::{
    federation::{ISSUER, ROOT, SECTOR},
    kept::{until, within},
};

/// From commit at the subordinate to its effect at the superior.
pub const SOON: Duration = Duration::from_secs(2);
/// To begin, or to begin again after an interruption.
pub const BEGUN: Duration = Duration::from_secs(100);

/// Settings with which a superior polls once a minute: what it knows sooner, a feed has told.
pub fn slow() -> String {
    SETTINGS.replace("poll_ms = 50", "poll_ms = 50, peer_poll_ms = 60000")
}

/// A root that follows a sector.
struct Two {
    root: TestApp,
    sector: TestApp,
    wire: Wire,
    clock: Arc<TestClock>,
}

impl Two {
    async fn start(root: &str, sector: &str) -> Self {
        Self::until(root, sector, None).await
    }

    /// The delegation ends then, if it is to end.
    async fn until(root: &str, sector: &str, end: Option<Timestamp>) -> Self {
        let clock = Arc::new(TestClock::default());
        let root = TestApp::build().clock(&clock).registry(ROOT).settings(root).start().await;
        let sector = TestApp::build().clock(&clock).under(SECTOR, ROOT).settings(sector).start().await;
        let wire = Wire::to(sector.address).await;
        let two = Self { root, sector, wire, clock };
        two.delegates(&two.wire, None, end).await;
        two.sector.registry(SECTOR).registers(ISSUER).authorized("issue", "Degree").await;
        two
    }

    /// The sector is reached over a wire.
    async fn delegates(&self, wire: &Wire, from: Option<Timestamp>, until: Option<Timestamp>) {
        let registry = self.root.registry(ROOT);
        let time = |t: Timestamp| prost_types::Timestamp { seconds: t.secs(), nanos: 0 };
        let request = PutDelegationRequest {
            endpoint: wire.url.clone(),
            valid_from: from.map(time),
            valid_until: until.map(time),
            ..registry.delegation(&self.sector.registry(SECTOR), &["Degree"])
        };
        registry.client().put_delegation(registry.signed(request)).await.expect("delegated");
    }

    /// What the root says of the issuer.
    async fn line(&self) -> String {
        self.root.anonymous().asks(ISSUER, "issue", "Degree").both().await.line()
    }

    /// What the root knows of the sector.
    fn dep(&self) -> Arc<Dep> {
        let path = [ROOT.to_owned(), SECTOR.to_owned()];
        self.root.app.dependencies.find(&path).expect("an answer rests on it")
    }

    async fn is_followed(&self) {
        assert_eq!(self.line().await, "200 yes ACTIVE");
        until(BEGUN, "there is a feed", async || self.dep().is_fed()).await;
    }
}

#[tokio::test]
async fn a_revocation_is_heard_by_the_feed() {
    let two = Two::start(&slow(), SETTINGS).await;
    two.is_followed().await;
    let sector = two.sector.registry(SECTOR);
    within(SOON, "it was heard", async || {
        let epoch = sector.revokes(ISSUER).await;
        let acknowledged = Instant::now();
        until(BEGUN, "it was heard at all", async || two.dep().epoch() >= epoch).await;
        let took = acknowledged.elapsed();
        assert_eq!(two.line().await, "200 no REVOKED");
        let epoch = sector.reinstates(ISSUER).await;
        until(BEGUN, "it is proven", async || two.dep().epoch() >= epoch && two.dep().is_fed()).await;
        took
    })
    .await;
}

#[tokio::test]
async fn without_a_feed_the_epoch_is_polled() {
    let full = SETTINGS.replace("limits = {", "limits = { max_watchers = 0,");
    let two = Two::start(SETTINGS, &full).await;
    assert_eq!(two.line().await, "200 yes ACTIVE");
    let epoch = two.sector.registry(SECTOR).revokes(ISSUER).await;
    until(BEGUN, "it was polled", async || two.dep().epoch() >= epoch).await;
    assert!(!two.dep().is_fed(), "the sector has no place for watchers");
    assert_eq!(two.line().await, "200 no REVOKED");
}

#[tokio::test]
async fn whoever_falls_silent_rests_before_anybody_waits_for_it() {
    let two = Two::start(&slow(), SETTINGS).await;
    two.is_followed().await;
    let endpoint = PeerEndpoint { url: two.wire.url.clone(), pins: SpkiPins::default() };
    let rests = || two.root.app.protocol.resting(&endpoint).is_some();
    assert!(!rests());
    two.wire.silence();
    until(BEGUN, "its silence was noticed, and nobody had asked", async || rests()).await;
    let said = two.root.anonymous().asks("did:web:other.example", "issue", "Degree").rest().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE");
    assert!(said.message.contains("it is asked again in"), "{}", said.message);
    two.wire.mend();
    until(BEGUN, "it was tried", async || !rests()).await;
    assert_eq!(two.line().await, "200 yes ACTIVE");
}

#[tokio::test]
async fn a_feed_that_was_cut_goes_on_where_it_was() {
    let two = Two::start(&slow(), SETTINGS).await;
    two.is_followed().await;
    two.wire.cut();
    until(BEGUN, "the feed is lost", async || !two.dep().is_fed()).await;
    let sector = two.sector.registry(SECTOR);
    sector.registers("did:web:other.example").authorized("issue", "Degree").await;
    let revoked = sector.revokes(ISSUER).await;
    two.wire.mend();
    until(BEGUN, "what was missed is heard", async || two.dep().epoch() >= revoked).await;
    // Its endpoint may rest for a moment more; a yes is given no longer.
    until(BEGUN, "it is asked again", async || {
        let said = two.root.anonymous().asks(ISSUER, "issue", "Degree").rest().await;
        assert!(!said.yes, "{said:?}");
        said.line() == "200 no REVOKED"
    })
    .await;
    // Good news counts when a checkpoint proves it, and that takes every event before it.
    let reinstated = sector.reinstates(ISSUER).await;
    until(BEGUN, "it is proven", async || two.dep().epoch() >= reinstated).await;
    assert_eq!(two.line().await, "200 yes ACTIVE");
}

#[tokio::test]
async fn a_feed_from_where_the_subordinate_no_longer_is_confirms_nothing() {
    let end = Timestamp::from_secs(TestClock::default().now().secs() + 3_600);
    let two = Two::until(&slow(), SETTINGS, Some(end)).await;
    let elsewhere = Wire::to(two.sector.address).await;
    two.delegates(&elsewhere, Some(end), None).await;
    two.is_followed().await;
    // From here on the sector is elsewhere; at the old place somebody still sends signs of life.
    two.clock.advance(Duration::from_secs(3_601));
    assert_eq!(two.line().await, "200 yes ACTIVE");
    elsewhere.cut();
    until(BEGUN, "nothing confirms the answer", async || !two.dep().is_fed()).await;
}

#[tokio::test]
async fn bad_news_counts_before_it_is_published_and_good_news_after() {
    let two = Two::start(&slow(), SETTINGS).await;
    two.is_followed().await;
    two.sector.app.logs.faults.set(Point::Quorum, When::Before, 0, u32::MAX);
    let sector = two.sector.registry(SECTOR);
    let revoked = sector.revokes(ISSUER).await;
    until(BEGUN, "the revocation counts", async || two.dep().epoch() >= revoked).await;
    let reinstated = sector.reinstates(ISSUER).await;
    let heard = Instant::now();
    // A sign of life that is younger than the event comes after it.
    let since = async || two.dep().age().is_some_and(|age| age < heard.elapsed());
    until(BEGUN, "it was heard", since).await;
    assert_eq!(two.dep().epoch(), revoked, "it is not proven");
    two.sector.app.logs.faults.clear();
    until(BEGUN, "it is proven", async || two.dep().epoch() >= reinstated).await;
    assert_eq!(two.line().await, "200 yes ACTIVE");
}

/// Everything up to the first sign of life.
async fn sent(
    app: &TestApp,
    from_index: i64,
) -> (Vec<pb::WatchedEvent>, Vec<pb::WatchedLog>, pb::WatchedBeat) {
    let request = pb::WatchRequest { registry_id: AUTHORITY.to_owned(), from_index };
    let mut stream =
        FederationServiceClient::new(app.channel()).watch(request).await.expect("watched").into_inner();
    let (mut events, mut logs) = (Vec::new(), Vec::new());
    loop {
        let next = tokio::time::timeout(BEGUN, stream.message()).await.expect("in time").expect("an item");
        match next.and_then(|next| next.item).expect("not the end") {
            Sent::Event(event) => events.push(event),
            Sent::Log(log) => logs.push(log),
            Sent::Below(_) => {}
            Sent::Beat(beat) => return (events, logs, beat),
        }
    }
}

#[tokio::test]
async fn a_feed_says_what_has_happened_and_begins_at_any_index() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    let epoch = registry.revokes(ISSUER).await;
    let (events, _, beat) = sent(&app, 0).await;
    assert_eq!((beat.epoch, beat.lease_ms), (epoch, 2_000));
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..=epoch).collect::<Vec<_>>());
    for event in &events {
        assert_eq!(event.leaf_hash, charter_tlog::hash::leaf(&event.event).as_bytes());
    }
    let said = |kind: &str| events.iter().find(|e| e.kind == kind).map(|e| e.negative);
    assert_eq!((said("StatementMade"), said("StatusChanged")), (Some(false), Some(true)));
    let published =
        || async { app.app.logs.published(app.app.hosted.by_authority(AUTHORITY).expect("served")) };
    until(BEGUN, "all is published", || async {
        published().await.is_some_and(|log| i64::try_from(log.size) == Ok(epoch))
    })
    .await;
    let (events, logs, _) = sent(&app, epoch - 1).await;
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [epoch]);
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].checkpoint, published().await.expect("published").text);
    for from_index in [-1, epoch + 1, i64::MAX] {
        let request = pb::WatchRequest { registry_id: AUTHORITY.to_owned(), from_index };
        let refused = FederationServiceClient::new(app.channel()).watch(request).await.expect_err("refused");
        assert_eq!(error(&refused).line(), "400 INVALID", "{from_index}");
    }
}

#[tokio::test]
async fn who_leaves_a_feed_unread_is_ended_and_may_go_on() {
    let app = TestApp::start().await;
    let row = |n: u32| {
        let names = [("en".to_owned(), format!("Name {n}"))].into();
        let identifier = format!("did:web:e{n}.example");
        (n, RawRecord { identifier, names, country: "FI".to_owned(), ..RawRecord::default() })
    };
    app.registry(AUTHORITY).loads((1..=200).map(row).collect(), false).await.expect("loaded");
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let address = IpAddr::from([127, 0, 0, 1]);
    let wish = |after| Wish { after, feed: true, ..Wish::default() };
    let feed = watch::watch(&app.app, id, wish(0), address).await.expect("watched");
    let mut feed = feed.into_inner();
    until(BEGUN, "it is ended", async || feed.sender_strong_count() == 0).await;
    let (mut last, mut end) = (0, None);
    while let Some(item) = feed.recv().await {
        match item {
            Ok(Item::Event { seq, .. }) => last = seq,
            Ok(_) => {}
            Err(error) => end = Some(error.code),
        }
    }
    assert_eq!(end, Some(Code::Unavailable));
    assert!((1..200).contains(&last), "{last}");
    let feed = watch::watch(&app.app, id, wish(last), address).await.expect("watched again");
    let mut feed = feed.into_inner();
    let next = loop {
        match feed.recv().await.expect("more") {
            Ok(Item::Event { seq, .. }) => break seq,
            other => drop(other),
        }
    };
    assert_eq!(next, last + 1);
}
