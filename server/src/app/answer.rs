//! Answers as they are kept, and as both doors render them.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use charter_cache::{BootInstant, DEP_LEASE, Entry, Filled};
use charter_domain::{AuthorityId, FailingLink, Kind, Outcome, Reason, Timestamp};
use charter_federation::{
    Answer, Basis,
    answer::{Referral, UNHEARD},
};
use serde::{Deserialize, Serialize};

use super::prepared::Texts;
use crate::App;

/// What a cache keeps of an answer: everything but the times.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    pub reason: Reason,
    pub direct: bool,
    /// A recognised peer decided, or one below it.
    #[serde(default)]
    pub recognized: bool,
    pub decided_by: String,
    pub chain: Vec<String>,
    pub path: Vec<KeptStep>,
    pub unstated: Vec<String>,
    pub detail: String,
    /// Where the way down ends.
    #[serde(default)]
    pub failing: Option<FailingLink>,
    /// It rests on registries below that are not in the path.
    #[serde(default)]
    pub unlisted: bool,
    /// It stands under an authority of another system: this registry's way up does not continue its chain.
    #[serde(default)]
    pub outside: bool,
    #[serde(skip)]
    pub referrals: Vec<Referral>,
    /// This answer as the doors render it.
    #[serde(skip)]
    pub texts: Texts,
    /// What it rests on was seen in the published log.
    #[serde(skip)]
    pub logged: AtomicBool,
    #[serde(skip)]
    seq: OnceLock<Option<i64>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptStep {
    pub authority: String,
    pub epoch: i64,
    pub reason: Reason,
    pub via: Vec<String>,
}

impl Kept {
    /// Number of the event by which the leaf statement was made, at the authority that decided: the statement says it.
    pub fn seq(&self) -> Option<i64> {
        *self.seq.get_or_init(|| self.chain.first().and_then(|leaf| seq(leaf)))
    }

    /// It rests on the records of the asked registry and on nothing else.
    pub fn is_alone(&self) -> bool {
        self.path.iter().all(|step| step.via.is_empty()) && !self.unlisted
    }

    /// The authority that decided, on the way.
    pub fn decider(&self) -> Option<&KeptStep> {
        self.path.iter().find(|step| step.authority == self.decided_by)
    }
}

fn seq(leaf: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Seq {
        seq: i64,
    }
    let payload = charter_signing::jws::peek(leaf).ok()?;
    serde_json::from_slice::<Seq>(&payload).ok().map(|leaf| leaf.seq)
}

/// An answer with the instants of this asking.
#[derive(Clone)]
pub struct Reply {
    pub entry: Arc<Entry<Kept>>,
    pub evaluated_at: Timestamp,
    /// Until when it may be kept.
    pub expires_at: Timestamp,
    /// It could not be confirmed now, and was this long ago.
    pub stale: Option<Duration>,
}

impl std::ops::Deref for Reply {
    type Target = Kept;
    fn deref(&self) -> &Kept {
        &self.entry.value
    }
}

impl Reply {
    pub fn new(app: &App, kind: Kind, entry: Arc<Entry<Kept>>, now: Timestamp) -> Self {
        app.decisions.count(kind, entry.value.reason);
        let evaluated_at = entry.time_at(now);
        let longest = evaluated_at.plus(max_age(app, &entry.value));
        Self { expires_at: entry.ends().min(longest), evaluated_at, entry, stale: None }
    }
    /// One that was last confirmed `age` ago. Nobody is to keep it.
    pub fn stale(app: &App, kind: Kind, entry: Arc<Entry<Kept>>, now: Timestamp, age: Duration) -> Self {
        app.decisions.count(kind, entry.value.reason);
        let evaluated_at = now.minus(age).max(entry.evaluated_at);
        Self { entry, evaluated_at, expires_at: now, stale: Some(age) }
    }
    pub fn basis(&self) -> &'static str {
        match (self.direct, self.recognized) {
            (true, _) => Basis::Direct.code(),
            (false, false) => Basis::Delegated.code(),
            (false, true) => Basis::Recognized.code(),
        }
    }
    pub fn is_yes(&self) -> bool {
        self.reason.outcome() == Outcome::Yes
    }
    /// What a person should know beside the reason; empty if nothing.
    pub fn remark(&self) -> String {
        match self.stale {
            Some(age) => format!("could not be confirmed now; last confirmed {} s ago", age.as_secs()),
            None => self.detail.clone(),
        }
    }
    /// One sentence, with the remark where there is one.
    pub fn message(&self) -> String {
        let (text, remark) = (self.reason.text(), self.remark());
        if remark.is_empty() { text.to_owned() } else { format!("{text} ({remark})") }
    }
}

/// What rests on other registries may be kept outside for 30 s, or 10 s when it is no yes: nobody tells an outside
/// cache of a change.
fn max_age(app: &App, kept: &Kept) -> Duration {
    let longest = Duration::from_secs(app.config.answers.max_age_secs);
    match kept.reason.outcome() {
        _ if kept.is_alone() => longest,
        Outcome::Yes => longest.min(Duration::from_secs(30)),
        _ => longest.min(Duration::from_secs(10)),
    }
}

/// An answer as the cache takes it. `before` was read before anybody was asked.
pub fn filled(app: &App, answer: Answer, before: BootInstant, now: Timestamp) -> Filled<Kept> {
    metrics::histogram!("charter_decision_duration_seconds").record(before.elapsed().as_secs_f64());
    metrics::histogram!("charter_chain_depth").record(answer.path.len() as f64);
    let own = answer.path.first();
    let epoch = own.map_or(0, |s| s.epoch);
    let asked = own.map(|s| s.authority.clone());
    let spared = answer.spared.iter().filter_map(|(id, epoch)| Some((app.hosted.rosters.roll(*id)?, *epoch)));
    let deps = answer
        .path
        .iter()
        .filter(|s| !s.via.is_empty() && s.epoch > 0)
        .map(|step| {
            let path: Vec<String> = asked.iter().chain(&step.via).map(AuthorityId::to_string).collect();
            let dep = app.dependencies.get_or_track(&path, step.epoch);
            dep.has_published(step.published);
            (dep, step.epoch)
        })
        .chain(spared)
        .collect();
    let unlisted = answer.unlisted || !answer.spared.is_empty();
    let step = |s: charter_federation::Step| KeptStep {
        authority: s.authority.into(),
        epoch: s.epoch,
        reason: s.reason,
        via: s.via.into_iter().map(Into::into).collect(),
    };
    let expires_at = match answer.outcome() {
        // An answer for want of an answer is kept by nobody.
        Outcome::Indeterminate => now,
        // Nobody tells when one that was not heard can be asked again, and what it has recorded meanwhile.
        _ if answer.path.iter().any(|s| s.epoch == UNHEARD) => answer.expires_at.min(now.plus(DEP_LEASE)),
        _ => answer.expires_at,
    };
    Filled {
        epoch,
        evaluated_at: now,
        next_change: answer.next_change,
        expires_at,
        deps,
        asked: Some(before),
        value: Kept {
            reason: answer.reason,
            direct: answer.basis == Basis::Direct,
            recognized: answer.basis == Basis::Recognized,
            decided_by: answer.decided_by.into(),
            chain: answer.chain,
            path: answer.path.into_iter().map(step).collect(),
            unstated: answer.unstated,
            detail: answer.detail,
            failing: answer.failing,
            unlisted,
            outside: answer.outside,
            referrals: answer.referrals,
            texts: Texts::default(),
            logged: AtomicBool::new(false),
            seq: OnceLock::new(),
        },
    }
}
