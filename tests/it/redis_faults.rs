//! Redis dead, frozen, emptied or written to by a stranger: the answers stay right, and soon.

use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use charter_domain::record::RawStatus;
use charter_tests::{
    AUTHORITY, Rest, TestApp,
    alerts::{Scrape, fires},
    app::Build,
    program::free_address,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::kept::{beside, percentile, raw, until};

/// Every third is revoked.
const ENTITIES: usize = 60;
/// For what comes at all, on a busy machine.
const LATEST: Duration = Duration::from_secs(60);

/// A Redis of this test alone.
struct Redis {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Redis {
    async fn start() -> Self {
        let port = free_address().port();
        let dir = tempfile::tempdir().expect("a directory");
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(dir.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server");
        let redis = Self { child, port, _dir: dir };
        let answers = || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() };
        until(LATEST, "Redis answers", answers).await;
        redis
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|p| i32::try_from(p).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("running"), signal).expect("signalled");
    }

    async fn keys(&self) -> (redis::aio::MultiplexedConnection, Vec<String>) {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("connected");
        let keys = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("keys");
        (connection, keys)
    }
}

/// Settings of a server with the Redis at this port.
fn with_redis(port: u16, secret: &Path) -> Build {
    let settings = format!(
        "cache = {{ lease_ms = 500, poll_ms = 100 }}
         limits = {{ per_address_rps = 100000, per_address_burst = 100000, global_rps = 100000, deadline_ms = 10000 }}
         redis = {{ url = \"redis://127.0.0.1:{port}\", secret_file = \"{}\" }}",
        secret.display()
    );
    TestApp::build().registry(AUTHORITY).settings(&settings)
}

fn secret() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file"); // Mode 0600.
    std::fs::write(file.path(), "0123456789abcdef0123456789abcdef").expect("written");
    file
}

async fn server(port: u16, secret: &Path, entities: usize) -> TestApp {
    let app = with_redis(port, secret).start().await;
    let row = |n: usize| {
        let mut raw = raw(&format!("did:web:e{n}.example"));
        if n.is_multiple_of(3) {
            let from = "2020-01-01T00:00:00Z".to_owned();
            raw.status = Some(RawStatus { state: "REVOKED".to_owned(), from, reason: "R".to_owned() });
        }
        raw
    };
    let rows: Vec<_> = (1..).zip((0..entities).map(row)).collect();
    for chunk in rows.chunks(500) {
        app.registry(AUTHORITY).loads(chunk.to_vec(), false).await.expect("loaded");
    }
    app
}

/// Asks about each; every answer must be right. The time each took.
async fn all_right(address: SocketAddr, entities: impl Iterator<Item = usize>) -> Vec<Duration> {
    let rest = Rest::new(address);
    let mut times = Vec::new();
    for n in entities {
        let body = json!({ "authority_id": AUTHORITY, "entity_id": format!("did:web:e{n}.example"),
                           "action": "issue", "resource": "Degree" });
        let start = Instant::now();
        let reply = rest.post("/authorization", &body).await;
        times.push(start.elapsed());
        assert_eq!(reply.json()["authorized"], n % 3 != 0, "e{n}: {} {}", reply.status, reply.text());
    }
    times
}

/// `charter_cache_requests_total` of the Redis tier, over all servers of this process.
async fn counted(app: &TestApp, result: &str) -> u64 {
    let text = app.rest().get("/metrics").await.text();
    let of = |line: &&str| {
        line.starts_with("charter_cache_requests_total")
            && line.contains("cache=\"redis\"")
            && line.contains(&format!("result=\"{result}\""))
    };
    let value = text.lines().find(of).and_then(|l| l.rsplit(' ').next()?.parse().ok());
    value.unwrap_or_default()
}

/// Asks about each at a server that has no answers in process.
async fn cold(app: &TestApp, redis: &Redis, secret: &Path) {
    let cold = beside(app, with_redis(redis.port, secret)).await;
    all_right(cold.addresses[0], 0..ENTITIES).await;
    cold.stop().await;
}

/// Entries are written in the background. One that Redis was late for is not tried again: it is asked for anew.
async fn filled(app: &TestApp, redis: &Redis, secret: &Path) {
    let end = Instant::now() + LATEST;
    loop {
        for _ in 0..100 {
            if redis.keys().await.1.len() == ENTITIES {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(Instant::now() < end, "not every answer is in Redis");
        cold(app, redis, secret).await;
    }
}

/// Asks at cold servers until so many more of their questions to Redis had a result: who is late is not waited for.
async fn until_counted(app: &TestApp, redis: &Redis, secret: &Path, (result, more): (&str, u64)) {
    let enough = counted(app, result).await + more;
    until(LATEST, result, async || {
        cold(app, redis, secret).await;
        counted(app, result).await >= enough
    })
    .await;
}

/// Puts these there, and asks until fifty were seen through.
async fn forged(app: &TestApp, redis: &Redis, secret: &Path, values: &[(String, Vec<u8>)]) {
    let enough = counted(app, "forged").await + 50;
    until(LATEST, "they are seen through", async || {
        let (mut connection, _) = redis.keys().await;
        for (key, value) in values {
            redis::cmd("SET").arg(key).arg(value).exec_async(&mut connection).await.expect("set");
        }
        cold(app, redis, secret).await;
        counted(app, "forged").await >= enough
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_at_the_start_it_is_not_missed_and_killed_in_flight_neither() {
    let secret = secret();
    let app = server(free_address().port(), secret.path(), ENTITIES).await;
    all_right(app.address, 0..ENTITIES).await;
    let redis = Redis::start().await;
    let app = server(redis.port, secret.path(), ENTITIES).await;
    all_right(app.address, 0..ENTITIES).await;
    filled(&app, &redis, secret.path()).await;
    until_counted(&app, &redis, secret.path(), ("hit", 20)).await;
    // The next one sees it die.
    let (before, over) = (counted(&app, "hit").await, AtomicBool::new(false));
    let asks = async {
        cold(&app, &redis, secret.path()).await;
        over.store(true, Ordering::SeqCst);
    };
    let kill = async {
        let in_use = async || counted(&app, "hit").await > before || over.load(Ordering::SeqCst);
        until(LATEST, "it is asked", in_use).await;
        redis.signal(Signal::KILL);
    };
    tokio::join!(asks, kill);
    until_counted(&app, &redis, secret.path(), ("failed", 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_it_costs_a_few_milliseconds() {
    let (secret, redis) = (secret(), Redis::start().await);
    let app = server(redis.port, secret.path(), 2_100).await;
    all_right(app.address, 0..100).await;
    let before = Scrape::with(&app, "charter_redis_up", 1.0).await;
    redis.signal(Signal::STOP);
    let limit = Duration::from_millis(40);
    let mut p99s = Vec::new();
    // The best of five: a busy machine costs more than Redis does.
    for round in 0..5 {
        // A hundred are in process; four hundred have to be looked up.
        let first = 100 + round * 400;
        let mut times = all_right(app.address, (0..100).chain(first..first + 400)).await;
        let [p50, p99, slowest] = [50, 99, 100].map(|percent| percentile(&mut times, percent));
        println!("Redis frozen, 500 questions, 400 uncached: P50 {p50:?}, P99 {p99:?}, slowest {slowest:?}");
        p99s.push(p99);
        if p99 < limit {
            break;
        }
    }
    assert!(p99s.iter().any(|p99| *p99 < limit), "{p99s:?}");
    let during = Scrape::with(&app, "charter_redis_up", 0.0).await;
    redis.signal(Signal::CONT);
    until_counted(&app, &redis, secret.path(), ("hit", 1)).await;
    fires("CharterRedisDown", &before, &during, &Scrape::with(&app, "charter_redis_up", 1.0).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emptied_or_poisoned_it_changes_no_answer() {
    let (secret, redis) = (secret(), Redis::start().await);
    let app = server(redis.port, secret.path(), ENTITIES).await;
    all_right(app.address, 0..ENTITIES).await;
    let secret = secret.path();
    filled(&app, &redis, secret).await;
    // Whole, it is used.
    until_counted(&app, &redis, secret, ("hit", 50)).await;
    let (mut connection, keys) = redis.keys().await;
    // Each key gets what belongs to the next: yes and no change places.
    let mut values: Vec<Vec<u8>> = Vec::new();
    for key in &keys {
        values.push(redis::cmd("GET").arg(key).query_async(&mut connection).await.expect("a value"));
    }
    values.rotate_left(1);
    let swapped: Vec<_> = keys.iter().cloned().zip(values).collect();
    forged(&app, &redis, secret, &swapped).await;
    let garbage: Vec<_> = keys.into_iter().map(|key| (key, b"\0garbage".to_vec())).collect();
    forged(&app, &redis, secret, &garbage).await;
    redis::cmd("FLUSHALL").exec_async(&mut connection).await.expect("emptied");
    cold(&app, &redis, secret).await;
    for key in redis.keys().await.1 {
        redis::cmd("DEL").arg(&key).exec_async(&mut connection).await.expect("deleted");
        redis::cmd("RPUSH").arg(&key).arg("a list").exec_async(&mut connection).await.expect("pushed");
    }
    cold(&app, &redis, secret).await;
}
