//! An answer as it is shown. Its JSON form is public: members are added, never renamed.

use charter_domain::{Kind, Outcome, Reason};
use charter_proof::LogProven;
use charter_proto::charter::federation::v1 as pb;
use serde::Serialize;

use crate::{
    exit::{Exit, Failure},
    output,
};

#[derive(Debug, Serialize)]
pub struct Answer {
    pub outcome: Outcome,
    pub reason: String,
    pub message: String,
    pub decided_by: Option<String>,
    pub basis: Option<String>,
    pub as_of: Option<String>,
    pub expires_at: Option<String>,
    pub path: Vec<Step>,
    pub chain: Vec<String>,
    /// Whether the chain was verified here; `null` when that was not asked, or there is nothing to verify.
    pub verified: Option<bool>,
    pub stale: bool,
    pub unstated_conditions: Vec<String>,
    /// Whom to ask instead; absent where that is nobody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrals: Vec<Referral>,
    /// What was proven of the log; absent where that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogProven>,
    #[serde(skip)]
    pub log_evidence: Option<pb::LogEvidence>,
    #[serde(skip)]
    pub exit: Exit,
}

#[derive(Debug, Serialize)]
pub struct Referral {
    pub authority_id: String,
    pub endpoint: String,
    /// What the server's registry signed about it; empty when that is not yet so.
    pub subordinate_statement: String,
}

#[derive(Debug, Serialize)]
pub struct Step {
    pub authority_id: String,
    pub epoch: i64,
    pub reason: String,
    /// The way down to it from the asked registry.
    #[serde(skip)]
    via: Vec<String>,
}

impl Answer {
    /// Reads an answer. One that contradicts itself, or is older than was accepted, becomes "cannot tell".
    pub fn read(response: pb::ResolveResponse) -> Self {
        let reason = Reason::parse(&response.reason);
        let outcome = match response.outcome() {
            pb::Outcome::Yes => Outcome::Yes,
            pb::Outcome::No => Outcome::No,
            pb::Outcome::Indeterminate | pb::Outcome::Unspecified => Outcome::Indeterminate,
        };
        let step = |s: pb::ResolveStep| Step {
            authority_id: s.authority_id,
            epoch: s.epoch,
            reason: s.reason,
            via: s.via,
        };
        let referral = |r: pb::Referral| Referral {
            authority_id: r.authority_id,
            endpoint: r.endpoint,
            subordinate_statement: r.subordinate_statement,
        };
        let given = |text: String| (!text.is_empty()).then_some(text);
        let mut answer = Self {
            outcome,
            message: message(reason, &response.detail),
            reason: response.reason,
            decided_by: given(response.decided_by),
            basis: given(response.basis),
            as_of: output::time(response.as_of),
            expires_at: output::time(response.expires_at),
            path: response.path.into_iter().map(step).collect(),
            chain: response.chain,
            verified: None,
            stale: response.stale,
            unstated_conditions: response.unstated_conditions,
            referrals: response.referrals.into_iter().map(referral).collect(),
            log: None,
            log_evidence: response.log_evidence,
            exit: Exit::of(outcome, reason),
        };
        if answer.stale && outcome != Outcome::Indeterminate {
            answer.doubt(Reason::Stale, "the server could not get a fresh answer");
        } else if answer.exit == Exit::CannotVerify && outcome != Outcome::Indeterminate {
            let said =
                format!("the server's answer contradicts itself: {outcome:?} because of `{}`", answer.reason);
            answer.doubt(Reason::Unverifiable, &said);
        }
        answer
    }

    /// Turns the answer into "cannot tell".
    pub fn doubt(&mut self, reason: Reason, detail: &str) {
        self.outcome = Outcome::Indeterminate;
        self.reason = reason.code().to_owned();
        self.message = message(Some(reason), detail);
        self.exit = Exit::CannotVerify;
    }

    /// The registries from the asked one to the one that decided; of others that were asked only how many.
    fn way(&self) -> String {
        let decider = self.path.iter().find(|s| Some(&s.authority_id) == self.decided_by.as_ref());
        let end = decider.map_or(&[][..], |s| &s.via);
        let (on, off): (Vec<_>, Vec<_>) = self.path.iter().partition(|s| end.starts_with(&s.via));
        let way: Vec<_> = on.iter().map(|s| format!("{} (epoch {})", s.authority_id, s.epoch)).collect();
        let others = if off.is_empty() { String::new() } else { format!("; {} more asked", off.len()) };
        format!("{}{others}", way.join(" -> "))
    }

    /// Why the answer is not a yes.
    pub fn failure(&self) -> Failure {
        Failure::new(self.exit, format!("{}: {}", self.reason, self.message))
    }

