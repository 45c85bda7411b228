//! What a delegation or accreditation covers: a list of grants, never merged into a product.
//!
//! In scope: patterns, jurisdictions, conditions, containment, cover.
//! Out of scope: who delegated it and when (see `delegation`).

pub mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Action, Invalid, Reason, Resource, Timestamp};

/// Most grants in one scope; containment is quadratic in them.
pub const MAX_GRANTS: usize = 64;

/// An exact string, or a prefix ending in `:`, `/` or `#` followed by `*`, or `*` alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let body = text.strip_suffix('*').unwrap_or(text);
        let wild = text.ends_with('*');
        if wild && !(body.is_empty() || body.ends_with([':', '/', '#'])) {
            return Err(Invalid::new("pattern", "may have a `*` only at its end, after `:`, `/` or `#`"));
        }
        if body.contains('*') {
            return Err(Invalid::new("pattern", "may have a `*` only at its end"));
        }
        if !body.is_empty() {
            Resource::parse(body).map_err(|e| e.at("pattern"))?;
        } else if !wild {
            return Err(Invalid::new("pattern", "must not be empty"));
        }
        Ok(Self(text.to_owned()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    pub fn matches(&self, text: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => text.starts_with(prefix),
            None => self.0 == text,
        }
    }
    /// Everything that `other` matches, this matches.
    pub fn contains(&self, other: &Self) -> bool {
        match (self.0.strip_suffix('*'), other.0.strip_suffix('*')) {
            (Some(mine), Some(theirs)) => theirs.starts_with(mine),
            (Some(mine), None) => other.0.starts_with(mine),
            (None, Some(_)) => false,
            (None, None) => self.0 == other.0,
        }
    }
}
impl TryFrom<String> for Pattern {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}
impl From<Pattern> for String {
    fn from(p: Pattern) -> String {
        p.0
    }
}

/// ISO 3166-1 alpha-2 (`FI`), 3166-2 (`FI-01`), or `EU`; `FI` contains `FI-01`, `EU` is a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Jurisdiction(String);

impl Jurisdiction {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (country, part) = text.split_once('-').map_or((text, None), |(c, p)| (c, Some(p)));
        let upper = |s: &str| s.bytes().all(|b| b.is_ascii_uppercase());
        let good_part = part.is_none_or(|p| {
            (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
        if country.len() == 2 && upper(country) && good_part {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new("jurisdiction", "must be an ISO 3166 code such as `FI` or `FI-01`"))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    pub fn contains(&self, other: &Self) -> bool {
        self == other || other.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('-'))
    }
}
impl TryFrom<String> for Jurisdiction {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}
impl From<Jurisdiction> for String {
    fn from(j: Jurisdiction) -> String {
        j.0
    }
}

/// Typed dimensions (education: `eqf_level`, `isced_f`) and the values allowed; an absent dimension is unrestricted.
pub type Conditions = BTreeMap<String, BTreeSet<String>>;

/// One row of a scope. An empty list of jurisdictions is unrestricted; actions and resources must be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub actions: Vec<Pattern>,
    pub resources: Vec<Pattern>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jurisdictions: Vec<Jurisdiction>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: Conditions,
    #[serde(default)]
    pub may_delegate: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

fn covered<T>(outer: &[T], inner: &[T], contains: impl Fn(&T, &T) -> bool) -> bool {
    inner.iter().all(|i| outer.iter().any(|o| contains(o, i)))
}

fn jurisdictions_inside(outer: &[Jurisdiction], inner: &[Jurisdiction]) -> bool {
    outer.is_empty() || (!inner.is_empty() && covered(outer, inner, Jurisdiction::contains))
}

/// Every dimension that `outer` restricts, `inner` restricts at least as much.
fn conditions_inside(outer: &Conditions, inner: &Conditions) -> bool {
    outer.iter().all(|(dim, allowed)| inner.get(dim).is_some_and(|values| values.is_subset(allowed)))
}

impl Grant {
    /// Everything that `other` grants, this grants too.
    pub fn contains(&self, other: &Self) -> bool {
        covered(&self.actions, &other.actions, Pattern::contains)
            && covered(&self.resources, &other.resources, Pattern::contains)
            && jurisdictions_inside(&self.jurisdictions, &other.jurisdictions)
            && conditions_inside(&self.conditions, &other.conditions)
            && (self.may_delegate || !other.may_delegate)
            && match (self.until, other.until) {
                (None, _) => true,
                (Some(mine), Some(theirs)) => theirs <= mine,
                (Some(_), None) => false,
            }
    }

    fn names(&self, action: &Action, resource: &Resource) -> bool {
        self.actions.iter().any(|p| p.matches(action.as_str()))
            && self.resources.iter().any(|p| p.matches(resource.as_str()))
    }
}

/// What a tuple claims inside a scope.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub action: &'a Action,
    pub resource: &'a Resource,
    pub jurisdictions: &'a [Jurisdiction],
    pub conditions: &'a Conditions,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(pub Vec<Grant>);

impl Scope {
    pub fn parse(grants: Vec<Grant>) -> Result<Self, Invalid> {
        if grants.is_empty() || grants.len() > MAX_GRANTS {
            return Err(Invalid::new("scope", format!("must have 1 to {MAX_GRANTS} grants")));
        }
        for grant in &grants {
            if grant.actions.is_empty() || grant.resources.is_empty() {
                return Err(Invalid::new("scope", "must name actions and resources in every grant"));
            }
        }
        Ok(Self(grants))
    }

    /// Each grant of `other` lies inside one grant of this scope.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.iter().all(|theirs| self.0.iter().any(|mine| mine.contains(theirs)))
    }

    /// As `contains`, and this scope may be passed on at all.
    pub fn may_delegate(&self, other: &Self) -> bool {
        other.0.iter().all(|theirs| self.0.iter().any(|mine| mine.may_delegate && mine.contains(theirs)))
    }

    /// Whether a question about this action and resource, for a jurisdiction if it names one, can be answered
    /// under the scope at `at`.
    pub fn covers(
        &self,
        action: &Action,
        resource: &Resource,
        place: Option<&Jurisdiction>,
        at: Timestamp,
    ) -> bool {
        let reaches = |g: &Grant| {
            place.is_none_or(|p| g.jurisdictions.is_empty() || g.jurisdictions.iter().any(|j| j.contains(p)))
        };
        self.0.iter().any(|g| g.names(action, resource) && reaches(g) && g.until.is_none_or(|u| at < u))
    }

    /// Whether a statement lies inside the scope at `at`; else the reason to give.
    pub fn admits(&self, claim: Claim<'_>, at: Timestamp) -> Result<(), Reason> {
        let mut named = false;
        for grant in self.0.iter().filter(|g| g.names(claim.action, claim.resource)) {
            if grant.until.is_some_and(|u| at >= u) {
                continue;
            }
            named = true;
            if jurisdictions_inside(&grant.jurisdictions, claim.jurisdictions)
                && conditions_inside(&grant.conditions, claim.conditions)
            {
                return Ok(());
            }
        }
        Err(if named { Reason::OutOfJurisdiction } else { Reason::OutOfScope })
    }

    /// Ends of grants after `at`: instants at which cover can change.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|g| g.until).filter(|u| *u > at).min()
    }
}

#[cfg(test)]
mod tests;
