//! AuthZEN: the same decisions as TRQP's, with the same reasons, whichever door is asked and whatever is kept.

mod bad;
mod batch;
mod trust;

use charter_domain::Kind;
use charter_tests::{AUTHORITY, Asking, TestApp, rest::Reply};
use http::Method;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::trqp::records;

pub const EVALUATION: &str = "/access/v1/evaluation";
pub const EVALUATIONS: &str = "/access/v1/evaluations";

/// A question of TRQP as an evaluation.
pub fn evaluation(asking: &Asking<'_>) -> Value {
    let kind = match asking.kind {
        Kind::Authorization => "entity",
        Kind::Recognition => "authority",
    };
    let mut context = json!(asking.context);
    context["authority_id"] = json!(asking.authority);
    json!({
        "subject": { "type": kind, "id": asking.entity },
        "action": { "name": asking.action },
        "resource": { "type": "credential_type", "id": asking.resource },
        "context": context,
    })
}

/// `true ACTIVE`, `false REVOKED`; of an error its status and code.
pub fn line(reply: &Reply) -> String {
    if reply.status != 200 {
        let (status, code) = reply.problem();
        return format!("{status} {code}");
    }
    assert_eq!(reply.header("content-type"), "application/json");
    let body = reply.json();
    let reason = body["context"]["reason"].as_str().unwrap_or_default();
    format!("{} {reason}", body["decision"].as_bool().expect("a decision"))
}

/// Asks both doors twice each; the second answers may be kept ones. What AuthZEN says.
async fn compared(asking: &Asking<'_>) -> String {
    let mut lines = Vec::new();
    for _ in 0..2 {
        let reply = asking.app.rest().post(EVALUATION, &evaluation(asking)).await;
        let (said, body) = (asking.rest().await, reply.json());
        lines.push(line(&reply));
        let context = &body["context"];
        match said.status {
            200 => {
                assert_eq!(body["decision"], said.yes);
                assert_eq!(context["reason"], said.reason, "{}", said.message);
                assert_eq!(
                    (&context["message"], &context["basis"]),
                    (&json!(said.message), &json!(said.basis))
                );
                assert_eq!(context["decided_by"], said.decided_by);
                assert_eq!(context["epoch"], said.epoch);
                assert_eq!(context["time_evaluated"], said.evaluated);
                assert_eq!(context["expires_at"], said.expires);
                assert_eq!(context["evidence"]["chain"].as_array().map_or(0, Vec::len), said.chain.len());
            }
            404 => {
                assert_eq!((&body["decision"], &context["reason"]), (&json!(false), &json!(said.reason)));
                assert_eq!(context["message"], said.message);
            }
            _ => assert_eq!(line(&reply), said.line()),
        }
    }
    assert_eq!(lines[0], lines[1], "{}", asking.json());
    lines.remove(0)
}

#[tokio::test]
async fn each_decision_and_reason_is_that_of_trqp() {
    let app = TestApp::start().await;
    records(&app.registry(AUTHORITY)).await;
    let ask = |entity: &str| app.anonymous().asks(&format!("did:web:{entity}.example"), "issue", "Degree");
    for (asking, expected) in [
        (ask("good"), "true ACTIVE"),
        (ask("diploma"), "false NOT_LISTED"),
        (ask("expired"), "false EXPIRED"),
        (ask("early"), "false NOT_YET_VALID"),
        (ask("suspended"), "false SUSPENDED"),
        (ask("revoked"), "false REVOKED"),
        (ask("ended"), "false ENDED"),
        (ask("stranger"), "false UNKNOWN_ENTITY"),
        (app.anonymous().asks("did:web:good.example", "fly", "Degree"), "false UNKNOWN_ACTION"),
        (app.anonymous().asks("did:web:good.example", "issue", "Rock"), "false UNKNOWN_RESOURCE"),
        (ask("good").of("did:web:elsewhere.example"), "false UNKNOWN_AUTHORITY"),
        (ask("expired").with("time", "2020-06-01T00:00:00Z"), "true ACTIVE"),
        (ask("revoked").with("time", "2025-05-31T23:59:59Z"), "true ACTIVE"),
        (ask("good").with("time", "1999-12-31T23:59:59Z"), "400 TIME_OUT_OF_RANGE"),
        (ask("regional").with("jurisdiction", "FI-18"), "true ACTIVE"),
        (ask("regional").with("jurisdiction", "FI-02"), "false OUT_OF_JURISDICTION"),
        (ask("conditional").with("eqf_level", "7"), "true ACTIVE"),
        (ask("conditional").with("eqf_level", "3"), "false CONDITION_NOT_MET"),
        (ask("conditional"), "true ACTIVE"),
        (ask("good").with("evidence", "chain"), "true ACTIVE"),
        (ask("peer").recognition(), "true ACTIVE"),
        (ask("peer"), "false NOT_LISTED"),
        (ask("good").recognition(), "false NOT_LISTED"),
    ] {
        assert_eq!(compared(&asking).await, expected, "{}", asking.json());
    }
}

#[tokio::test]
async fn a_revocation_ends_a_kept_yes_at_once() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let asking = app.anonymous().asks(&issuer, "issue", "Degree");
    let body = json!({
        "subject": { "type": "did", "id": issuer },
        "action": { "name": "issue" },
        "resource": { "type": "credential_type", "id": "Degree" },
    });
    // The asked registry decides where no other is named.
    for _ in 0..3 {
        assert_eq!(line(&app.rest().post(EVALUATION, &body).await), "true ACTIVE");
    }
    assert_eq!(compared(&asking).await, "true ACTIVE");
    registry.revokes(&issuer).await;
    assert_eq!(line(&app.rest().post(EVALUATION, &body).await), "false REVOKED");
    assert_eq!(compared(&asking).await, "false REVOKED");
}

