//! A question as TRQP v2 puts it, past the door: parsed, bounded, with its context understood.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Action, AuthorityId, EntityId, Invalid, Resource, Timestamp, scope::Jurisdiction};

/// Most members a context may have; unknown ones are ignored (TRQP v2, extensibility), not unbounded.
pub const MAX_CONTEXT: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// May the entity do the action on the resource, under this authority?
    Authorization,
    /// Does the authority accept the entity, itself an authority, for action and resource? Never transitive.
    Recognition,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Recognition => "recognition",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "authorization" => Ok(Self::Authorization),
            "recognition" => Ok(Self::Recognition),
            _ => Err(Invalid::new("kind", "must be `authorization` or `recognition`")),
        }
    }
}

/// How much proof the caller wants beside the answer (`context.evidence`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceLevel {
    #[default]
    None,
    /// The signed chain.
    Chain,
    /// The chain, and the path with every registry's epoch.
    Full,
}

/// What a question may add. `conditions` holds the members that are none of ours: condition names of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Context {
    pub time: Option<Timestamp>,
    pub known_at: Option<i64>,
    pub locator: Option<AuthorityId>,
    pub jurisdiction: Option<Jurisdiction>,
    pub evidence: EvidenceLevel,
    /// A recognised peer may be asked, where its recognition says so too: one hop, by the asked authority alone.
    pub follow_recognition: bool,
    /// How long ago a yes of other registries may have been confirmed last, where it cannot be confirmed now. Of the asked
    /// registry alone: it is not passed on.
    pub max_staleness: Option<Duration>,
    pub conditions: BTreeMap<String, String>,
}

impl Context {
    /// Parses the members of a TRQP context. Members that no registry declares are kept as conditions and
    /// ignored later if no statement restricts that dimension.
    pub fn parse<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Invalid> {
        let mut context = Self::default();
        for (count, (name, value)) in members.into_iter().enumerate() {
            if count >= MAX_CONTEXT || value.len() > crate::id::MAX_BYTES || name.len() > 128 {
                return Err(Invalid::new(
                    "context",
                    format!("must have at most {MAX_CONTEXT} short members"),
                ));
            }
            match name {
                "time" => context.time = Some(Timestamp::parse(value).map_err(|e| e.at("context.time"))?),
                "known_at" => context.known_at = Some(parse_epoch(value)?),
                "locator" => {
                    context.locator = Some(AuthorityId::parse(value).map_err(|e| e.at("context.locator"))?);
                }
                "jurisdiction" => {
                    let parsed = Jurisdiction::parse(value).map_err(|e| e.at("context.jurisdiction"))?;
                    context.jurisdiction = Some(parsed);
                }
                "evidence" => context.evidence = parse_evidence(value)?,
                "follow_recognition" => context.follow_recognition = parse_follow(value)?,
                "max_staleness" => context.max_staleness = Some(parse_staleness(value)?),
                _ => {
                    context.conditions.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        Ok(context)
    }

    /// Only `evidence` and `max_staleness` may be set: what is decided depends on nothing but the four terms.
    pub fn is_plain(&self) -> bool {
        self.time.is_none()
            && self.known_at.is_none()
            && self.locator.is_none()
            && self.jurisdiction.is_none()
            && !self.follow_recognition
            && self.conditions.is_empty()
    }
}

fn parse_epoch(value: &str) -> Result<i64, Invalid> {
    match value.parse::<i64>() {
        Ok(epoch) if epoch >= 0 => Ok(epoch),
        _ => Err(Invalid::new("context.known_at", "must be an epoch: a whole number, 0 or more")),
    }
}

fn parse_follow(value: &str) -> Result<bool, Invalid> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Invalid::new("context.follow_recognition", "must be `true` or `false`")),
    }
}

fn parse_staleness(value: &str) -> Result<Duration, Invalid> {
    // As the native doors have it, and no other spelling of the number.
    match value.parse::<u32>() {
        Ok(secs) if secs.to_string() == value => Ok(Duration::from_secs(secs.into())),
        _ => Err(Invalid::new("context.max_staleness", "must be a whole number of seconds, 0 or more")),
    }
}

fn parse_evidence(value: &str) -> Result<EvidenceLevel, Invalid> {
    match value {
        "none" => Ok(EvidenceLevel::None),
        "chain" => Ok(EvidenceLevel::Chain),
        "full" => Ok(EvidenceLevel::Full),
        _ => Err(Invalid::new("context.evidence", "must be `none`, `chain` or `full`")),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    pub kind: Kind,
    pub authority: AuthorityId,
    pub entity: EntityId,
    pub action: Action,
    pub resource: Resource,
    pub context: Context,
}

impl Query {
    /// Parses the four terms; the first fault is reported under its TRQP field name.
    pub fn parse(
        kind: Kind,
        (authority, entity, action, resource): (&str, &str, &str, &str),
        context: Context,
    ) -> Result<Self, Invalid> {
        Ok(Self {
            kind,
            entity: EntityId::parse(entity)?,
            authority: AuthorityId::parse(authority)?,
            action: Action::parse(action)?,
            resource: Resource::parse(resource)?,
            context,
        })
    }
}
