//! Whether the log can hold what a proposal would become: asked when it is drafted, not when it is executed.

use super::Proposal;
use crate::{
    Invalid, Timestamp,
    event::{self, Approved, Header},
    policy::GOVERNANCE,
    staff::Role,
};

/// The largest number that an event can have: RFC 8785 has integers up to 2^53-1.
const LAST: i64 = (1 << 53) - 1;
/// None is written longer: it has all six digits of a fraction.
const LONGEST_TIME: Timestamp = Timestamp::from_micros(1);

impl Proposal {
    /// Refused if its event could be longer than [`event::MAX_BODY`] bytes, whoever approves it and when: the change is
    /// measured with the longest header that this quorum can make.
    pub fn recordable(self) -> Result<Self, Invalid> {
        let hash = "0".repeat(64);
        let role = Role::ALL.into_iter().max_by_key(|r| r.code().len()).unwrap_or(Role::SecurityOfficer);
        let approved = Approved { by: LAST.to_string(), role, over: hash.clone() };
        let approvals = vec![approved; usize::from(self.quorum.saturating_sub(1))];
        let actor = self.proposer.to_string();
        let header = Header {
            registry: &self.registry,
            seq: LAST,
            actor: &actor,
            origin: GOVERNANCE,
            recorded_at: LONGEST_TIME,
            approvals: &approvals,
            prev: Some(&hash),
            restricted: self.restricted.as_deref(),
        };
        event::body(&header, &self.change)?;
        Ok(self)
    }
}
