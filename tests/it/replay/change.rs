//! Changes at random that a registry could record beside changes of state: corrections, renewals, further grants.

use std::time::Duration;

use charter_domain::{Interval, Timestamp, event::Change, replay::Recorded, status::TargetKind};
use serde_json::{Value, json};

use super::History;

/// Belongs to one entity or the other, or to none.
pub const ALIAS: &str = "did:web:alias.example";
const DAY: Duration = Duration::from_secs(86_400);

/// What a registry holds, so that what is drawn can be recorded: no event ends before it begins, and no identifier
/// is of two entities.
pub struct Held {
    /// Number of the next event.
    next: i64,
    /// Internal ids and first identifiers.
    entities: Vec<(String, Value)>,
    alias_of: Option<usize>,
    /// Accreditations and statements, with whose they are.
    lasting: Vec<(TargetKind, String, String, Interval)>,
}

fn change(kind: &str, data: &Value) -> Change {
    serde_json::from_value(json!({ "kind": kind, "data": data })).expect("a change")
}

impl Held {
    pub fn of(events: &[Recorded]) -> Self {
        let next = events.last().map_or(1, |e| e.seq + 1);
        let mut held = Self { next, entities: vec![], alias_of: None, lasting: vec![] };
        for event in events {
            match &event.change {
                Change::EntityRegistered(e) => {
                    let first = serde_json::to_value(&e.identifiers[0]).expect("JSON");
                    held.entities.push((e.entity_id.to_string(), first));
                }
                Change::AccreditationGranted(a) => {
                    let (id, of) = (a.accreditation_id.to_string(), a.entity_id.to_string());
                    held.lasting.push((TargetKind::Accreditation, id, of, a.valid));
                }
                Change::StatementMade(s) => {
                    let (id, of) = (event.seq.to_string(), s.entity_id.to_string());
                    held.lasting.push((TargetKind::Statement, id, of, s.valid));
                }
                _ => {}
            }
        }
        held
    }

    pub fn targets(&self) -> Vec<(TargetKind, String)> {
        let entities = self.entities.iter().map(|(id, _)| (TargetKind::Entity, id.clone()));
        entities.chain(self.lasting.iter().map(|(kind, id, _, _)| (*kind, id.clone()))).collect()
    }
}

impl History {
    /// What is recorded next, at an instant; most often a change of state.
    pub fn drawn(&mut self, held: &mut Held, now: Timestamp) -> Vec<Change> {
        let drawn = match self.dice.below(9) {
            0 => vec![self.identified(held)],
            1 => vec![self.named(held)],
            2 => self.corrected(held).into_iter().collect(),
            3 => self.renewed(held).into_iter().collect(),
            4 => self.granted(held, now),
            _ => vec![self.status(&held.targets())],
        };
        held.next += i64::try_from(drawn.len()).expect("small");
        drawn
    }

    /// The alias becomes somebody's, or nobody's.
    fn identified(&mut self, held: &mut Held) -> Change {
        let of = held.alias_of.take();
        let at = of.unwrap_or_else(|| usize::try_from(self.dice.below(2)).expect("small"));
        let (id, first) = &held.entities[at];
        let mut identifiers = vec![first.clone()];
        if of.is_none() {
            held.alias_of = Some(at);
            identifiers.push(json!({ "type": "did", "value": ALIAS }));
        }
        change("EntityCorrected", &json!({ "entity_id": id, "identifiers": identifiers }))
    }

    /// Of no consequence for any answer.
    fn named(&mut self, held: &Held) -> Change {
        let (id, _) = self.dice.pick(&held.entities);
        let name = format!("Name {}", self.dice.below(100));
        change("EntityCorrected", &json!({ "entity_id": id, "names": { "en": name }, "country": "SE" }))
    }

    /// An accreditation was valid otherwise than it was recorded.
    fn corrected(&mut self, held: &mut Held) -> Option<Change> {
        let (a, b) = (self.day(), self.day().plus(DAY / 24));
        let fits = |from: Option<Timestamp>, until: Option<Timestamp>| Interval::new(from, until).ok();
        let grounds = held.lasting.iter_mut().filter(|(kind, ..)| *kind == TargetKind::Accreditation);
        let mut grounds: Vec<_> = grounds.collect();
        let chosen = usize::try_from(self.dice.below(grounds.len().max(1) as u64)).expect("small");
        let (_, id, of, valid) = grounds.get_mut(chosen)?;
        let (from, until) = match self.dice.below(3) {
            0 => (Some(a), None),
            1 => (None, Some(b)),
            _ => (Some(a), Some(b)),
        };
        *valid = fits(from.or(valid.from), until.or(valid.until))?;
        let mut data = json!({ "accreditation_id": id, "entity_id": of, "body": "Agency" });
        for (name, at) in [("valid_from", from), ("valid_until", until)] {
            if let Some(at) = at {
                data[name] = json!(at);
            }
        }
        Some(change("AccreditationCorrected", &data))
    }

    fn renewed(&mut self, held: &mut Held) -> Option<Change> {
        let mut ending: Vec<_> =
            held.lasting.iter_mut().filter(|(.., valid)| valid.until.is_some()).collect();
        let chosen = usize::try_from(self.dice.below(ending.len().max(1) as u64)).expect("small");
        let days = u32::try_from(1 + self.dice.below(9)).expect("small");
        let (kind, id, of, valid) = ending.get_mut(chosen)?;
        valid.until = valid.until.map(|until| until.plus(DAY * days));
        let data = json!({ "target": kind, "target_id": id, "entity_id": of, "valid_until": valid.until });
        Some(change("Renewed", &data))
    }

    /// Another accreditation and a statement on it, from when they are recorded or from some other instant on.
    fn granted(&mut self, held: &mut Held, now: Timestamp) -> Vec<Change> {
        let of = self.dice.pick(&held.entities).0.clone();
        let (high, low) = (self.dice.roll(), self.dice.roll());
        let id = format!("{:08x}-0000-7000-8000-{:012x}", high >> 32, low >> 16);
        let resource = *self.dice.pick(&["Degree", "Diploma"]);
        let statement = *self.dice.pick(&["authorization", "recognition"]);
        let mut ground = json!({
            "accreditation_id": id, "entity_id": of, "body": "Ministry", "legal_basis": "", "evidence_uri": "",
            "evidence_date": "", "evidence_sha256": "",
        });
        let mut stated = json!({
            "statement": statement, "entity_id": of, "action": "issue", "resource": resource,
            "accreditation_id": id, "jurisdictions": [], "conditions": {},
        });
        let number = (held.next + 1).to_string();
        for (kind, id, data) in
            [(TargetKind::Accreditation, id, &mut ground), (TargetKind::Statement, number, &mut stated)]
        {
            let valid = self.begun(now, data);
            held.lasting.push((kind, id, of.clone(), valid));
        }
        vec![change("AccreditationGranted", &ground), change("StatementMade", &stated)]
    }

    /// Gives it a validity that begins when it is recorded, three times in four.
    fn begun(&mut self, now: Timestamp, data: &mut Value) -> Interval {
        let days = u32::try_from(1 + self.dice.below(9)).expect("small");
        let until = (self.dice.below(2) == 0).then(|| now.plus(DAY * days));
        let when_recorded = self.dice.below(4) > 0;
        if let Some(until) = until {
            data["until"] = json!(until);
        }
        if when_recorded {
            data["begins_when_recorded"] = json!(true);
        }
        Interval { from: when_recorded.then_some(now), until }
    }
}
