//! What is known of each witness of each log: the size that it has, and how it answered last.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use charter_domain::RegistryId;
use charter_tlog::note::Vkey;
use tokio::time::Instant;

use crate::config::log::{RegistryLog, Witness};

/// How one submission ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Cosigned,
    Unreachable,
    TimedOut,
    /// An answer that is none of the protocol.
    Unusable,
    /// A status other than 200 and 409, or 409 twice.
    Refused,
    /// 200 without a good signature of the configured key.
    Unsigned,
    /// It says that it has cosigned more than this log holds.
    Ahead,
    /// This log could not make the proof.
    NoProof,
}

impl Outcome {
    /// Label of `charter_witness_requests_total`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cosigned => "cosigned",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Unusable => "unusable",
            Self::Refused => "refused",
            Self::Unsigned => "unsigned",
            Self::Ahead => "ahead",
            Self::NoProof => "no_proof",
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    size: Option<u64>,
    outcome: Option<Outcome>,
    /// Silences one after the other.
    silent: u32,
    /// Until when it is asked only if the quorum needs it.
    rests: Option<Instant>,
}

/// After a silence a witness rests, longer with each: publishing would wait for it every time.
const FIRST_REST: Duration = Duration::from_secs(1);
const LAST_REST: Duration = Duration::from_secs(30);

/// A log, and the key line of a witness.
type Name = (RegistryId, String);

/// Kept in memory: a witness says itself what it has.
#[derive(Default)]
pub struct Peers(Mutex<HashMap<Name, Known>>);

impl Peers {
    fn with<T>(&self, registry: RegistryId, witness: &Vkey, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(known.entry((registry, witness.to_string())).or_default())
    }

    /// The witnesses to ask: all, without those that rest if there are enough others.
    pub fn awake<'c>(&self, registry: RegistryId, log: &'c RegistryLog) -> Vec<&'c Witness> {
        let now = Instant::now();
        let awake = |witness: &&Witness| {
            self.with(registry, &witness.vkey, |known| known.rests.is_none_or(|until| until <= now))
        };
        let awake: Vec<_> = log.witnesses.iter().filter(awake).collect();
        if awake.len() < log.quorum.max(1) { log.witnesses.iter().collect() } else { awake }
    }

    /// Leaves that the witness has cosigned, as far as is known.
    pub fn size(&self, registry: RegistryId, witness: &Vkey) -> Option<u64> {
        self.with(registry, witness, |known| known.size)
    }

    pub fn has(&self, registry: RegistryId, witness: &Vkey, size: u64) {
        self.with(registry, witness, |known| known.size = Some(size));
    }

    /// How it answered last.
    pub fn last(&self, registry: RegistryId, witness: &Vkey) -> Option<Outcome> {
        self.with(registry, witness, |known| known.outcome)
    }

    /// Counts an outcome, and logs it if the last one was another.
    pub fn heard(&self, registry: RegistryId, witness: &Vkey, outcome: Outcome) {
        metrics::counter!("charter_witness_requests_total", "outcome" => outcome.code()).increment(1);
        let before = self.with(registry, witness, |known| {
            let silent = matches!(outcome, Outcome::Unreachable | Outcome::TimedOut);
            known.silent = if silent { known.silent.saturating_add(1) } else { 0 };
            let rest = FIRST_REST.saturating_mul(1 << known.silent.saturating_sub(1).min(8)).min(LAST_REST);
            known.rests = silent.then(|| Instant::now() + rest);
            known.outcome.replace(outcome)
        });
        let (name, code) = (witness.name().as_str(), outcome.code());
        let expected = outcome == Outcome::Cosigned && before.is_none();
        if before == Some(outcome) || expected {
            return;
        }
        if outcome == Outcome::Cosigned {
            tracing::info!(%registry, witness = name, "a witness cosigns again");
        } else {
            tracing::warn!(%registry, witness = name, outcome = code, "a witness gave no cosignature");
        }
    }
}
