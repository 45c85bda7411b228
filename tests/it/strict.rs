//! JSON that two readers could understand differently never becomes part of a change, at either door.

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_tests::governed::{Governed, ISSUER, status};
use serde_json::{Value, json};

use crate::governance::said;

/// Ambiguous or too much, as the value of a member, and a part of what is said about it.
const BAD: [(&str, &str); 8] = [
    (r#"{"a":1,"a":2}"#, "duplicate member"),
    (r#"{"b":{"a":1,"a":1}}"#, "duplicate member"),
    (r#"{"a":1.5}"#, "fraction or exponent"),
    (r#"{"a":1e3}"#, "fraction or exponent"),
    (r#"{"a":9007199254740992}"#, "2^53-1"),
    (r#"{"a":-9007199254740992}"#, "2^53-1"),
    (r#"{"a":"\ud800"}"#, "hex escape"),
    (r#"{"a":"\u0000"#, "EOF"),
];

fn deep(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

#[tokio::test]
async fn bodies_of_changes_are_refused_with_member_and_reason() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let propose = async |body: String| {
        let reply = olga.sends_text("POST", "/api/v1/proposals", body).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()));
        let problem: Value = reply.json();
        let pointer = problem["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
        (problem["detail"].as_str().expect("a text").to_owned(), pointer)
    };
    for (value, part) in BAD {
        let (detail, _) = propose(format!(r#"{{"reason":"r","change":{{"schema":{value}}}}}"#)).await;
        assert!(detail.contains(part), "{value}: {detail}");
    }
    for (body, part, at) in [
        (r#"{"reason":"r","reason":"s","change":{"dismiss":{"staff_id":3}}}"#, "duplicate member", "/reason"),
        (
            r#"{"reason":"r","change":{"dismiss":{"staff_id":3,"staff_id":4}}}"#,
            "duplicate member",
            "/change/dismiss/staff_id",
        ),
        (r#"{"reason":"r","change":{"dismiss":{"staff_id":3.0}}}"#, "fraction", "/change/dismiss/staff_id"),
        (r#"{"reason":"r","change":{"dismiss":{"staff_id":3,"why":"x"}}}"#, "unknown field `why`", ""),
        (r#"{"reason":"r","change":{"dismiss":{"staff_id":3},"appoint":{}}}"#, "members", ""),
        (r#"{"reason":"r","change":{"guess":{}}}"#, "unknown variant `guess`", ""),
        (r#"{"reason":"r","change":{"dismiss":{"staff_id":3}}} {}"#, "trailing", ""),
        ("\u{feff}{}", "value", ""),
    ] {
        let (detail, pointer) = propose(body.to_owned()).await;
        assert!(detail.contains(part), "{body}: {detail}");
        assert_eq!(pointer, at, "{body}");
    }
    let (detail, _) = propose(format!(r#"{{"reason":"r","change":{}}}"#, deep(20))).await;
    assert!(detail.contains("nested deeper"), "{detail}");
    assert!(g.person("aino").lists("").await.expect("read").iter().all(|p| p.state == "EXECUTED"));
}

#[tokio::test]
async fn json_within_messages_is_read_as_strictly() {
    let g = Governed::start().await;
    let bad = BAD.iter().map(|(text, part)| ((*text).to_owned(), *part));
    let bad: Vec<_> = bad.chain([(format!(r#"{{"a":{}}}"#, deep(40)), "nested too deeply")]).collect();
    for (text, part) in &bad {
        let schema = pb::PutSchemaRequest {
            resource: "Degree".to_owned(),
            uri: "https://schemas.example/degree".to_owned(),
            schema_json: text.clone(),
            ..Default::default()
        };
        let keys = pb::PutDelegationRequest {
            subordinate_id: "did:web:below.example".to_owned(),
            entity_identifier: "https://below.example".to_owned(),
            endpoint: "http://127.0.0.1:1".to_owned(),
            jwks_json: text.clone(),
            scope: vec![pb::Grant {
                actions: vec!["issue".to_owned()],
                resources: vec!["Degree".to_owned()],
                jurisdictions: vec!["FI".to_owned()],
                ..Default::default()
            }],
            ..Default::default()
        };
        for (who, field, change) in
            [("olga", "schema_json", Change::Schema(schema)), ("otto", "jwks_json", Change::Delegation(keys))]
        {
            let refused = g.person(who).proposes(change).await.expect_err("refused");
            assert_eq!(said(&refused), "400 INVALID", "{field} {text}");
            let about = refused.message();
            assert!(about.contains(field) && about.contains(part), "{text}: {about}");
        }
    }
}

#[tokio::test]
async fn reasons_are_short_and_printable() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let change = json!({ "change_status": { "entity_id": ISSUER, "state": "ENDED", "code": "CLOSED" } });
    let propose = async |reason: String| {
        let over_rest = json!({ "reason": reason, "change": change });
        let rest = olga.sends("POST", "/api/v1/proposals", &over_rest).await.problem();
        let request =
            pb::ProposeRequest { reason, change: Some(status(ISSUER, "ENDED")), ..Default::default() };
        (rest, olga.client().propose(olga.signed(request)).await.expect_err("refused"))
    };
    for bad in ["r".repeat(1_001), "two\nlines".to_owned(), "\u{0}".to_owned(), "\u{1b}[31m".to_owned()] {
        let (rest, grpc) = propose(bad.clone()).await;
        assert_eq!((rest, said(&grpc)), ((400, "INVALID".to_owned()), "400 INVALID".to_owned()), "{bad:?}");
    }
    let (rest, grpc) = propose("r".repeat(1 << 20)).await;
    assert_eq!(rest, (413, "TOO_LARGE".to_owned()));
    assert!(
        matches!(grpc.code(), tonic::Code::OutOfRange | tonic::Code::ResourceExhausted),
        "{:?}",
        grpc.code()
    );
    let code = json!({ "entity_id": ISSUER, "code": "c".repeat(2_000) });
    let rest = olga.sends("POST", "/api/v1/emergency-suspensions", &code).await.problem();
    assert_eq!(rest, (400, "INVALID".to_owned()));
}
