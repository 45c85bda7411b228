//! Load at given rates, as many independent clients make it who have a list of servers: each operation is due at its time,
//! whatever became of those before it, and counts as late where it is late.

mod client;
mod operation;
mod pace;
mod recorder;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::Instant,
};

pub use self::{
    client::{Attempt, Endpoints},
    operation::{answer, question},
    recorder::Recorder,
};
use self::{operation::Client, pace::Due};
use crate::{
    check::Seen,
    history::{self, Entry, Op},
    lab::Lab,
};

/// Entities whose status is changed, by one client each.
pub const CHANGED: u32 = 40;
/// What officers deny (R31); nothing else is done to it.
pub const DENIED: u32 = CHANGED;
/// Entities that are there from the beginning, these included.
pub const BASE: u32 = 400;
/// Of how many writes one is a change of status.
const ONE_CHANGE_IN: u32 = 10;
const WRITERS: usize = 100;
const READERS: usize = 200;
/// How often each server is asked for its checkpoint.
const CHECKPOINTS_EVERY: Duration = Duration::from_millis(250);
/// How long what is under way is waited for in the end: longer than a client tries.
const OVER_WITHIN: Duration = Duration::from_secs(90);
/// In which all servers see what was there before the load: some leases.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// A second.
    pub writes: u32,
    pub reads: u32,
}

impl Rates {
    /// So many per cent of both; each at least one a second, if it is not none.
    pub fn part(self, per_cent: u32) -> Self {
        let of = |rate: u32| if rate == 0 { 0 } else { (rate * per_cent / 100).max(1) };
        Self { writes: of(self.writes), reads: of(self.reads) }
    }
}

/// What every fault is done under.
pub const USUAL: Rates = Rates { writes: 200, reads: 1_000 };

/// Running; `stop` ends it.
pub struct Load {
    pub recorder: Arc<Recorder>,
    pub endpoints: Arc<Endpoints>,
    /// Of a thousand writes, how many their client leaves alone before they are answered, and then sends again.
    pub left_alone: Arc<AtomicU32>,
    over: Arc<AtomicBool>,
    tasks: JoinSet<()>,
    pub run: u32,
    pub rates: Rates,
    /// Before everything that the clients write.
    epoch: i64,
}

impl Load {
    /// Registers what the load is about, and begins.
    pub async fn start(lab: &Lab, run: u32, rates: Rates) -> anyhow::Result<Self> {
        let endpoints = Arc::new(Endpoints::new(lab)?);
        let epoch = base(&endpoints, run).await?;
        known(&endpoints, (lab.authority(), run), epoch).await?;
        let mut load = Self {
            recorder: Arc::new(Recorder::new()),
            endpoints,
            left_alone: Arc::default(),
            over: Arc::default(),
            tasks: JoinSet::new(),
            run,
            rates,
            epoch,
        };
        load.writers(rates.writes);
        load.readers(rates.reads);
        load.watch();
        Ok(load)
    }

    fn client(&self) -> Client {
        Client {
            recorder: Arc::clone(&self.recorder),
            endpoints: Arc::clone(&self.endpoints),
            left_alone: Arc::clone(&self.left_alone),
            run: self.run,
        }
    }

    fn writers(&mut self, rate: u32) {
        let (fresh, registrations) = mpsc::unbounded_channel::<Due>();
        let registrations = Arc::new(Mutex::new(registrations));
        for _ in 0..WRITERS {
            let (client, queue) = (self.client(), Arc::clone(&registrations));
            self.tasks.spawn(async move {
                while let Some(due) = next(&queue).await {
                    client.write(Op::Register, due).await;
                }
            });
        }
        let mut changes = Vec::new();
        for entity in 0..CHANGED {
            let (send, mut queue) = mpsc::unbounded_channel::<Due>();
            changes.push(send);
            let client = self.client();
            self.tasks.spawn(async move {
                let mut active = true;
                while let Some(due) = queue.recv().await {
                    active = !active;
                    client.write(Op::Set { entity, active }, due).await;
                }
            });
        }
        let (recorder, over) = (Arc::clone(&self.recorder), Arc::clone(&self.over));
        self.tasks.spawn(pace::run(recorder, over, rate, move |number, due| {
            let entity = (number / ONE_CHANGE_IN % CHANGED) as usize;
            let change = changes.get(entity).filter(|_| number % ONE_CHANGE_IN == 0);
            let queue = change.unwrap_or(&fresh);
            let _ = queue.send(due);
        }));
    }

