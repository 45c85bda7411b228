//! The resolver: own records and subordinates, asked together, verified, composed.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use charter_domain::{
    AuthorityId, Context, Delegation, EvidenceLevel, Outcome, Query, Reason, RegistryId, Timestamp,
};
use futures::future::join_all;

use crate::{
    Error,
    answer::{Answer, Referral, Step, UNHEARD},
    budget::Budget,
    local::{LocalAuthority, RegistryView},
    protocol::{Failure, PeerEndpoint, Protocol},
    seen::Seen,
    verdict::believe,
    walk::{self, Next, Whom},
};

mod accredited;
mod conclusion;
mod counter;
mod recognised;

/// How long answers that rest on other registries are kept here, while the epoch of each of those is confirmed every
/// second. What others are told (`expires_at` at the doors) is shorter: they do not poll.
pub(crate) const POSITIVE_TTL: Duration = Duration::from_secs(300);
pub(crate) const NEGATIVE_TTL: Duration = Duration::from_secs(60);
/// How long one's own answers may be kept by others; inside, the epoch lease rules.
const OWN_TTL: Duration = Duration::from_secs(60);

/// How far a registry goes to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Asks subordinates.
    #[default]
    Recurse,
    /// Says whom to ask, with the signed statement about each.
    Refer,
    /// The same; an answer that was kept comes first, which is the business of the cache in front.
    CachedOnly,
    /// The same for who asked for more and does not get it now: a yes that others could deny is not given.
    Spared,
    /// Own records, as if there were no subordinates.
    Own,
}

/// A question to one registry of this process, with what is left of its budget.
#[derive(Debug, Clone)]
pub struct Request {
    pub registry: RegistryId,
    pub query: Query,
    pub budget: Budget,
    pub mode: Mode,
}

/// One method; the server's cache has the same signature and stands in front.
#[async_trait]
pub trait Resolve: Send + Sync {
    async fn resolve(&self, request: Request) -> Result<Answer, Error>;
}

pub struct Resolver<L> {
    local: Arc<L>,
    protocol: Arc<dyn Protocol>,
    seen: Arc<Seen>,
    counters: Arc<counter::Counters>,
}

impl<L> Clone for Resolver<L> {
    fn clone(&self) -> Self {
        Self {
            local: Arc::clone(&self.local),
            protocol: Arc::clone(&self.protocol),
            seen: Arc::clone(&self.seen),
            counters: Arc::clone(&self.counters),
        }
    }
}

#[async_trait]
impl<L: LocalAuthority> Resolve for Resolver<L> {
    async fn resolve(&self, request: Request) -> Result<Answer, Error> {
        // The epoch first: an answer may be newer than the epoch it names, never older.
        let epoch = self.local.epoch(request.registry).await?;
        let view = self.local.view(request.registry).await?;
        let now = self.local.now();
        let at = request.query.context.time.unwrap_or(now);
        if at < view.registry.history_since {
            return Err(Error::TimeOutOfRange(view.registry.history_since));
        }
        let here = &view.registry.authority;
        let refused = |reason, detail: &str| {
            let answer = Answer::of(here, epoch, reason, at, now.plus(NEGATIVE_TTL));
            Ok(answer.with_detail(detail).failing_at(0, here))
        };
        if let Some(from) = request.budget.visited.last().filter(|_| request.budget.visited.contains(here)) {
            return refused(Reason::Loop, &format!("{from} -> {here}: the question has been here before"));
        }
        let historic = request.query.context.known_at.is_some();
        if historic && request.query.authority != *here {
            let text = "counts the epochs of one registry: ask that registry itself";
            return Err(charter_domain::Invalid::new("context.known_at", text).into());
        }
        if let Some(answer) = self.under_another(&view, &request, epoch, (at, now)).await {
            return Ok(answer);
        }
        let mut own = None;
        if request.query.authority == *here {
            own = Some(self.own(&view, &request, at, now).await?);
        }
        // An answer never names an epoch that what it rests on has not.
        let epoch = own.iter().flat_map(|own| &own.path).map(|step| step.epoch).fold(epoch, i64::min);
        // Who is alone is asked in any case.
        let lacking = match view.delegations.len() {
            0 | 1 => None,
            _ => self.local.lacking(request.registry, &request.query.entity),
        };
        let lack = lacking.as_ref().map(|lacking| &lacking.subordinates);
        let mut whom = match walk::next(here, &request.query, at, &view.delegations, lack) {
            // Epochs are numbers of this registry: what was held at one of them only its own records tell.
            _ if request.mode == Mode::Own || historic => Whom::default(),
            Next::Nobody => Whom::default(),
            Next::TooMany(n) => {
                let text = format!("{here}: locator needed: {n} authorities could know");
                return refused(Reason::Unverifiable, &text);
            }
            Next::Ask(whom) => whom,
        };
        // What a superior itself has never heard of, its subordinates may know: then theirs is the word.
        let mut answers: Vec<Answer> =
            own.into_iter().filter(|a| whom.is_empty() || !a.reason.is_unknown()).collect();
        let refers = request.mode != Mode::Recurse;
        if refers {
            answers.extend(whom.asked.iter().filter_map(|d| unasked(here, d, refers, at, now)));
            if request.mode == Mode::Spared && answers.iter().any(|a| !a.referrals.is_empty()) {
                answers.retain(|a| a.outcome() != Outcome::Yes);
            }
        } else {
            match self.beneath(&view, &mut whom, &request, at, now).await {
                Ok(said) => answers.extend(said),
                Err(text) => return refused(Reason::ChainTooLong, &text),
            }
        }
        let otherwise = if whom.spared.is_empty() { Reason::UnknownAuthority } else { Reason::UnknownEntity };
        let mut composed = walk::compose(answers)
            .unwrap_or_else(|| Answer::of(here, epoch, otherwise, at, now.plus(NEGATIVE_TTL)));
        if let Some(lacking) = lacking.filter(|_| !whom.spared.is_empty()) {
            composed.spared.push((request.registry, lacking.epoch));
        }
        if refers && composed.reason == Reason::Unverifiable && !composed.referrals.is_empty() {
            let whom: Vec<&str> = composed.referrals.iter().map(|r| r.authority.as_str()).collect();
            composed.detail = format!("ask {}", whom.join(", "));
        }
        let composed = self.followed(&view, &request, composed, at, now).await?;
        Ok(self.concluded(&view, &request, composed, epoch, (at, now)).await)
    }
}

