//! A proposal as both doors show it.

use charter_domain::{
    RegistryId, Timestamp,
    govern::Measure,
    policy::{Refusal, Right, rights},
    staff::Staff,
};
use charter_store::{proposal::Kept, restricted::Restricted};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diff;
use crate::{App, Error, app::etag};

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Proposal)]
pub struct Shown {
    pub proposal_id: String,
    pub revision: u32,
    pub measure: String,
    /// The event that it becomes: `kind` and `data`.
    #[schema(value_type = Object)]
    pub change: Value,
    /// The exact bytes that are approved, as text (they are JSON), and their SHA-256.
    pub bytes: String,
    pub hash: String,
    pub proposer: i64,
    pub reason: String,
    pub quorum: u8,
    pub state: String,
    pub approvals: Vec<Approval>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub closed_why: String,
    /// The event by which `reason`, `closed_why` and `restricted` were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<i64>,
    #[schema(value_type = Object)]
    pub diff: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub restricted: Option<Restricted>,
    /// Names what was read; deciding needs it.
    pub etag: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Approval {
    pub by: i64,
    pub role: String,
    pub over: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A decided proposal, and the epoch if it was executed (else 0).
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Decided {
    pub proposal: Shown,
    pub epoch: i64,
    /// Takes something away: it is acknowledged when nobody can answer from before.
    pub negative: bool,
}

/// What is shown of a proposal besides itself: read before the transaction that decides it.
pub struct Frame {
    revision: u32,
    /// What is about persons is shown to those who may decide, and to who proposed it.
    sees_persons: bool,
    diff: Value,
}

impl Frame {
    pub async fn of(app: &App, staff: &Staff, registry: RegistryId, kept: &Kept) -> Result<Self, Error> {
        let p = &kept.proposal;
        let decides =
            Measure::of(&p.change).is_some_and(|m| rights::role_for(staff, Right::Approve, m).is_some());
        let sees_persons = decides || staff.id == p.proposer;
        let restricted = kept.restricted.as_ref().filter(|_| sees_persons);
        let diff = diff::of(app, registry, &p.change, restricted).await?;
        Ok(Self { revision: p.revision, sees_persons, diff })
    }

    pub fn show(&self, kept: Kept, now: Timestamp) -> Result<Shown, charter_store::Error> {
        let etag = etag::proposal(&kept, now)?.header();
        let p = kept.proposal;
        if p.revision != self.revision {
            return Err(Refusal::ProposalChanged.into());
        }
        let approvals = p.approvals.iter().map(|a| Approval {
            by: a.by.0,
            role: a.role.code().to_owned(),
            over: a.over.clone(),
            at: a.at,
        });
        Ok(Shown {
            proposal_id: p.id.to_string(),
            revision: p.revision,
            measure: Measure::of(&p.change).map_or("", Measure::code).to_owned(),
            change: serde_json::to_value(&p.change).unwrap_or_default(),
            bytes: String::from_utf8_lossy(&p.bytes()?).into_owned(),
            hash: p.hash()?,
            proposer: p.proposer.0,
            approvals: approvals.collect(),
            quorum: p.quorum,
            state: p.state_at(now).code().to_owned(),
            created_at: p.created_at,
            expires_at: p.expires_at,
            seq: kept.seq,
            closed_why: kept.closed_why,
            erased: kept.erased,
            diff: self.diff.clone(),
            restricted: kept.restricted.filter(|_| self.sees_persons),
            reason: p.reason,
            etag,
        })
    }
}

pub async fn show(app: &App, staff: &Staff, registry: RegistryId, kept: Kept) -> Result<Shown, Error> {
    Ok(Frame::of(app, staff, registry, &kept).await?.show(kept, app.clock.now())?)
}
