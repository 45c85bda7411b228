//! Decisions that were given: `charter_decisions_total`, by the kind of question, the decision and its reason. All of them
//! are there from the start, at 0, and none is looked up by name where a question is answered.

use charter_domain::{Kind, Outcome, Reason};
use metrics::Counter;

/// A counter for each reason, in the order of `Reason::ALL`, which is that of the reasons themselves.
type Reasons = [Counter; Reason::ALL.len()];

pub struct Decisions {
    authorization: Reasons,
    recognition: Reasons,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { authorization: counters(Kind::Authorization), recognition: counters(Kind::Recognition) }
    }
}

impl Decisions {
    /// One more.
    pub fn count(&self, kind: Kind, reason: Reason) {
        let reasons = match kind {
            Kind::Authorization => &self.authorization,
            Kind::Recognition => &self.recognition,
        };
        reasons[reason as usize].increment(1);
    }
}

fn counters(kind: Kind) -> Reasons {
    Reason::ALL.map(|reason| {
        let decision = match reason.outcome() {
            Outcome::Yes => "yes",
            Outcome::No => "no",
            Outcome::Indeterminate => "indeterminate",
        };
        metrics::counter!(
            "charter_decisions_total", "query" => kind.as_str(), "decision" => decision, "reason" => reason.code()
        )
    })
}
