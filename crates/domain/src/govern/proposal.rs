//! A proposal: a drafted change, bound to its bytes and to the state its subject had. Nobody's calls alone take it
//! to a permit, whatever their roles.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    AuthorityId, Invalid, RegistryId, Timestamp,
    event::{Approved, Change},
    govern::lifecycle,
    json,
    measure::Measure,
    policy::{self, Execute, Permit, Refusal, Right, rights},
    registry::Phase,
    registry_policy::RegistryPolicy,
    staff::{Role, Staff, StaffId},
};

/// How long a proposal may wait for its approvals.
pub const LIFETIME: Duration = Duration::from_secs(14 * 86_400);
/// Bytes of a reason.
pub const MAX_REASON: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProposalState {
    Open,
    Executed,
    Refused,
    Withdrawn,
    /// Open when its time was over: read from the time, never kept.
    Expired,
}

impl ProposalState {
    pub const ALL: [Self; 5] = [Self::Open, Self::Executed, Self::Refused, Self::Withdrawn, Self::Expired];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Executed => "EXECUTED",
            Self::Refused => "REFUSED",
            Self::Withdrawn => "WITHDRAWN",
            Self::Expired => "EXPIRED",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|s| s.code() == text);
        known.ok_or_else(|| Invalid::new("state", "must be OPEN, EXECUTED, REFUSED, WITHDRAWN or EXPIRED"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub by: StaffId,
    /// The role that gave the right.
    pub role: Role,
    /// Hash of the bytes that were approved.
    pub over: String,
    pub at: Timestamp,
}

impl Approval {
    /// What the event says of it.
    pub fn public(&self) -> Approved {
        Approved { by: self.by.to_string(), role: self.role, over: self.over.clone() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub id: Uuid,
    pub registry: AuthorityId,
    /// From 1; an amendment makes the next.
    pub revision: u32,
    pub change: Change,
    /// Commitment to what the change says about natural persons, as its event will hold it.
    pub restricted: Option<String>,
    pub proposer: StaffId,
    /// Free text, restricted: it is not among the bytes that are approved.
    pub reason: String,
    /// `seq` of the last event about the change's subject when it was proposed.
    pub base: i64,
    /// Persons it takes, the proposer included; never fewer than the measure needs.
    pub quorum: u8,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub state: ProposalState,
    /// Of this revision.
    pub approvals: Vec<Approval>,
}

/// One approval more, and the permit if it was the last one needed.
#[derive(Debug)]
pub struct Step {
    pub approval: Approval,
    pub execute: Option<Permit<Execute>>,
}

#[derive(Serialize)]
struct Bytes<'a> {
    v: u8,
    proposal: Uuid,
    registry: &'a AuthorityId,
    revision: u32,
    #[serde(flatten)]
    change: &'a Change,
    #[serde(skip_serializing_if = "Option::is_none")]
    restricted: Option<&'a str>,
    proposer: StaffId,
    base: i64,
    quorum: u8,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Proposal {
    /// `base` is the `seq` of the last event about the change's subject. The states of the target are for the
    /// caller to check (`lifecycle::transition`): they are not known here.
    #[expect(clippy::too_many_arguments, reason = "each is a fact of the proposal")]
    pub fn propose(
        staff: &Staff,
        registry: AuthorityId,
        phase: Phase,
        id: Uuid,
        change: Change,
        reason: String,
        base: i64,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let measure = proposable(staff, &change, now)?;
        if phase != Phase::Governed {
            return Err(Refusal::NotGoverned);
        }
        stated(&reason)?;
        Ok(Self {
            id,
            registry,
            revision: 1,
            change,
            restricted: None,
            proposer: staff.id,
            reason,
            base,
            quorum: measure.quorum(),
            created_at: now,
            expires_at: now.plus(LIFETIME),
            state: ProposalState::Open,
            approvals: Vec::new(),
        })
    }

    /// With a commitment to what it says about natural persons: who approves it approves that too.
    #[must_use]
    pub fn committed(self, restricted: Option<String>) -> Self {
        Self { restricted, ..self }
    }

    /// With as many persons as the registry's policy asks for.
    #[must_use]
    pub fn under(self, policy: &RegistryPolicy) -> Self {
        let quorum = Measure::of(&self.change).map_or(self.quorum, |m| policy.quorum(m));
        Self { quorum: self.quorum.max(quorum), ..self }
    }

    /// The policy may ask for more persons than it did when this was drafted.
    pub fn still_enough(&self, policy: &RegistryPolicy) -> Result<(), Refusal> {
        let needed = Measure::of(&self.change).map_or(self.quorum, |m| policy.quorum(m));
        if self.quorum >= needed {
            return Ok(());
        }
        Err(Refusal::illegal(format!(
            "the registry's policy asks for {needed} persons by now: amend the proposal"
        )))
    }

    /// What has become of it by `now`.
    pub fn state_at(&self, now: Timestamp) -> ProposalState {
        match self.state {
            ProposalState::Open if now >= self.expires_at => ProposalState::Expired,
            state => state,
        }
    }

    /// What an approver approves: RFC 8785.
    pub fn bytes(&self) -> Result<Vec<u8>, Invalid> {
        json::canonical(&Bytes {
            v: 1,
            proposal: self.id,
            registry: &self.registry,
            revision: self.revision,
            change: &self.change,
            restricted: self.restricted.as_deref(),
            proposer: self.proposer,
            base: self.base,
            quorum: self.quorum,
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }

    /// SHA-256 of `bytes`, lower-case hex.
    pub fn hash(&self) -> Result<String, Invalid> {
        let digest = Sha256::digest(self.bytes()?);
        Ok(digest.iter().map(|b| format!("{b:02x}")).collect())
    }

    /// `over` is the hash that the approver saw; `subject_seq` the `seq` of the last event about the subject now,
    /// read in the transaction that records the change.
    pub fn approve(
        &self,
        staff: &Staff,
        registry: RegistryId,
        over: &str,
        subject_seq: i64,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        let (role, measure) = self.decider(staff, now)?;
        if !staff.stepped_up {
            return Err(Refusal::StepUpNeeded);
        }
        let hash = self.hash().map_err(|e| Refusal::illegal(e.to_string()))?;
        if over != hash {
            return Err(Refusal::ProposalChanged);
        }
        if subject_seq != self.base {
            return Err(Refusal::TargetChanged);
        }
        let approval = Approval { by: staff.id, role, over: hash, at: now };
        let enough = self.persons(&approval) >= usize::from(self.quorum.max(measure.quorum()));
        Ok(Step { approval, execute: enough.then(|| policy::execute(registry)) })
    }

    /// Distinct persons behind exactly these bytes: the proposer, those who approved before, and now `last`.
    fn persons(&self, last: &Approval) -> usize {
        let same = self.approvals.iter().filter(|a| a.over == last.over).map(|a| a.by);
        let persons: BTreeSet<StaffId> = same.chain([last.by, self.proposer]).collect();
        persons.len()
    }

    /// The proposal can be decided, and by them: not theirs, not decided by them before, and in their right.
    fn decider(&self, staff: &Staff, now: Timestamp) -> Result<(Role, Measure), Refusal> {
        self.undecided(now)?;
        if staff.service {
            return Err(Refusal::ServiceMayNotApprove);
        }
        if staff.id == self.proposer {
            return Err(Refusal::SelfApproval);
        }
        if self.approvals.iter().any(|a| a.by == staff.id) {
            return Err(Refusal::AlreadyApproved);
        }
        let measure = Measure::of(&self.change).ok_or(Refusal::Denied)?;
        let role = rights::role_for(staff, Right::Approve, measure).ok_or(Refusal::Denied)?;
        Ok((role, measure))
    }

    fn undecided(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.state != ProposalState::Open {
            return Err(Refusal::NotOpen);
        }
        if now >= self.expires_at {
            return Err(Refusal::ProposalExpired);
        }
        Ok(())
    }

    fn own(&self, staff: &Staff) -> Result<(), Refusal> {
        if staff.id == self.proposer { Ok(()) } else { Err(Refusal::NotYours) }
    }

    /// One who may approve says no, also after having approved. Nothing more is needed to end the proposal.
    pub fn refuse(&self, staff: &Staff, reason: &str, now: Timestamp) -> Result<(), Refusal> {
        match self.decider(staff, now) {
            Ok(_) | Err(Refusal::AlreadyApproved) => stated(reason),
            Err(refusal) => Err(refusal),
        }
    }

    pub fn withdraw(&self, staff: &Staff, reason: &str) -> Result<(), Refusal> {
        if self.state != ProposalState::Open {
            return Err(Refusal::NotOpen);
        }
        self.own(staff)?;
        stated(reason)
    }

    /// Whether somebody may put another draft in its place.
    pub fn amendable(&self, staff: &Staff, now: Timestamp) -> Result<(), Refusal> {
        self.undecided(now)?;
        self.own(staff)
    }

    /// The next revision, to be approved anew. It expires when the first would have, and its subject is the same;
    /// `base` is the `seq` of the last event about that, now.
    pub fn amend(
        &self,
        staff: &Staff,
        change: Change,
        reason: String,
        base: i64,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        self.amendable(staff, now)?;
        let measure = proposable(staff, &change, now)?;
        stated(&reason)?;
        if change.subject() != self.change.subject() {
            return Err(Refusal::illegal(
                "an amendment keeps its subject: withdraw this and propose the other",
            ));
        }
        let revision = self.revision.checked_add(1).ok_or(Refusal::NotOpen)?;
        let quorum = measure.quorum();
        let approvals = Vec::new();
        Ok(Self { revision, change, reason, base, quorum, approvals, restricted: None, ..self.clone() })
    }
}

fn proposable(staff: &Staff, change: &Change, now: Timestamp) -> Result<Measure, Refusal> {
    let measure = Measure::of(change).ok_or(Refusal::Denied)?;
    rights::role_for(staff, Right::Propose, measure).ok_or(Refusal::Denied)?;
    if measure.takes_step_up() && !staff.stepped_up {
        return Err(Refusal::StepUpNeeded);
    }
    lifecycle::proposable(change, now)?;
    Ok(measure)
}

/// Whether a text can be a reason.
pub fn check_reason(text: &str) -> Result<(), Invalid> {
    if text.len() > MAX_REASON || text.chars().any(char::is_control) {
        let must = format!("must be at most {MAX_REASON} bytes and without control characters");
        return Err(Invalid::new("reason", must));
    }
    Ok(())
}

fn stated(text: &str) -> Result<(), Refusal> {
    check_reason(text).map_err(|e| Refusal::illegal(e.to_string()))
}

mod size;
#[cfg(test)]
mod tests;