    fn readers(&mut self, rate: u32) {
        let (send, queue) = mpsc::unbounded_channel::<Due>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..READERS {
            let (client, queue) = (self.client(), Arc::clone(&queue));
            self.tasks.spawn(async move {
                while let Some(due) = next(&queue).await {
                    client.ask(due).await;
                }
            });
        }
        let (recorder, over) = (Arc::clone(&self.recorder), Arc::clone(&self.over));
        self.tasks.spawn(pace::run(recorder, over, rate, move |_, due| {
            let _ = send.send(due);
        }));
    }

    /// Finds out which servers are back, and keeps every checkpoint that a server shows.
    fn watch(&mut self) {
        for server in 0..self.endpoints.len() {
            let (endpoints, over) = (Arc::clone(&self.endpoints), Arc::clone(&self.over));
            self.tasks.spawn(async move { endpoints.probe(server, &over).await });
            let (recorder, endpoints) = (Arc::clone(&self.recorder), Arc::clone(&self.endpoints));
            let over = Arc::clone(&self.over);
            self.tasks.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    if let Some(text) = endpoints.checkpoint(server).await {
                        recorder.shown(server, text);
                    }
                    tokio::time::sleep(CHECKPOINTS_EVERY).await;
                }
            });
        }
    }

    /// Ends it: what is under way is waited for.
    pub async fn stop(mut self) -> anyhow::Result<Recorded> {
        self.over.store(true, Ordering::Relaxed);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended?;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(OVER_WITHIN, all).await.context("the clients do not end")??;
        let seen = self.recorder.checkpoints()?;
        Ok(Recorded {
            run: self.run,
            epoch: self.epoch,
            entries: self.recorder.since(0),
            seen,
            recorder: self.recorder,
            endpoints: self.endpoints,
        })
    }
}

/// A load that is over.
pub struct Recorded {
    pub run: u32,
    pub epoch: i64,
    pub entries: Vec<Entry>,
    pub seen: Vec<Seen>,
    pub recorder: Arc<Recorder>,
    pub endpoints: Arc<Endpoints>,
}

async fn next(queue: &Mutex<mpsc::UnboundedReceiver<Due>>) -> Option<Due> {
    queue.lock().await.recv().await
}

/// Registers the entities that are asked about; the epoch after it.
async fn base(endpoints: &Endpoints, run: u32) -> anyhow::Result<i64> {
    let records: Vec<_> = (0..BASE).map(|number| operation::record(run, number)).collect();
    let body = json!({ "records": records }).to_string();
    for attempt in 0..20 {
        let id = Some(history::request_id(run, u32::MAX));
        let server = attempt % endpoints.len();
        let sent =
            endpoints.post(server, operation::RECORDS, body.clone(), id, Duration::from_secs(20)).await;
        if let Attempt::Answered(reply) = sent
            && reply.status == 200
        {
            let loaded = reply.json()["accepted"].as_u64();
            ensure!(loaded == Some(u64::from(BASE)), "not all was loaded: {}", reply.text());
            return reply.json()["epoch"].as_i64().context("an answer without an epoch");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    anyhow::bail!("the entities to ask about cannot be registered")
}

/// Waits until every server answers as of that epoch: from then on the entities are known, whoever is asked.
async fn known(endpoints: &Endpoints, (authority, run): (&str, u32), epoch: i64) -> anyhow::Result<()> {
    let end = Instant::now() + KNOWN_WITHIN;
    for server in 0..endpoints.len() {
        loop {
            let question = operation::question(authority, run, BASE - 1);
            let sent = endpoints.post(server, operation::QUESTION, question, None, KNOWN_WITHIN).await;
            if let Attempt::Answered(reply) = sent
                && operation::answer(&reply).is_some_and(|said| said.epoch >= epoch)
            {
                break;
            }
            ensure!(Instant::now() < end, "{} does not know what was registered", endpoints.name(server));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}
