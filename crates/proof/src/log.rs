//! Proof that the event of a statement is in its registry's transparency log.
//!
//! A verified chain says who made the statement, and with which keys. One of those keys signs the registry's
//! configuration, which names the key of its log; that key signs the checkpoint; the checkpoint's tree has the event;
//! the event says what the statement claims. Witnesses that the verifier chose say that the log shows everybody the
//! same tree, and when they saw it.

mod claims;
mod event;
mod file;
#[cfg(test)]
mod tests;

use std::time::Duration;

use charter_domain::Timestamp;
use charter_tlog::{
    hash,
    log_proof::LogProof,
    note::{KeyKind, Vkey},
    policy::Unmet,
    proof::verify_inclusion,
};
use serde::Serialize;

use self::event::Event;
pub use self::file::{MAX_BYTES, ProofFile};
use crate::{
    EntityConfiguration, Fault, FaultCode, Verified,
    document::Log,
    error::shown,
    verify::{SKEW, own_configuration},
};
/// The verifier's own choice of logs and witnesses (C2SP tlog-policy).
pub use charter_tlog::policy::Policy;

/// What a registry gives beside a chain (`context.evidence` = full).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvidence {
    /// Public bytes of the event by which the statement was made: the entry at leaf `seq - 1`.
    pub event: Vec<u8>,
    /// C2SP tlog-proof of that leaf.
    pub log_proof: String,
    /// Entity configuration of the registry that made the statement, a compact JWS.
    pub configuration: String,
}

/// What was proven of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogProven {
    /// Which log.
    pub origin: String,
    /// Leaves of the tree that the checkpoint signs.
    pub size: u64,
    /// Number of the leaf, from 0.
    pub index: u64,
    /// When the event was recorded, by the registry's clock.
    pub recorded_at: Timestamp,
    /// Until when the statement holds by its event alone; later ends are renewals. `None` has no end.
    pub event_until: Option<Timestamp>,
    /// The registry's own number of the entity. That the statement's identifier is one of this entity's is not in
    /// the event.
    pub entity_number: String,
    /// False without a policy: no witness was asked for, and nothing says that others are shown the same tree.
    pub witnessed: bool,
    /// The witnesses of the policy that cosigned, by the names of their keys.
    pub witnesses: Vec<Witnessed>,
    /// When the last of them did; `None` if none was asked for or none is needed.
    pub newest: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    pub name: String,
    pub at: Timestamp,
}

/// Verifies the evidence for the statement of a verified chain. With `max_age`, a witness of the policy must have
/// cosigned at most so long ago. Faults are of link 0, the statement.
pub fn verify_log(
    chain: &Verified,
    evidence: &LogEvidence,
    policy: Option<&Policy>,
    now: Timestamp,
    max_age: Option<Duration>,
) -> Result<LogProven, Fault> {
    let configuration = own_configuration(&evidence.configuration, &chain.issuer, now)?;
    let key = log_key(&configuration)?;
    let proof: LogProof = parse(&evidence.log_proof)?;
    let checkpoint = proof.checkpoint().checkpoint();
    proof.checkpoint().verify_log(&key).map_err(|e| fault(FaultCode::Checkpoint, &e.to_string()))?;
    included(chain, evidence, &proof)?;
    let witnesses = policy.map_or_else(|| Ok(Vec::new()), |p| witnesses(p, &key, &proof))?;
    let newest = newest(&witnesses, now, max_age)?;
    let event = Event::parse(&evidence.event).map_err(|why| fault(FaultCode::EventDiffers, &why))?;
    claims::compare(&chain.leaf, &event, chain.at).map_err(|(code, why)| fault(code, &why))?;
    Ok(LogProven {
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        index: proof.index(),
        recorded_at: event.recorded_at,
        event_until: event.valid.until,
        entity_number: event.entity,
        witnessed: policy.is_some(),
        witnesses,
        newest,
    })
}

fn fault(code: FaultCode, detail: &str) -> Fault {
    Fault::new(0, code, shown(detail))
}

