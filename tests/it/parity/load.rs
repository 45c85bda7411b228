//! Loading, tried out: what is kept could not be asked for twice.

use charter_proto::charter::registry::v1::{self as pb, set_status_request::Target};
use charter_tests::governed::ISSUER;
use serde_json::json;

use super::{Case, posts};

fn records() -> Case {
    let record = |line: u32, identifier: &str| pb::ImportRecord {
        line,
        identifier: identifier.to_owned(),
        names: [("en".to_owned(), "Name".to_owned())].into(),
        country: "FI".to_owned(),
        ..Default::default()
    };
    let three = [(2, "did:web:new.example"), (3, ISSUER), (4, "not an id")];
    let rows = three.map(
        |(line, id)| json!({ "line": line, "identifier": id, "names": { "en": "Name" }, "country": "FI" }),
    );
    posts(
        "ImportService/ImportRecords",
        "",
        &pb::ImportRecordsRequest {
            dry_run: true,
            records: three.map(|(line, id)| record(line, id)).to_vec(),
            ..Default::default()
        },
        ("/api/v1/import/records", json!({ "dry_run": true, "records": rows }), ""),
    )
}

fn status(state: &str) -> Case {
    let (state, reason) = (state.to_owned(), "TESTED".to_owned());
    posts(
        "ImportService/SetStatus",
        "",
        &pb::SetStatusRequest {
            target: Some(Target::EntityId(ISSUER.to_owned())),
            state: state.clone(),
            reason: reason.clone(),
            validate_only: true,
            ..Default::default()
        },
        (
            "/api/v1/import/status",
            json!({ "entity_id": ISSUER, "state": state, "reason": reason, "validate_only": true }),
            "",
        ),
    )
}

fn seal(subjects: &[&str]) -> Case {
    let issuer = "https://login.example";
    let person =
        |subject: &&str| pb::Administrator { issuer: issuer.to_owned(), subject: (*subject).to_owned() };
    let people: Vec<_> = subjects.iter().map(|s| json!({ "issuer": issuer, "subject": s })).collect();
    posts(
        "ImportService/SealRegistry",
        "",
        &pb::SealRegistryRequest {
            administrators: subjects.iter().map(person).collect(),
            validate_only: true,
            ..Default::default()
        },
        ("/api/v1/import/seal", json!({ "administrators": people, "validate_only": true }), ""),
    )
}

pub(super) fn cases(delegation: &pb::PutDelegationRequest) -> Vec<Case> {
    let schema = json!({ "type": "object" }).to_string();
    vec![
        records(),
        posts(
            "ImportService/PutDelegation",
            "",
            &pb::PutDelegationRequest { validate_only: true, ..delegation.clone() },
            (
                "/api/v1/import/delegations",
                json!({
                    "subordinate_id": delegation.subordinate_id,
                    "entity_identifier": delegation.entity_identifier,
                    "jwks_json": delegation.jwks_json,
                    "endpoint": delegation.endpoint,
                    "scope": [{ "actions": ["*"], "resources": ["Degree"], "may_delegate": true }],
                    "max_path_length": 4,
                    "answers_as_own": true,
                    "validate_only": true,
                }),
                "",
            ),
        )
        .but(&["delegation_id"]),
        posts(
            "ImportService/PutSchema",
            "",
            &pb::PutSchemaRequest {
                resource: "Degree".to_owned(),
                uri: "https://schemas.example/degree".to_owned(),
                schema_json: schema.clone(),
                validate_only: true,
                ..Default::default()
            },
            (
                "/api/v1/import/schemas",
                json!({
                    "resource": "Degree", "uri": "https://schemas.example/degree", "schema_json": schema,
                    "validate_only": true,
                }),
                "",
            ),
        ),
        status("SUSPENDED"),
        status("BANNED"),
        seal(&["first", "second"]),
        seal(&["first"]),
    ]
}
