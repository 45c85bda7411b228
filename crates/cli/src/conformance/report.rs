//! What was found: of each check the outcome and why, and what it comes to.

use charter_domain::Timestamp;
use serde::Serialize;

use super::{
    catalogue::{Check, Level},
    wire::Exchange,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Pass,
    Fail,
    Skipped,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    #[serde(skip)]
    pub check: Check,
    pub id: &'static str,
    pub level: Level,
    pub clause: &'static str,
    pub title: &'static str,
    pub outcome: Outcome,
    /// Why it failed or was skipped; empty where it passed.
    pub reason: String,
    #[serde(flatten)]
    pub exchange: Exchange,
}

impl Finding {
    pub const HEADINGS: [&str; 5] = ["CHECK", "LEVEL", "OUTCOME", "REASON", "CLAUSE"];

    pub fn new(check: Check, outcome: Outcome, reason: String, exchange: Exchange) -> Self {
        let (id, level) = (check.id(), check.level());
        let (clause, title) = (check.clause(), check.title());
        Self { check, id, level, clause, title, outcome, reason, exchange }
    }

    pub fn row(&self) -> Vec<String> {
        let words = [self.id, self.level.as_str(), self.outcome.as_str(), &self.reason, self.clause];
        words.map(str::to_owned).to_vec()
    }
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub target: String,
    pub authority_id: String,
    pub trqp_version: &'static str,
    pub examined_at: Timestamp,
    /// No MUST failed, and a question was answered.
    pub conforms: bool,
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    pub checks: Vec<Finding>,
}

impl Report {
    pub fn new(target: &str, authority: String, examined_at: Timestamp, checks: Vec<Finding>) -> Self {
        let count = |outcome| checks.iter().filter(|found| found.outcome == outcome).count();
        let broken = |f: &Finding| f.level == Level::Must && f.outcome == Outcome::Fail;
        let answered = |f: &Finding| {
            matches!(f.check, Check::AuthorizationAnswered | Check::RecognitionAnswered)
                && f.outcome == Outcome::Pass
        };
        Self {
            target: target.to_owned(),
            authority_id: authority,
            trqp_version: "2.0",
            examined_at,
            conforms: !checks.iter().any(broken) && checks.iter().any(answered),
            passed: count(Outcome::Pass),
            failed: count(Outcome::Fail),
            skipped: count(Outcome::Skipped),
            checks,
        }
    }

    /// One line for people.
    pub fn verdict(&self) -> String {
        let word = if self.conforms { "conforms" } else { "does not conform" };
        let counts = format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
        format!("`{}` {word} to TRQP v{}: {counts}", self.target, self.trqp_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_must_that_fails_or_nothing_that_is_answered_does_not_conform() {
        let conforms = |found: &[(Check, Outcome)]| {
            let found = found.iter().map(|(c, o)| Finding::new(*c, *o, String::new(), Exchange::default()));
            Report::new("https://a.example", String::new(), Timestamp::from_secs(0), found.collect()).conforms
        };
        let answered = (Check::AuthorizationAnswered, Outcome::Pass);
        assert!(conforms(&[answered]));
        assert!(conforms(&[answered, (Check::Missing, Outcome::Skipped), (Check::Tls, Outcome::Fail)]));
        assert!(!conforms(&[answered, (Check::Missing, Outcome::Fail)]));
        assert!(!conforms(&[(Check::Missing, Outcome::Pass)]));
        assert!(!conforms(&[(Check::AuthorizationAnswered, Outcome::Skipped)]));
    }
}
