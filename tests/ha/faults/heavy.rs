//! Far more questions than usual.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use charter_tests::Rest;
use http::Method;
use http_body_util::Full;
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout},
};

use super::{Doing, Scene};
use crate::{
    check::{found::connect, gaps},
    history::{Micros, SECOND},
    load::{Attempt, Endpoints, answer, question},
};

const STAMPEDE: u32 = 5_000;
const STAMPEDE_SECONDS: u32 = 10;
/// Ten times the usual rate of questions.
const OVERLOAD: u32 = 10_000;
/// Questions under way at once; what is beyond was not sent.
const AT_ONCE: usize = 2_000;
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
const P99_MILLIS: f64 = 40.0;
const HEALTH_MILLIS: f64 = 100.0;
const RESIDENT_MIB: f64 = 512.0;
const GOODPUT: f64 = 0.8;

/// What came of many questions.
#[derive(Default)]
struct Storm {
    latencies: Vec<Micros>,
    /// Told to come later, too late, or nobody could take them.
    refused: u64,
}

impl Storm {
    fn p99(&mut self) -> f64 {
        self.latencies.sort_unstable();
        let at = self.latencies.len() * 99 / 100;
        self.latencies.get(at).map_or(f64::NAN, |latency| *latency as f64 / 1e3)
    }
}

/// Asks about one entity at a rate, whatever becomes of the questions before.
async fn storm(scene: &Scene, rate: u32, seconds: u32) -> Storm {
    let endpoints = Arc::clone(&scene.load.endpoints);
    let body: Arc<str> = question(&endpoints.authority, scene.load.run, 0).into();
    let (free, all) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Mutex::new(Storm::default())));
    let (begun, mut sent) = (Instant::now(), 0);
    while sent < rate * seconds {
        let due = (begun.elapsed().as_secs_f64() * f64::from(rate)) as u32;
        while sent < due.min(rate * seconds) {
            let at = begun + Duration::from_secs_f64(f64::from(sent) / f64::from(rate));
            sent += 1;
            let Ok(permit) = Arc::clone(&free).try_acquire_owned() else {
                lock(&all).refused += 1;
                continue;
            };
            let (endpoints, body, all) = (Arc::clone(&endpoints), Arc::clone(&body), Arc::clone(&all));
            let server = sent as usize % endpoints.len();
            tokio::spawn(async move {
                let answered = ask(&endpoints, server, &body).await;
                let mut all = lock(&all);
                if answered {
                    all.latencies.push(u64::try_from(at.elapsed().as_micros()).unwrap_or(Micros::MAX));
                } else {
                    all.refused += 1;
                }
                drop(permit);
            });
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let _ = free.acquire_many(AT_ONCE as u32).await;
    let mut all = lock(&all);
    std::mem::take(&mut all)
}

fn lock(storm: &Mutex<Storm>) -> std::sync::MutexGuard<'_, Storm> {
    storm.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn ask(endpoints: &Endpoints, server: usize, body: &str) -> bool {
    let sent = endpoints.post(server, "/authorization", body.to_owned(), None, ANSWERED_WITHIN).await;
    matches!(sent, Attempt::Answered(reply) if answer(&reply).is_some())
}

/// R19: 5,000 clients ask for one entity each second, in which the registry's epoch moves. Each server reads the entity
/// once for an epoch, whoever asks.
pub fn stampede(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let before = (epoch(scene).await?, reads(scene).await?);
        let mut storm = storm(scene, STAMPEDE, STAMPEDE_SECONDS).await;
        let after = (epoch(scene).await?, reads(scene).await?);
        let (epochs, read) = (after.0 - before.0, most(&before.1, &after.1));
        scene.note(format!("a server read it {read} times at most, in {epochs} epochs"));
        scene.demand(read > 0.0, "no server counts what it reads");
        scene.demand(read <= epochs as f64 + 1.0, "a server read the entity more than once in an epoch");
        let p99 = storm.p99();
        scene.note(format!("{} answered, {} not; P99 {p99:.1} ms", storm.latencies.len(), storm.refused));
        scene.demand(p99 < P99_MILLIS, "P99 of the stampede was not below 40 ms");
        scene.demand(storm.refused == 0, "questions of the stampede were not answered");
        Ok(())
    })
}

