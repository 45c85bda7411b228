//! What is known of each witness of each log: the size that it has, and how it answered last.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use charter_domain::RegistryId;
use charter_tlog::note::Vkey;

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
}

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
        let before = self.with(registry, witness, |known| known.outcome.replace(outcome));
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
