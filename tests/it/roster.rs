//! Who keeps which entity: a superior that follows the feeds of its subordinates asks those who may know of it, and is told
//! whose answers have changed, also of registries further below.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use charter_cache::{Dep, Entry, Lookup, entity_tag};
use charter_domain::{Kind, RegistryId};
use charter_proto::charter::registry::v1::PutDelegationRequest;
use charter_server::app::answer::Kept;
use charter_tests::{TestApp, TestClock, app::SETTINGS, wire::Wire};

use crate::{
    federation::{ISSUER, NATION, ROOT, SECTOR},
    feed::{BEGUN, slow},
    kept::until,
};

const OTHER: &str = "did:web:other.example";
/// What a feed tells comes at once; on a busy machine later, and how soon is measured elsewhere.
const SOON: Duration = BEGUN;
/// Held by one nation.
const HELD: [&str; 3] = [ISSUER, "did:web:second.example", "did:web:third.example"];
/// More than may be asked at once.
const NATIONS: usize = 10;

fn nation(n: usize) -> String {
    format!("did:web:n{n}.example")
}

/// What a root knows, by its feeds.
fn lacking(root: &TestApp, entity: &str) -> Vec<String> {
    let lacking = root.app.hosted.rosters.lacking(id(root, ROOT), entity).expect("served");
    lacking.subordinates.iter().map(ToString::to_string).collect()
}

fn id(app: &TestApp, authority: &str) -> RegistryId {
    app.app.hosted.by_authority(authority).expect("served")
}

async fn line(root: &TestApp, entity: &str) -> String {
    root.anonymous().asks(entity, "issue", "Degree").rest().await.line()
}

/// How many registries of a server were asked something: each keeps its answer.
fn answered(app: &TestApp) -> u64 {
    app.app.answers.run_pending_tasks();
    app.app.answers.len()
}

/// A root, and its nations on one other server.
struct Many {
    root: TestApp,
    nations: TestApp,
    wire: Wire,
}

impl Many {
    async fn start(nations: &str) -> Self {
        let clock = Arc::new(TestClock::default());
        let root = TestApp::build().clock(&clock).registry(ROOT).settings(&slow()).start().await;
        let mut build = TestApp::build().clock(&clock).settings(nations);
        for n in 0..NATIONS {
            build = build.under(&nation(n), ROOT);
        }
        let nations = build.start().await;
        let wire = Wire::to(nations.address).await;
        let many = Self { root, nations, wire };
        for n in 0..NATIONS {
            many.delegates(n).await;
        }
        for entity in HELD {
            many.nations.registry(&nation(3)).registers(entity).authorized("issue", "Degree").await;
        }
        many
    }

    async fn delegates(&self, n: usize) {
        let registry = self.root.registry(ROOT);
        let request = PutDelegationRequest {
            endpoint: self.wire.url.clone(),
            ..registry.delegation(&self.nations.registry(&nation(n)), &["Degree"])
        };
        registry.client().put_delegation(registry.signed(request)).await.expect("delegated");
    }

    /// The root's answer, as it keeps it: while the nation is heard of.
    async fn kept(&self, entity: &str) -> Arc<Entry<Kept>> {
        let (registry, kind, authority) = (id(&self.root, ROOT), Kind::Authorization, ROOT);
        let lookup = Lookup { registry, kind, authority, entity, action: "issue", resource: "Degree" };
        let end = Instant::now() + BEGUN;
        loop {
            let line = line(&self.root, entity).await;
            let kept = self.root.app.answers.get_local(&lookup, self.root.app.clock.now());
            match kept.filter(|_| line == "200 yes ACTIVE") {
                Some(kept) => return kept,
                None => assert!(Instant::now() < end, "{entity} is not kept: {line}"),
            }
        }
    }

    /// Waits for an answer. While a feed is silent for a moment there are too many to ask.
    async fn says(&self, entity: &str, expected: &str) {
        until(BEGUN, expected, async || line(&self.root, entity).await == expected).await;
    }

    /// The root asks about an entity that it has not asked about: how many of the nations. Where a feed was silent for a
    /// moment those are asked that it tells of, so the least of three counts.
    async fn asked(&self, entities: &[&str; 3], expected: &str) -> u64 {
        let mut least = u64::MAX;
        for entity in entities {
            self.known(NATIONS).await;
            let before = answered(&self.nations);
            self.says(entity, expected).await;
            least = least.min(answered(&self.nations).saturating_sub(before));
        }
        least
    }

    async fn known(&self, sure: usize) {
        until(BEGUN, "the feeds are here", async || lacking(&self.root, OTHER).len() == sure).await;
    }
}

