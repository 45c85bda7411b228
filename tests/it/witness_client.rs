//! A log and its witnesses: who is down, slow, lying or restored from an older state keeps nobody else from cosigning,
//! and below the quorum nothing is published, while writes go on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use charter_domain::RegistryId;
use charter_server::{log::Published, witness::peers::Outcome};
use charter_signing::Signer;
use charter_tests::{
    AUTHORITY, TestApp, TestClock,
    hand_log::{key, signing},
};
use charter_tlog::{
    cosign,
    note::{KeyKind, Vkey},
    proof,
    witness::{AddCheckpoint, Seen},
};

use crate::kept::until;

const SOON: Duration = Duration::from_secs(30);
/// Longer than a witness that was silent now and then rests.
const LATEST: Duration = Duration::from_secs(90);

/// What a witness of a test does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Honest,
    Slow,
    /// 500 for everything.
    Broken,
    /// 409 with a size that no log has.
    Bigger,
    /// Its line has a signature that does not verify.
    Forged,
    /// Its line is by a key that nobody configured.
    Stranger,
    /// 200 and no signature lines.
    Nonsense,
    /// 200 and more bytes than anybody reads.
    Flood,
}

/// A witness of its own, over real HTTP. It checks the proofs that it gets.
pub(crate) struct Peer {
    key: Arc<dyn Signer>,
    vkey: Vkey,
    url: String,
    way: Mutex<Way>,
    seen: Mutex<Option<Seen>>,
    asked: Mutex<Vec<(u64, u64)>>,
}

impl Peer {
    pub(crate) async fn start(name: &str, way: Way) -> Arc<Self> {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (key, vkey) = key(name, KeyKind::CosignatureV1);
        let url = format!("http://{}/w", socket.local_addr().expect("bound"));
        let (way, seen, asked) = (Mutex::new(way), Mutex::default(), Mutex::default());
        let peer = Arc::new(Self { key, vkey, url, way, seen, asked });
        let router =
            Router::new().route("/w/add-checkpoint", post(add)).route("/w/{log}/checkpoint", get(shows));
        let router = router.with_state(Arc::clone(&peer));
        tokio::spawn(async move { axum::serve(socket, router).await });
        peer
    }

    pub(crate) fn setting(&self) -> String {
        format!("{{ url = \"{}\", vkey = \"{}\" }}", self.url, self.vkey)
    }

    fn turns(&self, way: Way) {
        *self.way.lock().expect("a lock") = way;
    }

    pub(crate) fn has(&self) -> u64 {
        self.seen.lock().expect("a lock").as_ref().map_or(0, Seen::size)
    }

    /// As the protocol says.
    fn honest(&self, request: &AddCheckpoint) -> (StatusCode, String) {
        let mut seen = self.seen.lock().expect("a lock");
        let (size, new) = (seen.as_ref().map_or(0, Seen::size), request.checkpoint.checkpoint());
        if request.old != size {
            return (StatusCode::CONFLICT, format!("{size}\n"));
        }
        if let Some(seen) = seen.as_ref().filter(|_| size > 0) {
            let (old, root) = (seen.size(), seen.root());
            proof::verify_consistency(old, root, new.size(), new.root(), &request.proof).expect("a proof");
        }
        *seen = Some(Seen::new(request.checkpoint.clone()));
        (StatusCode::OK, self.line(request, self.key.as_ref(), &self.vkey))
    }

    fn line(&self, request: &AddCheckpoint, key: &dyn Signer, vkey: &Vkey) -> String {
        let signed = signing(key, vkey, |signer| {
            cosign::cosign(request.checkpoint.checkpoint(), 1_800_000_000, signer)
        });
        format!("{}\n", signed.expect("signed"))
    }
}

/// What an honest one cosigned last, for everybody.
async fn shows(State(peer): State<Arc<Peer>>) -> (StatusCode, String) {
    let honest = *peer.way.lock().expect("a lock") == Way::Honest;
    let seen = peer.seen.lock().expect("a lock");
    let text = seen.as_ref().filter(|_| honest).map(|seen| seen.signed().to_string());
    text.map_or((StatusCode::NOT_FOUND, String::new()), |text| (StatusCode::OK, text))
}

