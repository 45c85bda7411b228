//! A copy of a federation: it answers as the servers do, without them, until it is too old; and nothing of it changes by what
//! cannot be believed.

pub mod forged;
mod served;

use std::{path::Path, sync::Arc, time::Duration};

use charter_cli::mirror::{LocalCopy, Said, Source, Synced, sync};
use charter_domain::{
    Action, AuthorityId, Context, EntityId, Kind, Outcome, Query, Resource, Timestamp, time::Clock,
};
use charter_proof::{AnchorSet, SnapshotIndex};
use charter_proto::charter::registry::v1::set_status_request::Target;
use charter_server::tasks::renewal;
use charter_tests::{TestApp, TestClock, app::SETTINGS};
use tempfile::TempDir;

const ROOT: &str = "did:web:root.example";
const EDU: &str = "did:web:education.example";
const HEALTH: &str = "did:web:health.example";
const DAY: Duration = Duration::from_secs(86_400);
/// Longer than an index is served without being looked at.
const LATER: Duration = Duration::from_secs(5);

/// Root and two sectors, three servers with three databases, and a directory for a copy.
pub struct Federation {
    pub clock: Arc<TestClock>,
    pub root: TestApp,
    pub edu: TestApp,
    pub health: TestApp,
    pub dir: TempDir,
    pub anchors: AnchorSet,
}

/// The entities of the fixture, by what is told of them.
const EDUCATED: [&str; 7] = ["active", "suspended", "revoked", "ended", "expired", "early", "narrow"];

fn entity(name: &str) -> String {
    format!("did:web:{name}.example")
}

impl Federation {
    pub async fn start() -> Self {
        let clock = Arc::new(TestClock::default());
        // Nothing is renewed but when a test says so.
        let settings = format!("{SETTINGS}\ndocuments = {{ renew_every_secs = 3600 }}");
        let build = || TestApp::build().clock(&clock).settings(&settings);
        let root = build().registry(ROOT).start().await;
        let edu = build().under(EDU, ROOT).start().await;
        let health = build().under(HEALTH, ROOT).start().await;
        let file = root.rest().get("/.well-known/trust-anchors").await.body;
        let anchors = AnchorSet::parse(&file).expect("an anchor set");
        let dir = tempfile::tempdir().expect("a directory");
        let this = Self { clock, root, edu, health, dir, anchors };
        this.fill().await;
        this
    }

    async fn fill(&self) {
        let (root, edu, health) =
            (self.root.registry(ROOT), self.edu.registry(EDU), self.health.registry(HEALTH));
        root.delegates(&edu, &["Degree"]).await;
        root.delegates(&health, &["Prescription"]).await;
        root.registers(&entity("ministry")).authorized("issue", "Licence").await;
        for name in EDUCATED {
            let made = edu.registers(&entity(name)).authorized("issue", "Degree");
            match name {
                "expired" => made.valid("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z").await,
                "early" => made.valid("2090-01-01T00:00:00Z", "").await,
                "narrow" => made.within("FI").provided("eqf_level", &["6", "7"]).await,
                _ => made.await,
            };
        }
        edu.suspends(&entity("suspended")).await;
        edu.revokes(&entity("revoked")).await;
        edu.ends(&entity("ended")).await;
        health.registers(&entity("hospital")).authorized("issue", "Prescription").await;
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub async fn syncs(&self) -> Result<Synced, String> {
        let source = Source::at(&self.root.url());
        sync(&source, self.path(), &self.anchors, self.clock.now()).await.map_err(|f| f.message)
    }

    pub fn opens(&self) -> LocalCopy {
        LocalCopy::open(self.path(), self.anchors.clone()).expect("a copy")
    }

    /// What the copy as it is now says of it now.
    fn says(&self, name: &str, resource: &str) -> String {
        line(&self.opens().answer(&question(name, resource), self.clock.now(), DAY))
    }

    /// The index that a registry serves now.
    pub async fn index(app: &TestApp) -> SnapshotIndex {
        let reply = app.rest().get("/snapshot").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        SnapshotIndex::peek(&reply.text()).expect("an index")
    }
}

pub fn question(name: &str, resource: &str) -> Query {
    Query {
        kind: Kind::Authorization,
        authority: AuthorityId::parse(ROOT).expect("valid"),
        entity: EntityId::parse(&entity(name)).expect("valid"),
        action: Action::parse("issue").expect("valid"),
        resource: Resource::parse(resource).expect("valid"),
        context: Context::default(),
    }
}

/// In the words that a server's answer has in these tests.
pub fn line(said: &Said) -> String {
    match said.reason.outcome() {
        Outcome::Yes => format!("200 yes {}", said.reason),
        Outcome::No => format!("200 no {}", said.reason),
        Outcome::Indeterminate => format!("503 {}", said.reason),
    }
}

fn asked() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> = EDUCATED.iter().map(|name| (*name, "Degree")).collect();
    all.extend([
        ("hospital", "Prescription"),
        ("ministry", "Licence"),
        ("hospital", "Degree"),
        ("active", "Licence"),
    ]);
    all
}

