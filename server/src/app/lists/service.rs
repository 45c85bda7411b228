//! What an entity was and is authorized to do, as lists of services have it: for each action and resource a state since an
//! instant, and the states before. A list is for a territory. What holds under conditions, or not in the whole of that
//! territory, is left out: a list has no words for it, and without them it would say more than the records do.

use std::collections::BTreeMap;

use charter_domain::{
    Interval, Timestamp,
    scope::Jurisdiction,
    status::{State, Status, in_force, state_at},
};
use charter_store::entity::{EntityView, StatementView};

use crate::app::entity::domain;

/// One action on one resource. `states` is never empty; the last is that of now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub action: String,
    pub resource: String,
    /// Where it holds; everywhere where there are none.
    pub jurisdictions: Vec<String>,
    pub states: Vec<(&'static str, Timestamp)>,
    /// The period that is running, where it is: since when it may be absent, and until when.
    pub running: Option<Interval>,
}

/// What was found of one entity, when time changed it last, and when it will next.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub services: Vec<Service>,
    pub changed: Option<Timestamp>,
    pub changes: Option<Timestamp>,
}

pub(super) const ACTIVE: &str = "active";

#[derive(Default)]
struct Term {
    spans: Vec<Interval>,
    statuses: Vec<Status>,
}

/// What an entity has at an instant, in a territory.
pub(super) fn of(entity: &EntityView, territory: Option<&Jurisdiction>, at: Timestamp) -> Found {
    let mut terms: BTreeMap<(&str, &str, &[String]), Term> = BTreeMap::new();
    for statement in entity.statements.iter().flatten().filter(|s| is_whole(s, territory)) {
        let Some((valid, statuses)) = ground(entity, statement) else { continue };
        let key =
            (statement.action.as_str(), statement.resource.as_str(), statement.jurisdictions.as_slice());
        let term = terms.entry(key).or_default();
        term.spans.extend(in_force(valid, &statuses));
        term.statuses.extend(statuses);
    }
    let mut found = Found::default();
    for ((action, resource, jurisdictions), term) in terms {
        let spans = Interval::joined(term.spans);
        let bounds = || spans.iter().flat_map(|span| [span.from, span.until]).flatten();
        found.changed = found.changed.max(bounds().filter(|bound| *bound <= at).max());
        found.changes =
            [found.changes, bounds().filter(|bound| *bound > at).min()].into_iter().flatten().min();
        let states = states(&spans, &term.statuses, (entity.registered_at(), at));
        if !states.is_empty() {
            let running = spans.iter().find(|span| span.contains(at)).copied();
            let (action, resource) = (action.to_owned(), resource.to_owned());
            let jurisdictions = jurisdictions.to_vec();
            found.services.push(Service { action, resource, jurisdictions, states, running });
        }
    }
    found
}

/// An authorization (kind 0) that holds wherever in the territory and whoever is asked about.
fn is_whole(statement: &StatementView, territory: Option<&Jurisdiction>) -> bool {
    let covers = |place: &String| {
        let place = Jurisdiction::parse(place);
        territory.is_some_and(|territory| place.is_ok_and(|place| place.contains(territory)))
    };
    statement.kind == 0
        && statement.conditions.is_empty()
        && (statement.jurisdictions.is_empty() || statement.jurisdictions.iter().any(covers))
}

/// When a statement may be in force, and what was decided against it, its ground and its entity.
fn ground(entity: &EntityView, statement: &StatementView) -> Option<(Interval, Vec<Status>)> {
    let mut statuses = domain(entity.statuses.as_deref().unwrap_or_default());
    statuses.extend(domain(statement.statuses.as_deref().unwrap_or_default()));
    let valid = statement.valid.interval();
    let Some(id) = statement.accreditation_id else { return Some((valid, statuses)) };
    let accreditation = entity.accreditations.iter().flatten().find(|a| a.accreditation_id == id)?;
    statuses.extend(domain(accreditation.statuses.as_deref().unwrap_or_default()));
    Some((valid.intersect(&accreditation.valid.interval())?, statuses))
}

/// States that have begun, in order. What has no beginning is known since the entity was registered.
fn states(
    spans: &[Interval],
    statuses: &[Status],
    (registered, at): (Timestamp, Timestamp),
) -> Vec<(&'static str, Timestamp)> {
    let mut states = Vec::new();
    for span in spans.iter().filter(|span| !span.is_after(at)) {
        let ended = span.until.filter(|until| *until <= at);
        let since = span.from.unwrap_or_else(|| ended.map_or(registered, |until| registered.min(until)));
        states.push((ACTIVE, since));
        states.extend(ended.map(|until| (over(state_at(statuses, until)), until)));
    }
    states
}