#[tokio::test]
async fn of_many_only_who_may_know_is_asked() {
    let many = Many::start(SETTINGS).await;
    many.known(NATIONS).await;
    let one_has = |entity: &&str| lacking(&many.root, entity).len() == NATIONS - 1;
    until(SOON, "one has them", async || HELD.iter().all(one_has)).await;
    assert_eq!(many.asked(&HELD, "200 yes ACTIVE").await, 1, "one question was sent");
    let said = many.root.anonymous().asks(ISSUER, "issue", "Degree").rest().await;
    assert_eq!((said.line().as_str(), said.decided_by), ("200 yes ACTIVE", nation(3)));
    let nobodys = ["did:web:x.example", "did:web:y.example", "did:web:z.example"];
    assert_eq!(many.asked(&nobodys, "404 UNKNOWN_ENTITY").await, 0, "nobody has it, so nobody was asked");
    many.says(OTHER, "404 UNKNOWN_ENTITY").await;
    many.nations.registry(&nation(5)).registers(OTHER).authorized("issue", "Degree").await;
    until(SOON, "it is found", async || line(&many.root, OTHER).await == "200 yes ACTIVE").await;
    // A second nation that knows it may have something else to say.
    let suspends = many.nations.registry(&nation(6));
    suspends.registers(OTHER).authorized("issue", "Degree").await;
    suspends.suspends(OTHER).await;
    until(SOON, "a denial overrides", async || line(&many.root, OTHER).await == "200 no SUSPENDED").await;
}

#[tokio::test]
async fn who_gives_no_feed_is_asked() {
    let places = NATIONS - 1;
    let few = SETTINGS.replace("limits = {", &format!("limits = {{ max_watchers = {places},"));
    let many = Many::start(&few).await;
    let mut all = Vec::new();
    // One of three counts: where a feed was silent for a moment, others are asked too.
    for entity in HELD {
        many.known(places).await;
        let known = lacking(&many.root, OTHER);
        let silent = (0..NATIONS).map(nation).find(|n| !known.contains(n)).expect("one has no place");
        until(SOON, "it is known who has it", async || !lacking(&many.root, entity).contains(&nation(3)))
            .await;
        let before = answered(&many.nations);
        many.says(entity, "200 yes ACTIVE").await;
        let asked = answered(&many.nations).saturating_sub(before);
        all.push((asked, if silent == nation(3) { 1 } else { 2 }));
    }
    assert!(all.iter().any(|(asked, expected)| asked == expected), "{all:?}");
}

#[tokio::test]
async fn without_feeds_nobody_is_known_to_lack_anything() {
    let many = Many::start(SETTINGS).await;
    many.known(NATIONS).await;
    many.says(OTHER, "404 UNKNOWN_ENTITY").await;
    many.wire.cut();
    until(BEGUN, "the feeds are lost", async || lacking(&many.root, OTHER).is_empty()).await;
    assert_eq!(line(&many.root, OTHER).await, "503 UNVERIFIABLE", "ten are too many to ask");
    let located = many.root.anonymous().asks(ISSUER, "issue", "Degree").with("locator", &nation(3));
    many.wire.mend();
    until(BEGUN, "it is asked", async || located.rest().await.line() == "200 yes ACTIVE").await;
    many.known(NATIONS).await;
    many.says(OTHER, "404 UNKNOWN_ENTITY").await;
}

#[tokio::test]
async fn a_change_ends_the_answers_about_its_subject_alone() {
    let many = Many::start(SETTINGS).await;
    many.nations.registry(&nation(3)).registers(OTHER).authorized("issue", "Degree").await;
    until(BEGUN, "it is known who has them", async || {
        lacking(&many.root, "did:web:nobody.example").len() == NATIONS
            && !lacking(&many.root, OTHER).contains(&nation(3))
    })
    .await;
    let (about, other) = (many.kept(ISSUER).await, many.kept(OTHER).await);
    // What is told of each subject begins with the first sign of life after an answer rests on the nation.
    let dep = || {
        let path = [ROOT.to_owned(), nation(3)];
        many.root.app.dependencies.find(&path).expect("answers rest on it")
    };
    until(BEGUN, "it is fed", async || dep().is_fed()).await;
    assert!(holds(&about) && holds(&other));
    let revoked = many.nations.registry(&nation(3)).revokes(ISSUER).await;
    until(SOON, "it was heard", async || dep().epoch() >= revoked).await;
    assert!(!holds(&about) && holds(&other));
    until(BEGUN, "it is revoked", async || {
        let line = line(&many.root, ISSUER).await;
        assert_ne!(line, "200 yes ACTIVE");
        line == "200 no REVOKED"
    })
    .await;
    assert!(holds(&other), "also when a later epoch was seen");
}

