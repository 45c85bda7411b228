//! TRQP's questions: from the cache when plain, else resolved.

use std::{sync::Arc, time::Duration};

use charter_cache::{BootInstant, Entry, Filled, Lookup};
use charter_domain::{Context, EvidenceLevel, Outcome, Query, Reason, RegistryId, Timestamp};
use charter_federation::{Budget, Mode, Request, Resolve};
use tokio::time::Instant;

use crate::{
    App, Error,
    app::{
        answer::{Kept, Reply, filled},
        stale,
    },
    breakglass,
    error::{Code, code_of},
};

/// Questions answered from own records at once, while all fillers wait for others.
pub const SPARE: usize = 16;
/// Most questions in one batch, and how many of them run at once.
pub const MAX_BATCH: usize = 100;
pub const AT_ONCE: usize = 8;

/// A question to one registry of this process.
#[derive(Debug, Clone)]
pub struct Asked {
    pub registry: RegistryId,
    pub query: Query,
    pub budget: Budget,
    pub mode: Mode,
    /// How old a yes may be that cannot be confirmed now; zero accepts none.
    pub max_staleness: Duration,
    /// Nobody signed in to ask: under load, whom to ask is said instead of asking.
    pub anonymous: bool,
    /// There is load: the limit of all requests is nearly used up.
    pub strained: bool,
}

impl Asked {
    pub fn new(registry: RegistryId, query: Query, budget: Budget) -> Self {
        let (mode, max_staleness) = (Mode::Recurse, query.context.max_staleness.unwrap_or_default());
        Self { registry, query, budget, mode, max_staleness, anonymous: false, strained: false }
    }

    /// Subordinates are not asked for it.
    pub fn is_spared(&self) -> bool {
        self.anonymous && self.strained
    }
}

pub fn lookup<'a>(registry: RegistryId, query: &'a Query) -> Lookup<'a> {
    Lookup {
        registry,
        kind: query.kind,
        authority: query.authority.as_str(),
        entity: query.entity.as_str(),
        action: query.action.as_str(),
        resource: query.resource.as_str(),
    }
}

/// Answers, with a decision whatever it is; errors are for questions that could not be processed.
pub async fn answer(app: &App, asked: Asked) -> Result<Reply, Error> {
    if !app.hosted.breakglass.is_idle() {
        return Box::pin(breakglass::answer::answer(app, asked)).await;
    }
    let deadline = asked.budget.deadline;
    within(app, asked, deadline).await
}

/// What records and other registries say by an instant; denials of an emergency are for `answer` to look at.
pub async fn within(app: &App, asked: Asked, until: Instant) -> Result<Reply, Error> {
    tokio::time::timeout_at(until, answer_within(app, asked)).await.map_err(|_| late())?
}

/// To who cannot be answered in time.
pub fn late() -> Error {
    Error::new(Code::DeadlineExceeded, "the deadline passed before an answer was found")
}

async fn answer_within(app: &App, asked: Asked) -> Result<Reply, Error> {
    let now = app.clock.now();
    // A question that has come back must not wait for the flight that sent it out: it is refused as a loop.
    let been_here = app
        .hosted
        .tenant(asked.registry)
        .is_some_and(|t| asked.budget.visited.contains(&t.registry.authority));
    // What is kept of an authority of another system is for those who ask for themselves.
    let passed_on = !asked.budget.visited.is_empty()
        && app.hosted.ebsi_parents.knows(asked.registry, &asked.query.authority);
    let plain = asked.query.context.is_plain() && !been_here && !passed_on;
    let sparing = asked.is_spared() && asked.mode == Mode::Recurse;
    let Asked { registry, mut query, budget, mode, max_staleness, anonymous, .. } = asked;
    query.context.evidence = EvidenceLevel::Full;
    let request = Request { registry, query, budget, mode: if sparing { Mode::Spared } else { mode } };
    let lookup = lookup(registry, &request.query);
    if !plain || mode != Mode::Recurse {
        if plain
            && mode == Mode::CachedOnly
            && let Some(entry) = app.answers.get_local(&lookup, now)
        {
            return Ok(Reply::new(app, lookup.kind, entry, now));
        }
        // With a time, an epoch or conditions the answer is of this question alone.
        let found = find(app, request.clone(), sparing).await?;
        return Ok(Reply::new(app, lookup.kind, app.answers.entry(&lookup, found), now));
    }
    if sparing {
        // Apart from those who wait for one another: what is refused here is refused to nobody who signed in.
        let entry = match app.answers.get_local(&lookup, now) {
            Some(kept) => kept,
            None => spared(app, &request, &lookup).await?,
        };
        return Ok(Reply::new(app, lookup.kind, entry, now));
    }
    let patience = stale::patience(app, max_staleness, request.budget.deadline);
    let found =
        tokio::time::timeout_at(patience, kept_or_found(app, &request, &lookup, (anonymous, now))).await;
    let found = found.unwrap_or_else(|_| Err(late()));
    let open = match &found {
        Ok(entry) => entry.value.reason.outcome() == Outcome::Indeterminate,
        Err(error) => stale::is_passing(error),
    };
    if open && let Some(past) = stale::find(app, &lookup, max_staleness, now) {
        return Ok(past);
    }
    found.map(|entry| Reply::new(app, lookup.kind, entry, now))
}

