//! The event by which a statement was made, as its registry's log has it.

use charter_domain::{
    Action, AuthorityId, Interval, Kind, Resource, Timestamp, json,
    scope::{Conditions, Jurisdiction},
};
use serde::Deserialize;
use serde_json::Value;

use crate::error::shown;

/// Longest event, in bytes: an entry of a log has its length in two bytes (C2SP tlog-tiles, Log Entries).
pub const MAX_BYTES: usize = 65_535;
const VERSION: u8 = 1;
const KIND: &str = "StatementMade";

/// The public bytes. A member that is not known here could limit what is: it refuses the event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Public {
    v: u8,
    registry: AuthorityId,
    seq: i64,
    kind: String,
    data: Value,
    subject: String,
    #[serde(rename = "actor")]
    _actor: String,
    #[serde(rename = "origin")]
    _origin: String,
    recorded_at: Timestamp,
    #[serde(rename = "approvals")]
    _approvals: Vec<Value>,
    #[serde(rename = "prev")]
    _prev: Option<String>,
    #[serde(rename = "restricted")]
    _restricted: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    statement: Kind,
    entity_id: String,
    action: Action,
    resource: Resource,
    accreditation_id: Option<String>,
    jurisdictions: Vec<Jurisdiction>,
    conditions: Conditions,
    #[serde(default)]
    from: Option<Timestamp>,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    begins_when_recorded: bool,
}

/// What the event records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub registry: AuthorityId,
    pub seq: i64,
    pub recorded_at: Timestamp,
    pub statement: Kind,
    /// The registry's own number of the entity; its identifiers are in other events.
    pub entity: String,
    pub action: Action,
    pub resource: Resource,
    pub accreditation: Option<String>,
    pub jurisdictions: Vec<Jurisdiction>,
    pub conditions: Conditions,
    pub valid: Interval,
}

impl Event {
    /// Reads the public bytes; the fault is for people.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        if body.len() > MAX_BYTES {
            return Err(format!("the event is longer than {MAX_BYTES} bytes"));
        }
        let text = std::str::from_utf8(body).map_err(|_| "the event is not UTF-8".to_owned())?;
        let value = json::parse_strict(text).map_err(|e| shown(&e.to_string()))?;
        let event: Public = read(value)?;
        if (event.v, event.kind.as_str()) != (VERSION, KIND) {
            return Err(format!(
                "the event is `{}` of version {}, not `{KIND}`",
                shown(&event.kind),
                event.v
            ));
        }
        let made: Made = read(event.data)?;
        if made.entity_id != event.subject {
            return Err("the event's subject is not its entity".to_owned());
        }
        let valid = Interval { from: made.from, until: made.until };
        Ok(Self {
            registry: event.registry,
            seq: event.seq,
            recorded_at: event.recorded_at,
            statement: made.statement,
            entity: made.entity_id,
            action: made.action,
            resource: made.resource,
            accreditation: made.accreditation_id,
            jurisdictions: made.jurisdictions,
            conditions: made.conditions,
            valid: valid.begun(made.begins_when_recorded, event.recorded_at),
        })
    }
}

/// A list of the members in their order is no object, though the derived parser takes it.
fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, String> {
    if !value.is_object() {
        return Err("the event must be an object, and so must its data".to_owned());
    }
    serde_json::from_value(value).map_err(|e| format!("the event cannot be read: {}", shown(&e.to_string())))
}
