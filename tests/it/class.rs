//! Every field that may hold something about persons says its class, in the proto itself.

use charter_proto::DESCRIPTORS;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, Value};

/// Names of fields that look as if they held text about persons, or a credential.
const PERSONAL: [&str; 19] = [
    "reason",
    "closed_why",
    "why",
    "note",
    "reply",
    "content",
    "issuer",
    "subject",
    "contact",
    "person",
    "person_key",
    "email",
    "token",
    "salt",
    "secret",
    "password",
    "restricted_json",
    "data_json",
    "filter_json",
];

fn class(field: &FieldDescriptor) -> Option<i32> {
    let pool = field.parent_pool();
    let extension = pool.get_extension_by_name("charter.options.v1.class").expect("the option");
    let options = field.options();
    if !options.has_extension(&extension) {
        return None;
    }
    match *options.get_extension(&extension) {
        Value::EnumNumber(number) => Some(number),
        _ => None,
    }
}

fn fields() -> Vec<FieldDescriptor> {
    let pool = DescriptorPool::decode(DESCRIPTORS).expect("descriptors");
    let ours = pool.all_messages().filter(|m| m.package_name() == "charter.registry.v1");
    ours.flat_map(|m| m.fields().collect::<Vec<_>>()).collect()
}

#[test]
fn fields_that_look_personal_say_their_class() {
    let looks =
        |f: &FieldDescriptor| matches!(f.kind(), Kind::String | Kind::Bytes) && PERSONAL.contains(&f.name());
    let silent: Vec<String> = fields()
        .iter()
        .filter(|f| looks(f) && class(f).is_none_or(|c| c == 0))
        .map(|f| f.full_name().to_owned())
        .collect();
    assert_eq!(silent, Vec::<String>::new(), "give each a `(charter.options.v1.class)`");
}

#[test]
fn what_names_a_person_is_restricted_and_what_is_public_says_so() {
    let of = |name: &str| {
        fields().iter().find(|f| f.full_name() == format!("charter.registry.v1.{name}")).and_then(class)
    };
    for restricted in [
        "AppointStaff.issuer",
        "AppointStaff.subject",
        "Administrator.subject",
        "ProposeRequest.reason",
        "Proposal.reason",
        "Proposal.closed_why",
        "Proposal.restricted_json",
        "PersonalDataRecord.data_json",
        "AuditEntry.reason",
        "Access.filter_json",
    ] {
        assert_eq!(of(restricted), Some(2), "{restricted}");
    }
    for public in ["ListEventsRequest.subject", "ErasePersonalData.subject"] {
        assert_eq!(of(public), Some(1), "{public}");
    }
}
