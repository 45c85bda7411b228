//! Trust marks: issued while the decision is yes, never for longer, and the same again while nothing changes.

use std::time::Duration;

use charter_domain::time::Clock;
use charter_tests::{
    AUTHORITY, TestApp,
    governed::{Governed, ISSUER},
    rest::Reply,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{ONE, claims, code, name, refused, started};
use crate::{credential_type::define, schema::enact};

const HOUR: Duration = Duration::from_secs(3_600);

pub async fn asked(app: &TestApp, name: &str, sub: &str) -> Reply {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let path = format!("/oidf/trust-mark?trust_mark_type={}&sub={}", encoded(name), encoded(sub));
    app.rest().get(&path).await
}

/// The mark that the root issues.
pub async fn issued(app: &TestApp, resource: &str, sub: &str) -> String {
    let reply = asked(app, &name(resource), sub).await;
    let said = (reply.status, reply.header("content-type"));
    assert_eq!(said, (200, "application/trust-mark+jwt"), "{sub} {}", reply.text());
    reply.text()
}

async fn said(app: &TestApp, token: &str) -> Value {
    claims(app, token, "trust-mark+jwt").await
}

#[tokio::test]
async fn a_mark_says_who_may_issue_what_and_until_when() {
    let app = started().await;
    let (token, now) = (issued(&app, "Degree", ONE).await, app.clock.now().secs());
    let expected = json!({
        "iss": "https://registry.example", "sub": ONE, "trust_mark_type": name("Degree"),
        "iat": now, "exp": now + 86_400,
    });
    assert_eq!(said(&app, &token).await, expected);
    assert_eq!(issued(&app, "Degree", ONE).await, token, "nothing has changed");
    app.clock.advance(13 * HOUR);
    let later = said(&app, &issued(&app, "Degree", ONE).await).await;
    assert_eq!(later["iat"], app.clock.now().secs(), "half of its life was over");
    // The https id with the same host, which nobody else has registered.
    let mapped = said(&app, &issued(&app, "Degree", "https://one.example").await).await;
    assert_eq!(mapped["sub"], "https://one.example");
    let root = app.registry(AUTHORITY);
    root.registers("https://one.example").authorized("verify", "Degree").await;
    let taken = asked(&app, &name("Degree"), "https://one.example").await;
    assert_eq!(refused(&taken), code(404, "not_found"), "it is somebody else's now");
}

#[tokio::test]
async fn there_is_none_without_a_yes_and_none_that_outlives_it() {
    let app = started().await;
    let (root, now) = (app.registry(AUTHORITY), app.clock.now());
    let (soon, until) = (now.plus(HOUR), now.plus(2 * HOUR));
    root.registers("did:web:short.example").authorized("issue", "Degree").valid("", &until.to_string()).await;
    root.registers("did:web:future.example").authorized("issue", "Degree").valid(&soon.to_string(), "").await;
    root.registers("did:web:verifier.example").authorized("verify", "Degree").await;
    assert_eq!(said(&app, &issued(&app, "Degree", "did:web:short.example").await).await["exp"], until.secs());
    for none in ["did:web:future.example", "did:web:verifier.example", "did:web:nobody.example"] {
        assert_eq!(refused(&asked(&app, &name("Degree"), none).await), code(404, "not_found"), "{none}");
    }
    app.clock.advance(3 * HOUR);
    issued(&app, "Degree", "did:web:future.example").await;
    let over = asked(&app, &name("Degree"), "did:web:short.example").await;
    assert_eq!(refused(&over), code(404, "not_found"), "what was kept of it has ended too");
    for (state, status) in [("SUSPENDED", 404), ("ACTIVE", 200), ("ENDED", 404)] {
        let target =
            charter_proto::charter::registry::v1::set_status_request::Target::EntityId(ONE.to_owned());
        root.sets(target, state).await;
        assert_eq!(asked(&app, &name("Degree"), ONE).await.status, status, "{state}");
    }
}

#[tokio::test]
async fn restrictions_that_a_mark_cannot_hold_are_named() {
    let app = started().await;
    let registering = app.registry(AUTHORITY).registers("did:web:part.example");
    registering.authorized("issue", "Degree").provided("level", &["6"]).await;
    let token = issued(&app, "Degree", "did:web:part.example").await;
    assert_eq!(said(&app, &token).await["unstated"], json!(["level"]));
}

#[tokio::test]
async fn types_have_one_name_and_parameters_stand_once() {
    let app = started().await;
    app.registry(AUTHORITY).registers("did:web:two.example").authorized("issue", "a/b:c").await;
    issued(&app, "a%2Fb%3Ac", "did:web:two.example").await;
    for (none, sub) in [
        ("a/b:c", "did:web:two.example"),
        ("a%2fb%3ac", "did:web:two.example"),
        ("%44egree", ONE),
        ("degree", ONE),
        ("Degree/", ONE),
        ("", ONE),
    ] {
        let reply = asked(&app, &name(none), sub).await;
        assert_eq!(refused(&reply), code(404, "not_found"), "{none}");
    }
    let of_another = "https://below.example/oidf/trust-marks/Degree";
    assert_eq!(refused(&asked(&app, of_another, ONE).await), code(404, "not_found"));
    let right = format!("trust_mark_type={}", name("Degree"));
    for bad in [
        right.clone(),
        format!("sub={ONE}"),
        format!("{right}&sub="),
        format!("{right}&{right}&sub={ONE}"),
        format!("{right}&sub={ONE}&sub={ONE}"),
        format!("{right}&sub=a%20b"),
        format!("{right}&sub={}", "a".repeat(2_049)),
    ] {
        let reply = app.rest().get(&format!("/oidf/trust-mark?{bad}")).await;
        assert_eq!(refused(&reply), code(400, "invalid_request"), "{bad:.120}");
    }
    assert_eq!(app.rest().get(&format!("/oidf/trust-mark?{right}&sub={ONE}&guess=1")).await.status, 200);
}

#[tokio::test]
async fn another_name_of_a_credential_type_has_no_marks() {
    let g = Governed::start().await;
    enact(&g, define("Degree", "urn:degree", "", &[])).await.expect("defined");
    issued(&g.app, "Degree", ISSUER).await;
    assert_eq!(refused(&asked(&g.app, &name("urn%3Adegree"), ISSUER).await), code(404, "not_found"));
}

#[tokio::test]
async fn the_list_names_whom_a_mark_would_be_issued_to() {
    let app = started().await;
    let root = app.registry(AUTHORITY);
    for (entity, resource) in [
        ("https://direct.example", "Degree"),
        ("urn:example:plain", "Degree"),
        ("did:web:both.example", "Degree"),
        ("https://both.example", "Diploma"),
        ("did:web:gone.example", "Degree"),
    ] {
        root.registers(entity).authorized("issue", resource).await;
    }
    root.revokes("did:web:gone.example").await;
    let list = |query: String| {
        let rest = app.rest();
        async move { rest.get(&format!("/oidf/trust-mark-list?{query}")).await }
    };
    let typed = format!("trust_mark_type={}", name("Degree"));
    let mut all: Vec<String> = serde_json::from_value(list(typed.clone()).await.json()).expect("a list");
    all.sort();
    // An https id that is recorded by itself is not that of the DID.
    let expected =
        ["did:web:both.example", "https://direct.example", "https://one.example", "urn:example:plain"];
    assert_eq!(all, expected);
    for sub in &all {
        assert_eq!(list(format!("{typed}&sub={sub}")).await.json(), json!([sub]));
        issued(&app, "Degree", sub).await;
    }
    assert_eq!(list(format!("{typed}&sub=did:web:gone.example")).await.json(), json!([]));
    assert_eq!(list(format!("trust_mark_type={}", name("Nothing"))).await.json(), json!([]));
    for bad in [
        String::new(),
        format!("{typed}&{typed}"),
        format!("{typed}&sub=a&sub=b"),
        format!("{typed}&sub=%3C"),
    ] {
        assert_eq!(refused(&list(bad.clone()).await), code(400, "invalid_request"), "{bad}");
    }
}
