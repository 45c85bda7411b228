//! Signed lists of who may do what: they say what answers say, at once, and other programs can verify them.

use std::{io::Write as _, process::Stdio, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use charter_domain::{Timestamp, time::Clock as _};
use charter_proto::charter::registry::v1::set_status_request::Target;
use charter_server::app::lists::{Format, list};
use charter_tests::{AUTHORITY, TestApp, program, rest::Reply};
use http::header;
use serde_json::{Value, json};

const ONE: &str = "did:web:one.example";
const TWO: &str = "did:web:two.example";
const LOTE: &str = "/lists/lote";
const RECOGNIZED: &str = "/lists/recognized-entities";

fn payload(reply: &Reply) -> Value {
    let text = reply.text();
    assert_eq!(reply.status, 200, "{text}");
    let part = text.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

async fn lote(app: &TestApp) -> Value {
    payload(&app.rest().get(LOTE).await)["LoTE"].clone()
}

/// Status, last part, of each service: by the entity's first identifier and the service's type, last part.
fn services(lote: &Value) -> Vec<(String, String, String)> {
    let last = |v: &Value| v.as_str().and_then(|t| t.rsplit(':').next()).unwrap_or_default().to_owned();
    let entities = lote["TrustedEntitiesList"].as_array().into_iter().flatten();
    let all = entities.flat_map(|e| e["TrustedEntityServices"].as_array().into_iter().flatten());
    all.map(|service| {
        let s = &service["ServiceInformation"];
        let id = s["ServiceDigitalIdentity"]["OtherIds"][0].as_str().unwrap_or_default().to_owned();
        (id, last(&s["ServiceTypeIdentifier"]), last(&s["ServiceStatus"]))
    })
    .collect()
}

fn row(id: &str, resource: &str, status: &str) -> (String, String, String) {
    (id.to_owned(), resource.to_owned(), status.to_owned())
}

/// What `tests/second/jades.py`, which shares no code with this project, reads in a list.
fn second(token: &str) -> Value {
    let mut child = std::process::Command::new("python3")
        .arg(program::root().join("tests/second/jades.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs: `scripts/setup test`");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(token.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "it refuses the list");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn conforms(list: &Value) {
    let path = program::root().join("schemas/lote.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).expect("a schema")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let faults: Vec<String> = validator.iter_errors(list).map(|e| e.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[tokio::test]
async fn a_list_is_verified_by_another_program_and_has_the_shape_of_the_standard() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let empty = app.rest().get(LOTE).await;
    conforms(&payload(&empty));
    assert_eq!(payload(&empty)["LoTE"].get("TrustedEntitiesList"), None);
    registry.registers(ONE).authorized("issue", "Degree").authorized("verify", "Degree/Master").await;
    registry.registers(TWO).authorized("issue", "Diploma").within("FI-01").await;
    registry
        .registers("did:web:three.example")
        .authorized("issue", "Card")
        .provided("level", &["high"])
        .await;
    let reply = app.rest().get(LOTE).await;
    assert_eq!(
        (reply.header("content-type"), reply.header("cache-control")),
        ("application/jose", "no-cache")
    );
    let read = second(&reply.text());
    conforms(&read["payload"]);
    assert_eq!((&read["organization"], &read["country"]), (&json!(AUTHORITY), &json!("FI")));
    let list = &read["payload"]["LoTE"];
    let expected = [row(ONE, "Degree", "active"), row(ONE, "Degree%2FMaster", "active")];
    assert_eq!(services(list), expected, "what holds in part only is not listed");
    let scheme = &list["ListAndSchemeInformation"];
    assert_eq!(scheme["SchemeOperatorName"][0]["value"], AUTHORITY);
    assert_eq!(scheme["DistributionPoints"][0], format!("{}{LOTE}", public_url(&app)));
    let number = |list: &Value| list["ListAndSchemeInformation"]["LoTESequenceNumber"].as_i64();
    assert!(number(list) > number(&payload(&empty)["LoTE"]));
}

fn public_url(app: &TestApp) -> String {
    app.app.config.registries[0].public_url.clone()
}

#[tokio::test]
async fn no_list_says_active_after_a_revocation_was_acknowledged() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ONE).authorized("issue", "Degree").await;
    let before = app.rest().get(LOTE).await;
    let tag = before.header("etag").to_owned();
    let again = |tag: String| {
        let request = app.rest().request(http::Method::GET, LOTE).header(header::IF_NONE_MATCH, tag);
        app.rest().send(request.body(http_body_util::Full::default()).expect("a request"))
    };
    // Answers are asked for all the time, so that a list is being made or kept when the change comes.
    for (state, said) in [("SUSPENDED", "suspended"), ("ACTIVE", "active"), ("REVOKED", "revoked")] {
        let (rest, busy) = (
            app.rest(),
            tokio::spawn({
                let rest = app.rest();
                async move {
                    loop {
                        rest.get(LOTE).await;
                    }
                }
            }),
        );
        app.clock.advance(Duration::from_secs(1));
        registry.sets(Target::EntityId(ONE.to_owned()), state).await;
        let now = payload(&rest.get(LOTE).await)["LoTE"].clone();
        assert_eq!(services(&now), [row(ONE, "Degree", said)], "acknowledged before");
        busy.abort();
    }
    assert_eq!(again(tag).await.status, 200, "it is another list");
    let newest = app.rest().get(LOTE).await;
    let same = again(newest.header("etag").to_owned()).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    let history = &lote(&app).await["TrustedEntitiesList"][0]["TrustedEntityServices"][0]["ServiceHistory"];
    let states: Vec<_> = history.as_array().expect("a history").iter().map(|h| &h["ServiceStatus"]).collect();
    let state = |code: &str| json!(format!("urn:charter:status:{code}"));
    assert_eq!(states, [&state("active"), &state("suspended"), &state("active")]);
}

#[tokio::test]
async fn a_kept_list_is_asked_about_where_the_lease_is_lost() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ONE).authorized("issue", "Degree").await;
    let id = app.app.hosted.by_authority(AUTHORITY).expect("a registry");
    let kept = list(&app.app, id, Format::Lote).await.expect("a list");
    assert_eq!(list(&app.app, id, Format::Lote).await.expect("a list").bytes, kept.bytes, "it is kept");
    registry.revokes(ONE).await;
    app.app.register.drop_lease();
    let now = list(&app.app, id, Format::Lote).await.expect("a list");
    assert_ne!(now.etag, kept.etag);
    assert_eq!(services(&lote(&app).await), [row(ONE, "Degree", "revoked")]);
}

#[tokio::test]
async fn time_ends_a_list_as_it_ends_what_is_in_it() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let end = app.clock.now().plus(Duration::from_secs(600));
    registry.registers(ONE).authorized("issue", "Degree").valid("", &end.to_string()).await;
    let before = lote(&app).await;
    assert_eq!(services(&before), [row(ONE, "Degree", "active")]);
    let service = &before["TrustedEntitiesList"][0]["TrustedEntityServices"][0]["ServiceInformation"];
    assert_eq!(service["ServiceInformationExtensions"][0]["ValidUntil"], end.to_string());
    let time = |list: &Value, name: &str| {
        let text = list["ListAndSchemeInformation"][name].as_str().expect("a time").to_owned();
        Timestamp::parse(&text).expect("a time")
    };
    assert!(time(&before, "NextUpdate") <= end, "nobody may hold it for good after that");
    app.clock.set(end);
    let after = lote(&app).await;
    assert_eq!(services(&after), [row(ONE, "Degree", "expired")]);
    assert!(time(&after, "ListIssueDateTime") >= end);
    assert!(time(&after, "NextUpdate") > end);
    let lifetime = Duration::from_secs(app.app.config.documents.lifetime_secs);
    app.clock.advance(lifetime);
    assert!(time(&lote(&app).await, "NextUpdate") > app.clock.now(), "it is issued again in time");
}

