//! Loading: files read as the command line reads them, through the import door.

use charter_cli::records;
use charter_domain::record::RawRecord;
use charter_proto::charter::registry::v1 as pb;
use charter_tests::{AUTHORITY, Registry, TestApp, ask::error, rest::Reply};
use http::Method;
use serde_json::{Value, json};

/// Lines 2 to 8; the fifth line is blank.
const FILE: &str = "\
identifier,name[en],name[fi],country,credential_types,valid_from,valid_until,status,status_reason
did:web:a.example,A,\u{c4}\u{e4}n koulu,FI,Degree;Diploma,2020-01-01T00:00:00Z,,,
did:web:b.example,B,,Finland,Degree,,,,
did:web:a.example,A again,,FI,Degree,,,,

did:web:c.example,C,,FI,Degree,2030-01-01T00:00:00Z,2020-01-01T00:00:00Z,,
not an id,D,,FI,Degree,,,,
did:web:e.example,E,,FI,Degree,,,REVOKED,FOUND_FALSE
";

fn rows(text: &str) -> Vec<(u32, RawRecord)> {
    let rows = records::read_csv(text.as_bytes()).expect("a CSV file");
    rows.into_iter().map(|(line, raw)| (line, raw.expect("a row of the right form"))).collect()
}

fn faults(replies: &[pb::ImportRecordsResponse]) -> Vec<String> {
    let all = replies.iter().flat_map(|r| &r.errors);
    let mut lines: Vec<String> = all.map(|e| format!("{} {} {}", e.line, e.code, e.field)).collect();
    lines.sort();
    lines
}

fn accepted(replies: &[pb::ImportRecordsResponse]) -> u32 {
    replies.iter().map(|r| r.accepted).sum()
}

async fn epoch(registry: &Registry<'_>) -> i64 {
    let store = &registry.app.app.store;
    let id = registry.app.app.hosted.by_authority(&registry.authority).expect("here");
    store.epoch(id).await.expect("an epoch")
}

#[tokio::test]
async fn a_dry_run_says_what_the_real_run_does_and_changes_nothing() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let before = epoch(&registry).await;
    let dry = registry.loads(rows(FILE), true).await.expect("checked");
    assert_eq!(epoch(&registry).await, before);
    let expected = [
        "3 INVALID country",
        "4 DUPLICATE_ENTITY identifier",
        "6 INVALID valid_until",
        "7 INVALID identifier",
    ];
    assert_eq!(faults(&dry), expected);
    assert_eq!((accepted(&dry), dry[0].epoch), (2, 0));
    let real = registry.loads(rows(FILE), false).await.expect("loaded");
    assert_eq!(faults(&real), expected);
    assert_eq!(accepted(&real), 2);
    assert_eq!(real[0].epoch, epoch(&registry).await);
    let ask = |entity: &str, resource: &str| app.anonymous().asks(entity, "issue", resource);
    assert_eq!(ask("did:web:a.example", "Diploma").both().await.line(), "200 yes ACTIVE");
    assert_eq!(ask("did:web:e.example", "Degree").both().await.line(), "200 no REVOKED");
    assert_eq!(ask("did:web:b.example", "Degree").both().await.line(), "404 UNKNOWN_ENTITY");
}

#[tokio::test]
async fn what_is_there_already_is_a_duplicate_in_the_dry_run_too() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers("did:web:a.example").authorized("issue", "Degree").await;
    let row = || vec![rows(FILE).remove(0)];
    for dry_run in [true, false] {
        let replies = registry.loads(row(), dry_run).await.expect("checked");
        assert_eq!(faults(&replies), ["2 DUPLICATE_ENTITY identifier"]);
    }
    // In chunks of one run, too.
    let fresh = || {
        let mut row = rows(FILE).remove(0);
        row.1.identifier = "did:web:fresh.example".to_owned();
        vec![row]
    };
    let replies = registry.loads_chunks(vec![fresh(), fresh()], true).await.expect("checked");
    assert_eq!(replies.len(), 2);
    assert_eq!((accepted(&replies), faults(&replies).len()), (1, 1));
}

#[tokio::test]
async fn a_row_that_is_refused_does_not_keep_its_identifiers() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let mut bad = rows(FILE).remove(0);
    bad.1.country = "Nowhere".to_owned();
    let good = (9, RawRecord { country: "FI".to_owned(), ..bad.1.clone() });
    let replies = registry.loads(vec![bad, good], false).await.expect("loaded");
    assert_eq!(faults(&replies), ["2 INVALID country"]);
    assert_eq!(accepted(&replies), 1);
}

#[tokio::test]
async fn a_chunk_of_more_than_a_thousand_is_refused_whole() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let many = (0..1_001).map(|n| (n, RawRecord::default())).collect();
    let status = registry.loads(many, false).await.expect_err("refused");
    assert_eq!(error(&status).line(), "413 TOO_LARGE");
    let thousand = (0..1_000).map(|n| (n, RawRecord::default())).collect();
    let replies = registry.loads(thousand, false).await.expect("read");
    assert_eq!(faults(&replies).len(), 1_000);
}