impl<L: LocalAuthority> Resolver<L> {
    pub fn new(local: Arc<L>, protocol: Arc<dyn Protocol>) -> Self {
        Self { local, protocol, seen: Arc::default(), counters: Arc::default() }
    }

    /// The registry's own decision as an answer, with its signed statement.
    async fn own(
        &self,
        view: &RegistryView,
        request: &Request,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        let decision = self.local.decide(request.registry, &request.query, at).await?;
        let here = &view.registry.authority;
        let until = decision.next_change.map_or(now.plus(OWN_TTL), |n| n.max(now).min(now.plus(OWN_TTL)));
        let mut answer = Answer::of(here, decision.epoch, decision.reason, at, until);
        answer.next_change = decision.next_change;
        answer.unstated = decision.unstated;
        // What is signed is what holds now; it proves nothing about what was held at an earlier epoch.
        if decision.reason == Reason::Active && request.query.context.known_at.is_none() {
            match decision.statement.and_then(|s| s.document) {
                Some(document) => {
                    answer.expires_at = answer.expires_at.min(expiry(&document)?);
                    answer.chain.push(document);
                }
                // A yes that cannot be proven is not given away as one.
                None => {
                    let gone = Answer::of(here, decision.epoch, Reason::Unverifiable, at, now);
                    let text = format!("{here}: the statement is not signed yet");
                    return Ok(gone.with_detail(text).failing_at(0, here));
                }
            }
        }
        Ok(answer)
    }

