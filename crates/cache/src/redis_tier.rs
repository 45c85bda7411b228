//! The tier shared by a site's processes. It may be dead, slow, emptied or written to by a stranger: each
//! of these costs at most the tier's deadline and is a miss.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use redis::{
    Client, IntoConnectionInfo, ProtocolVersion,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::{runtime::Handle, sync::Semaphore, time::timeout};

use crate::{breaker::Breaker, clock::BootInstant, counters, wire::Seal};

/// What a call may cost the request that makes it, where nobody says otherwise.
pub const DEADLINE: Duration = Duration::from_millis(15);
/// No entry outlives this in Redis, whatever it says of itself.
pub const MAX_TTL: Duration = Duration::from_secs(300);
/// Largest entry. Reads ask for no more, so a stranger's huge value cannot fill our memory.
const MAX_BYTES: usize = 256 * 1024;
/// Writes under way; beyond, they are dropped. Each lasts at most the deadline.
const MAX_WRITES: usize = 256;
/// Shorter secrets can be guessed from one entry.
const MIN_SECRET: usize = 16;

/// Why the tier cannot be used at all: a setting is wrong. That Redis is down is no such reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("the Redis URL must look like `redis://host:6379/0`")]
    Url,
    #[error("the cache secret must have at least {MIN_SECRET} bytes")]
    Secret,
    #[error("the Redis tier must be made within a tokio runtime")]
    Runtime,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct RedisTier(Arc<Inner>);

struct Inner {
    client: Client,
    seal: Seal,
    deadline: Duration,
    /// Which of the database's histories the entries are of.
    history: AtomicU32,
    /// Replaced while the breaker is open: the manager itself gives up on errors of the handshake, and
    /// would wait for minutes on a peer that vanished without closing.
    connection: RwLock<ConnectionManager>,
    breaker: Breaker,
    writes: Semaphore,
    runtime: Handle,
    pub(crate) counters: counters::Redis,
}

impl RedisTier {
    /// Connects in the background. The secret is one site's; mix into it what must part two databases
    /// (such as the system identifier), since epochs are counted again after a restore. No call costs its caller more
    /// than `deadline`.
    pub fn connect(url: &str, secret: &[u8], deadline: Duration) -> Result<Self, Unusable> {
        if secret.len() < MIN_SECRET {
            return Err(Unusable::Secret);
        }
        let runtime = Handle::try_current().map_err(|_| Unusable::Runtime)?;
        let info = url.into_connection_info().map_err(|_| Unusable::Url)?;
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings)).map_err(|_| Unusable::Url)?;
        let seal = Seal::new(secret).ok_or(Unusable::Secret)?;
        let connection = RwLock::new(connect(&client, &runtime).ok_or(Unusable::Url)?);
        let (breaker, writes) = (Breaker::default(), Semaphore::new(MAX_WRITES));
        let counters = counters::Redis::new();
        let history = AtomicU32::new(0);
        Ok(Self(Arc::new(Inner {
            client,
            seal,
            deadline,
            history,
            connection,
            breaker,
            writes,
            runtime,
            counters,
        })))
    }

    /// What was written of another history is a stranger's from here on.
    pub(crate) fn begin(&self, history: u32) {
        self.0.history.store(history, Ordering::Release);
    }

    /// What an entry is sealed for; always of the same length, as keys are.
    fn sealed_for(&self, key: &str) -> String {
        format!("{key}/{:08x}", self.0.history.load(Ordering::Acquire))
    }

    pub(crate) fn counters(&self) -> &counters::Redis {
        &self.0.counters
    }

    /// What we wrote under `key`, if it is there and ours.
    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut command = redis::cmd("GETRANGE");
        command.arg(key).arg(0).arg(MAX_BYTES - 1);
        let sealed: Vec<u8> = self.call(&command).await?;
        if sealed.is_empty() {
            self.0.counters.miss.increment(1);
            return None;
        }
        let body = self.0.seal.open(&self.sealed_for(key), &sealed).map(<[u8]>::to_vec);
        if body.is_none() {
            self.0.counters.forged.increment(1);
        }
        body
    }

    /// Writes in the background; nobody waits for it or hears of its failure.
    pub(crate) fn put(&self, key: String, body: Vec<u8>, ttl: Duration) {
        let millis = u64::try_from(ttl.min(MAX_TTL).as_millis()).unwrap_or(0);
        if millis == 0 || body.len() > MAX_BYTES - 64 {
            return;
        }
        let (tier, sealed_for) = (self.clone(), self.sealed_for(&key));
        self.0.runtime.spawn(async move {
            let Ok(_turn) = tier.0.writes.try_acquire() else {
                tier.0.counters.skipped.increment(1);
                return;
            };
            let mut command = redis::cmd("SET");
            command.arg(&key).arg(tier.0.seal.close(&sealed_for, &body)).arg("PX").arg(millis);
            tier.call::<()>(&command).await;
        });
    }

    /// Whether it answers now. While it rests nobody asks it.
    pub async fn answers(&self) -> bool {
        self.call::<String>(&redis::cmd("PING")).await.is_some()
    }

    async fn call<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Option<T> {
        let it = &*self.0;
        if !it.breaker.allows(BootInstant::now()) {
            it.counters.skipped.increment(1);
            return None;
        }
        let mut connection = it.connection.read().unwrap_or_else(PoisonError::into_inner).clone();
        match timeout(it.deadline, command.query_async(&mut connection)).await {
            Ok(Ok(value)) => {
                it.breaker.succeeded();
                return Some(value);
            }
            // Redis is well; somebody put a list where our entry belongs.
            Ok(Err(error)) if error.code() == Some("WRONGTYPE") => it.counters.forged.increment(1),
            Ok(Err(_)) | Err(_) => {
                it.counters.failed.increment(1);
                if it.breaker.failed(BootInstant::now()) {
                    tracing::warn!("redis doesn't answer; going on without it");
                    self.reconnect();
                }
            }
        }
        None
    }

    fn reconnect(&self) {
        if let Some(fresh) = connect(&self.0.client, &self.0.runtime) {
            *self.0.connection.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }
}

/// Starts to connect and returns at once.
fn connect(client: &Client, runtime: &Handle) -> Option<ConnectionManager> {
    let _guard = runtime.enter();
    // The breaker paces the attempts; the manager's own pauses would only delay them.
    let config = ConnectionManagerConfig::new().set_number_of_retries(0).set_pipeline_buffer_size(1_024);
    let manager = ConnectionManager::new_lazy_with_config(client.clone(), config).ok()?;
    let mut first = manager.clone();
    // Nobody else would drive the connection: callers give up on it after the deadline.
    runtime.spawn(async move { redis::cmd("PING").exec_async(&mut first).await });
    Some(manager)
}