#[tokio::test]
async fn a_sealed_registry_takes_no_more_records_from_anybody() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:a.example").authorized("issue", "Degree").await;
    registry.seals().await.expect("sealed");
    let mut refusals = vec![
        registry.seals().await.expect_err("sealed already"),
        registry.loads(rows(FILE), false).await.expect_err("sealed"),
        registry.loads(rows(FILE), true).await.expect_err("sealed"),
    ];
    let delegation = registry.delegation(&registry, &["Degree"]);
    refusals.push(registry.client().put_delegation(registry.signed(delegation)).await.expect_err("sealed"));
    let schema = pb::PutSchemaRequest {
        resource: "Degree".to_owned(),
        schema_json: "{}".to_owned(),
        ..Default::default()
    };
    refusals.push(registry.client().put_schema(registry.signed(schema)).await.expect_err("sealed"));
    let status = pb::SetStatusRequest { state: "REVOKED".to_owned(), ..Default::default() };
    refusals.push(registry.client().set_status(registry.signed(status)).await.expect_err("sealed"));
    for refusal in refusals {
        assert_eq!(error(&refusal).line(), "409 REGISTRY_SEALED", "{refusal:?}");
    }
    assert_eq!(app.anonymous().asks(&issuer, "issue", "Degree").both().await.line(), "200 yes ACTIVE");
}

#[tokio::test]
async fn states_and_delegations_that_make_no_sense_are_refused() {
    use charter_proto::charter::registry::v1::set_status_request::Target;
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:a.example").authorized("issue", "Degree").await;
    let set = async |target: Option<&str>, state: &str, reason: &str| {
        let request = pb::SetStatusRequest {
            target: target.map(|t| Target::EntityId(t.to_owned())),
            state: state.to_owned(),
            reason: reason.to_owned(),
            ..Default::default()
        };
        error(&registry.client().set_status(registry.signed(request)).await.expect_err("refused")).line()
    };
    assert_eq!(set(None, "REVOKED", "WHY").await, "400 INVALID");
    assert_eq!(set(Some(&issuer), "BANNED", "WHY").await, "400 INVALID");
    assert_eq!(set(Some(&issuer), "REVOKED", "").await, "400 INVALID");
    assert_eq!(set(Some(&issuer), "REVOKED", "because so").await, "400 INVALID");
    assert_eq!(set(Some("did:web:nobody.example"), "REVOKED", "WHY").await, "404 NOT_FOUND");
    let put = async |change: &dyn Fn(&mut pb::PutDelegationRequest)| {
        let mut request = registry.delegation(&registry, &["Degree"]);
        request.subordinate_id = "did:web:below.example".to_owned();
        change(&mut request);
        let reply = registry.client().put_delegation(registry.signed(request)).await;
        reply.map_or_else(|s| error(&s).line(), |_| "made".to_owned())
    };
    assert_eq!(put(&|r| r.subordinate_id = AUTHORITY.to_owned()).await, "400 INVALID");
    assert_eq!(put(&|r| r.endpoint = "ftp://a.example".to_owned()).await, "400 INVALID");
    assert_eq!(put(&|r| r.jwks_json = "{}".to_owned()).await, "400 INVALID");
    assert_eq!(put(&|r| r.scope.clear()).await, "400 INVALID");
    assert_eq!(put(&|r| r.scope[0].resources = vec!["a*b".to_owned()]).await, "400 INVALID");
    assert_eq!(put(&|r| r.scope[0].jurisdictions = vec!["Finland".to_owned()]).await, "400 INVALID");
    assert_eq!(put(&|r| r.entity_identifier = "http://a.example".to_owned()).await, "400 INVALID");
    assert_eq!(put(&|r| r.max_path_length = Some(300)).await, "400 INVALID");
    assert_eq!(put(&|_| ()).await, "400 INVALID", "our own identifier is no subordinate's");
    let other = |r: &mut pb::PutDelegationRequest| r.entity_identifier = "https://below.example".to_owned();
    assert_eq!(put(&other).await, "made");
}

const LOADING: [&str; 5] = ["records", "delegations", "schemas", "status", "seal"];

/// Over REST, with the token; `key` names the request where it is not empty.
pub async fn posts(app: &TestApp, what: &str, key: &str, body: impl Into<String>) -> Reply {
    let rest = app.rest();
    let mut request = rest.request(Method::POST, &format!("/api/v1/import/{what}"));
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    let request = request.header("authorization", format!("Bearer {}", app.token));
    let request = request.header("content-type", "application/json");
    let body: String = body.into();
    rest.send(request.body(body.into()).expect("a request")).await
}