#[tokio::test]
async fn what_is_asked_below_is_answered_alike_and_who_cannot_be_asked_is_an_error() {
    let (above, below) = ("did:web:root.example", "did:web:nation.example");
    let root = TestApp::build().registry(above).start().await;
    let nation = TestApp::build().under(below, above).start().await;
    root.registry(above).delegates(&nation.registry(below), &["Degree"]).await;
    let issuer = "did:web:university.example";
    let another = "did:web:another.example";
    for entity in [issuer, another] {
        nation.registry(below).registers(entity).authorized("issue", "Degree").await;
    }
    let ask = |entity: &str| root.anonymous().asks(entity, "issue", "Degree");
    assert_eq!(compared(&ask(issuer)).await, "true ACTIVE");
    let body = root.rest().post(EVALUATION, &evaluation(&ask(issuer))).await.json();
    assert_eq!(
        (&body["context"]["basis"], &body["context"]["decided_by"]),
        (&json!("DELEGATED"), &json!(below))
    );
    nation.stop().await;
    let unheard = ask(another).at_once();
    let reply = root.rest().post(EVALUATION, &evaluation(&unheard)).await;
    assert_eq!(reply.problem(), (503, "UNVERIFIABLE".to_owned()));
    assert_eq!(reply.header("retry-after"), "1");
    let several = json!({ "evaluations": [evaluation(&unheard)] });
    let several = root.rest().post(EVALUATIONS, &several).await;
    assert_eq!(several.status, 200);
    let item = &several.json()["evaluations"][0];
    assert_eq!((&item["decision"], &item["context"]["error"]["status"]), (&json!(false), &json!(503)));
}

#[tokio::test]
async fn values_of_the_context_may_be_no_strings_and_what_is_not_known_is_ignored() {
    let app = TestApp::start().await;
    records(&app.registry(AUTHORITY)).await;
    let with = |name: &str, value: Value| {
        let mut body = evaluation(&app.anonymous().asks("did:web:conditional.example", "issue", "Degree"));
        body["context"][name] = value;
        body["subject"]["properties"] = json!({ "department": ["Sales", 1.5] });
        body["futures"] = json!({ "a": null });
        body
    };
    for (name, value, expected) in [
        ("eqf_level", json!(7), "true ACTIVE"),
        ("eqf_level", json!(3), "false CONDITION_NOT_MET"),
        ("follow_recognition", json!(true), "true ACTIVE"),
        ("max_staleness", json!(60), "true ACTIVE"),
        ("device", json!({ "ip": "192.0.2.1", "score": 0.5 }), "true ACTIVE"),
        ("list", json!([1, 2.5]), "true ACTIVE"),
        ("nothing", Value::Null, "true ACTIVE"),
        ("agent", json!("m".repeat(3_000)), "true ACTIVE"),
        ("time", Value::Null, "400 INVALID"),
        ("time", json!(7), "400 INVALID"),
        ("jurisdiction", json!(["FI"]), "400 INVALID"),
        ("authority_id", json!(7), "400 INVALID"),
    ] {
        let reply = app.rest().post(EVALUATION, &with(name, value.clone())).await;
        assert_eq!(line(&reply), expected, "{name} {value}");
    }
}

#[tokio::test]
async fn the_configuration_leads_to_the_endpoints_and_a_request_has_its_id_back() {
    let app = TestApp::build().reachable().start().await;
    records(&app.registry(AUTHORITY)).await;
    let said = app.rest().get("/.well-known/authzen-configuration").await;
    assert_eq!((said.status, said.header("content-type")), (200, "application/json"));
    let body = said.json();
    assert_eq!(body["policy_decision_point"], app.url());
    assert!(body.get("search_subject_endpoint").is_none(), "what is not served is not named");
    let question = evaluation(&app.anonymous().asks("did:web:good.example", "issue", "Degree"));
    for name in ["access_evaluation_endpoint", "access_evaluations_endpoint"] {
        let url = body[name].as_str().expect(name);
        let path = url.strip_prefix(&app.url()).expect("its own address");
        let request = app.rest().request(Method::POST, path).header("content-type", "application/json");
        let request = request.header("x-request-id", "bfe9eb29-ab87-4ca3-be83-a1d5d8305716");
        let request = request.body(Full::new(question.to_string().into())).expect("a request");
        let reply = app.rest().send(request).await;
        assert_eq!(line(&reply), "true ACTIVE", "{name}");
        assert_eq!(reply.header("x-request-id"), "bfe9eb29-ab87-4ca3-be83-a1d5d8305716");
    }
    assert_eq!(line(&app.rest().post(&format!("/r/r0{EVALUATION}"), &question).await), "true ACTIVE");
}

#[tokio::test]
async fn a_listener_without_the_public_service_answers_none_of_it() {
    let app = TestApp::build().listener("services = [\"staff\"]").start().await;
    for path in [EVALUATION, EVALUATIONS] {
        assert_eq!(app.rest().post(path, &json!({})).await.problem().0, 404, "{path}");
    }
    assert_eq!(app.rest().get("/.well-known/authzen-configuration").await.problem().0, 404);
}
