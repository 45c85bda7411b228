//! The Trusted Schemas Registry over published schemas, and how accreditations name them.

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_tests::governed::{Governed, ISSUER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{TSR, base, claims, problem, read, refused};
use crate::schema::{enact, publish};

const URI: &str = "https://schemas.example/degree";
/// SHA-256 of the canonical bytes of `{"properties":{"title":{"type":"string"}},"type":"object"}`, which is what the
/// annotations of [`degree`] leave: a property that is called like one stays.
const ID: &str = "75a323804435b510db3f8cc7fda9a750763b0ee894a8e28a00ffafc4823ee03a";

fn degree(title: &str) -> Value {
    json!({
        "title": title, "description": "A degree", "$comment": "x", "examples": [1], "default": {}, "deprecated": false,
        "readOnly": true, "writeOnly": false, "type": "object",
        "properties": { "title": { "type": "string", "description": "Its title" } },
    })
}

async fn started() -> Governed {
    let g = Governed::start().await;
    for title in ["Degree", "Academic degree"] {
        enact(&g, publish("Degree", URI, &degree(title))).await.expect("published");
    }
    let refers = json!({ "type": "object", "allOf": [{ "$ref": URI }] });
    enact(&g, publish("Master", "https://schemas.example/master", &refers)).await.expect("published");
    g
}

#[tokio::test]
async fn a_schema_is_found_by_both_forms_of_the_hash_of_what_it_decides() {
    let g = started().await;
    let rest = g.app.rest();
    let list = read(&rest, &format!("{TSR}/schemas")).await;
    let ids: Vec<&str> =
        list["items"].as_array().expect("items").iter().filter_map(|i| i["schemaId"].as_str()).collect();
    assert_eq!(
        (ids.len(), &list["total"]),
        (2, &json!(2)),
        "one that refers to another is not there: {list}"
    );
    let id = format!("0x{ID}");
    assert_eq!(ids[1], id);
    assert_eq!(list["items"][1]["href"], format!("{}{TSR}/schemas/{id}", base(&g.app)));
    let raw: Vec<u8> = (0..32).filter_map(|n| u8::from_str_radix(&ID[2 * n..2 * n + 2], 16).ok()).collect();
    let short = format!("z{}", charter_domain::base58::encode(&raw));
    for id in [&id, &id.to_uppercase().replacen("0X", "0x", 1), &short] {
        let found = read(&rest, &format!("{TSR}/schemas/{id}")).await;
        assert_eq!(found, degree("Academic degree"), "{id}");
    }
}

#[tokio::test]
async fn revisions_are_the_forms_of_one_id_by_the_hash_of_their_bytes() {
    let g = started().await;
    let rest = g.app.rest();
    let path = format!("{TSR}/schemas/0x{ID}/revisions");
    let list = read(&rest, &path).await;
    let items = list["items"].as_array().expect("items");
    assert_eq!((items.len(), &list["total"]), (2, &json!(2)));
    for (item, title) in items.iter().zip(["Degree", "Academic degree"]) {
        let id = item["schemaRevisionId"].as_str().expect("an id");
        let reply = rest.get(&format!("{path}/{id}")).await;
        assert_eq!(
            (format!("0x{:x}", Sha256::digest(&reply.body)), reply.json()),
            (id.to_owned(), degree(title))
        );
        let metadata = read(&rest, &format!("{path}/{id}/metadata")).await;
        let name = metadata["items"][0]["metadataId"].as_str().expect("an id");
        let one = read(&rest, &format!("{path}/{id}/metadata/{name}")).await;
        assert_eq!((&one["resource"], &one["deprecated"]), (&json!("Degree"), &json!(false)));
    }
    let own = read(&rest, &format!("{TSR}/schemas?page[size]=1")).await;
    let own = own["items"][0]["schemaId"].as_str().expect("an id").to_owned();
    assert_eq!(read(&rest, &format!("{TSR}/schemas/{own}/revisions")).await["total"], 1);
}

#[tokio::test]
async fn what_is_no_schema_is_said_in_ebsis_words() {
    let g = started().await;
    let rest = g.app.rest();
    let (zero, schemas) = (format!("0x{}", "00".repeat(32)), format!("{TSR}/schemas"));
    let id = refused(400, "Bad Request", "[\"schemaId must be a valid schema ID\"]");
    let missing = refused(404, "Schema Not Found", &format!("Schema {zero} not found"));
    let revision = refused(
        400,
        "Bad Request",
        "[\"schemaRevisionId must start with 0x\",\"schemaRevisionId must have 66 characters\",\"schemaRevisionId must \
         be a hexadecimal number\"]",
    );
    for tail in ["", "/revisions", &format!("/revisions/{zero}"), &format!("/revisions/{zero}/metadata")] {
        assert_eq!(problem(&rest.get(&format!("{schemas}/no-schema{tail}")).await), id, "{tail}");
        assert_eq!(problem(&rest.get(&format!("{schemas}/{zero}{tail}")).await), missing, "{tail}");
    }
    for tail in ["", "/metadata", &format!("/metadata/{zero}")] {
        let reply = rest.get(&format!("{schemas}/{zero}/revisions/no-revision{tail}")).await;
        assert_eq!(problem(&reply), revision, "{tail}");
    }
    let other = rest.get(&format!("{schemas}/0x{ID}/revisions/{zero}")).await;
    assert_eq!(problem(&other).1, "Schema Revision Not Found");
    let at = rest.get(&format!("{schemas}/0x{ID}/revisions?valid-at=yesterday")).await;
    let text = "[\"valid-at must be a valid ISO 8601 date string\"]";
    assert_eq!(problem(&at), refused(400, "Bad Request", text));
}

#[tokio::test]
async fn an_accreditation_names_the_published_schema_and_the_type_that_is_defined() {
    let g = started().await;
    let defined = Change::DefineCredentialType(pb::DefineCredentialType {
        resource: "Degree".to_owned(),
        vc_type: "UniversityDegreeCredential".to_owned(),
        ..Default::default()
    });
    let rest = g.app.rest();
    let line = |claims: &Value| claims["vc"]["credentialSubject"]["accreditedFor"][0].clone();
    let (_, before) = claims(&rest, ISSUER).await;
    let url = format!("{}{TSR}/schemas/0x{ID}", base(&g.app));
    assert_eq!((&line(&before)["schemaId"], &line(&before)["types"][2]), (&json!(url), &json!("Degree")));
    enact(&g, defined).await.expect("defined");
    let (_, after) = claims(&rest, ISSUER).await;
    assert_eq!(line(&after)["types"][2], "UniversityDegreeCredential", "what was kept knew the old name");
    let schema = read(&rest, url.strip_prefix(&base(&g.app)).expect("a link of ours")).await;
    assert_eq!(schema["properties"]["title"]["type"], "string");
}