/// Nothing is known that touches an answer.
fn holds(entry: &Entry<Kept>) -> bool {
    let tag = entity_tag(entry.question().entity);
    entry.deps.iter().all(|(dep, epoch)| dep.accepts(tag, *epoch))
}

/// Root, nation and sector on three servers; the root polls once a minute unless it is told to do otherwise.
struct Three {
    root: TestApp,
    _nation: TestApp,
    sector: TestApp,
}

impl Three {
    async fn start(root: &str, nation: &str) -> Self {
        let clock = Arc::new(TestClock::default());
        let root = TestApp::build().clock(&clock).registry(ROOT).settings(root).start().await;
        let nation = TestApp::build().clock(&clock).under(NATION, ROOT).settings(nation).start().await;
        let sector = TestApp::build().clock(&clock).under(SECTOR, NATION).start().await;
        root.registry(ROOT).delegates(&nation.registry(NATION), &["Degree"]).await;
        nation.registry(NATION).delegates(&sector.registry(SECTOR), &["Degree"]).await;
        sector.registry(SECTOR).registers(ISSUER).authorized("issue", "Degree").await;
        Self { root, _nation: nation, sector }
    }

    /// What the root knows of the sector.
    fn dep(&self) -> Arc<Dep> {
        let path = [ROOT, NATION, SECTOR].map(str::to_owned);
        self.root.app.dependencies.find(&path).expect("an answer rests on it")
    }
}

#[tokio::test]
async fn a_revocation_two_levels_below_is_heard_by_feed() {
    let three = Three::start(&slow(), &slow()).await;
    assert_eq!(line(&three.root, ISSUER).await, "200 yes ACTIVE");
    until(BEGUN, "the nation passes it on", async || three.dep().is_fed()).await;
    assert_eq!(line(&three.root, ISSUER).await, "200 yes ACTIVE");
    let revoked = three.sector.registry(SECTOR).revokes(ISSUER).await;
    until(SOON, "it was heard", async || three.dep().epoch() >= revoked).await;
    assert_eq!(line(&three.root, ISSUER).await, "200 no REVOKED");
}

#[tokio::test]
async fn a_revocation_two_levels_below_is_polled_where_there_is_no_feed() {
    let full = SETTINGS.replace("limits = {", "limits = { max_watchers = 0,");
    let three = Three::start(SETTINGS, &full).await;
    assert_eq!(line(&three.root, ISSUER).await, "200 yes ACTIVE");
    let revoked = three.sector.registry(SECTOR).revokes(ISSUER).await;
    until(BEGUN, "it was polled", async || three.dep().epoch() >= revoked).await;
    assert!(!three.dep().is_fed());
    assert_eq!(line(&three.root, ISSUER).await, "200 no REVOKED");
}

#[tokio::test]
async fn entities_further_below_are_known_by_what_the_nation_passes_on() {
    let three = Three::start(&slow(), &slow()).await;
    until(BEGUN, "all is known, and that the sector has it", async || {
        lacking(&three.root, OTHER) == [NATION] && lacking(&three.root, ISSUER).is_empty()
    })
    .await;
    let sector = three.sector.registry(SECTOR);
    sector.registers(OTHER).authorized("issue", "Degree").await;
    until(SOON, "it has appeared", async || lacking(&three.root, OTHER).is_empty()).await;
    assert_eq!(line(&three.root, OTHER).await, "200 yes ACTIVE");
}

#[tokio::test]
async fn what_is_below_on_the_same_server_is_passed_on_too() {
    let clock = Arc::new(TestClock::default());
    let root = TestApp::build().clock(&clock).registry(ROOT).settings(&slow()).start().await;
    let both = TestApp::build().clock(&clock).under(NATION, ROOT).under(SECTOR, NATION).start().await;
    let (nation, sector) = (both.registry(NATION), both.registry(SECTOR));
    root.registry(ROOT).delegates(&nation, &["Degree"]).await;
    nation.delegates(&sector, &["Degree"]).await;
    sector.registers(ISSUER).authorized("issue", "Degree").await;
    until(BEGUN, "all is known", async || {
        lacking(&root, OTHER) == [NATION] && lacking(&root, ISSUER).is_empty()
    })
    .await;
    assert_eq!(line(&root, ISSUER).await, "200 yes ACTIVE");
    let path = [ROOT, NATION, SECTOR].map(str::to_owned);
    let dep = || root.app.dependencies.find(&path).expect("an answer rests on it");
    until(BEGUN, "it is passed on", async || dep().is_fed()).await;
    let revoked = sector.revokes(ISSUER).await;
    until(SOON, "it was heard", async || dep().epoch() >= revoked).await;
    assert_eq!(line(&root, ISSUER).await, "200 no REVOKED");
}
