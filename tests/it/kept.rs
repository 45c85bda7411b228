//! What the tests of the store share: a store on a database of its own, dice with a seed, waiting for a condition.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use charter_domain::{
    AuthorityId, HttpsId, Kind, Registry, RegistryId, Timestamp,
    policy::{Caller, Load, Open, Permit, permit},
    record::{RawAuthorization, RawRecord, Record},
    replay::Recorded,
    time::Clock,
};
use charter_server::{Config, serve};
use charter_store::{Error, Question, Settings, Store, Tx, registry::NewRegistry};
use charter_tests::{Asking, Said, TestApp, TestClock, app::Build, database::Database};

/// Whether all is asked for of what is otherwise done in part: `WHOLE=1`, at the size of a nation.
pub fn whole() -> bool {
    std::env::var("WHOLE").is_ok_and(|text| text == "1")
}

/// A store with nothing in front of it.
pub struct Kept {
    pub database: Database,
    pub store: Store,
    pub clock: Arc<TestClock>,
}

impl Kept {
    pub async fn new() -> Self {
        Self::with(4, Duration::from_secs(10)).await
    }

    pub async fn with(pool_size: usize, statement_timeout: Duration) -> Self {
        let database = Database::create().await;
        let clock = Arc::new(TestClock::default());
        let url = database.url("charter_runtime");
        let settings = Settings {
            url,
            pool_size,
            hot_connections: 2,
            statement_timeout,
            synchronous_standbys: 0,
            tls: None,
        };
        let store = Store::new(settings, Arc::clone(&clock) as Arc<dyn Clock>).expect("a store");
        Self { database, store, clock }
    }

    /// A registry, opened, with the permission to load into it.
    pub async fn registry(&self, name: &str) -> (Registry, Permit<Load>) {
        let new = NewRegistry {
            authority: AuthorityId::parse(&format!("did:web:{name}.example")).expect("valid"),
            entity_identifier: HttpsId::parse(&format!("https://{name}.example")).expect("valid"),
            slug: name.to_owned(),
            name: name.to_owned(),
            jurisdiction: "FI".to_owned(),
            history_since: Timestamp::from_secs(0),
        };
        let registry = self.store.ensure_registry(new).await.expect("a registry");
        let open = permit::<Open>(&Caller::System, registry.id, registry.phase).expect("permitted");
        let opened = registry.clone();
        let written = self.store.write("test.open", registry.id, move |tx| tx.open(&open, &opened));
        written.await.expect("opened");
        let load = permit::<Load>(&Caller::Bootstrap, registry.id, registry.phase).expect("permitted");
        (registry, load)
    }

    pub async fn load(&self, permit: &Permit<Load>, records: Vec<Record>) -> i64 {
        let owned = permit.clone();
        let change = move |tx: &mut Tx<'_>| tx.load(&owned, &records);
        loop {
            match self.store.write("test.load", permit.registry(), change.clone()).await {
                // No connection within two seconds: a caller is told to come back, and comes back.
                Err(Error::Unavailable(text)) if text.contains("slot") => {}
                written => return written.expect("loaded").epoch,
            }
        }
    }

    pub async fn events(&self, registry: RegistryId) -> Vec<Recorded> {
        let bodies = self.store.event_bodies(registry, 0, i64::MAX).await.expect("events");
        bodies.iter().map(|b| Recorded::parse(b).expect("readable")).collect()
    }
}

pub fn question(registry: RegistryId, entity: &str) -> Question<'_> {
    Question {
        registry,
        kind: Kind::Authorization,
        entity,
        action: "issue",
        resource: "Degree",
        known_at: None,
    }
}

/// An entity that may issue `Degree`.
pub fn raw(identifier: &str) -> RawRecord {
    RawRecord {
        identifier: identifier.to_owned(),
        names: [("en".to_owned(), format!("Name of {identifier}"))].into(),
        country: "FI".to_owned(),
        authorizations: vec![RawAuthorization {
            action: "issue".to_owned(),
            resource: "Degree".to_owned(),
            ..RawAuthorization::default()
        }],
        ..RawRecord::default()
    }
}

pub fn record(identifier: &str) -> Record {
    Record::parse(raw(identifier)).expect("a record")
}

/// Random numbers that a seed repeats (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let n = self.below(list.len() as u64);
        &list[usize::try_from(n).expect("small")]
    }
}

/// Waits until a condition holds; panics when it does not within the limit. The last look begins after the limit: a
/// machine that stood still for a moment is no reason to fail.
pub async fn until<F: Future<Output = bool>>(limit: Duration, what: &str, mut holds: impl FnMut() -> F) {
    let end = tokio::time::Instant::now() + limit;
    loop {
        let last = tokio::time::Instant::now() >= end;
        if holds().await {
            return;
        }
        assert!(!last, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What is measured takes less than the limit: the best of three counts, since a busy machine may spoil one.
pub async fn within<F: Future<Output = Duration>>(
    limit: Duration,
    what: &str,
    mut measure: impl FnMut() -> F,
) {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        best = best.min(measure().await);
        if best < limit {
            break;
        }
    }
    assert!(best < limit, "not within {limit:?} but {best:?}: {what}");
}

/// Asks until the answer is the new one. The old one is right for `limit` at most: not for who asks after that, however long
/// the answer takes.
pub async fn turns(
    asking: &Asking<'_>,
    limit: Duration,
    old: impl Fn(&Said) -> bool,
    new: impl Fn(&Said) -> bool,
) {
    let begun = tokio::time::Instant::now();
    loop {
        let asked = begun.elapsed();
        let said = asking.rest().await;
        if new(&said) {
            return;
        }
        assert!(asked < limit || !old(&said), "asked after {asked:?}: {said:?}");
        assert!(asked < Duration::from_secs(30), "not within 30 s: {said:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The smallest of the times that at least that share of all does not exceed.
pub fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent).div_ceil(100).max(1) - 1]
}

/// Another server on the database of the first, with the same keys and token.
pub async fn beside(first: &TestApp, build: Build) -> serve::Running {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let toml = build.toml(&first.database, first.directory(), address);
    let config = Config::from_toml(&toml).expect("a valid configuration");
    let clock = Arc::clone(&first.clock) as Arc<dyn Clock>;
    serve::start(config, clock).await.expect("a second server")
}
