//! The tables can be made again from the events, and a row that the events don't say is found.

use std::time::Duration;

use charter_domain::{
    event::{Change, CredentialTypeDefined, SchemaDeprecated, SchemaPublished, SuperiorJoined, SuperiorLeft},
    recognition::RawPeer,
};
use charter_proto::charter::registry::v1::NamingConstraints;
use charter_store::rebuild::{self, Rebuilt};
use charter_tests::{AUTHORITY, TestApp};

use crate::kept::raw;

/// A registry with something in every projection, loaded and changed through the doors.
async fn lived_in() -> TestApp {
    let app = TestApp::build().registry(AUTHORITY).under("did:web:child.example", AUTHORITY).start().await;
    let (registry, child) = (app.registry(AUTHORITY), app.registry("did:web:child.example"));
    let rows = (1..=40).map(|n| {
        let mut raw = raw(&format!("did:web:e{n}.example"));
        if n % 2 == 0 {
            let body = "Ministry".to_owned();
            raw.accreditation = Some(charter_domain::record::RawAccreditation { body, ..Default::default() });
        }
        (n, raw)
    });
    registry.loads(rows.collect(), false).await.expect("loaded");
    let mut pinned = registry.pinned(&child, &["Licence"], &["0a".repeat(32)]);
    let permitted = vec![".example".to_owned()];
    pinned.naming_constraints = Some(NamingConstraints { permitted, ..Default::default() });
    registry.client().put_delegation(registry.signed(pinned)).await.expect("delegated");
    let peer = child.as_peer();
    let peer = RawPeer { entity_identifier: "https://peer.example".to_owned(), ..peer };
    registry.registers("did:web:peer.example").recognized("issue", "Degree").peer(peer).await;
    registry.suspends("did:web:e1.example").await;
    registry.reinstates("did:web:e1.example").await;
    registry.revokes("did:web:e2.example").await;
    registry.suspends("did:web:e2.example").await;
    registry.ends("did:web:e3.example").await;
    let schema = SchemaPublished {
        resource: "Degree".to_owned().try_into().expect("valid"),
        uri: "https://schemas.example/degree".to_owned(),
        sha256: "00".to_owned(),
        schema: serde_json::json!({ "type": "object" }),
        id: String::new(),
        references: Default::default(),
    };
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let permit = charter_domain::policy::permit::<charter_domain::policy::Load>(
        &charter_domain::policy::Caller::Bootstrap,
        id,
        charter_domain::registry::Phase::Bootstrap,
    )
    .expect("permitted");
    let resource = || "Degree".to_owned().try_into().expect("valid");
    let define = |vct: &str| CredentialTypeDefined {
        resource: resource(),
        vct: Some(vct.to_owned().try_into().expect("valid")),
        vc_type: None,
        doc_type: None,
        schema_id: None,
        equivalents: Default::default(),
    };
    let reason = "SUPERSEDED".to_owned();
    let deprecated = SchemaDeprecated { resource: resource(), revision: 1, reason, replaced_by: None };
    let changes = [
        Change::SchemaPublished(schema.clone()),
        Change::SchemaPublished(schema),
        Change::SchemaDeprecated(deprecated),
        Change::CredentialTypeDefined(define("https://types.example/old")),
        Change::CredentialTypeDefined(define("https://types.example/degree")),
        Change::SuperiorJoined(SuperiorJoined {
            entity_identifier: "https://superior.example".to_owned().try_into().expect("valid"),
            authority_id: "did:web:superior.example".to_owned().try_into().expect("valid"),
            endpoint: "http://127.0.0.1:1".to_owned(),
            tls_spki_sha256: Default::default(),
            statement_sha256: "00".repeat(32),
        }),
        Change::SuperiorLeft(SuperiorLeft {
            entity_identifier: "https://superior.example".to_owned().try_into().expect("valid"),
            reason: "MERGED".to_owned(),
        }),
    ];
    let written = app.app.store.write("test.schema", id, move |tx| tx.record(&permit, &changes));
    written.await.expect("recorded");
    app
}

async fn run(app: &TestApp, verify: bool) -> Rebuilt {
    let url = app.database.url("charter_owner");
    let all = tokio::task::spawn_blocking(move || rebuild::run(&url, verify)).await.expect("no panic");
    let mut all = all.expect("rebuilt");
    assert_eq!(all.len(), 2, "every registry");
    all.retain(|r| r.authority == AUTHORITY);
    all.remove(0)
}

