//! A question as signed documents repeat it: what they say counts for that question alone.

use std::collections::BTreeMap;

use charter_domain::{
    Action, AuthorityId, EntityId, Kind, Query, Resource, Timestamp, query::MAX_CONTEXT, scope::Jurisdiction,
};
use serde::{Deserialize, Serialize};

use crate::Error;

/// TRQP's tuple, with everything of its context that bears on the decision. How much evidence was asked for does not;
/// epochs (`known_at`) are numbers of one registry, and nothing about them is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub kind: Kind,
    /// The authority that the question named when it was put to the one that signs.
    pub authority: AuthorityId,
    pub entity: EntityId,
    pub action: Action,
    pub resource: Resource,
    /// The instant asked about; absent is the instant of asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<AuthorityId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Jurisdiction>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<String, String>,
}

impl From<&Query> for Asked {
    fn from(query: &Query) -> Self {
        let context = &query.context;
        Self {
            kind: query.kind,
            authority: query.authority.clone(),
            entity: query.entity.clone(),
            action: query.action.clone(),
            resource: query.resource.clone(),
            time: context.time,
            locator: context.locator.clone(),
            jurisdiction: context.jurisdiction.clone(),
            conditions: context.conditions.clone(),
        }
    }
}

impl Asked {
    /// The bounds that a context has at the doors.
    pub(super) fn check(&self) -> Result<(), Error> {
        let long = |text: &str| text.len() > charter_domain::id::MAX_BYTES;
        let conditions = &self.conditions;
        if conditions.len() > MAX_CONTEXT || conditions.iter().any(|(n, v)| n.len() > 128 || long(v)) {
            let text = format!("the question must have at most {MAX_CONTEXT} short conditions");
            return Err(Error::Document(text));
        }
        Ok(())
    }

    /// The first member in which this differs from another question; the authority named is not compared.
    pub(crate) fn differs(&self, other: &Self) -> Option<&'static str> {
        let same = [
            ("kind", self.kind == other.kind),
            ("entity", self.entity == other.entity),
            ("action", self.action == other.action),
            ("resource", self.resource == other.resource),
            ("time", self.time == other.time),
            ("locator", self.locator == other.locator),
            ("jurisdiction", self.jurisdiction == other.jurisdiction),
            ("conditions", self.conditions == other.conditions),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
    }
}