async fn add(State(peer): State<Arc<Peer>>, body: Bytes) -> (StatusCode, String) {
    let request = AddCheckpoint::parse(&body).expect("a request of the protocol");
    let way = *peer.way.lock().expect("a lock");
    peer.asked.lock().expect("a lock").push((request.old, request.checkpoint.checkpoint().size()));
    match way {
        Way::Honest => peer.honest(&request),
        Way::Slow => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            peer.honest(&request)
        }
        Way::Broken => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        Way::Bigger => (StatusCode::CONFLICT, "4611686018427387904\n".to_owned()),
        Way::Forged => {
            let mut line = peer.line(&request, peer.key.as_ref(), &peer.vkey).into_bytes();
            let at = line.len() - 20;
            line[at] = if line[at] == b'A' { b'B' } else { b'A' };
            (StatusCode::OK, String::from_utf8(line).expect("ASCII after the dash"))
        }
        Way::Stranger => {
            let (other, vkey) = key(peer.vkey.name().as_str(), KeyKind::CosignatureV1);
            (StatusCode::OK, peer.line(&request, other.as_ref(), &vkey))
        }
        Way::Nonsense => (StatusCode::OK, "thank you\n".to_owned()),
        Way::Flood => (StatusCode::OK, "x".repeat(4 << 20)),
    }
}

/// A registry whose log has these witnesses, and a quorum.
async fn witnessed(clock: &Arc<TestClock>, quorum: usize, witnesses: &[String]) -> TestApp {
    let list = witnesses.join(", ");
    let details = format!("log = {{ quorum = {quorum}, witnesses = [{list}] }}");
    TestApp::build().clock(clock).registry(AUTHORITY).details(&details).start().await
}

fn id(app: &TestApp) -> RegistryId {
    app.app.hosted.by_authority(AUTHORITY).expect("served")
}

fn last(app: &TestApp, peer: &Peer) -> Option<Outcome> {
    app.app.witness.client.peers.last(id(app), &peer.vkey)
}

/// Something is written, and acknowledged.
async fn writes(app: &TestApp, n: u32) -> u64 {
    app.registry(AUTHORITY).registers(&format!("did:web:u{n}.example")).authorized("issue", "Degree").await;
    u64::try_from(app.app.store.epoch(id(app)).await.expect("an epoch")).expect("positive")
}

async fn published(app: &TestApp, size: u64) -> Arc<Published> {
    let deadline = tokio::time::Instant::now() + SOON;
    app.app.logs.wait(id(app), size, deadline).await.expect("published")
}

/// Writes until a checkpoint is published with which this holds: a busy machine may be late for one.
async fn until_published(
    app: &TestApp,
    n: &mut u32,
    what: &str,
    holds: impl Fn(&Published) -> bool,
) -> Arc<Published> {
    let end = tokio::time::Instant::now() + LATEST;
    loop {
        *n += 1;
        let size = writes(app, *n).await;
        let published = published(app, size).await;
        if holds(&published) {
            return published;
        }
        assert!(tokio::time::Instant::now() < end, "not within {LATEST:?}: {what}");
    }
}