#[tokio::test]
async fn a_registry_that_lived_is_the_same_after_a_rebuild() {
    let app = lived_in().await;
    let found = run(&app, true).await;
    assert_eq!(found.differing, Vec::<String>::new());
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served");
    assert_eq!(found.events, app.app.store.epoch(id).await.expect("an epoch"));
}

#[tokio::test]
async fn tampering_with_any_table_is_found_named_and_repaired() {
    let app = lived_in().await;
    let admin = app.database.admin(&app.database.name).await;
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    for (table, set) in [
        ("entities", "country = 'SE'"),
        ("entity_identifiers", "type = 'other'"),
        ("accreditations", "body = 'Nobody'"),
        ("tuples", "action = 'forge'"),
        ("statements", "jurisdictions = '[\"SE\"]'"),
        ("delegations", "endpoint = 'http://127.0.0.1:1'"),
        ("delegation_pins", "tls_spki_sha256 = '[]'"),
        ("delegation_names", "naming_constraints = '{}'"),
        ("recognition_peers", "peer = '{}'"),
        ("superiors", "entity_identifier = 'https://other.example'"),
        ("status_changes", "state = 'ENDED', reason = 'OTHER'"),
        ("terms", "since = 1"),
        ("schemas", "uri = 'https://other.example'"),
        ("keys", "kid = 'other'"),
        ("key_history", "kid = 'other'"),
    ] {
        let sql = format!(
            "update {table} set {set} where ctid = (select max(ctid) from {table} where registry_id = {id})"
        );
        assert_eq!(admin.execute(&sql, &[]).await.expect("tampered"), 1, "{table}");
        assert_eq!(run(&app, true).await.differing, [table], "found, and nothing else");
        assert_eq!(run(&app, true).await.differing, [table], "looking repairs nothing");
        assert_eq!(run(&app, false).await.differing, [table], "repaired");
        assert_eq!(run(&app, true).await.differing, Vec::<String>::new(), "{table}");
    }
    let sql = format!("delete from statements where registry_id = {id}");
    admin.execute(&sql, &[]).await.expect("deleted");
    assert_eq!(run(&app, false).await.differing, ["statements"]);
    let asked = app.anonymous().asks("did:web:e5.example", "issue", "Degree");
    app.clock.advance(Duration::from_secs(61)); // What the cache kept of before is over.
    assert_eq!(asked.both().await.line(), "200 yes ACTIVE");
}

#[tokio::test]
async fn events_that_are_not_as_they_were_recorded_are_named_and_nothing_is_rebuilt_from_them() {
    let app = lived_in().await;
    let admin = app.database.admin(&app.database.name).await;
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let events = format!("events where registry_id = {id}");
    let update =
        |set: &str, seq: i64| format!("update events set {set} where registry_id = {id} and seq = {seq}");
    let rehashed = "sha256('\\x00'::bytea || body)";
    for (tamper, found) in [
        (
            update("body = convert_to(replace(convert_from(body, 'UTF8'), '\"FI\"', '\"SE\"'), 'UTF8')", 3),
            "event 3: does not hash",
        ),
        (update(&format!("leaf_hash = {rehashed}"), 3), "event 4: does not name the event before it"),
        (update("kind = 'StatusChanged'", 2), "event 2: is filed under another kind"),
        (update("subject = '*'", 3), "event 3: is filed under another kind or subject"),
        (format!("delete from {events} and seq = 7"), "event 8: does not name the event before it"),
        (format!("delete from {events} and seq = (select max(seq) from {events})"), "is not the head"),
    ] {
        admin
            .batch_execute("begin; create table if not exists kept as select * from events; commit")
            .await
            .expect("kept");
        if tamper.contains("leaf_hash") {
            admin
                .execute(
                    &update(
                        "body = convert_to(replace(convert_from(body, 'UTF8'), '\"FI\"', '\"SE\"'), 'UTF8')",
                        3,
                    ),
                    &[],
                )
                .await
                .expect("tampered");
        }
        assert_eq!(admin.execute(&tamper, &[]).await.expect("tampered"), 1, "{tamper}");
        for verify in [true, false] {
            let fault = run(&app, verify).await.fault.unwrap_or_default();
            assert!(fault.contains(found), "{tamper}: {fault}");
        }
        admin
            .batch_execute("begin; delete from events; insert into events select * from kept; commit")
            .await
            .expect("restored");
    }
    assert_eq!(run(&app, true).await.fault, None);
}
