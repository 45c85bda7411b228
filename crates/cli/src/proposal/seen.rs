//! That the hash approved is the hash of what is shown. The server is believed in nothing here: the bytes are read,
//! made again from what was read, hashed, and compared with what the answer says beside them.

use charter_domain::govern::{Measure, Proposal, ProposalState};
use charter_proto::charter::registry::v1 as pb;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::exit::{Exit, Failure};

/// The hash of a proposal that is shown as it is.
pub fn verify(shown: &pb::Proposal, id: &str) -> Result<String, Failure> {
    let proposal = read(&shown.bytes).map_err(refused)?;
    // INVARIANT: the same bytes made again; so SHA-256 over them is SHA-256 over what was received.
    if proposal.bytes().ok().as_ref() != Some(&shown.bytes) {
        return Err(refused("its bytes say more than this program understands"));
    }
    let hash = proposal.hash().map_err(|e| refused(&e.to_string()))?;
    if hash != shown.hash {
        return Err(refused("its bytes do not have its hash"));
    }
    if proposal.id.to_string() != id || shown.proposal_id != id {
        return Err(refused("it is another proposal"));
    }
    agrees(&proposal, shown).map_err(refused)?;
    Ok(hash)
}

/// What is shown beside the bytes is what they say.
fn agrees(proposal: &Proposal, shown: &pb::Proposal) -> Result<(), &'static str> {
    let change: Option<Value> = serde_json::from_str(&shown.change_json).ok();
    let measure = Measure::of(&proposal.change).map(Measure::code);
    let same = [
        (
            change == serde_json::to_value(&proposal.change).ok(),
            "the change shown is not the one in its bytes",
        ),
        (measure == Some(&shown.measure), "the measure shown is not the one of its change"),
        (
            i64::from(proposal.revision) == i64::from(shown.revision),
            "the revision shown is not the one in its bytes",
        ),
        (proposal.proposer.0 == shown.proposer, "the proposer shown is not the one in its bytes"),
        (i32::from(proposal.quorum) == shown.quorum, "the quorum shown is not the one in its bytes"),
    ];
    same.iter().find(|(same, _)| !same).map_or(Ok(()), |(_, what)| Err(what))
}

fn read(bytes: &[u8]) -> Result<Proposal, &'static str> {
    let fault = "its bytes are no proposal that this program understands";
    let value: Value = serde_json::from_slice(bytes).map_err(|_| fault)?;
    let change = serde_json::json!({ "kind": value["kind"], "data": value["data"] });
    let read = || {
        Some(Proposal {
            id: member(&value, "proposal")?,
            registry: member(&value, "registry")?,
            revision: member(&value, "revision")?,
            change: serde_json::from_value(change).ok()?,
            restricted: value.get("restricted").and_then(Value::as_str).map(str::to_owned),
            proposer: member(&value, "proposer")?,
            reason: String::new(),
            base: member(&value, "base")?,
            quorum: member(&value, "quorum")?,
            created_at: member(&value, "created_at")?,
            expires_at: member(&value, "expires_at")?,
            state: ProposalState::Open,
            approvals: Vec::new(),
        })
    };
    read().ok_or(fault)
}

fn member<T: DeserializeOwned>(value: &Value, name: &str) -> Option<T> {
    serde_json::from_value(value.get(name)?.clone()).ok()
}

fn refused(why: &str) -> Failure {
    Failure::new(Exit::CannotVerify, format!("the proposal cannot be verified: {why}")).hint(
        "do not approve it; tell the operator of the registry, or use the registry's version of `charter`",
    )
}

#[cfg(test)]
mod tests;
