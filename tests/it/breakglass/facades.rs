//! Every way in which a registry says yes, while nobody can write and the records still say so.

use std::time::Duration;

use bytes::Bytes;
use charter_signing::jws;
use charter_tests::{AUTHORITY, TestApp, rest::Reply};
use http::{Method, header};
use http_body_util::Full;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{ISSUER, OTHER, Office, asks, posts, records, says, started};
use crate::authzen::{EVALUATION, EVALUATIONS, evaluation};

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn mark() -> String {
    encoded("https://registry.example/oidf/trust-marks/Degree")
}

async fn trust_mark(app: &TestApp, entity: &str) -> Reply {
    let path = format!("/oidf/trust-mark?trust_mark_type={}&sub={}", mark(), encoded(entity));
    app.rest().get(&path).await
}

async fn mark_status(app: &TestApp, token: &str) -> String {
    let kind = "application/x-www-form-urlencoded";
    let rest = app.rest();
    let request = rest.request(Method::POST, "/oidf/trust-mark-status").header(header::CONTENT_TYPE, kind);
    let body = Full::new(Bytes::from(format!("trust_mark={token}")));
    let reply = rest.send(request.body(body).expect("a request")).await;
    let payload = jws::peek(&reply.text()).expect("a token");
    let said: Value = serde_json::from_slice(&payload).expect("JSON");
    said["status"].as_str().expect("a status").to_owned()
}

/// States of the services of an entity in the list of trusted entities, in its words.
async fn lote(app: &TestApp, entity: &str) -> Vec<String> {
    let payload = jws::peek(&app.rest().get("/lists/lote").await.text()).expect("a token");
    let list: Value = serde_json::from_slice(&payload).expect("JSON");
    let entities = list["LoTE"]["TrustedEntitiesList"].as_array().cloned().unwrap_or_default();
    let services = entities.iter().flat_map(|e| e["TrustedEntityServices"].as_array().into_iter().flatten());
    let own = services.filter(|s| s["ServiceInformation"].to_string().contains(entity));
    own.map(|s| s["ServiceInformation"]["ServiceStatus"].to_string()).collect()
}

async fn ebsi(app: &TestApp, entity: &str) -> Vec<String> {
    let attributes = format!("/trusted-issuers-registry/v5/issuers/{entity}/attributes");
    let list = app.rest().get(&attributes).await.json();
    let mut roles = Vec::new();
    for item in list["items"].as_array().into_iter().flatten() {
        let id = item["id"].as_str().expect("an id");
        let one = app.rest().get(&format!("{attributes}/{id}")).await.json();
        roles.push(one["attribute"]["issuerType"].to_string());
    }
    roles
}

async fn resolved(app: &TestApp, entity: &str) -> Value {
    let question = json!({ "entity_id": entity, "action": "issue", "resource": "Degree" });
    app.rest().post("/api/v1/resolve", &question).await.json()["outcome"].clone()
}

/// What each of them says of an entity, in words of their own.
async fn all(app: &TestApp, entity: &str, token: &str) -> Vec<String> {
    let asking = asks(app, entity);
    let one = app.rest().post(EVALUATION, &evaluation(&asking)).await.json();
    let several = json!({ "evaluations": [evaluation(&asking)] });
    let many = app.rest().post(EVALUATIONS, &several).await.json();
    let issuer = app.rest().get(&format!("/api/v1/issuers/{entity}")).await.json();
    let ayra = app.rest().get(&format!("/entities/{entity}/authorizations")).await.json();
    let listed = app.rest().get(&format!("/oidf/trust-mark-list?trust_mark_type={}", mark())).await.json();
    let name = entity.replacen("did:web:", "https://", 1);
    let among = listed.as_array().is_some_and(|list| list.contains(&json!(name)));
    vec![
        asking.rest().await.line(),
        asking.grpc().await.line(),
        format!("authzen {}", one["decision"]),
        format!("authzen many {}", many["evaluations"][0]["decision"]),
        format!("resolve {}", resolved(app, entity).await),
        format!("issuer {} {}", issuer["authorized"], issuer["status"]),
        format!("ayra {}", ayra[0]["authorized"]),
        format!("mark {}", trust_mark(app, entity).await.status),
        format!("mark status {}", mark_status(app, token).await),
        format!("mark list {among}"),
        format!("lote {:?}", lote(app, entity).await),
        format!("ebsi {:?}", ebsi(app, entity).await),
    ]
}

#[tokio::test]
async fn each_facade_denies_whom_the_records_do_not() {
    let office = Office::open();
    let app = started(&office).await;
    let token = |reply: Reply| reply.text();
    let tokens = (token(trust_mark(&app, ISSUER).await), token(trust_mark(&app, OTHER).await));
    let before = all(&app, ISSUER, &tokens.0).await;
    let yes = [
        "200 yes ACTIVE",
        "200 yes ACTIVE",
        "authzen true",
        "authzen many true",
        "resolve \"yes\"",
        "issuer true \"active\"",
        "ayra true",
        "mark 200",
        "mark status active",
        "mark list true",
        "lote [\"\\\"urn:charter:status:active\\\"\"]",
        "ebsi [\"\\\"TI\\\"\"]",
    ];
    assert_eq!(before, yes);
    records(&app, false).await;
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(posts(&app, &office.denies(&app.clock, AUTHORITY, ISSUER)).await.status, 200);
    says(&app, ISSUER, "200 no SUSPENDED").await;
    says(&app, OTHER, "200 yes ACTIVE").await;
    let no = [
        "200 no SUSPENDED",
        "200 no SUSPENDED",
        "authzen false",
        "authzen many false",
        "resolve \"no\"",
        "issuer false \"suspended\"",
        "ayra false",
        "mark 404",
        "mark status revoked",
        "mark list false",
        "lote [\"\\\"urn:charter:status:suspended\\\"\"]",
        "ebsi [\"\\\"Revoked\\\"\"]",
    ];
    assert_eq!(all(&app, ISSUER, &tokens.0).await, no);
    assert_eq!(all(&app, OTHER, &tokens.1).await, yes, "nobody else is touched");
    let events: i64 = {
        let sql = "select count(*) from emergency_denials";
        app.database.admin(&app.database.name).await.query_one(sql, &[]).await.expect("counted").get(0)
    };
    assert_eq!(events, 0, "nothing of it is recorded yet");
}