#[tokio::test]
async fn a_copy_answers_as_the_servers_did_until_it_is_too_old() {
    let federation = Federation::start().await;
    let mut expected = Vec::new();
    for (name, resource) in asked() {
        let said = federation.root.anonymous().asks(&entity(name), "issue", resource).rest().await;
        // What is not listed anywhere the copy cannot tell from what was never heard of.
        let known = if said.status == 404 { "200 no NOT_LISTED".to_owned() } else { said.line() };
        expected.push((name, resource, known, said.decided_by, said.unstated));
    }
    assert!(expected.iter().filter(|(_, _, line, ..)| line == "200 yes ACTIVE").count() >= 4, "{expected:?}");
    let done = federation.syncs().await.expect("a copy");
    assert_eq!((done.registries, done.failed.clone()), (3, Vec::new()));
    assert!(done.fetched > 0);
    let (made, copy) = (federation.clock.now(), federation.opens());
    let Federation { root, edu, health, .. } = federation;
    for app in [root, edu, health] {
        app.stop().await;
    }
    let last = made.plus(DAY).minus(Duration::from_secs(1));
    for (name, resource, known, decided_by, unstated) in &expected {
        for now in [made, last] {
            let said = copy.answer(&question(name, resource), now, DAY);
            assert_eq!(&line(&said), known, "{name} {resource} at {now}: {said:?}");
            assert_eq!(said.as_of, made);
            if known == "200 yes ACTIVE" {
                assert_eq!((said.decided_by.as_str(), &said.unstated), (decided_by.as_str(), unstated));
                assert_eq!(said.chain.len(), if decided_by == ROOT { 2 } else { 3 });
            }
        }
        let late = copy.answer(&question(name, resource), made.plus(DAY), DAY);
        assert_eq!((line(&late).as_str(), late.chain.len()), ("503 STALE", 0), "{name} {resource}");
    }
}

#[tokio::test]
async fn authorities_contexts_and_past_instants_are_heard() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    let (copy, now) = (federation.opens(), federation.clock.now());
    let ask = |change: &dyn Fn(&mut Query)| {
        let mut query = question("narrow", "Degree");
        change(&mut query);
        line(&copy.answer(&query, now, DAY))
    };
    let to =
        |authority: &'static str| ask(&move |q| q.authority = AuthorityId::parse(authority).expect("valid"));
    assert_eq!(to(EDU), "200 yes ACTIVE");
    assert_eq!(to(HEALTH), "200 no UNKNOWN_AUTHORITY", "no delegation of it covers degrees");
    assert_eq!(to("did:web:nobody.example"), "200 no UNKNOWN_AUTHORITY");
    let with = |name: &str, value: &str| {
        let context = Context::parse([(name, value)]).expect("a context");
        ask(&move |q| q.context = context.clone())
    };
    assert_eq!(with("jurisdiction", "SE"), "200 no OUT_OF_JURISDICTION");
    assert_eq!(with("jurisdiction", "FI-18"), "200 yes ACTIVE");
    assert_eq!(with("eqf_level", "5"), "200 no CONDITION_NOT_MET");
    assert_eq!(with("eqf_level", "7"), "200 yes ACTIVE");
    assert_eq!(with("known_at", "1"), "503 UNVERIFIABLE");
    let past = |name: &str, at: &str| {
        let mut query = question(name, "Degree");
        query.context.time = Some(Timestamp::parse(at).expect("valid"));
        line(&copy.answer(&query, now, DAY))
    };
    assert_eq!(past("expired", "2020-06-01T00:00:00Z").split(' ').next(), Some("200"));
    assert_eq!(past("early", "2090-06-01T00:00:00Z"), "200 yes ACTIVE");
}