/// One record that is good, and one that is not.
fn chunk(dry_run: bool) -> String {
    let (good, bad) = (json!({}), json!({ "level": { "values": ["6"] } }));
    let rows = [(2, "did:web:a.example", good), (3, "not an id", bad)].map(|(line, id, conditions)| {
        let right = json!({ "action": "issue", "resource": "Degree", "conditions": conditions });
        json!({ "line": line, "identifier": id, "names": { "en": "A" }, "country": "FI",
            "authorizations": [right] })
    });
    json!({ "dry_run": dry_run, "records": rows }).to_string()
}

fn faults_of(reply: &Value) -> Vec<String> {
    let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let line = |e: &Value| format!("{} {} {}", e["line"], text(e, "code"), text(e, "field"));
    reply["errors"].as_array().into_iter().flatten().map(line).collect()
}

#[tokio::test]
async fn over_rest_a_registry_is_loaded_until_it_is_sealed() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let before = epoch(&registry).await;
    let dry = posts(&app, "records", "", chunk(true)).await.json();
    assert_eq!((&dry["accepted"], &dry["epoch"]), (&json!(1), &json!(0)), "{dry}");
    assert_eq!(epoch(&registry).await, before);
    let real = posts(&app, "records", "", chunk(false)).await.json();
    assert_eq!((&real["accepted"], &real["epoch"]), (&json!(1), &json!(epoch(&registry).await)), "{real}");
    for reply in [dry, real] {
        assert_eq!(faults_of(&reply), ["3 INVALID identifier"]);
    }
    let again = posts(&app, "records", "", chunk(false)).await.json();
    assert_eq!(again["accepted"], 0);
    assert_eq!(faults_of(&again), ["3 INVALID identifier", "2 DUPLICATE_ENTITY identifier"]);

    let asking = || app.anonymous().asks("did:web:a.example", "issue", "Degree");
    assert_eq!(asking().both().await.line(), "200 yes ACTIVE");
    let status = |state: &str| {
        json!({ "entity_id": "did:web:a.example", "state": state, "reason": "TESTED" }).to_string()
    };
    let key = "019aa5c0-0000-7000-8000-000000000001";
    let first = posts(&app, "status", key, status("SUSPENDED")).await;
    let second = posts(&app, "status", key, status("SUSPENDED")).await;
    assert_eq!((first.status, first.json()), (200, second.json()), "{}", second.text());
    let other = posts(&app, "status", key, status("ENDED")).await;
    assert_eq!(other.problem(), (422, "REQUEST_ID_REUSED".to_owned()));
    assert_eq!(asking().both().await.line(), "200 no SUSPENDED");

    let person = |subject: &str| json!({ "issuer": "https://login.example", "subject": subject });
    let seal = json!({ "administrators": [person("first"), person("second")] }).to_string();
    let sealed = posts(&app, "seal", "", seal.clone()).await;
    assert_eq!(sealed.json()["epoch"], epoch(&registry).await, "{}", sealed.text());
    let bodies = [chunk(false), "{}".to_owned(), "{}".to_owned(), status("ENDED"), seal];
    for (what, body) in LOADING.into_iter().zip(bodies) {
        let refused = posts(&app, what, "", body).await;
        assert_eq!(refused.problem(), (409, "REGISTRY_SEALED".to_owned()), "{what}");
    }
    let refused = posts(&app, "records", "", chunk(true)).await;
    assert_eq!(refused.problem(), (409, "REGISTRY_SEALED".to_owned()));
}

#[tokio::test]
async fn bodies_over_rest_are_read_strictly() {
    let app = TestApp::start().await;
    for (what, body, pointer) in [
        ("records", r#"{"records":[{"nmae":"x"}]}"#, "/records/0/nmae"),
        ("records", r#"{"records":[{"line":"2"}]}"#, "/records/0/line"),
        ("records", r#"{"dry_run":true,"dry_run":false}"#, "/dry_run"),
        ("records", r#"{"registry_id":"did:web:a.example"}"#, "/registry_id"),
        ("schemas", r#"{"request_id":"x"}"#, "/request_id"),
        ("schemas", r#"{"schema_json":{}}"#, "/schema_json"),
        ("status", r#"{"entity_id":"a","subordinate_id":"b"}"#, "/subordinate_id"),
        ("seal", "[]", "/body"),
    ] {
        let reply = posts(&app, what, "", body).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{body}");
        assert_eq!(reply.json()["errors"][0]["pointer"], pointer, "{body} {}", reply.text());
    }
    let large = format!(r#"{{"records":[],"{}":1}}"#, "x".repeat(4 * 1024 * 1024));
    assert_eq!(posts(&app, "records", "", large).await.problem(), (413, "TOO_LARGE".to_owned()));
    let records = vec![json!({}); 1_001];
    let many = json!({ "records": records }).to_string();
    assert_eq!(posts(&app, "records", "", many).await.problem(), (413, "TOO_LARGE".to_owned()));
    assert_eq!(posts(&app, "status", "one", "{}").await.problem(), (400, "INVALID".to_owned()));
    assert_eq!(posts(&app, "status?fields=epoch", "", "{}").await.problem(), (400, "INVALID".to_owned()));
}
