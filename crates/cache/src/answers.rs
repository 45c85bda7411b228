//! The answers of one kind of value: in process first, then Redis, then whoever can look them up.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use charter_domain::{RegistryId, Timestamp};
use foldhash::quality::RandomState;
use moka::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error,
    answer::{Entry, Filled, Past},
    counters,
    due::Due,
    flight::{Flights, Lead, Outcome, Role},
    key::Lookup,
    redis_tier::RedisTier,
    register::Register,
    wire,
};

/// Outcomes of others that a waiting question may refuse before it looks for itself.
const MAX_REFUSALS: u32 = 3;

/// The keys of the local tier are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

pub struct Answers<V> {
    register: Arc<Register>,
    /// Seeded per process, so nobody outside can choose questions that collide.
    hasher: RandomState,
    local: Cache<u64, Arc<Entry<V>>, BuildHasherDefault<AsIs>>,
    redis: Option<RedisTier>,
    flights: Flights<V>,
    due: Due<V>,
    counted: counters::Local,
    filled: counters::Fill,
}

impl<V> Answers<V>
where
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// `capacity` in entries. Entries don't expire in the local tier, they are refused: no clock is read
    /// for eviction, and what is refused is soon pushed out.
    pub fn new(register: Arc<Register>, capacity: u64, redis: Option<RedisTier>) -> Self {
        Self {
            register,
            hasher: RandomState::default(),
            local: Cache::builder().max_capacity(capacity).build_with_hasher(BuildHasherDefault::default()),
            redis,
            flights: Flights::new(),
            due: Due::new(),
            counted: counters::Local::new(),
            filled: counters::Fill::new(),
        }
    }

    /// The hot path: one hash, one read without a lock, one look at the register; allocates nothing.
    pub fn get_local(&self, lookup: &Lookup<'_>, now: Timestamp) -> Option<Arc<Entry<V>>> {
        self.local(lookup.hash_with(&self.hasher), lookup, now)
    }

    fn local(&self, hash: u64, lookup: &Lookup<'_>, now: Timestamp) -> Option<Arc<Entry<V>>> {
        let Some(entry) = self.local.get(&hash).filter(|entry| entry.is(lookup)) else {
            self.counted.miss.increment(1);
            return None;
        };
        if entry.valid(now, &self.register) {
            self.counted.hit.increment(1);
            if entry.becomes_due(now) {
                self.due.push(Arc::clone(&entry));
            }
            Some(entry)
        } else {
            self.counted.refused.increment(1);
            None
        }
    }

    /// From Redis; what is found there is kept in process too.
    pub async fn get_shared(&self, lookup: &Lookup<'_>, now: Timestamp) -> Option<Arc<Entry<V>>> {
        let redis = self.redis.as_ref()?;
        // Without the lease nothing from there could be served, so nobody waits for it.
        if !self.register.usable() || self.register.watched(lookup.registry).is_none() {
            return None;
        }
        let history = self.history();
        let body = redis.get(&lookup.redis_key()).await?;
        let entry = |filled| Arc::new(Entry::new(lookup, &self.register, history, filled));
        let entry = wire::read(&body).map(entry);
        let Some(entry) = entry.filter(|entry| entry.valid(now, &self.register)) else {
            redis.counters().refused.increment(1);
            return None;
        };
        redis.counters().hit.increment(1);
        self.local.insert(lookup.hash_with(&self.hasher), Arc::clone(&entry));
        Some(entry)
    }

    /// What is kept and can no longer be served because registries that it rests on were not heard of, or our own records
    /// could not be proven, if nothing else speaks against it. What this says holds as of [`Past::confirmed`].
    pub fn past(&self, lookup: &Lookup<'_>, now: Timestamp) -> Option<Past<V>> {
        let entry = self.local.get(&lookup.hash_with(&self.hasher)).filter(|entry| entry.is(lookup))?;
        let (confirmed, lost) = entry.confirmed(now, &self.register)?;
        let tick = self.register.ticks().now();
        let unproven = lost.map(|proven| tick.since(proven));
        Some(Past { entry, confirmed, age: tick.since(confirmed), unproven })
    }

    /// Keeps an answer. It is stored even if it is older than a change that came meanwhile: `get_local`
    /// judges it; not if it may be kept for no time, so that what was there before is found by `past`.
    /// Redis is written in the background, and only what other processes could use.
    pub fn put(&self, lookup: &Lookup<'_>, filled: Filled<V>) -> Arc<Entry<V>> {
        self.put_since(lookup, self.history(), filled)
    }

    /// Which history of the database is the right one now: to be asked before something is read.
    pub fn history(&self) -> u64 {
        self.register.history()
    }

    /// The same as `put`, of what was read in a history that may be over by now.
    pub fn put_since(&self, lookup: &Lookup<'_>, history: u64, filled: Filled<V>) -> Arc<Entry<V>> {
        let entry = Arc::new(Entry::new(lookup, &self.register, history, filled));
        if entry.expires_at <= entry.evaluated_at {
            return entry;
        }
        self.local.insert(lookup.hash_with(&self.hasher), Arc::clone(&entry));
        if let Some(redis) = &self.redis
            && entry.accepted(&self.register)
            && let Some(body) = wire::write(&entry)
        {
            redis.put(lookup.redis_key(), body, entry.ends().since(entry.evaluated_at));
        }
        entry
    }

    /// An answer in the form of an entry, kept nowhere: for questions that are asked once.
    pub fn entry(&self, lookup: &Lookup<'_>, filled: Filled<V>) -> Arc<Entry<V>> {
        Arc::new(Entry::new(lookup, &self.register, self.history(), filled))
    }

    /// From a tier, or from `fill`. Of those who ask the same at the same time one runs its `fill`, and the
    /// others get its outcome if it is no older than their own question. Followers survive a cancelled
    /// leader. Works without the lease too: then every answer comes from a `fill`.
    pub async fn get_or_fill<E, F, Fut>(
        &self,
        lookup: &Lookup<'_>,
        now: Timestamp,
        fill: F,
    ) -> Result<Arc<Entry<V>>, Error<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Filled<V>, E>>,
    {
        let hash = lookup.hash_with(&self.hasher);
        if let Some(entry) = self.local(hash, lookup, now) {
            return Ok(entry);
        }
        let arrival = self.flights.arrive();
        let (mut refusals, mut permit) = (0, None);
        while refusals < MAX_REFUSALS {
            let flight = match self.flights.join(hash, lookup, permit.take()) {
                Role::Lead(lead) => return self.lead(lead, hash, lookup, now, fill).await,
                Role::Follow(flight) => flight,
                Role::Alone => break,
                Role::Overloaded => match self.flights.permit_soon().await {
                    None => return self.overloaded(),
                    had => {
                        permit = had;
                        continue;
                    }
                },
            };
            match flight.outcome().await {
                Some(Outcome::Filled(entry)) => {
                    if entry.in_time(now) && (flight.after(arrival) || entry.unchanged(&self.register)) {
                        self.filled.followed.increment(1);
                        return Ok(entry);
                    }
                    refusals += 1;
                }
                Some(Outcome::Failed(error)) => match error.downcast::<E>() {
                    Ok(error) => return Err(Error::Fill(error)),
                    Err(_) => refusals += 1,
                },
                // The leader was cancelled: somebody else leads now, perhaps this one.
                None => {}
            }
        }
        let Some(_permit) = self.flights.permit_soon().await else {
            return self.overloaded();
        };
        self.filled.led.increment(1);
        let history = self.history();
        let found = fill().await.map_err(|error| Error::Fill(Arc::new(error)))?;
        Ok(self.put_since(lookup, history, found))
    }

    async fn lead<E, F, Fut>(
        &self,
        lead: Lead<'_, V>,
        hash: u64,
        lookup: &Lookup<'_>,
        now: Timestamp,
        fill: F,
    ) -> Result<Arc<Entry<V>>, Error<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Filled<V>, E>>,
    {
        // The flight before this one may have landed between our miss and our start.
        let fits = |entry: &Arc<Entry<V>>| entry.is(lookup) && entry.valid(now, &self.register);
        let mut found = self.local.get(&hash).filter(fits);
        if found.is_none() {
            found = self.get_shared(lookup, now).await;
        }
        if let Some(entry) = found {
            lead.land(Outcome::Filled(Arc::clone(&entry)));
            return Ok(entry);
        }
        self.filled.led.increment(1);
        self.run(lead, lookup, fill).await
    }

    /// What is in use and nears its end, since this was asked last: for `refresh`.
    pub fn due(&self) -> Vec<Arc<Entry<V>>> {
        self.due.take()
    }

    /// Looks up again what may still be served, unless somebody does or as many fillers run as may. What comes of it
    /// replaces what is kept if it may be kept itself.
    pub async fn refresh<E, F, Fut>(&self, lookup: &Lookup<'_>, fill: F)
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Filled<V>, E>>,
    {
        if let Role::Lead(lead) = self.flights.join(lookup.hash_with(&self.hasher), lookup, None) {
            self.filled.ahead.increment(1);
            // An error is told to those who wait; nobody else has asked.
            drop(self.run(lead, lookup, fill).await);
        }
    }

    async fn run<E, F, Fut>(
        &self,
        lead: Lead<'_, V>,
        lookup: &Lookup<'_>,
        fill: F,
    ) -> Result<Arc<Entry<V>>, Error<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Filled<V>, E>>,
    {
        let history = self.history();
        match fill().await {
            // For who asked before the other began; whoever follows looks for himself.
            Ok(filled) if !self.register.goes_on(lookup.registry, history, filled.epoch) => {
                Ok(Arc::new(Entry::new(lookup, &self.register, history, filled)))
            }
            Ok(filled) => {
                let entry = self.put_since(lookup, history, filled);
                lead.land(Outcome::Filled(Arc::clone(&entry)));
                Ok(entry)
            }
            Err(error) => {
                let error = Arc::new(error);
                lead.land(Outcome::Failed(Arc::<E>::clone(&error)));
                Err(Error::Fill(error))
            }
        }
    }

    fn overloaded<E>(&self) -> Result<Arc<Entry<V>>, Error<E>> {
        self.filled.overloaded.increment(1);
        Err(Error::Overloaded)
    }

    pub fn register(&self) -> &Arc<Register> {
        &self.register
    }
    /// Approximate until `run_pending_tasks`.
    pub fn len(&self) -> u64 {
        self.local.entry_count()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Another history of the database is the right one: of what is kept in process only that goes on which is part of it
    /// (see `Register::begin_history`), and nothing of what is in Redis. Its number is the same in every process of a site.
    pub fn begin_history(&self, number: u32, kept: &HashMap<RegistryId, i64>) {
        if let Some(redis) = &self.redis {
            redis.begin(number);
        }
        self.register.begin_history(kept);
    }
    /// Whether Redis answers; none where there is none.
    pub async fn redis_answers(&self) -> Option<bool> {
        match &self.redis {
            Some(redis) => Some(redis.answers().await),
            None => None,
        }
    }
    pub fn run_pending_tasks(&self) {
        self.local.run_pending_tasks();
    }
}