    /// What those say that are asked, and why the others are not; an error where there is not a question for each. Those
    /// who lack the entity are asked where nobody else knows of it and all are few: each may have another reason to say no.
    async fn beneath(
        &self,
        view: &RegistryView,
        whom: &mut Whom<'_>,
        request: &Request,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Answer>, String> {
        let here = &view.registry.authority;
        let (mut answers, mut asked) = (Vec::new(), Vec::new());
        // Those whose delegation is not in force cost no question, so they have no share of the budget.
        for delegation in &whom.asked {
            match unasked(here, delegation, false, at, now) {
                Some(answer) => answers.push(answer),
                None => asked.push(*delegation),
            }
        }
        if asked.is_empty() {
            return Ok(answers);
        }
        let Some(budget) = request.budget.split(here, asked.len() + whom.second().len()) else {
            let below: Vec<&str> = asked.iter().map(|d| d.subordinate.as_str()).collect();
            return Err(format!(
                "{here} -> {}: the budget of depth or questions is used up",
                below.join(", ")
            ));
        };
        let ask = asked.into_iter().map(|d| self.below(view, d, request, &budget, at, now));
        answers.extend(join_all(ask).await);
        if !whom.second().is_empty() && answers.iter().all(|a| a.reason.is_unknown()) {
            let spared = std::mem::take(&mut whom.spared);
            let ask = spared.into_iter().map(|d| self.below(view, d, request, &budget, at, now));
            answers.extend(join_all(ask).await);
        }
        Ok(answers)
    }

    /// What a subordinate says, believed only as far as its proof goes.
    async fn below(
        &self,
        view: &RegistryView,
        delegation: &Delegation,
        request: &Request,
        budget: &Budget,
        at: Timestamp,
        now: Timestamp,
    ) -> Answer {
        let here = &view.registry.authority;
        let fail = |reason, why: String| unheard(broken(here, delegation, reason, &why, at, now), delegation);
        let query = downward(&request.query, here, &delegation.subordinate);
        let asked = match self.local.hosted(&delegation.subordinate) {
            Some(registry) => {
                let (query, budget) = (query.clone(), budget.clone());
                let request = Request { registry, query, budget, mode: Mode::Recurse };
                self.resolve(request).await.map_err(|e| e.to_string())
            }
            None => {
                let (endpoint, authority) = (PeerEndpoint::from(delegation), &delegation.subordinate);
                match self.protocol.resolve(&endpoint, authority, &query, budget).await {
                    Err(Failure::Resting(resting)) => {
                        return fail(Reason::Unverifiable, resting.to_string());
                    }
                    asked => asked.map_err(|e| e.to_string()),
                }
            }
        };
        let answer = match asked {
            Ok(answer) => answer,
            Err(detail) => {
                tracing::warn!(peer = %delegation.subordinate, %detail, "a subordinate could not be asked");
                metrics::counter!("charter_peer_failures_total").increment(1);
                return fail(Reason::Unverifiable, detail);
            }
        };
        let doubted = self.local.doubts(request.registry, &delegation.entity_identifier);
        // What was signed while we waited is not from the future.
        let now = self.local.now().max(now);
        match believe(view, delegation, &query, answer, (at, now), &self.seen) {
            Ok(answer) if answer.outcome() == Outcome::Yes && doubted => {
                fail(Reason::Unverifiable, "its log showed two histories".to_owned())
            }
            Ok(answer) => answer,
            Err(detail) => {
                tracing::error!(peer = %delegation.subordinate, %detail, "a subordinate's proof failed");
                metrics::counter!("charter_peer_proof_failures_total").increment(1);
                fail(Reason::Unverifiable, detail)
            }
        }
    }
}

/// An answer for want of one from a subordinate: it names the link.
fn broken(
    here: &AuthorityId,
    delegation: &Delegation,
    reason: Reason,
    why: &str,
    at: Timestamp,
    now: Timestamp,
) -> Answer {
    Answer::of(here, 0, reason, at, now.plus(NEGATIVE_TTL))
        .with_detail(format!("{here} -> {}: {why}", delegation.subordinate))
        .failing_at(1, &delegation.subordinate)
}

/// With the subordinate on its path: what it would say bears on the answer.
fn unheard(mut answer: Answer, delegation: &Delegation) -> Answer {
    let (authority, reason) = (delegation.subordinate.clone(), answer.reason);
    let via = vec![authority.clone()];
    answer.path.push(Step { authority, epoch: UNHEARD, reason, via, published: 0 });
    answer
}

/// What a subordinate need not be asked for: its delegation is not in force, or the caller is to ask it.
fn unasked(
    here: &AuthorityId,
    delegation: &Delegation,
    refers: bool,
    at: Timestamp,
    now: Timestamp,
) -> Option<Answer> {
    if let Err(reason) = delegation.standing(at) {
        let mut answer = broken(here, delegation, reason, reason.text(), at, now);
        answer.next_change = delegation.next_change(at);
        return Some(answer);
    }
    if delegation.answers_as_own && !refers {
        return None;
    }
    let mut answer = broken(here, delegation, Reason::Unverifiable, "answers for itself; ask it", at, now);
    answer.referrals.push(Referral {
        authority: delegation.subordinate.clone(),
        endpoint: delegation.endpoint.clone(),
        document: delegation.document.clone(),
    });
    Some(answer)
}

/// When a signed document expires, as it says itself: of documents that are our own, or were verified before.
pub fn expiry(document: &str) -> Result<Timestamp, Error> {
    #[derive(serde::Deserialize)]
    struct Exp {
        exp: i64,
    }
    let payload = charter_signing::jws::peek(document).map_err(|e| Error::Internal(e.to_string()))?;
    let exp: Exp = serde_json::from_slice(&payload).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(Timestamp::from_secs(exp.exp))
}

/// None of the documents has expired.
pub fn are_good(documents: &[String], now: Timestamp) -> bool {
    documents.iter().all(|document| expiry(document).is_ok_and(|until| now < until))
}

/// The question as the subordinate is asked: what was asked of us as a whole is asked of it as a whole.
fn downward(query: &Query, here: &AuthorityId, subordinate: &AuthorityId) -> Query {
    let authority = if query.authority == *here { subordinate.clone() } else { query.authority.clone() };
    // Evidence is always asked for: a yes is verified before it is believed. Epochs are numbers of one registry.
    // Recognition is followed by whoever is asked, not by who is below.
    let passed = query.context.clone();
    let context = Context {
        evidence: EvidenceLevel::Chain,
        known_at: None,
        follow_recognition: false,
        max_staleness: None,
        ..passed
    };
    Query { authority, context, ..query.clone() }
}
