//! JSON bodies as protobuf messages: members named as the fields of the `.proto` files, times in RFC 3339. A field whose
//! text is JSON (`schema_json`) is a text here too, as in the change of a proposal.

use charter_domain::{Invalid, Timestamp};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value as Field};
use serde_json::Value;

use super::TIMESTAMP;

/// `at` is where the value stands: names and positions joined by dots, empty for the whole body.
pub fn message(of: &MessageDescriptor, value: &Value, at: &str) -> Result<DynamicMessage, Invalid> {
    let Value::Object(members) = value else { return Err(must(at, "an object")) };
    let mut message = DynamicMessage::new(of.clone());
    for (name, value) in members {
        let at = within(at, name);
        let Some(field) = of.get_field_by_name(name) else {
            return Err(Invalid::new(at, "is not a member here"));
        };
        if value.is_null() {
            continue;
        }
        let others = field.containing_oneof();
        if others.is_some_and(|one_of| one_of.fields().any(|other| message.has_field(&other))) {
            return Err(Invalid::new(at, "stands beside another member that excludes it"));
        }
        message.set_field(&field, parsed(&field, value, &at)?);
    }
    Ok(message)
}

/// A moment as the message that stands for it.
pub fn time(of: MessageDescriptor, time: Timestamp) -> Field {
    let micros = time.micros();
    let mut message = DynamicMessage::new(of);
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    message.set_field_by_name("seconds", Field::I64(micros.div_euclid(1_000_000)));
    message.set_field_by_name("nanos", Field::I32(nanos));
    Field::Message(message)
}

fn within(at: &str, step: &str) -> String {
    if at.is_empty() { format!("{step:.64}") } else { format!("{at}.{step:.64}") }
}

fn must(at: &str, what: &str) -> Invalid {
    Invalid::new(if at.is_empty() { "body" } else { at }, format!("must be {what}"))
}

fn parsed(field: &FieldDescriptor, value: &Value, at: &str) -> Result<Field, Invalid> {
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        let Value::Object(members) = value else { return Err(must(at, "an object")) };
        let inner = entry.map_entry_value_field();
        let each = |(name, value): (&String, &Value)| {
            one(&inner, value, &within(at, name)).map(|v| (MapKey::String(name.clone()), v))
        };
        return Ok(Field::Map(members.iter().map(each).collect::<Result<_, Invalid>>()?));
    }
    if field.is_list() {
        let Value::Array(list) = value else { return Err(must(at, "a list")) };
        let each = |(n, value): (usize, &Value)| one(field, value, &within(at, &n.to_string()));
        return Ok(Field::List(list.iter().enumerate().map(each).collect::<Result<_, Invalid>>()?));
    }
    one(field, value, at)
}

fn one(field: &FieldDescriptor, value: &Value, at: &str) -> Result<Field, Invalid> {
    let (found, what) = match field.kind() {
        Kind::String => (value.as_str().map(|text| Field::String(text.to_owned())), "a text"),
        Kind::Bool => (value.as_bool().map(Field::Bool), "`true` or `false`"),
        Kind::Int64 => (value.as_i64().map(Field::I64), "a whole number"),
        Kind::Uint32 => {
            let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
            (number.map(Field::U32), "a whole number from 0 to 4294967295")
        }
        Kind::Message(of) if of.full_name() == TIMESTAMP => {
            let text = value.as_str().ok_or_else(|| must(at, "a time as text"))?;
            let moment = Timestamp::parse(text).map_err(|e| e.at(at))?;
            (Some(time(of, moment)), "")
        }
        Kind::Message(of) => (Some(Field::Message(message(&of, value, at)?)), ""),
        _ => return Err(Invalid::new(at, "cannot be given here")),
    };
    found.ok_or_else(|| must(at, what))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::object, *};

    fn request(name: &str) -> MessageDescriptor {
        super::super::message(&format!("charter.registry.v1.{name}")).expect("a message")
    }

    #[test]
    fn what_is_shown_is_what_was_read() {
        let body = json!({
            "registry_id": "", "subordinate_id": "did:web:a.example", "entity_identifier": "", "endpoint": "",
            "scope": [{
                "actions": ["issue"], "resources": [], "jurisdictions": [],
                "conditions": { "level": { "values": ["5", "6"] } }, "may_delegate": true,
                "until": "2027-01-01T00:00:00Z",
            }],
            "max_path_length": 0, "answers_as_own": false, "tls_spki_sha256": [], "request_id": "",
            "validate_only": true,
        });
        let read = message(&request("PutDelegationRequest"), &body, "").expect("read");
        assert_eq!(object(&read), body);
    }

    #[test]
    fn a_fault_says_where() {
        for (name, body, at) in [
            ("ImportRecordsRequest", json!([]), "body"),
            ("ImportRecordsRequest", json!({ "record": [] }), "record"),
            ("ImportRecordsRequest", json!({ "records": {} }), "records"),
            ("ImportRecordsRequest", json!({ "dry_run": "yes" }), "dry_run"),
            ("ImportRecordsRequest", json!({ "records": [{}, { "line": -1 }] }), "records.1.line"),
            ("ImportRecordsRequest", json!({ "records": [{ "names": { "en": 1 } }] }), "records.0.names.en"),
            ("SetStatusRequest", json!({ "entity_id": "a", "subordinate_id": "b" }), "subordinate_id"),
            ("SetStatusRequest", json!({ "effective_from": "now" }), "effective_from"),
            ("SetStatusRequest", json!({ "effective_from": 5 }), "effective_from"),
        ] {
            assert_eq!(message(&request(name), &body, "").expect_err("refused").field, at, "{body}");
        }
    }
}