/// Why a period is over; of time alone where nothing was decided.
const fn over(state: State) -> &'static str {
    match state {
        State::Active => "expired",
        State::Ended => "ended",
        State::Suspended => "suspended",
        State::Revoked => "revoked",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entity(statements: &Value, statuses: &Value, accreditations: &Value) -> EntityView {
        serde_json::from_value(json!({
            "entity_id": uuid::Uuid::nil(), "names": { "en": "A" }, "country": "FI", "registered_at": 5_000_000,
            "identifiers": [{ "type": "did", "value": "did:web:a.example" }],
            "statements": statements, "statuses": statuses, "accreditations": accreditations,
        }))
        .expect("an entity")
    }

    fn statement(from: Option<i64>, until: Option<i64>) -> Value {
        json!({ "id": 1, "kind": 0, "action": "issue", "resource": "Degree", "jurisdictions": [], "conditions": {},
            "f": from.map(|s| s * 1_000_000), "u": until.map(|s| s * 1_000_000), "accreditation_id": null })
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn states(entity: &EntityView, secs: i64) -> Vec<(&'static str, i64)> {
        let found = of(entity, None, at(secs));
        found
            .services
            .iter()
            .flat_map(|s| s.states.iter().map(|(code, since)| (*code, since.secs())))
            .collect()
    }

    #[test]
    fn a_suspension_ends_one_period_and_begins_another() {
        let suspended = json!([{ "s": "SUSPENDED", "f": 20_000_000, "u": 30_000_000, "r": "" }]);
        let entity = entity(&json!([statement(Some(10), Some(40))]), &suspended, &Value::Null);
        assert_eq!(states(&entity, 9), [], "it has not begun");
        assert_eq!(states(&entity, 10), [("active", 10)]);
        assert_eq!(states(&entity, 25), [("active", 10), ("suspended", 20)]);
        assert_eq!(states(&entity, 30), [("active", 10), ("suspended", 20), ("active", 30)]);
        assert_eq!(states(&entity, 99).last(), Some(&("expired", 40)));
        let found = of(&entity, None, at(25));
        assert_eq!((found.changed, found.changes), (Some(at(20)), Some(at(30))));
        assert_eq!(found.services[0].running, None);
        assert_eq!(of(&entity, None, at(35)).services[0].running.and_then(|r| r.until), Some(at(40)));
    }

    #[test]
    fn what_holds_in_part_only_is_left_out() {
        let finland = Jurisdiction::parse("FI").expect("a country");
        for (member, value) in [
            ("jurisdictions", json!(["FI-01"])),
            ("conditions", json!({ "level": ["high"] })),
            ("kind", json!(1)),
        ] {
            let mut restricted = statement(None, None);
            restricted[member] = value;
            let found = of(&entity(&json!([restricted]), &Value::Null, &Value::Null), Some(&finland), at(9));
            assert_eq!(found.services, [], "{member}");
        }
        let mut national = statement(None, None);
        national["jurisdictions"] = json!(["SE", "FI"]);
        let national = entity(&json!([national]), &Value::Null, &Value::Null);
        assert_eq!(of(&national, Some(&finland), at(9)).services[0].jurisdictions, ["SE", "FI"]);
        assert_eq!(of(&national, None, at(9)).services, [], "the list is for no territory");
        let whole = of(&entity(&json!([statement(None, None)]), &Value::Null, &Value::Null), None, at(9));
        assert_eq!(whole.services[0].states, [("active", at(5))], "known since it was registered");
    }

    #[test]
    fn the_ground_bounds_what_rests_on_it_and_a_ground_that_is_gone_bounds_all() {
        let id = uuid::Uuid::from_u128(7);
        let mut grounded = statement(Some(10), None);
        grounded["accreditation_id"] = json!(id);
        let accreditation = json!([{ "accreditation_id": id, "entity_id": uuid::Uuid::nil(), "body": "B",
            "legal_basis": "", "evidence_uri": "", "evidence_date": "", "evidence_sha256": "",
            "f": 0, "u": 50_000_000, "statuses": [{ "s": "REVOKED", "f": 30_000_000, "u": null, "r": "" }] }]);
        let with = entity(&json!([grounded]), &Value::Null, &accreditation);
        assert_eq!(states(&with, 29), [("active", 10)]);
        assert_eq!(states(&with, 30), [("active", 10), ("revoked", 30)]);
        assert_eq!(states(&entity(&json!([grounded]), &Value::Null, &Value::Null), 20), []);
    }

    #[test]
    fn periods_that_touch_are_one() {
        let entity = entity(
            &json!([statement(Some(10), Some(20)), statement(Some(20), Some(30)), statement(Some(40), None)]),
            &Value::Null,
            &Value::Null,
        );
        assert_eq!(states(&entity, 25), [("active", 10)]);
        assert_eq!(states(&entity, 45), [("active", 10), ("expired", 30), ("active", 40)]);
    }
}
