//! Credential types under other names: a question about one is answered as about the resource, in its time.

use charter_domain::{Context, Kind, Query, replay};
use charter_proto::charter::registry::v1::{
    self as pb, propose_request::Change, schema_service_client::SchemaServiceClient,
};
use charter_store::Question;
use charter_tests::{
    AUTHORITY,
    governed::{Governed, ISSUER, status},
};
use serde_json::json;

use crate::{
    governance::said,
    schema::{enact, publish},
};

const VCT: &str = "https://types.example/degree";
const DOC: &str = "org.example.degree.1";

pub fn define(resource: &str, vct: &str, doc_type: &str, equivalents: &[&str]) -> Change {
    Change::DefineCredentialType(pb::DefineCredentialType {
        resource: resource.to_owned(),
        vct: vct.to_owned(),
        doc_type: doc_type.to_owned(),
        equivalents: equivalents.iter().map(|e| (*e).to_owned()).collect(),
        ..Default::default()
    })
}

#[tokio::test]
async fn a_question_under_another_name_is_answered_as_about_the_resource() {
    let g = Governed::start().await;
    let asks = |resource: &str| g.app.anonymous().asks(ISSUER, "issue", resource);
    assert_eq!(asks(VCT).both().await.line(), "404 UNKNOWN_RESOURCE");
    let done = enact(&g, define("Degree", VCT, DOC, &["urn:degree"])).await.expect("defined");
    assert_eq!((done.measure.as_str(), done.state.as_str()), ("DEFINE_CREDENTIAL_TYPE", "EXECUTED"));
    for name in ["Degree", VCT, DOC, "urn:degree", VCT] {
        // The helper compares what is echoed with what was asked, at both doors; the second time from the cache.
        assert_eq!(asks(name).both().await.line(), "200 yes ACTIVE", "{name}");
    }
    let before = (done.seq - 1).to_string();
    assert_eq!(asks(VCT).with("known_at", &before).both().await.line(), "404 UNKNOWN_RESOURCE");
    assert_eq!(asks("Degree").with("known_at", &before).both().await.line(), "200 yes ACTIVE");
    enact(&g, status(ISSUER, "SUSPENDED")).await.expect("suspended");
    assert_eq!(asks(VCT).both().await.line(), "200 no SUSPENDED");
    enact(&g, status(ISSUER, "ACTIVE")).await.expect("reinstated");
    // A new definition ends the names that it leaves out.
    let again = enact(&g, define("Degree", VCT, "", &[])).await.expect("defined again");
    assert_eq!(asks(VCT).both().await.line(), "200 yes ACTIVE");
    assert_eq!(asks(DOC).both().await.line(), "404 UNKNOWN_RESOURCE");
    let before = (again.seq - 1).to_string();
    assert_eq!(asks(DOC).with("known_at", &before).both().await.line(), "200 yes ACTIVE");
    let request = pb::GetCredentialTypeRequest { resource: VCT.to_owned(), ..Default::default() };
    let found = SchemaServiceClient::new(g.app.channel()).get_credential_type(request).await.expect("found");
    assert_eq!(found.into_inner().credential_type.expect("one").resource, "Degree");
    let shown = g.app.rest().get("/api/v1/credential-types/Degree").await.json();
    assert_eq!((&shown["vct"], &shown["equivalents"]), (&json!(VCT), &json!(null)));
    let list = g.app.rest().get("/api/v1/credential-types").await.json();
    assert_eq!(list["credential_types"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_name_stands_for_one_resource_and_has_no_records_of_its_own() {
    let g = Governed::start().await;
    enact(&g, define("Degree", VCT, "", &[])).await.expect("defined");
    let authorize = |resource: &str| {
        Change::MakeStatement(pb::MakeStatement {
            entity_id: ISSUER.to_owned(),
            authorization: Some(pb::ImportAuthorization {
                action: "issue".to_owned(),
                resource: resource.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        })
    };
    let wrong = pb::DefineCredentialType {
        resource: "Degree".to_owned(),
        schema_id: "0".repeat(64),
        ..Default::default()
    };
    for (change, line) in [
        (authorize(VCT), "409 ILLEGAL_TRANSITION"),
        (publish(VCT, "https://schemas.example/x", &json!({})), "409 ILLEGAL_TRANSITION"),
        (define("Other", VCT, "", &[]), "409 ILLEGAL_TRANSITION"),
        (define("Other", "Degree", "", &[]), "409 ILLEGAL_TRANSITION"),
        (define(VCT, "https://types.example/x", "", &[]), "409 ILLEGAL_TRANSITION"),
        (Change::DefineCredentialType(wrong), "409 ILLEGAL_TRANSITION"),
        (define("Other", "a b", "", &[]), "400 INVALID"),
        (define("Other", "", "", &["Other"]), "400 INVALID"),
    ] {
        assert_eq!(said(&g.person("olga").proposes(change).await.expect_err("refused")), line);
    }
    // Drafted before the name was taken, approved after: looked at again.
    let late = g.person("olga").proposes(define("Other", "urn:late", "", &[])).await.expect("proposed");
    enact(&g, define("Degree", VCT, "", &["urn:late"])).await.expect("defined");
    let refused = g.person("anna").approves(&late).await.expect_err("refused");
    assert!(said(&refused).starts_with("409"), "{refused:?}");
}

#[tokio::test]
async fn the_replayed_events_say_the_same_at_every_epoch() {
    let g = Governed::start().await;
    enact(&g, define("Degree", VCT, DOC, &[])).await.expect("defined");
    enact(&g, define("Diploma", "urn:diploma", "", &[])).await.expect("defined");
    enact(&g, define("Degree", "urn:new", DOC, &[])).await.expect("defined");
    enact(&g, define("Diploma", VCT, "", &[])).await.expect("defined");
    let store = &g.app.app.store;
    let registry = g.app.app.hosted.by_authority(AUTHORITY).expect("served");
    let bodies = store.event_bodies(registry, 0, 1_000).await.expect("events");
    let events: Vec<_> = bodies.iter().map(|b| replay::Recorded::parse(b).expect("readable")).collect();
    let last = i64::try_from(events.len()).expect("small");
    for resource in ["Degree", "Diploma", VCT, DOC, "urn:new", "urn:diploma", "urn:none"] {
        for known_at in (0..=last).map(Some).chain([None]) {
            let terms = (AUTHORITY, ISSUER, "issue", resource);
            let context = Context { known_at, ..Context::default() };
            let query = Query::parse(Kind::Authorization, terms, context).expect("a question");
            let asked =
                Question { registry, kind: query.kind, entity: ISSUER, action: "issue", resource, known_at };
            let mut held = store.facts(asked).await.expect("facts");
            held.statements.iter_mut().for_each(|s| s.document = None);
            assert_eq!(held, replay::facts(&events, &query), "{resource} at {known_at:?}");
        }
    }
}

/// What a plain question reads is what it read before there were other names.
#[tokio::test]
async fn a_resource_with_records_is_answered_without_looking_for_other_names() {
    let g = Governed::start().await;
    enact(&g, define("Degree", VCT, "", &[])).await.expect("defined");
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let client = charter_tests::database::connect(&g.app.database.url("charter_runtime")).await;
    let scans = async |resource: &str| -> i64 {
        client.batch_execute("begin").await.expect("begun");
        for _ in 0..10 {
            let sql = format!("select facts({id}, 0::int2, '{ISSUER}', 'issue', '{resource}')");
            client.query_one(&sql, &[]).await.expect("facts");
        }
        let sql =
            "select coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint from pg_stat_xact_user_tables
                    where relname = 'type_identifiers'";
        let count = client.query_one(sql, &[]).await.expect("counted").get(0);
        client.batch_execute("commit").await.expect("ended");
        count
    };
    assert_eq!(scans("Degree").await, 0);
    assert_eq!(scans(VCT).await, 10);
}
