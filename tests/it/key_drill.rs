//! The drill: a sector's key is replaced, then its next one is stolen, while verifiers ask the root and check every proof
//! under anchors that they pinned before. The stolen one is refused at every place where it was believed.

mod compromise;
mod places;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use charter_domain::{Context, Kind, Query, Timestamp, time::Clock};
use charter_proof::{AnchorSet, Chain, EntityConfiguration, SubordinateStatement, verify::verify};
use charter_proto::charter::{
    federation::v1::{GetSubordinateStatementRequest, federation_service_client::FederationServiceClient},
    registry::v1::{
        self as pb, CheckKeyRequest, key_service_client::KeyServiceClient, propose_request::Change,
    },
};
use charter_server::tasks::renewal;
use charter_signing::{JwkSet, jws};
use charter_tests::{
    TestClock,
    governed::{Governed, ISSUER},
};
use futures::future::join_all;

use self::places::Places;
use crate::{
    federation::{ROOT, SECTOR},
    governance::said,
    kept::until,
    key::{anchors, by_security, kid, rotates, stamp},
};

const RESOURCE: &str = "Licence";
/// Of the sector's settings: how long ahead it announces a key.
const HOLD_DOWN: Duration = Duration::from_secs(20);
const AHEAD: Duration = Duration::from_secs(30);
/// More than the time that passes in the test.
const BEHIND: Duration = Duration::from_secs(600);
/// What is promised of the whole federation.
const EVERYWHERE: Duration = Duration::from_secs(60);
/// For what a busy machine may be late with.
const PATIENCE: Duration = Duration::from_secs(60);
const VERIFIERS: usize = 4;
/// An entity that only the thief states.
const VICTIM: &str = "did:web:forged.example";

/// A sealed root and a sealed sector below it, each with staff of its own.
struct Two {
    root: Governed,
    sector: Governed,
    clock: Arc<TestClock>,
    /// As verifiers pinned them before anything happened.
    pinned: AnchorSet,
}

/// What verifiers have seen.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    proven: AtomicUsize,
    failed: Mutex<Vec<String>>,
    /// Which keys signed the leaves.
    kids: Mutex<BTreeSet<String>>,
}

impl Two {
    async fn start() -> Self {
        // Questions carry deadlines of the real clock: one that is ahead of it would find them passed.
        let clock = Arc::<TestClock>::default();
        clock.set(clock.now().minus(BEHIND));
        let root = Governed::start_of(ROOT, &clock, |build| build.registry(ROOT)).await;
        let details = format!("key_hold_down_secs = {}", HOLD_DOWN.as_secs());
        let sector =
            Governed::start_of(SECTOR, &clock, |build| build.under(SECTOR, ROOT).details(&details)).await;
        let authorization = pb::ImportAuthorization {
            action: "issue".to_owned(),
            resource: RESOURCE.to_owned(),
            ..Default::default()
        };
        let statement = pb::MakeStatement {
            entity_id: ISSUER.to_owned(),
            authorization: Some(authorization),
            ..Default::default()
        };
        sector.decides(Change::MakeStatement(statement)).await;
        let made = root.app.registry(ROOT).delegation(&sector.app.registry(SECTOR), &[RESOURCE]);
        let pinned = anchors(&root).await;
        let two = Self { root, sector, clock, pinned };
        two.decides(Change::Delegation(pb::PutDelegationRequest { registry_id: String::new(), ..made }))
            .await;
        two
    }

    /// A change at the root: one proposes, another approves.
    async fn decides(&self, change: Change) {
        let draft = self.root.person("otto").proposes(change).await.expect("proposed");
        self.root.person("anna").approves(&draft).await.expect("approved");
    }

    /// The root states these keys of the sector from now on.
    async fn states(&self, keys: &JwkSet) {
        let subordinate_id = SECTOR.to_owned();
        let change =
            pb::CorrectDelegation { subordinate_id, jwks_json: keys.to_json(), ..Default::default() };
        self.decides(Change::CorrectDelegation(change)).await;
    }

