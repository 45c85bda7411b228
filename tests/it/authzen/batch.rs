//! Several evaluations in one request: what is common to them, when they end, and that each has its own answer.

use charter_tests::{AUTHORITY, TestApp};
use serde_json::{Value, json};

use super::{EVALUATIONS, line};
use crate::trqp::records;

async fn started() -> TestApp {
    let app = TestApp::start().await;
    records(&app.registry(AUTHORITY)).await;
    app
}

fn subject(name: &str) -> Value {
    json!({ "subject": { "type": "entity", "id": format!("did:web:{name}.example") } })
}

/// Questions about these entities, with action and resource in common.
fn about(names: &[&str], semantic: Option<&str>) -> Value {
    let items: Vec<Value> = names.iter().map(|name| subject(name)).collect();
    let mut body = json!({
        "action": { "name": "issue" },
        "resource": { "type": "credential_type", "id": "Degree" },
        "evaluations": items,
    });
    if let Some(semantic) = semantic {
        body["options"] = json!({ "evaluations_semantic": semantic, "another": 1 });
    }
    body
}

/// Each answer's reason, or the status of its error.
fn reasons(body: &Value) -> Vec<String> {
    let list = body["evaluations"].as_array().expect("answers");
    let one = |item: &Value| {
        let context = &item["context"];
        let said = context["reason"].as_str().map(str::to_owned);
        let said =
            said.unwrap_or_else(|| format!("{} {}", context["error"]["status"], context["error"]["code"]));
        assert_eq!(item["decision"], said == "ACTIVE", "{item}");
        said
    };
    list.iter().map(one).collect()
}

#[tokio::test]
async fn answers_are_in_order_and_end_where_the_semantic_says() {
    let app = started().await;
    let names = ["revoked", "good", "stranger", "good"];
    for (semantic, expected) in [
        (None, ["REVOKED", "ACTIVE", "UNKNOWN_ENTITY", "ACTIVE"].as_slice()),
        (Some("execute_all"), &["REVOKED", "ACTIVE", "UNKNOWN_ENTITY", "ACTIVE"]),
        (Some("deny_on_first_deny"), &["REVOKED"]),
        (Some("permit_on_first_permit"), &["REVOKED", "ACTIVE"]),
    ] {
        let reply = app.rest().post(EVALUATIONS, &about(&names, semantic)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reasons(&reply.json()), expected, "{semantic:?}");
    }
    let good = about(&["good", "good", "revoked", "good"], Some("deny_on_first_deny"));
    let said = app.rest().post(EVALUATIONS, &good).await.json();
    assert_eq!(reasons(&said), ["ACTIVE", "ACTIVE", "REVOKED"]);
}

#[tokio::test]
async fn a_part_of_an_item_takes_the_place_of_the_common_one_as_a_whole() {
    let app = started().await;
    let mut body = about(&["good", "good", "expired", "expired"], None);
    body["context"] = json!({ "time": "2020-06-01T00:00:00Z", "jurisdiction": "FI" });
    body["evaluations"][1]["resource"] = json!({ "type": "credential_type", "id": "Rock" });
    body["evaluations"][3]["context"] = json!({ "jurisdiction": "FI" });
    let said = app.rest().post(EVALUATIONS, &body).await.json();
    assert_eq!(reasons(&said), ["ACTIVE", "UNKNOWN_RESOURCE", "ACTIVE", "EXPIRED"]);
}

#[tokio::test]
async fn what_is_wrong_with_one_is_said_in_its_place_and_is_a_deny() {
    let app = started().await;
    let mut body = about(&["good", "good", "good", "good"], None);
    body["evaluations"][0]["subject"]["id"] = json!("no uri at all");
    body["evaluations"][1]["context"] = json!({ "time": "yesterday" });
    body["evaluations"][2]["resource"] = json!({ "id": "Degree" });
    let said = app.rest().post(EVALUATIONS, &body).await.json();
    let invalid = "400 \"INVALID\"";
    assert_eq!(reasons(&said), [invalid, invalid, invalid, "ACTIVE"]);
    let message = said["evaluations"][0]["context"]["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("`subject.id`"), "{message}");
    body["options"] = json!({ "evaluations_semantic": "deny_on_first_deny" });
    assert_eq!(reasons(&app.rest().post(EVALUATIONS, &body).await.json()), [invalid]);
    body.as_object_mut().expect("members").shift_remove("action");
    body["options"] = json!({});
    let said = app.rest().post(EVALUATIONS, &body).await.json();
    assert_eq!(reasons(&said), [invalid; 4], "nobody says which action");
}

#[tokio::test]
async fn without_a_list_it_is_one_evaluation() {
    let app = started().await;
    let mut body = about(&[], None);
    body["subject"] = subject("good")["subject"].clone();
    assert_eq!(line(&app.rest().post(EVALUATIONS, &body).await), "true ACTIVE");
    body.as_object_mut().expect("members").shift_remove("evaluations");
    assert_eq!(line(&app.rest().post(EVALUATIONS, &body).await), "true ACTIVE");
}

#[tokio::test]
async fn a_hundred_are_answered_and_one_more_is_refused() {
    let app = started().await;
    let hundred = app.rest().post(EVALUATIONS, &about(&["good"; 100], None)).await.json();
    assert_eq!(reasons(&hundred), ["ACTIVE"; 100]);
    let more = app.rest().post(EVALUATIONS, &about(&["good"; 101], None)).await;
    assert_eq!(more.problem(), (400, "INVALID".to_owned()));
    for semantic in ["", "all", "EXECUTE_ALL"] {
        let refused = app.rest().post(EVALUATIONS, &about(&["good"], Some(semantic))).await;
        assert_eq!(refused.problem(), (400, "INVALID".to_owned()), "{semantic}");
    }
}
