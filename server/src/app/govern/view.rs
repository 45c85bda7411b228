//! A proposal as both doors show it.

use charter_domain::{
    RegistryId, Timestamp,
    govern::Measure,
    policy::{Right, rights},
    staff::Staff,
};
use charter_store::{proposal::Kept, restricted::Restricted};
use serde::Serialize;
use serde_json::Value;

use super::diff;
use crate::{App, Error};

#[derive(Debug, Serialize)]
pub struct Shown {
    pub proposal_id: String,
    pub revision: u32,
    pub measure: &'static str,
    /// The event that it becomes: `kind` and `data`.
    pub change: Value,
    /// The exact bytes that are approved, as text (they are JSON), and their SHA-256.
    pub bytes: String,
    pub hash: String,
    pub proposer: i64,
    pub reason: String,
    pub quorum: u8,
    pub state: &'static str,
    pub approvals: Vec<Approval>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub closed_why: String,
    /// The event by which `reason`, `closed_why` and `restricted` were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased: Option<i64>,
    pub diff: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restricted: Option<Restricted>,
}

#[derive(Debug, Serialize)]
pub struct Approval {
    pub by: i64,
    pub role: &'static str,
    pub over: String,
    pub at: Timestamp,
}

/// What is about persons is shown to those who may decide, and to who proposed it.
pub async fn show(app: &App, staff: &Staff, registry: RegistryId, kept: Kept) -> Result<Shown, Error> {
    let measure = Measure::of(&kept.proposal.change);
    let decides = measure.is_some_and(|m| rights::role_for(staff, Right::Approve, m).is_some());
    let restricted = kept.restricted.filter(|_| decides || staff.id == kept.proposal.proposer);
    let p = kept.proposal;
    let bytes = String::from_utf8_lossy(&p.bytes()?).into_owned();
    let approvals = p.approvals.iter().map(|a| Approval {
        by: a.by.0,
        role: a.role.code(),
        over: a.over.clone(),
        at: a.at,
    });
    Ok(Shown {
        proposal_id: p.id.to_string(),
        revision: p.revision,
        measure: measure.map_or("", Measure::code),
        change: serde_json::to_value(&p.change).unwrap_or_default(),
        bytes,
        hash: p.hash()?,
        proposer: p.proposer.0,
        approvals: approvals.collect(),
        quorum: p.quorum,
        state: p.state_at(app.clock.now()).code(),
        created_at: p.created_at,
        expires_at: p.expires_at,
        seq: kept.seq,
        closed_why: kept.closed_why,
        erased: kept.erased,
        diff: diff::of(app, registry, &p.change, restricted.as_ref()).await?,
        restricted,
        reason: p.reason,
    })
}