#[tokio::test]
async fn a_revocation_comes_as_a_delta() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    let before = Federation::index(&federation.edu).await.contents;
    assert_eq!(federation.says("active", "Degree"), "200 yes ACTIVE");
    federation.clock.advance(LATER);
    federation.edu.registry(EDU).revokes(&entity("active")).await;
    let done = federation.syncs().await.expect("a copy");
    let after = Federation::index(&federation.edu).await.contents;
    assert_eq!(after.snapshot, before.snapshot);
    assert_eq!((after.serial, after.deltas.len()), (before.serial + 1, before.deltas.len() + 1));
    assert!(after.epoch > before.epoch);
    let delta: u64 = after.deltas.last().expect("a delta").files.iter().map(|f| f.size).sum();
    let whole: u64 = after.snapshot.files.iter().map(|f| f.size).sum();
    assert!(delta * 3 < whole, "{delta} bytes of {whole}");
    assert_eq!(done.fetched, delta, "nothing else was fetched");
    assert_eq!(federation.says("active", "Degree"), "200 no REVOKED");
}

#[tokio::test]
async fn a_suspended_sector_is_silent_in_the_copy_too() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    federation.clock.advance(LATER);
    let root = federation.root.registry(ROOT);
    root.sets(Target::SubordinateId(EDU.to_owned()), "SUSPENDED").await;
    federation.syncs().await.expect("a copy");
    let said = federation.root.anonymous().asks(&entity("active"), "issue", "Degree").rest().await;
    assert_eq!(said.line(), "200 no ANCESTOR_SUSPENDED");
    assert_eq!(federation.says("active", "Degree"), said.line());
    assert_eq!(federation.says("hospital", "Prescription"), "200 yes ACTIVE");
}

#[tokio::test]
async fn what_is_held_no_longer_leaves_the_copy() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    federation.clock.advance(LATER);
    // As a correction does it; what takes its place is made by it too.
    let admin = federation.edu.database.admin(&federation.edu.database.name).await;
    let closed = admin
        .execute(
            "update statements set recorded = int8range(lower(recorded), 1000)
              where statement_id = (select min(statement_id) from statements)",
            &[],
        )
        .await;
    assert_eq!(closed.expect("closed"), 1);
    federation.syncs().await.expect("a copy");
    assert_eq!(federation.says("active", "Degree"), "200 no NOT_LISTED");
    assert_eq!(federation.says("narrow", "Degree"), "200 yes ACTIVE");
}

#[tokio::test]
async fn renewed_documents_come_along() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    for round in 0..3 {
        federation.clock.advance(Duration::from_secs(13 * 3_600));
        for app in [&federation.root, &federation.edu, &federation.health] {
            let done = renewal::once(&app.app).await;
            assert!(done.renewed > 0 && done.refused == 0, "{round} {done:?}");
        }
        let done = federation.syncs().await.expect("a copy");
        assert_eq!(done.failed, Vec::new(), "{round}");
        let now = federation.clock.now().plus(DAY).minus(Duration::from_secs(1));
        let said = federation.opens().answer(&question("active", "Degree"), now, DAY);
        assert_eq!(line(&said), "200 yes ACTIVE", "{round} {said:?}");
    }
}

#[tokio::test]
async fn a_sector_that_is_away_grows_old_alone() {
    let mut federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    let made = federation.clock.now();
    let elsewhere = TestApp::start().await;
    std::mem::replace(&mut federation.health, elsewhere).stop().await;
    federation.clock.advance(Duration::from_secs(7_200));
    let done = federation.syncs().await.expect("a copy");
    let failed: Vec<&str> = done.failed.iter().map(|(who, _)| who.as_str()).collect();
    assert_eq!((done.registries, failed), (3, vec![HEALTH]));
    let copy = federation.opens();
    let at = |name: &str, resource: &str, now| line(&copy.answer(&question(name, resource), now, DAY));
    let bound = made.plus(DAY);
    let before = bound.minus(Duration::from_secs(1));
    assert_eq!(at("hospital", "Prescription", before), "200 yes ACTIVE");
    assert_eq!(at("hospital", "Prescription", bound), "503 STALE");
    assert_eq!(at("active", "Degree", bound), "200 yes ACTIVE");
}
