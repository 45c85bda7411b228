//! After a revocation is acknowledged nobody says yes any more, whichever server and door is asked; and a change about
//! one entity costs the others nothing.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use charter_cache::Lookup;
use charter_domain::Kind;
use charter_proto::charter::registry::v1::{self as reg, set_status_request::Target};
use charter_proto::trqp::v2::{
    AuthorizationRequest, trust_registry_query_service_client::TrustRegistryQueryServiceClient,
};
use charter_server::App;
use charter_tests::{AUTHORITY, Rest, TestApp};
use serde_json::json;
use tokio::task::JoinSet;
use tonic::{Code, transport::Endpoint};

use crate::kept::{beside, percentile, raw, until};

const ENTITIES: usize = 20;
const CYCLES: usize = 50;
const READERS: usize = 8;

fn entity(n: usize) -> String {
    format!("did:web:e{n}.example")
}

/// What readers and writers know of one entity.
pub struct Watch {
    entity: String,
    /// Odd from the receipt of an acknowledged denial until the next reinstatement is sent.
    phase: AtomicU64,
    /// Questions answered within an odd phase.
    asked: AtomicU64,
}

impl Watch {
    pub fn of(entity: &str) -> Self {
        Self { entity: entity.to_owned(), phase: AtomicU64::new(0), asked: AtomicU64::new(0) }
    }

    /// From here on a yes is stale; returns when readers have asked.
    pub async fn is_denied(&self) {
        self.phase.fetch_add(1, Ordering::SeqCst);
        let enough = self.asked() + 2;
        let asked = || async { self.asked() >= enough };
        until(Duration::from_secs(60), "questions after the acknowledgement", asked).await;
    }

    /// From here on it is none: somebody is about to say so.
    pub fn may_be_yes(&self) {
        self.phase.fetch_add(1, Ordering::SeqCst);
    }

    /// Questions answered while it was denied.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

#[derive(Default)]
pub struct Counts {
    pub over: AtomicBool,
    pub answers: AtomicU64,
    pub stale: AtomicU64,
    /// Told to come back.
    pub late: AtomicU64,
    pub errors: AtomicU64,
}

enum Door {
    Rest(Rest),
    Grpc(TrustRegistryQueryServiceClient<tonic::transport::Channel>),
}

impl Door {
    fn new(reader: usize, address: SocketAddr) -> Self {
        if reader % 4 < 2 {
            return Self::Rest(Rest::new(address));
        }
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URL");
        Self::Grpc(TrustRegistryQueryServiceClient::new(endpoint.connect_lazy()))
    }

