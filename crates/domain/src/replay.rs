//! Replay: what a registry knows, folded from its events alone. The tables must come to the same; tests and audits
//! compare the two.
//!
//! Written without looking at the projection in SQL: states are kept as points in time, not as intervals.

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use self::course::Course;
use crate::{
    Interval, Invalid, Query, Resource, Timestamp,
    event::{Change, CredentialTypeDefined, Renewed, StatementMade},
    fact::{AccreditationFact, Facts, StatementFact},
    status::TargetKind,
};

mod course;

/// An event as it stands in a registry: what replay reads of its public bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Recorded {
    pub seq: i64,
    pub recorded_at: Timestamp,
    /// Leaf hash of the event before, lower-case hex.
    pub prev: Option<String>,
    #[serde(flatten)]
    pub change: Change,
}

impl Recorded {
    /// Reads the public bytes of an event.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        serde_json::from_slice(body).map_err(|e| Invalid::new("event", format!("cannot be read: {e}")))
    }
}

/// The facts about one question; with `context.known_at`, as they were held at that epoch. Documents are not facts
/// and are left out.
pub fn facts(events: &[Recorded], query: &Query) -> Facts {
    let known = query.context.known_at.unwrap_or(i64::MAX);
    let mut facts = Facts { epoch: events.last().map_or(0, |e| e.seq), ..Facts::default() };
    let mut entity: Option<Uuid> = None;
    let mut own_resource = false;
    let mut grounds: BTreeMap<Uuid, Interval> = BTreeMap::new();
    let mut statements: Vec<(i64, &StatementMade, Interval)> = Vec::new();
    let mut courses: BTreeMap<(&str, &str), Course> = BTreeMap::new();
    let mut types: BTreeMap<&Resource, &CredentialTypeDefined> = BTreeMap::new();
    for event in events.iter().filter(|e| e.seq <= known) {
        match &event.change {
            Change::EntityRegistered(e) if e.identifiers.iter().any(|i| i.value == query.entity.as_str()) => {
                entity = Some(e.entity_id);
            }
            Change::EntityCorrected(e) => {
                if let Some(identifiers) = &e.identifiers {
                    let named = identifiers.iter().any(|i| i.value == query.entity.as_str());
                    entity = if named { Some(e.entity_id) } else { entity.filter(|id| *id != e.entity_id) };
                }
            }
            Change::AccreditationGranted(a) => {
                grounds.insert(a.accreditation_id, a.valid(event.recorded_at));
            }
            Change::AccreditationCorrected(a) => {
                grounds.entry(a.accreditation_id).and_modify(|valid| *valid = a.valid(*valid));
            }
            Change::Renewed(r) => renew(r, &mut grounds, &mut statements),
            Change::StatementMade(s) => {
                facts.known_action |= s.action == query.action;
                own_resource |= s.resource == query.resource;
                statements.push((event.seq, s, s.valid(event.recorded_at)));
            }
            Change::SchemaPublished(s) => own_resource |= s.resource == query.resource,
            Change::CredentialTypeDefined(t) => drop(types.insert(&t.resource, t)),
            Change::StatusChanged(s) => {
                courses.entry((s.target.as_str(), &s.target_id)).or_default().turn(
                    event.seq,
                    s,
                    event.recorded_at,
                );
            }
            Change::CourtRuled(r) => {
                courses.entry((r.target.as_str(), &r.target_id)).or_default().rule(r);
            }
            _ => {}
        }
    }
    // What has records of its own is answered by them; else it may stand for a credential type.
    let stands_for = types.values().find(|t| t.identifiers().any(|(_, i)| *i == query.resource));
    let resource = stands_for.filter(|_| !own_resource).map_or(&query.resource, |t| &t.resource);
    facts.known_resource = own_resource || stands_for.is_some();
    let of = |kind: TargetKind, id: &str| {
        courses.get(&(kind.as_str(), id)).map_or_else(Vec::new, Course::statuses)
    };
    let Some(entity) = entity else { return facts };
    facts.known_entity = true;
    facts.entity = of(TargetKind::Entity, &entity.to_string());
    let asked = |s: &StatementMade| {
        s.entity_id == entity
            && s.statement == query.kind
            && s.action == query.action
            && s.resource == *resource
    };
    let ground = |id: Uuid| {
        grounds.get(&id).map(|valid| AccreditationFact {
            id: id.to_string(),
            valid: *valid,
            statuses: of(TargetKind::Accreditation, &id.to_string()),
        })
    };
    facts.statements = statements
        .into_iter()
        .filter(|(_, s, _)| asked(s))
        .map(|(id, s, valid)| StatementFact {
            id,
            valid,
            jurisdictions: s.jurisdictions.clone(),
            conditions: s.conditions.clone(),
            statuses: of(TargetKind::Statement, &id.to_string()),
            accreditation: s.accreditation_id.and_then(ground),
            document: None,
        })
        .collect();
    facts
}

fn renew(
    renewed: &Renewed,
    grounds: &mut BTreeMap<Uuid, Interval>,
    statements: &mut [(i64, &StatementMade, Interval)],
) {
    let valid = match renewed.target {
        TargetKind::Accreditation => {
            Uuid::parse_str(&renewed.target_id).ok().and_then(|id| grounds.get_mut(&id))
        }
        TargetKind::Statement => {
            let found = statements.iter_mut().find(|(id, _, _)| id.to_string() == renewed.target_id);
            found.map(|(_, _, valid)| valid)
        }
        _ => None,
    };
    if let Some(valid) = valid {
        valid.until = Some(renewed.valid_until);
    }
}

#[cfg(test)]
mod tests;
