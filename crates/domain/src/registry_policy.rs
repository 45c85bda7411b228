//! A registry's own policy: how many persons a measure takes, whether those concerned are heard before a negative
//! one, and which languages names are given in. It may ask for more than is built in, never for less.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Invalid, event::LanguageMap, measure::Measure, record::is_language};

/// More persons than this would stop a registry sooner than protect it.
pub const MAX_QUORUM: u8 = 7;
pub const MAX_REPLY_DAYS: u16 = 365;
const MAX_LANGUAGES: usize = 16;

/// Whether who loses something is heard first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Hearing {
    #[default]
    Required,
    NotRequired,
}

impl Hearing {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::NotRequired => "NOT_REQUIRED",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "REQUIRED" => Ok(Self::Required),
            "NOT_REQUIRED" => Ok(Self::NotRequired),
            _ => Err(Invalid::new("hearing", "must be REQUIRED or NOT_REQUIRED")),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryPolicy {
    /// Persons that a measure takes, the proposer included, where it is more than is built in.
    pub quorums: BTreeMap<Measure, u8>,
    pub hearing: Hearing,
    /// Days that a notice leaves for a reply, at least.
    pub reply_days: u16,
    /// Languages in which an entity must have a name.
    pub languages: BTreeSet<String>,
}

impl Default for RegistryPolicy {
    /// What holds before a policy is set.
    fn default() -> Self {
        Self {
            quorums: BTreeMap::new(),
            hearing: Hearing::Required,
            reply_days: 14,
            languages: BTreeSet::new(),
        }
    }
}

impl RegistryPolicy {
    pub fn validated(self) -> Result<Self, Invalid> {
        for (measure, persons) in &self.quorums {
            let (least, code) = (measure.quorum(), measure.code());
            if !(least..=MAX_QUORUM).contains(persons) {
                let reason = format!("must be {least} to {MAX_QUORUM} for {code}");
                return Err(Invalid::new(format!("quorums.{code}"), reason));
            }
        }
        if !(1..=MAX_REPLY_DAYS).contains(&self.reply_days) {
            return Err(Invalid::new("reply_days", format!("must be 1 to {MAX_REPLY_DAYS}")));
        }
        if self.languages.len() > MAX_LANGUAGES {
            return Err(Invalid::new("languages", format!("must be at most {MAX_LANGUAGES}")));
        }
        match self.languages.iter().find(|tag| !is_language(tag)) {
            Some(tag) => {
                Err(Invalid::new("languages", format!("has `{tag:.40}`, which is not a BCP 47 tag")))
            }
            None => Ok(self),
        }
    }

    /// Persons that a measure takes here, the proposer included.
    pub fn quorum(&self, measure: Measure) -> u8 {
        self.quorums.get(&measure).copied().unwrap_or_default().max(measure.quorum())
    }

    /// Whether names are given in the languages asked for.
    pub fn names(&self, names: &LanguageMap) -> Result<(), Invalid> {
        match self.languages.iter().find(|tag| !names.contains_key(*tag)) {
            Some(tag) => {
                Err(Invalid::new("names", format!("must have a name in `{tag}`, by the registry's policy")))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quorums(persons: u8) -> RegistryPolicy {
        RegistryPolicy { quorums: [(Measure::RevokeBack, persons)].into(), ..RegistryPolicy::default() }
    }

    #[test]
    fn a_policy_asks_for_more_never_for_less() {
        for (persons, good) in [(2, false), (3, true), (7, true), (8, false)] {
            assert_eq!(quorums(persons).validated().is_ok(), good, "{persons}");
        }
        assert_eq!(quorums(5).quorum(Measure::RevokeBack), 5);
        assert_eq!(quorums(1).quorum(Measure::RevokeBack), 3, "whatever stands there");
        assert_eq!(RegistryPolicy::default().quorum(Measure::Suspend), 2);
        for (days, good) in [(0, false), (1, true), (365, true), (366, false)] {
            let policy = RegistryPolicy { reply_days: days, ..RegistryPolicy::default() };
            assert_eq!(policy.validated().is_ok(), good, "{days}");
        }
    }

    #[test]
    fn names_are_given_in_the_languages_asked_for() {
        let policy =
            |tag: &str| RegistryPolicy { languages: [tag.to_owned()].into(), ..RegistryPolicy::default() };
        assert!(policy("no tag").validated().is_err());
        let policy = policy("sv").validated().expect("valid");
        assert!(policy.names(&[("fi".to_owned(), "Opisto".to_owned())].into()).is_err());
        assert!(policy.names(&[("sv".to_owned(), "Skola".to_owned())].into()).is_ok());
    }
}