fn parse(text: &str) -> Result<LogProof, Fault> {
    text.parse().map_err(|e: charter_tlog::log_proof::Error| fault(FaultCode::LogProof, &e.to_string()))
}

/// The key that the configuration names; its name is the log's origin.
fn log_key(configuration: &EntityConfiguration) -> Result<Vkey, Fault> {
    let unknown = |why: &str| fault(FaultCode::LogUnknown, why);
    let log: &Log = configuration
        .metadata
        .trust_registry
        .log
        .as_ref()
        .ok_or_else(|| unknown("the registry's configuration names no log"))?;
    let key: Vkey = log
        .vkey
        .parse()
        .map_err(|e: charter_tlog::note::Error| unknown(&format!("the key of its log: {e}")))?;
    if key.kind() != KeyKind::Ed25519 || key.name().as_str() != log.origin {
        return Err(unknown("the key of its log is no key for checkpoints of that origin"));
    }
    Ok(key)
}

/// The event is the leaf that the statement names, of the tree that the checkpoint signs.
fn included(chain: &Verified, evidence: &LogEvidence, proof: &LogProof) -> Result<(), Fault> {
    let named = u64::try_from(chain.leaf.seq).ok().and_then(|seq| seq.checked_sub(1));
    if named != Some(proof.index()) {
        let detail =
            format!("the proof is of leaf {}, the statement of event {}", proof.index(), chain.leaf.seq);
        return Err(fault(FaultCode::EventDiffers, &detail));
    }
    let (leaf, tree) = (hash::leaf(&evidence.event), proof.checkpoint().checkpoint());
    verify_inclusion(leaf, proof.index(), tree.size(), proof.hashes(), tree.root())
        .map_err(|e| fault(FaultCode::NotInLog, &e.to_string()))
}

/// Who of the policy's witnesses cosigned; too few is a fault, as is a log that the policy does not list, where it
/// lists any (C2SP tlog-policy).
fn witnesses(policy: &Policy, key: &Vkey, proof: &LogProof) -> Result<Vec<Witnessed>, Fault> {
    let listed = policy.logs();
    if !listed.is_empty() && !listed.iter().any(|log| log.vkey.key() == key.key()) {
        let detail = format!("the policy does not list `{}`", key.name());
        return Err(fault(FaultCode::LogUnknown, &detail));
    }
    let met = policy.quorum_met(proof.checkpoint()).map_err(|unmet| match unmet {
        Unmet::Note(e) => fault(FaultCode::LogProof, &e.to_string()),
        missing => fault(FaultCode::Unwitnessed, &missing.to_string()),
    })?;
    let at = |secs: u64| Timestamp::from_secs(i64::try_from(secs).unwrap_or(i64::MAX));
    let cosigned = met.witnesses.into_iter();
    Ok(cosigned.map(|c| Witnessed { name: c.name.to_string(), at: at(c.time_secs) }).collect())
}

/// The last cosignature. One from the future says nothing of age, so it is refused; so is none, where age counts.
fn newest(
    witnesses: &[Witnessed],
    now: Timestamp,
    max_age: Option<Duration>,
) -> Result<Option<Timestamp>, Fault> {
    let newest = witnesses.iter().max_by_key(|w| w.at);
    if let Some(ahead) = newest.filter(|w| w.at > now.plus(SKEW)) {
        let detail = format!("`{}` says that it cosigned at {}", ahead.name, ahead.at);
        return Err(fault(FaultCode::NotYetIssued, &detail));
    }
    match (max_age, newest) {
        (Some(_), None) => Err(fault(
            FaultCode::TooOld,
            "nobody says how old the checkpoint is: no witness of yours cosigned it",
        )),
        (Some(max), Some(last)) if now.since(last.at) > max => {
            let detail = format!("a witness last cosigned at {}, more than {} s ago", last.at, max.as_secs());
            Err(fault(FaultCode::TooOld, &detail))
        }
        _ => Ok(newest.map(|w| w.at)),
    }
}