    /// The keys that the sector shows of itself, believed because a key that the root states has signed them.
    async fn shown(&self) -> JwkSet {
        let text = self.sector.app.rest().get("/.well-known/openid-federation").await.text();
        let known = self.stated().await.1.jwks;
        EntityConfiguration::parse_verified(&text, &known).expect("signed by a key that is stated").jwks
    }

    /// What the root states of the sector, signed and read.
    async fn stated(&self) -> (String, SubordinateStatement) {
        let request = GetSubordinateStatementRequest {
            authority_id: ROOT.to_owned(),
            subordinate_id: SECTOR.to_owned(),
        };
        let mut client = FederationServiceClient::new(self.root.app.channel());
        let reply = client.get_subordinate_statement(request).await.expect("a statement").into_inner();
        let keys = &anchors(&self.root).await.anchors.remove(0).jwks;
        let read = SubordinateStatement::parse_verified(&reply.subordinate_statement, keys).expect("its own");
        (reply.subordinate_statement, read)
    }

    fn query(entity: &str, time: Option<Timestamp>) -> Query {
        let context = Context { time, ..Context::default() };
        let query = Query::parse(Kind::Authorization, (ROOT, entity, "issue", RESOURCE), context);
        query.expect("a question")
    }

    fn proves(&self, links: &[String], entity: &str, time: Option<Timestamp>) -> Result<(), String> {
        let now = self.clock.now();
        let times = (time.unwrap_or(now), now);
        proven(links, &Self::query(entity, time), &self.pinned, times, None)
    }

    /// Asks the root and verifies what it shows; the links.
    async fn checked(&self, time: Option<Timestamp>) -> Result<Vec<String>, String> {
        let asking = self.root.app.anonymous().asks(ISSUER, "issue", RESOURCE).with("evidence", "chain");
        let asking = match time {
            Some(time) => asking.at(time),
            None => asking,
        };
        let said = asking.rest().await;
        if said.line() != "200 yes ACTIVE" {
            return Err(format!("{} {}", said.line(), said.message));
        }
        self.proves(&said.chain, ISSUER, time)?;
        Ok(said.chain)
    }

    /// The links now, once there is an answer.
    async fn answered(&self) -> Vec<String> {
        once(|| self.checked(None)).await
    }

    /// Verifiers who ask again and again.
    async fn verifiers(&self, load: &Load) {
        join_all((0..VERIFIERS).map(|n| self.verifier(load, n))).await;
    }

    /// Half of them ask for what may be kept, and half for what may not.
    async fn verifier(&self, load: &Load, n: usize) {
        while !load.stop.load(Ordering::Relaxed) {
            let time = (n % 2 == 1).then(|| self.clock.now());
            match self.checked(time).await {
                Ok(links) => {
                    load.proven.fetch_add(1, Ordering::Relaxed);
                    let kid = jws::kid(&links[0]).expect("a kid");
                    load.kids.lock().expect("not poisoned").insert(kid);
                }
                Err(why) => load.failed.lock().expect("not poisoned").push(why),
            }
        }
    }

    /// Waits until some more answers were checked.
    async fn goes_on(&self, load: &Load) {
        let checked =
            || load.proven.load(Ordering::Relaxed) + load.failed.lock().expect("not poisoned").len();
        let enough = checked() + 2 * VERIFIERS;
        until(PATIENCE, "verifiers go on", async || checked() >= enough).await;
    }

    /// Time passes a second at a time, while verifiers go on.
    async fn waits(&self, load: &Load, how_long: Duration) {
        for _ in 0..how_long.as_secs() {
            self.clock.advance(Duration::from_secs(1));
            self.goes_on(load).await;
        }
    }

