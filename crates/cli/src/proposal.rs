//! A proposal as it is shown. Its JSON form is public and the same as the API's: members are added, never renamed.

mod diff;
mod seen;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;

pub use self::seen::verify;
use crate::{
    exit::{Exit, Failure},
    output,
};

#[derive(Serialize)]
pub struct View {
    pub proposal_id: String,
    revision: i32,
    pub measure: String,
    change_json: String,
    /// Base64, as protobuf's JSON has it.
    bytes: String,
    hash: String,
    proposer: i64,
    reason: String,
    quorum: i32,
    pub state: String,
    approvals: Vec<Approval>,
    created_at: Option<String>,
    expires_at: Option<String>,
    seq: i64,
    closed_why: String,
    /// The event by which reasons and restricted part were erased.
    #[serde(skip_serializing_if = "is_zero")]
    erased: i64,
    diff_json: String,
    etag: String,
    /// Whether the bytes are the proposal shown, and have its hash.
    #[serde(skip)]
    fits: bool,
}

#[derive(Serialize)]
struct Approval {
    by: i64,
    role: String,
    over: String,
    at: Option<String>,
}

impl From<pb::Proposal> for View {
    fn from(p: pb::Proposal) -> Self {
        let fits = verify(&p, &p.proposal_id).is_ok();
        let approval =
            |a: pb::Approval| Approval { by: a.by, role: a.role, over: a.over, at: output::time(a.at) };
        Self {
            proposal_id: p.proposal_id,
            revision: p.revision,
            measure: p.measure,
            change_json: p.change_json,
            bytes: BASE64_STANDARD.encode(p.bytes),
            hash: p.hash,
            proposer: p.proposer,
            reason: p.reason,
            quorum: p.quorum,
            state: p.state,
            approvals: p.approvals.into_iter().map(approval).collect(),
            created_at: output::time(p.created_at),
            expires_at: output::time(p.expires_at),
            seq: p.seq,
            closed_why: p.closed_why,
            erased: p.erased,
            diff_json: p.diff_json,
            etag: p.etag,
            fits,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(seq: &i64) -> bool {
    *seq == 0
}

/// The proposal of an answer.
pub fn given(proposal: Option<pb::Proposal>) -> Result<pb::Proposal, Failure> {
    proposal.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no proposal"))
}

impl View {
    pub const HEADINGS: [&'static str; 7] =
        ["PROPOSAL", "MEASURE", "STATE", "PROPOSER", "PERSONS", "CREATED", "EXPIRES"];

    pub fn row(&self) -> Vec<String> {
        vec![
            self.proposal_id.clone(),
            self.measure.clone(),
            self.state.clone(),
            self.proposer.to_string(),
            format!("{} of {}", self.persons(), self.quorum),
            self.created_at.clone().unwrap_or_default(),
            self.expires_at.clone().unwrap_or_default(),
        ]
    }

    /// The proposer and those who approved exactly these bytes.
    fn persons(&self) -> i64 {
        let approved = self.approvals.iter().filter(|a| a.over == self.hash).count();
        i64::try_from(approved).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Everything, for people; the fields that would change come last.
    pub fn text(&self) -> String {
        let approvals = self.approvals.iter().map(|a| {
            let at = a.at.as_ref().map_or_else(String::new, |at| format!(" at {at}"));
            format!("{} ({}){at}", a.by, a.role)
        });
        let hash = if self.fits { "" } else { " DOES NOT FIT THE BYTES: do not approve" };
        let fields = output::fields([
            ("proposal", format!("{}, revision {}", self.proposal_id, self.revision)),
            ("measure", self.measure.clone()),
            ("state", self.state.clone()),
            ("closed because", self.closed_why.clone()),
            ("event", if self.seq > 0 { self.seq.to_string() } else { String::new() }),
            ("proposer", self.proposer.to_string()),
            ("reason", self.reason.clone()),
            ("erased", if self.erased > 0 { format!("by event {}", self.erased) } else { String::new() }),
            ("quorum", format!("{}, the proposer included", self.quorum)),
            ("approvals", approvals.collect::<Vec<_>>().join(", ")),
            ("created", self.created_at.clone().unwrap_or_default()),
            ("expires", self.expires_at.clone().unwrap_or_default()),
            ("hash", format!("{}{hash}", self.hash)),
        ]);
        format!("{fields}\n\n{}", diff::table(&self.change_json, &self.diff_json))
    }

    /// What happens next, or what has become of it.
    pub fn next(&self) -> String {
        let id = output::clean(&self.proposal_id);
        let more = i64::from(self.quorum).saturating_sub(self.persons()).max(1);
        match self.state.as_str() {
            "OPEN" => format!("needs {more} more: `charter approval approve {id}`"),
            "EXECUTED" => format!("executed as event {}", self.seq),
            state => format!("is {}", output::clean(state)),
        }
    }
}
