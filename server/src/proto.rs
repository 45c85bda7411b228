//! Protobuf messages as REST shows them: members named as in the `.proto` files, times in RFC 3339, numbers as numbers,
//! and what is JSON in a text (`schema_json`) as JSON (`schema`).

pub mod parse;

use std::{collections::BTreeMap, sync::LazyLock};

use charter_domain::Timestamp;
use charter_proto::DESCRIPTORS;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, MethodDescriptor,
    ReflectMessage as _, ServiceDescriptor, Value as Field,
};
use serde_json::{Map, Value, json};

pub const TIMESTAMP: &str = "google.protobuf.Timestamp";
pub const MASK: &str = "google.protobuf.FieldMask";

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap_or_default());

/// A method of a service, both by name (`charter.registry.v1.RegistryService`, `GetEntity`).
pub fn method(service: &str, name: &str) -> Option<MethodDescriptor> {
    POOL.get_service_by_name(service)?.methods().find(|m| m.name() == name)
}

/// Of all methods that there are.
pub fn services() -> impl Iterator<Item = ServiceDescriptor> {
    POOL.services()
}

pub fn message(name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(name)
}

/// The member that a field is shown as: `_json` says that its text is JSON.
pub fn member(field: &FieldDescriptor) -> (String, bool) {
    let name = field.name();
    name.strip_suffix("_json").map_or_else(|| (name.to_owned(), false), |plain| (plain.to_owned(), true))
}

pub fn object(message: &DynamicMessage) -> Value {
    let mut object = Map::new();
    for field in message.descriptor().fields() {
        if field.supports_presence() && !message.has_field(&field) {
            continue;
        }
        let (name, is_json) = member(&field);
        let value = message.get_field(&field);
        match value.as_str().filter(|_| is_json) {
            Some("") => continue,
            Some(text) => object.insert(name, parsed(text.as_bytes())),
            None => object.insert(name, shown(&value)),
        };
    }
    Value::Object(object)
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes)))
}

fn shown(value: &Field) -> Value {
    match value {
        Field::Bool(b) => json!(b),
        Field::I32(n) | Field::EnumNumber(n) => json!(n),
        Field::I64(n) => json!(n),
        Field::U32(n) => json!(n),
        Field::U64(n) => json!(n),
        Field::F32(n) => json!(n),
        Field::F64(n) => json!(n),
        Field::String(text) => json!(text),
        Field::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)),
        Field::Message(message) if message.descriptor().full_name() == TIMESTAMP => instant(message),
        Field::Message(message) => object(message),
        // Documents of their own, such as events.
        Field::List(list) => {
            list.iter().map(|v| v.as_bytes().map_or_else(|| shown(v), |b| parsed(b))).collect()
        }
        Field::Map(map) => {
            let sorted: BTreeMap<String, Value> =
                map.iter().map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), shown(v))).collect();
            json!(sorted)
        }
    }
}

fn instant(message: &DynamicMessage) -> Value {
    let seconds = message.get_field_by_name("seconds").and_then(|v| v.as_i64()).unwrap_or_default();
    let nanos = message.get_field_by_name("nanos").and_then(|v| v.as_i32()).unwrap_or_default();
    json!(Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanos) / 1_000)))
}