/// The registry's epoch, at the leader.
async fn epoch(scene: &Scene) -> anyhow::Result<i64> {
    let client = connect(&scene.lab.node_url(scene.lab.leader().await?)).await?;
    let sql =
        "select epoch from registry_epochs e join registries r using (registry_id) where r.authority_id = $1";
    Ok(client.query_one(sql, &[&scene.lab.authority()]).await?.try_get(0)?)
}

/// How often each server has read what no cache had, for the question of the one that led those who waited.
async fn reads(scene: &Scene) -> anyhow::Result<Vec<f64>> {
    let mut all = Vec::new();
    for server in 0..scene.load.endpoints.len() {
        let reply = scene.load.endpoints.get(server, "/metrics").await.context("no metrics")?;
        let text = reply.text();
        let mut lines = text.lines().filter(|line| line.starts_with("charter_cache_requests_total"));
        let line = lines.find(|line| line.contains("\"fill\"") && line.contains("\"led\""));
        all.push(line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0));
    }
    Ok(all)
}

fn most(before: &[f64], after: &[f64]) -> f64 {
    before.iter().zip(after).map(|(before, after)| after - before).fold(0.0, f64::max)
}

/// R20: ten times the usual questions, for a minute.
pub fn overload(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let peak = peak(scene, Duration::from_secs(5)).await;
        let watched = health(scene, Duration::from_secs(58));
        let (stormy, watched) = tokio::join!(storm(scene, OVERLOAD, 60), watched);
        let (health, resident) = watched?;
        let over = scene.load.recorder.now();
        let goodput = stormy.latencies.len() as f64 / 60.0;
        scene.note(format!(
            "goodput {goodput:.0}/s of {peak:.0}/s at best; {} refused; health {health:.0} ms at worst; \
             {resident:.0} MiB at most",
            stormy.refused
        ));
        scene.demand(goodput >= GOODPUT * peak, "goodput was below 80 % of the peak");
        scene.demand(health < HEALTH_MILLIS, "a health check took 100 ms or more");
        scene.demand(resident < RESIDENT_MIB, "a server took 512 MiB or more");
        scene.wait(9).await;
        let calm = (over + 5 * SECOND, over + 8 * SECOND);
        let p99 = gaps::latency(&scene.load.recorder.since(0), 990, calm);
        scene.demand(p99 > 0 && p99 < 40_000, "five seconds later P99 was not below 40 ms");
        Ok(())
    })
}

/// Answers a second to clients who ask one after the other.
async fn peak(scene: &Scene, lasting: Duration) -> f64 {
    let end = Instant::now() + lasting;
    let body = question(&scene.load.endpoints.authority, scene.load.run, 0);
    let client = |number: usize| {
        let (endpoints, body) = (&scene.load.endpoints, &body);
        async move {
            let mut answered = 0_u32;
            while Instant::now() < end {
                answered += u32::from(ask(endpoints, number % endpoints.len(), body).await);
            }
            answered
        }
    };
    let all = futures::future::join_all((0..64).map(client)).await;
    f64::from(all.iter().sum::<u32>()) / lasting.as_secs_f64()
}

/// The longest health check in milliseconds, and the largest server in MiB, over so many seconds: seen from a thread that
/// waits for nothing that the load does, as another machine sees it.
async fn health(scene: &Scene, lasting: Duration) -> anyhow::Result<(f64, f64)> {
    let servers = scene.lab.servers().into_iter();
    let servers: Vec<_> = servers.map(|s| (Rest::new(s.address), scene.lab.server_pid(&s.name))).collect();
    let (send, told) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || send.send(runtime.block_on(look(&servers, lasting))));
    Ok(told.await?)
}

async fn look(servers: &[(Rest, Option<u32>)], lasting: Duration) -> (f64, f64) {
    let (end, mut longest, mut largest) = (Instant::now() + lasting, 0.0_f64, 0.0_f64);
    while Instant::now() < end {
        for (rest, pid) in servers {
            let asked = Instant::now();
            let answered = alive(rest).await;
            let took = if answered { asked.elapsed().as_secs_f64() * 1e3 } else { f64::INFINITY };
            longest = longest.max(took);
            largest = largest.max(pid.and_then(resident).unwrap_or(0.0));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    (longest, largest)
}

async fn alive(rest: &Rest) -> bool {
    let Ok(request) = rest.request(Method::GET, "/livez").body(Full::default()) else { return false };
    let reply = timeout(ANSWERED_WITHIN, rest.try_send(request)).await;
    matches!(reply, Ok(Ok(reply)) if reply.status == 200)
}

/// Resident memory of a process, in MiB.
pub fn resident(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}