    /// Announced, stated by the superior, held down, used; then the old key retires and is stated no longer.
    async fn rotation(&self, load: &Load) {
        self.goes_on(load).await;
        let old = kid(&self.sector, "ACTIVE").await;
        let soon = pb::RotateKey { active_from: stamp(&self.sector, HOLD_DOWN / 2) };
        for refused in [pb::RotateKey::default(), soon] {
            let refused = self.sector.person("alice").proposes(Change::RotateKey(refused)).await;
            assert_eq!(said(&refused.expect_err("before it can be stated")), "409 ILLEGAL_TRANSITION");
        }
        rotates(&self.sector, AHEAD).await;
        let new = kid(&self.sector, "ANNOUNCED").await;
        let both = self.shown().await;
        assert!(
            both.find(&old).is_some() && both.find(&new).is_some(),
            "the old key vouches for the new one"
        );
        self.states(&both).await;
        assert_eq!(self.stated().await.1.jwks, both);
        self.waits(load, AHEAD).await;
        assert!(renewal::once(&self.sector.app.app).await.renewed > 0, "signed again, by the new key");
        let retire = pb::RetireKey { kid: old.clone(), from: None };
        by_security(&self.sector, Change::RetireKey(retire)).await;
        let signed = || load.kids.lock().expect("not poisoned").contains(&new);
        until(PATIENCE, "the new key signs what the root shows", async || signed()).await;
        self.states(&self.shown().await).await;
        assert!(self.stated().await.1.jwks.find(&old).is_none());
        self.goes_on(load).await;
        load.stop.store(true, Ordering::Relaxed);
    }

    async fn verdict(&self, kid: &str) -> String {
        let request = CheckKeyRequest { kid: kid.to_owned(), ..Default::default() };
        let mut client = KeyServiceClient::new(self.sector.app.channel());
        client.check_key(request).await.expect("checked").into_inner().verdict
    }
}

/// Whether the statement at the end of a chain that was shown is signed by that key.
fn signed_by(shown: &Result<Vec<String>, String>, kid: &str) -> bool {
    shown.as_ref().is_ok_and(|links| jws::kid(&links[0]).is_ok_and(|found| found == kid))
}

/// The first answer, where the machine is busy.
async fn once<F: Future<Output = Result<Vec<String>, String>>>(mut asks: impl FnMut() -> F) -> Vec<String> {
    let end = Instant::now() + PATIENCE;
    loop {
        match asks().await {
            Ok(links) => return links,
            Err(why) => assert!(Instant::now() < end, "{why}"),
        }
    }
}

/// The same chain about what another statement says.
fn with_leaf(links: &[String], leaf: String) -> Vec<String> {
    std::iter::once(leaf).chain(links[1..].iter().cloned()).collect()
}

/// Verifies a chain about an instant, at an instant.
fn proven(
    links: &[String],
    query: &Query,
    anchors: &AnchorSet,
    (at, now): (Timestamp, Timestamp),
    max_age: Option<Duration>,
) -> Result<(), String> {
    let chain = Chain::new(links.to_vec()).map_err(|e| e.to_string())?;
    verify(&chain, query, anchors, at, now, max_age).map(drop).map_err(|e| e.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_while_a_key_is_replaced_and_a_stolen_one_is_refused_everywhere_in_time() {
    let (two, load) = (Two::start().await, Load::default());
    tokio::join!(two.verifiers(&load), two.rotation(&load));
    let failed = load.failed.lock().expect("not poisoned").clone();
    let (proven, kids) = (load.proven.load(Ordering::Relaxed), load.kids.lock().expect("not poisoned").len());
    println!("{proven} answers proven, {} failed, under {kids} keys", failed.len());
    assert_eq!((failed, kids), (Vec::new(), 2));

    let (places, load) = (Places::start(&two).await, Load::default());
    tokio::join!(two.verifiers(&load), two.compromise(&places, &load));
    let failed = load.failed.lock().expect("not poisoned").clone();
    println!("{} answers proven and {} failed meanwhile", load.proven.load(Ordering::Relaxed), failed.len());
    // Who could not be answered was told so; nobody was shown what does not verify, and nobody a no.
    assert!(failed.iter().all(|why| why.starts_with("503 UNVERIFIABLE")), "{failed:?}");
}
