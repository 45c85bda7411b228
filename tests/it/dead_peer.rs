//! A subordinate that takes connections and says nothing: it is waited for once, and nobody else waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use charter_cache::DEP_LEASE;
use charter_domain::{Timestamp, time::Clock};
use charter_proto::charter::registry::v1 as reg;
use charter_signing::{Algorithm, JwkSet, Signer, SoftwareSigner};
use charter_tests::{AUTHORITY, Asking, TestApp};
use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::{
    kept::until,
    peer::{PEER, Peer, statement, yes},
};

const DEAD: &str = "did:web:dead.example";
const PATIENCE: Duration = Duration::from_secs(60);
/// Questions to the other branch.
const OTHERS: usize = 100;
const ENTITY: &str = "did:web:honest.example";

/// What an endpoint that keeps silent has had.
#[derive(Debug, Default)]
pub struct Knocks {
    connections: AtomicUsize,
}

impl Knocks {
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// An endpoint that accepts, listens and keeps silent.
pub async fn silent() -> (String, Arc<Knocks>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", socket.local_addr().expect("bound"));
    let knocks = Arc::<Knocks>::default();
    let counted = Arc::clone(&knocks);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            counted.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut bytes = [0; 4_096];
                while stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
            });
        }
    });
    (endpoint, knocks)
}

/// Lets the dead one speak for everything.
async fn delegates(app: &TestApp, endpoint: String) {
    let registry = app.registry(AUTHORITY);
    let key = SoftwareSigner::generate(Algorithm::Es256).expect("a key").key().clone();
    let request = reg::PutDelegationRequest {
        registry_id: AUTHORITY.to_owned(),
        subordinate_id: DEAD.to_owned(),
        entity_identifier: "https://dead.example".to_owned(),
        jwks_json: JwkSet::new(vec![key]).expect("a set").to_json(),
        endpoint,
        scope: vec![reg::Grant {
            actions: vec!["issue".to_owned()],
            resources: vec!["*".to_owned()],
            ..reg::Grant::default()
        }],
        answers_as_own: true,
        ..Default::default()
    };
    registry.client().put_delegation(registry.signed(request)).await.expect("delegated");
}

/// Half of the shortest hop: whoever had to wait for a registry would take longer.
const AT_ONCE: Duration = Duration::from_millis(500);

/// The shortest of a few askings, of no more than it takes: a busy machine is no slow answer.
async fn quickest(asking: &Asking<'_>, line: &str) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        let said = asking.rest().await;
        assert_eq!(said.line(), line, "{}", said.message);
        best = best.min(start.elapsed());
        if best < AT_ONCE {
            break;
        }
    }
    best
}

#[tokio::test]
async fn a_dead_subordinate_is_waited_for_once_and_the_other_branch_never_again() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    let (endpoint, knocks) = silent().await;
    peer.is_delegated(&app).await;
    delegates(&app, endpoint).await;
    let now = app.clock.now();
    peer.says(ENTITY, Ok(yes(vec![statement(ENTITY, now).sign(&peer.signer).expect("signed")], now)));
    // Only the dead one may speak for it.
    let alone = app.anonymous().asks(ENTITY, "issue", "Licence").at_once();
    let said = alone.rest().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE");
    assert!(
        said.message.contains(&format!("{AUTHORITY} -> {DEAD}: did not answer in time")),
        "{}",
        said.message
    );
    // Nobody knocks again while it rests: what was learnt from the first is said.
    let opened = knocks.connections();
    until(PATIENCE, "it rests", async || alone.grpc().await.message.contains("it is asked again in")).await;
    assert_eq!(knocks.connections(), opened);
    // It is tried again, and nobody waits for that: each is told that it rests.
    until(PATIENCE, "it was tried", async || {
        let said = alone.grpc().await;
        assert!(said.message.contains("it is asked again in"), "{}", said.message);
        said.message.contains("(failure 3 in a row)")
    })
    .await;
    // With a time nothing is kept: each is asked for anew.
    let both = app.anonymous().asks(ENTITY, "issue", "Degree").at(now);
    let (rested, other) =
        (quickest(&alone, "503 UNVERIFIABLE").await, quickest(&both, "200 yes ACTIVE").await);
    assert!(rested < AT_ONCE && other < AT_ONCE, "{rested:?} {other:?}");
    let said = both.grpc().await;
    assert_eq!((said.line().as_str(), said.decided_by.as_str()), ("200 yes ACTIVE", PEER));
    // Questions that the other branch alone can answer: each is asked there, and none waits for the dead one.
    let asked = peer.asked().len();
    for _ in 0..OTHERS {
        let body = json!({ "authority_id": PEER, "entity_id": ENTITY, "action": "issue", "resource": "Degree",
            "context": { "time": now.to_string() } });
        let said = app.rest().post("/api/v1/resolve", &body).await.json();
        let steps = said["path"].as_array().expect("a path");
        assert!(said["outcome"] == "yes" && steps.iter().all(|s| s["authority_id"] != DEAD), "{said}");
    }
    assert_eq!(peer.asked().len() - asked, OTHERS);
}

#[tokio::test]
async fn a_yes_that_the_dead_one_could_deny_is_not_kept_for_long() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    let (endpoint, _) = silent().await;
    peer.is_delegated(&app).await;
    delegates(&app, endpoint).await;
    let now = app.clock.now();
    peer.says(ENTITY, Ok(yes(vec![statement(ENTITY, now).sign(&peer.signer).expect("signed")], now)));
    let body = json!({ "entity_id": ENTITY, "action": "issue", "resource": "Degree" });
    let said = app.rest().post("/api/v1/resolve", &body).await.json();
    assert_eq!(said["outcome"], "yes", "{said}");
    let dead = said["path"].as_array().and_then(|path| path.iter().find(|s| s["authority_id"] == DEAD));
    assert_eq!(dead.expect("it was asked")["epoch"], -1, "{said}");
    let time = |name: &str| Timestamp::parse(said[name].as_str().expect("a text")).expect("a time");
    assert!(time("expires_at").since(time("time_evaluated")) <= DEP_LEASE, "{said}");
}