/// What is kept, or else looked up.
async fn kept_or_found(
    app: &App,
    request: &Request,
    lookup: &Lookup<'_>,
    (anonymous, now): (bool, Timestamp),
) -> Result<Arc<Entry<Kept>>, Error> {
    let fill = || find(app, request.clone(), false);
    match app.answers.get_or_fill(lookup, now, fill).await {
        Err(charter_cache::Error::Overloaded) if anonymous => spared(app, request, lookup).await,
        found => found.map_err(cache_error),
    }
}

/// Resolves. `sparing` has asked nobody else: the answer says who is to be asked, and it fails where recognised peers would
/// have been.
async fn find(app: &App, request: Request, sparing: bool) -> Result<Filled<Kept>, Error> {
    let (before, follows) = (BootInstant::now(), request.query.context.follow_recognition);
    let answer = app.resolver.resolve(request).await?;
    let open = answer.reason.is_unknown() || answer.reason == Reason::NotListed;
    if sparing && follows && open {
        return Err(busy());
    }
    Ok(filled(app, answer, before, app.clock.now()))
}

/// Looks up again what is kept and in use. What cannot be had stays as it is, to its end.
pub async fn refresh(app: &App, kept: &Entry<Kept>) {
    let lookup = kept.question();
    let terms = (lookup.authority, lookup.entity, lookup.action, lookup.resource);
    let context = Context { evidence: EvidenceLevel::Full, ..Context::default() };
    let Ok(query) = Query::parse(lookup.kind, terms, context) else { return };
    let budget = Budget::fresh(Instant::now());
    let deadline = budget.deadline;
    let request = Request { registry: lookup.registry, query, budget, mode: Mode::Recurse };
    let looked = app.answers.refresh(&lookup, || find(app, request, false));
    if tokio::time::timeout_at(deadline, looked).await.is_err() {
        tracing::debug!("a kept answer could not be looked up again in time");
    }
}

/// The way around the fillers, for as many as own records can take.
async fn spared(app: &App, request: &Request, lookup: &Lookup<'_>) -> Result<Arc<Entry<Kept>>, Error> {
    let _turn = app.spare.try_acquire().map_err(|_| busy())?;
    let (request, history) = (Request { mode: Mode::Spared, ..request.clone() }, app.answers.history());
    let found = find(app, request, true).await?;
    // What was found without others is not kept for who has them asked.
    if found.value.referrals.is_empty() {
        return Ok(app.answers.put_since(lookup, history, found));
    }
    Ok(app.answers.entry(lookup, found))
}

fn busy() -> Error {
    Error::new(Code::Unavailable, "too many questions at once")
}

fn cache_error(e: charter_cache::Error<Error>) -> Error {
    match e {
        charter_cache::Error::Overloaded => busy(),
        charter_cache::Error::Fill(source) => (*source).clone(),
    }
}

/// What the TRQP doors make of a decision: unknown terms and cannot-tell are errors there, every other negative is
/// a false.
pub fn trqp_error(app: &App, reply: &Reply) -> Option<Error> {
    let unknown_is_false = app.config.answers.unknown == crate::config::Unknown::False;
    let code = code_of(reply.reason).filter(|_| !(reply.reason.is_unknown() && unknown_is_false))?;
    let field = match reply.reason {
        Reason::UnknownAuthority => Some("authority_id"),
        Reason::UnknownEntity => Some("entity_id"),
        Reason::UnknownAction => Some("action"),
        Reason::UnknownResource => Some("resource"),
        _ => None,
    };
    let (link, referrals) = (reply.failing.clone(), reply.referrals.clone());
    Some(Error { field: field.map(str::to_owned), link, referrals, ..Error::new(code, reply.message()) })
}

/// The same where a no is no error, unknown terms included: what is left could not be decided.
pub fn undecided(app: &App, reply: &Reply) -> Option<Error> {
    trqp_error(app, reply).filter(|_| !reply.reason.is_unknown())
}
