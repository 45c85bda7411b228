//! Schemas of what is read, from the protobuf descriptors: the same members as `proto::object` gives, described by the
//! comments of the `.proto` files.

use std::collections::BTreeMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::proto;

/// Schemas by name, as they are referred to.
pub type Schemas = BTreeMap<String, Value>;

pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The comment before a field, on one line.
pub fn comment(field: &FieldDescriptor) -> String {
    let file = field.parent_message().parent_file();
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let found = info.and_then(|info| info.location.iter().find(|l| l.path == field.path()));
    let text = found.and_then(|l| l.leading_comments.as_deref()).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a parameter or a member is.
pub fn kind(field: &FieldDescriptor, found: &mut Schemas) -> Value {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { return json!({ "type": "object" }) };
        let inner = kind(&entry.map_entry_value_field(), found);
        return json!({ "type": "object", "additionalProperties": inner });
    }
    let one = match field.kind() {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::String if proto::member(field).1 => json!({}),
        // Documents of their own, such as events.
        Kind::Bytes if field.is_list() => json!({}),
        Kind::String | Kind::Bytes => json!({ "type": "string" }),
        Kind::Message(of) if of.full_name() == proto::TIMESTAMP => {
            json!({ "type": "string", "format": "date-time" })
        }
        Kind::Message(of) if of.full_name() == proto::MASK => json!({ "type": "string" }),
        Kind::Message(of) => {
            define(&of, found);
            reference(of.name())
        }
        _ => json!({ "type": "integer" }),
    };
    if field.is_list() { json!({ "type": "array", "items": one }) } else { one }
}

/// A message with its members.
pub fn schema(message: &MessageDescriptor, found: &mut Schemas) -> Value {
    let mut properties = Map::new();
    for field in message.fields() {
        let mut value = kind(&field, found);
        let text = comment(&field);
        if !text.is_empty() && value.get("$ref").is_none() {
            value["description"] = json!(text);
        }
        properties.insert(proto::member(&field).0, value);
    }
    json!({ "type": "object", "properties": properties })
}

fn define(message: &MessageDescriptor, found: &mut Schemas) {
    let name = message.name().to_owned();
    if !found.contains_key(&name) {
        // Known before its members are: a message may hold itself.
        found.insert(name.clone(), Value::Null);
        let made = schema(message, found);
        found.insert(name, made);
    }
}

/// Whether it is shown as an object: a time is not.
fn is_thing(field: &FieldDescriptor) -> bool {
    let message = matches!(field.kind(), Kind::Message(of) if of.full_name() != proto::TIMESTAMP);
    message && !field.is_list()
}

/// What a read answers with: a page, or the one thing without the name of its field.
pub fn answer(output: &MessageDescriptor, found: &mut Schemas) -> Value {
    let is_page = output.get_field_by_name("next_page_token").is_some();
    let thing = output.fields().find(is_thing);
    match thing.filter(|_| !is_page) {
        Some(field) => kind(&field, found),
        None => schema(output, found),
    }
}