#[tokio::test]
async fn recognized_entities_are_those_that_may_now() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    assert_eq!(app.rest().get(RECOGNIZED).await.problem(), (404, "NOT_FOUND".to_owned()));
    registry.registers(ONE).authorized("issue", "Degree").await;
    registry.registers(TWO).authorized("issue", "Diploma").await;
    registry.registers("plain-name").authorized("issue", "Degree").await;
    registry.suspends(TWO).await;
    let reply = app.rest().get(RECOGNIZED).await;
    assert_eq!(reply.header("content-type"), "application/vc+jwt");
    let id = app.app.hosted.by_authority(AUTHORITY).expect("a registry");
    let keys = app.app.hosted.keys(id).await.expect("keys");
    charter_signing::jws::verify(&reply.text(), "vc+jwt", &keys).expect("verified with the registry's key");
    let credential = payload(&reply);
    assert_eq!(credential["type"], json!(["VerifiableCredential", "RecognizedEntityCredential"]));
    assert_eq!(credential["issuer"]["id"], AUTHORITY);
    let subjects = credential["credentialSubject"].as_array().expect("subjects");
    assert_eq!(subjects.len(), 1, "the suspended one is none, nor is one without a URL");
    assert_eq!((&subjects[0]["id"], &subjects[0]["type"]), (&json!(ONE), &json!("RecognizedEntity")));
    let action = &subjects[0]["recognizedTo"][0];
    assert_eq!((&action["action"], &action["recognizedBy"]), (&json!("issue"), &json!(AUTHORITY)));
    assert_eq!(action["outputValidation"]["name"], "Degree", "never a recognition for anything at all");
}

#[tokio::test]
async fn each_registry_has_its_own_lists_and_parameters_are_refused() {
    let app = TestApp::build().registry(AUTHORITY).registry("did:web:other.example").start().await;
    app.registry(AUTHORITY).registers(ONE).authorized("issue", "Degree").await;
    app.registry("did:web:other.example").registers(TWO).authorized("issue", "Degree").await;
    let rest = app.rest();
    for (path, id) in [(LOTE.to_owned(), ONE), (format!("/r/r1{LOTE}"), TWO)] {
        let list = payload(&rest.get(&path).await)["LoTE"].clone();
        assert_eq!(services(&list), [row(id, "Degree", "active")], "{path}");
    }
    for path in [LOTE, RECOGNIZED] {
        let reply = rest.get(&format!("{path}?limit=1")).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{path}");
    }
}