    /// None where the machine is busy, and the caller is told to come back.
    async fn says_yes(&mut self, entity: &str) -> Result<Option<bool>, String> {
        match self {
            Self::Rest(rest) => {
                let body = json!({ "authority_id": AUTHORITY, "entity_id": entity, "action": "issue",
                                   "resource": "Degree" });
                let reply = rest.post("/authorization", &body).await;
                if matches!(reply.status, 503 | 504) {
                    return Ok(None);
                }
                reply.json()["authorized"].as_bool().map(Some).ok_or_else(|| reply.text())
            }
            Self::Grpc(client) => {
                let request = AuthorizationRequest {
                    authority_id: AUTHORITY.to_owned(),
                    entity_id: entity.to_owned(),
                    action: "issue".to_owned(),
                    resource: "Degree".to_owned(),
                    ..AuthorizationRequest::default()
                };
                match client.authorization(request).await {
                    Ok(reply) => Ok(Some(reply.into_inner().authorized)),
                    Err(e) if matches!(e.code(), Code::Unavailable | Code::DeadlineExceeded) => Ok(None),
                    Err(e) => Err(e.to_string()),
                }
            }
        }
    }
}

/// Asks about one after the other until it is over.
pub async fn read(reader: usize, address: SocketAddr, watches: Arc<Vec<Watch>>, counts: Arc<Counts>) {
    let mut door = Door::new(reader, address);
    for turn in reader.. {
        if counts.over.load(Ordering::SeqCst) {
            break;
        }
        let n = turn % watches.len();
        let before = watches[n].phase.load(Ordering::SeqCst);
        let said = door.says_yes(&watches[n].entity).await;
        let after = watches[n].phase.load(Ordering::SeqCst);
        counts.answers.fetch_add(1, Ordering::Relaxed);
        match said {
            Ok(None) => {
                counts.late.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Some(yes)) if before % 2 == 1 && before == after => {
                watches[n].asked.fetch_add(1, Ordering::SeqCst);
                counts.stale.fetch_add(u64::from(yes), Ordering::SeqCst);
            }
            Ok(Some(_)) => {}
            Err(text) => {
                println!("{text}");
                counts.errors.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

/// Denies and reinstates one entity, each time after readers of both servers have asked about it.
async fn write(app: Arc<TestApp>, n: usize, watches: Arc<Vec<Watch>>) -> Vec<Duration> {
    let registry = app.registry(AUTHORITY);
    let mut client = registry.client();
    let mut waits = Vec::new();
    for cycle in 0..CYCLES {
        let mut set = async |state: &str| {
            let request = reg::SetStatusRequest {
                registry_id: AUTHORITY.to_owned(),
                target: Some(Target::EntityId(entity(n))),
                state: state.to_owned(),
                reason: "DECIDED_IN_A_TEST".to_owned(),
                effective_from: None,
                ..Default::default()
            };
            client.set_status(registry.signed(request)).await.expect("acknowledged");
        };
        let start = Instant::now();
        set(if cycle % 2 == 0 { "REVOKED" } else { "SUSPENDED" }).await;
        waits.push(start.elapsed());
        watches[n].is_denied().await;
        watches[n].may_be_yes();
        set("ACTIVE").await;
    }
    waits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_revocations_before_eight_readers_leave_no_stale_yes() {
    let app = Arc::new(TestApp::start().await);
    let rows = (1..).zip((0..ENTITIES).map(|n| raw(&entity(n)))).collect();
    app.registry(AUTHORITY).loads(rows, false).await.expect("loaded");
    let second = beside(&app, TestApp::build().registry(AUTHORITY)).await;
    let watches: Arc<Vec<Watch>> = Arc::new((0..ENTITIES).map(|n| Watch::of(&entity(n))).collect());
    let counts = Arc::new(Counts::default());
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let address = if reader % 2 == 0 { app.address } else { second.addresses[0] };
        readers.spawn(read(reader, address, Arc::clone(&watches), Arc::clone(&counts)));
    }
    let start = Instant::now();
    let mut writers = JoinSet::new();
    for n in 0..ENTITIES {
        writers.spawn(write(Arc::clone(&app), n, Arc::clone(&watches)));
    }
    let mut waits: Vec<Duration> = writers.join_all().await.concat();
    counts.over.store(true, Ordering::SeqCst);
    while let Some(done) = readers.join_next().await {
        done.expect("a reader");
    }
    let of = |count: &AtomicU64| count.load(Ordering::SeqCst);
    let within: u64 = watches.iter().map(Watch::asked).sum();
    println!(
        "{} denials in {:.1?}; acknowledged after P50 {:?}, P99 {:?}; {} answers, {within} after an acknowledged \
         denial, {} of them yes, {} late, {} errors",
        waits.len(),
        start.elapsed(),
        percentile(&mut waits, 50),
        percentile(&mut waits, 99),
        of(&counts.answers),
        of(&counts.stale),
        of(&counts.late),
        of(&counts.errors),
    );
    assert_eq!(waits.len(), 1_000);
    assert_eq!((of(&counts.stale), of(&counts.errors)), (0, 0));
    assert!(within >= 2_000, "{within}");
}

/// Entries of the cache in process that would be served now.
fn served(app: &App, entities: usize) -> usize {
    let registry = app.hosted.by_authority(AUTHORITY).expect("served");
    let is_kept = |n: &usize| {
        let entity = entity(*n);
        let lookup = Lookup {
            registry,
            kind: Kind::Authorization,
            authority: AUTHORITY,
            entity: &entity,
            action: "issue",
            resource: "Degree",
        };
        app.answers.get_local(&lookup, app.clock.now()).is_some()
    };
    (0..entities).filter(is_kept).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_about_one_entity_leaves_the_entries_of_the_others() {
    const MANY: usize = 200;
    let app = TestApp::start().await;
    let rows = (1..).zip((0..MANY).map(|n| raw(&entity(n)))).collect();
    app.registry(AUTHORITY).loads(rows, false).await.expect("loaded");
    let second = beside(&app, TestApp::build().registry(AUTHORITY)).await;
    for address in [app.address, second.addresses[0]] {
        let mut door = Door::new(0, address);
        for n in 0..MANY {
            let said = loop {
                if let Some(yes) = door.says_yes(&entity(n)).await.expect("an answer") {
                    break yes;
                }
            };
            assert!(said, "{n}");
        }
    }
    // A lease may pass for a moment on a busy machine; entries that are dropped never come back by themselves.
    let all = |app: &Arc<App>, at_least: usize| {
        let app = Arc::clone(app);
        move || {
            let app = Arc::clone(&app);
            async move { served(&app, MANY) >= at_least }
        }
    };
    for server in [&app.app, &second.app] {
        until(Duration::from_secs(30), "all are kept", all(server, MANY)).await;
    }
    let epoch = app.registry(AUTHORITY).revokes(&entity(7)).await;
    let registry = app.app.hosted.by_authority(AUTHORITY).expect("served");
    for server in [&app.app, &second.app] {
        let noticed = || async { server.register.watched(registry) == Some(epoch) };
        until(Duration::from_secs(30), "the change is noticed", noticed).await;
        // One more may share the slot of the changed one (1 in 4,096 each): that costs a miss, nothing else.
        until(Duration::from_secs(30), "the others are kept", all(server, MANY - 2)).await;
        assert!(served(server, MANY) < MANY, "the changed one is gone");
        println!("{} of {MANY} entries kept after a change about one entity", served(server, MANY));
    }
}
