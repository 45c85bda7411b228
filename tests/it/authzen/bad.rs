//! What is no evaluation is an error, never a decision; afterwards the server answers as before.

use charter_tests::{AUTHORITY, TestApp};
use http::Method;
use http_body_util::Full;
use serde_json::{Value, json};

use super::{EVALUATION, EVALUATIONS, evaluation, line};

const ISSUER: &str = "did:web:issuer.example";

async fn started() -> TestApp {
    let app = TestApp::start().await;
    app.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree").await;
    app
}

fn good(app: &TestApp) -> Value {
    evaluation(&app.anonymous().asks(ISSUER, "issue", "Degree"))
}

async fn still_answers(app: &TestApp) {
    assert_eq!(line(&app.rest().post(EVALUATION, &good(app)).await), "true ACTIVE");
}

#[tokio::test]
async fn bodies_that_are_no_evaluation_are_400() {
    let app = started().await;
    let good = good(&app);
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).expect(pointer) = value;
        body.to_string()
    };
    let mut bodies: Vec<String> =
        ["", "{", "null", "[]", "7", "\"text\"", "{}"].into_iter().map(str::to_owned).collect();
    bodies.extend([format!("{good}{good}"), format!("{good} trailing")]);
    bodies.push(format!("{{\"context\":{}{}}}", "[".repeat(2_000), "]".repeat(2_000)));
    bodies.push(format!("{}1{}", "{\"subject\":".repeat(2_000), "}".repeat(2_000)));
    let text = good.to_string();
    for name in ["subject", "action", "resource"] {
        let mut body = good.clone();
        let part = body.as_object_mut().expect("members").shift_remove(name).expect("a part");
        bodies.push(body.to_string());
        bodies.push(format!("{},\"{name}\":{part}}}", text.strip_suffix('}').expect("an object")));
        for wrong in [Value::Null, json!("text"), json!(7), json!([]), json!({})] {
            bodies.push(with(&format!("/{name}"), wrong));
        }
    }
    // Arrays of what an object would have, in its order.
    bodies.push(json!([good["subject"], good["action"], good["resource"]]).to_string());
    bodies.push(with("/subject", json!(["entity", ISSUER])));
    bodies.push(with("/action", json!(["issue"])));
    bodies.push(with("/resource", json!(["credential_type", "Degree"])));
    for pointer in ["/subject/type", "/subject/id", "/action/name", "/resource/type", "/resource/id"] {
        for wrong in [json!(null), json!(7), json!(["a"]), json!({ "a": 1 })] {
            bodies.push(with(pointer, wrong));
        }
    }
    for (pointer, wrong) in [("/subject/id", "a b"), ("/action/name", ""), ("/resource/id", "%zz")] {
        bodies.push(with(pointer, json!(wrong)));
    }
    for wrong in [json!("text"), json!(7), json!([])] {
        bodies.push(with("/context", wrong));
    }
    let many: serde_json::Map<String, Value> = (0..33).map(|n| (format!("c{n}"), json!("x"))).collect();
    bodies.push(with("/context", Value::Object(many)));
    let twice = r#"{"authority_id":"did:web:a.example","authority_id":"did:web:b.example"}"#;
    bodies.push(with("/context", json!("TWICE")).replace("\"TWICE\"", twice));
    bodies.push(
        with("/subject/id", json!("TWICE")).replace("\"TWICE\"", &format!("\"{ISSUER}\",\"id\":\"x\"")),
    );
    for body in bodies {
        let short: String = body.chars().take(120).collect();
        let reply = app.rest().post_text(EVALUATION, body).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{short}");
    }
    still_answers(&app).await;
}

#[tokio::test]
async fn what_is_wrong_is_named_as_it_stands_in_the_evaluation() {
    let app = started().await;
    for (pointer, wrong) in [
        ("/subject/id", json!("a b")),
        ("/action/name", json!("a b")),
        ("/resource/id", json!("a b")),
        ("/context/authority_id", json!("https://a.example")),
    ] {
        let mut body = good(&app);
        *body.pointer_mut(pointer).expect(pointer) = wrong;
        let reply = app.rest().post(EVALUATION, &body).await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["pointer"]), (400, &json!(pointer)));
    }
    for name in ["subject", "action", "resource"] {
        let mut body = good(&app);
        body.as_object_mut().expect("members").shift_remove(name);
        let said = app.rest().post(EVALUATION, &body).await.json();
        assert_eq!(said["errors"][0]["pointer"], format!("/{name}"));
    }
}

#[tokio::test]
async fn batches_that_are_none_are_400_as_a_whole() {
    let app = started().await;
    let one = good(&app);
    for body in [
        json!({ "evaluations": {} }),
        json!({ "evaluations": "all" }),
        json!({ "evaluations": [7] }),
        json!({ "evaluations": [[one["subject"], one["action"], one["resource"]]] }),
        json!({ "evaluations": [one.clone(), { "subject": 7 }] }),
        json!({ "evaluations": [one.clone()], "options": 7 }),
        json!({ "evaluations": [one.clone()], "options": ["execute_all"] }),
        json!({ "evaluations": [one.clone()], "options": { "evaluations_semantic": 7 } }),
        json!({}),
    ] {
        let reply = app.rest().post(EVALUATIONS, &body).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{body}");
    }
    let twice = format!("{{\"evaluations\":[{one}],\"evaluations\":[]}}");
    assert_eq!(app.rest().post_text(EVALUATIONS, twice).await.problem().0, 400);
    still_answers(&app).await;
}

#[tokio::test]
async fn sizes_types_and_methods_are_bounded() {
    let app = started().await;
    let rest = app.rest();
    for (path, most) in [(EVALUATION, 64 * 1024), (EVALUATIONS, 256 * 1024)] {
        let mut body = good(&app);
        body["padding"] = json!("x".repeat(most));
        assert_eq!(rest.post(path, &body).await.problem(), (413, "TOO_LARGE".to_owned()), "{path}");
        let other = rest.get(path).await;
        assert_eq!(other.problem(), (405, "METHOD_NOT_ALLOWED".to_owned()), "{path}");
        assert_eq!(other.header("allow"), "POST", "{path}");
        for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
            let request = rest.request(Method::POST, path);
            let request = if name == "content-type" {
                request.header(name, value)
            } else {
                request.header("content-type", "application/json").header(name, value)
            };
            let request = request.body(Full::new(good(&app).to_string().into())).expect("a request");
            assert_eq!(rest.send(request).await.problem().0, 415, "{path} {name}");
        }
    }
    still_answers(&app).await;
}