/// Who cosigned it, in order.
fn cosigners(published: &Published, peers: &[&Arc<Peer>]) -> Vec<String> {
    let keys: Vec<Vkey> = peers.iter().map(|peer| peer.vkey.clone()).collect();
    let found = cosign::verify(&published.checkpoint, &keys).unwrap_or_default();
    let mut names: Vec<String> = found.into_iter().map(|cosigned| cosigned.name.to_string()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_quorum_is_enough_whatever_the_others_do() {
    let bad = [
        (Way::Broken, Outcome::Refused),
        (Way::Bigger, Outcome::Ahead),
        (Way::Forged, Outcome::Unsigned),
        (Way::Stranger, Outcome::Unsigned),
        (Way::Nonsense, Outcome::Unusable),
        (Way::Flood, Outcome::Unusable),
        (Way::Slow, Outcome::TimedOut),
    ];
    let clock = Arc::default();
    let one = Peer::start("one.example/witness", Way::Honest).await;
    let other = Peer::start("other.example/witness", Way::Honest).await;
    let nobody = "{ url = \"http://127.0.0.1:9/w\", vkey = \"".to_owned()
        + &key("down.example/witness", KeyKind::CosignatureV1).1.to_string()
        + "\" }";
    let app = witnessed(&clock, 1, &[one.setting(), other.setting(), nobody]).await;
    let (mut n, both) = (0, [&one, &other]);
    until_published(&app, &mut n, "both cosign", |first| cosigners(first, &both).len() == 2).await;
    for (way, outcome) in bad {
        other.turns(way);
        until_published(&app, &mut n, &format!("{way:?}"), |published| {
            assert_eq!(cosigners(published, &both), ["one.example/witness"], "{way:?}");
            (last(&app, &one), last(&app, &other)) == (Some(Outcome::Cosigned), Some(outcome))
        })
        .await;
        assert!(app.app.logs.known_ahead(id(&app)).is_none(), "a claim that nobody signed: {way:?}");
    }
    // While it rests nobody waits for it; well again, it gets what it missed in one step.
    let began = tokio::time::Instant::now();
    let asked = || other.asked.lock().expect("a lock").len();
    let before = asked();
    n += 1;
    let size = writes(&app, n).await;
    published(&app, size).await;
    assert!(asked() == before || began.elapsed() > Duration::from_secs(1), "it was not left to rest");
    other.turns(Way::Honest);
    let again = |published: &Published| cosigners(published, &both).len() == 2;
    let last = until_published(&app, &mut n, "it is asked again", again).await;
    assert_eq!((one.has(), other.has()), (last.size, last.size));
}

#[tokio::test]
async fn below_the_quorum_writes_go_on_and_nothing_is_published() {
    let clock = Arc::default();
    let one = Peer::start("one.example/witness", Way::Honest).await;
    let other = Peer::start("other.example/witness", Way::Broken).await;
    let app = witnessed(&clock, 2, &[one.setting(), other.setting()]).await;
    let size = writes(&app, 1).await;
    app.registry(AUTHORITY).revokes("did:web:u1.example").await;
    let said = app.anonymous().asks("did:web:u1.example", "issue", "Degree").both().await;
    assert_eq!(said.line(), "200 no REVOKED", "a revocation waits for no witness");
    until(SOON, "it was asked", async || last(&app, &other) == Some(Outcome::Refused)).await;
    assert!(app.app.logs.published(id(&app)).is_none(), "nobody may see what one witness alone has seen");
    other.turns(Way::Honest);
    let published = published(&app, size + 1).await;
    assert_eq!(cosigners(&published, &[&one, &other]).len(), 2);
}

#[tokio::test]
async fn a_witness_that_was_restored_is_told_from_where_it_is() {
    let clock = Arc::default();
    let one = Peer::start("one.example/witness", Way::Honest).await;
    let app = witnessed(&clock, 1, &[one.setting()]).await;
    let first = published(&app, writes(&app, 1).await).await;
    let older = one.seen.lock().expect("a lock").clone();
    published(&app, writes(&app, 2).await).await;
    *one.seen.lock().expect("a lock") = older;
    one.asked.lock().expect("a lock").clear();
    let size = writes(&app, 3).await;
    let last = published(&app, size).await;
    assert_eq!((one.has(), cosigners(&last, &[&one]).len()), (last.size, 1));
    let asked = one.asked.lock().expect("a lock").clone();
    // Once from where it was thought to be, once from where it said that it is.
    assert!(asked.iter().any(|(old, _)| *old <= first.size) && asked.len() >= 2, "{asked:?}");
    // And one that has nothing at all.
    *one.seen.lock().expect("a lock") = None;
    let size = writes(&app, 4).await;
    let last = published(&app, size).await;
    assert_eq!(cosigners(&last, &[&one]).len(), 1);
}
