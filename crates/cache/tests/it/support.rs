//! Questions and answers to test with, a count of metrics, and a Redis that can be hurt.

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, atomic::AtomicU64, atomic::Ordering},
    time::Duration,
};

use charter_cache::{Answers, Change, Filled, Lookup, Register, Ticks};
use charter_domain::{Kind, RegistryId, Timestamp};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};
use rustix::process::{Pid, Signal, kill_process};

pub const REGISTRY: RegistryId = RegistryId(300);
pub const LEASE: Duration = Duration::from_secs(1);
pub const SECRET: &[u8] = b"one site's cache secret";

pub fn ask(entity: &str) -> Lookup<'_> {
    Lookup {
        registry: REGISTRY,
        kind: Kind::Authorization,
        authority: "did:web:authority.example",
        entity,
        action: "issue",
        resource: "https://schema.example/diploma",
    }
}

pub fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

/// An answer that says which epoch it saw, and whose it is.
pub fn filled(epoch: i64, entity: &str) -> Filled<String> {
    Filled {
        epoch,
        evaluated_at: now(),
        next_change: None,
        expires_at: now().plus(Duration::from_secs(300)),
        deps: Vec::new(),
        asked: None,
        value: format!("{entity}@{epoch}"),
    }
}

pub fn change(seq: i64, entity: &str) -> Change {
    Change { seq, identifiers: Some(vec![entity.to_owned()]) }
}

/// A register at epoch 10 with its lease, on a clock set by hand.
pub fn watching() -> (Arc<Register>, Ticks) {
    let ticks = Ticks::hand();
    let register = Arc::new(Register::with_ticks(LEASE, ticks.clone()));
    register.start(REGISTRY, 10);
    register.polled(ticks.now());
    (register, ticks)
}

pub fn local() -> (Answers<String>, Arc<Register>, Ticks) {
    let (register, ticks) = watching();
    (Answers::new(Arc::clone(&register), 100_000, None), register, ticks)
}

/// Waits for what happens in the background.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..500 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not happen within ten seconds");
}

/// A Redis of the test's own.
pub struct Server {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Server {
    pub async fn start() -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        Self::start_at(port).await
    }
    pub async fn start_at(port: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port, _dir: dir };
        eventually("redis-server", async || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()).await;
        server
    }
    pub const fn port(&self) -> u16 {
        self.port
    }
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
    /// A connection past the cache, as a stranger would have.
    pub async fn raw(&self) -> ::redis::aio::MultiplexedConnection {
        let client = ::redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGKILL also ends a stopped process.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Counts of `charter_cache_requests_total`, by its labels' values.
#[derive(Default, Clone)]
pub struct Counts(Arc<Mutex<std::collections::HashMap<String, Arc<AtomicU64>>>>);

impl Counts {
    pub fn of(&self, cache: &str, result: &str) -> u64 {
        let counts = self.0.lock().unwrap();
        counts.get(&format!("{cache}/{result}")).map_or(0, |c| c.load(Ordering::Acquire))
    }
}

impl metrics::Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let name: Vec<_> = key.labels().map(metrics::Label::value).collect();
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(name.join("/")).or_default()))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