    /// The answer for people; the first line is the decision.
    pub fn table(&self, kind: Kind) -> String {
        let decision = match (self.outcome, kind) {
            (Outcome::Yes, Kind::Authorization) => "AUTHORIZED",
            (Outcome::No, Kind::Authorization) => "NOT AUTHORIZED",
            (Outcome::Yes, Kind::Recognition) => "RECOGNIZED",
            (Outcome::No, Kind::Recognition) => "NOT RECOGNIZED",
            (Outcome::Indeterminate, _) => "CANNOT TELL",
        };
        let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
        let basis = self.basis.as_ref().map_or_else(String::new, |basis| format!(" ({basis})"));
        let whom: Vec<_> =
            self.referrals.iter().map(|r| format!("{} at {}", r.authority_id, r.endpoint)).collect();
        let rows = [
            ("reason", format!("{}: {}", self.reason, self.message)),
            ("decided by", self.decided_by.as_ref().map_or_else(String::new, |by| format!("{by}{basis}"))),
            ("as of", or_empty(&self.as_of)),
            ("good until", or_empty(&self.expires_at)),
            ("path", self.way()),
            ("limited by", self.unstated_conditions.join(", ")),
            ("to be asked", whom.join(", ")),
        ];
        format!("{decision}\n{}", output::fields(rows))
    }
}

fn message(reason: Option<Reason>, detail: &str) -> String {
    let text = reason.map_or("this program does not know that reason", Reason::text);
    if detail.is_empty() { text.to_owned() } else { format!("{text} ({detail})") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(outcome: pb::Outcome, reason: &str) -> pb::ResolveResponse {
        pb::ResolveResponse {
            outcome: outcome.into(),
            reason: reason.to_owned(),
            basis: "DELEGATED".to_owned(),
            decided_by: "did:web:edu.example".to_owned(),
            path: vec![pb::ResolveStep {
                authority_id: "did:web:trust.example".to_owned(),
                epoch: 7,
                reason: reason.to_owned(),
                via: Vec::new(),
                ..Default::default()
            }],
            as_of: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            ..Default::default()
        }
    }

    #[test]
    fn the_json_form_is_stable() {
        let answer = Answer::read(response(pb::Outcome::Yes, "ACTIVE"));
        let expected = json!({
            "outcome": "yes",
            "reason": "ACTIVE",
            "message": "a statement in force says so",
            "decided_by": "did:web:edu.example",
            "basis": "DELEGATED",
            "as_of": "1970-01-01T00:00:00Z",
            "expires_at": null,
            "path": [{"authority_id": "did:web:trust.example", "epoch": 7, "reason": "ACTIVE"}],
            "chain": [],
            "verified": null,
            "stale": false,
            "unstated_conditions": [],
        });
        assert_eq!(serde_json::to_value(&answer).expect("JSON"), expected);
    }

    #[test]
    fn the_table_begins_with_the_decision() {
        let first = |outcome, reason, kind| {
            let table = Answer::read(response(outcome, reason)).table(kind);
            table.lines().next().map(str::to_owned).unwrap_or_default()
        };
        assert_eq!(first(pb::Outcome::Yes, "ACTIVE", Kind::Authorization), "AUTHORIZED");
        assert_eq!(first(pb::Outcome::No, "REVOKED", Kind::Authorization), "NOT AUTHORIZED");
        assert_eq!(first(pb::Outcome::No, "NOT_LISTED", Kind::Recognition), "NOT RECOGNIZED");
        assert_eq!(first(pb::Outcome::Indeterminate, "UNVERIFIABLE", Kind::Authorization), "CANNOT TELL");
    }

    #[test]
    fn a_referral_says_where_to_ask() {
        let referrals = vec![pb::Referral {
            authority_id: "did:web:edu.example".to_owned(),
            endpoint: "https://edu.example".to_owned(),
            subordinate_statement: "a.b.c".to_owned(),
        }];
        let said = pb::ResolveResponse { referrals, ..response(pb::Outcome::Indeterminate, "UNVERIFIABLE") };
        let answer = Answer::read(said);
        let table = answer.table(Kind::Authorization);
        assert!(table.contains("did:web:edu.example at https://edu.example"), "{table}");
        let json = serde_json::to_value(&answer).expect("JSON");
        assert_eq!(json["referrals"][0]["subordinate_statement"], "a.b.c");
    }

    #[test]
    fn a_stale_or_contradictory_yes_is_no_yes() {
        let stale = Answer::read(pb::ResolveResponse { stale: true, ..response(pb::Outcome::Yes, "ACTIVE") });
        assert_eq!(
            (stale.outcome, stale.reason.as_str(), stale.exit),
            (Outcome::Indeterminate, "STALE", Exit::CannotVerify)
        );
        for reason in ["REVOKED", "SOMETHING_NEW", ""] {
            let answer = Answer::read(response(pb::Outcome::Yes, reason));
            assert_eq!(
                (answer.outcome, answer.exit),
                (Outcome::Indeterminate, Exit::CannotVerify),
                "{reason}"
            );
        }
        let unknown = Answer::read(response(pb::Outcome::No, "UNKNOWN_ENTITY"));
        assert_eq!((unknown.outcome, unknown.exit), (Outcome::No, Exit::Unknown));
        assert_eq!(Answer::read(response(pb::Outcome::Unspecified, "ACTIVE")).exit, Exit::CannotVerify);
    }
}
