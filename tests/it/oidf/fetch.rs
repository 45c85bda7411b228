//! The statement about a subordinate: the very bytes that gRPC has, while the delegation is in force.

use charter_proof::SubordinateStatement;
use charter_proto::charter::{
    federation::v1::{GetSubordinateStatementRequest, federation_service_client::FederationServiceClient},
    registry::v1::set_status_request::Target,
};
use charter_tests::{AUTHORITY, TestApp};

use super::{BELOW, FAR, STATEMENT, code, refused, started};

const URL: &str = "/oidf/fetch?sub=https://below.example";

#[tokio::test]
async fn what_is_fetched_is_what_grpc_carries() {
    let app = started().await;
    let reply = app.rest().get(URL).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, STATEMENT), "{}", reply.text());
    let request = GetSubordinateStatementRequest {
        authority_id: AUTHORITY.to_owned(),
        subordinate_id: BELOW.to_owned(),
    };
    let over_grpc = FederationServiceClient::new(app.channel()).get_subordinate_statement(request).await;
    assert_eq!(reply.text(), over_grpc.expect("a statement").into_inner().subordinate_statement);
    let keys =
        &app.app.hosted.keys(app.app.hosted.by_authority(AUTHORITY).expect("served")).await.expect("keys");
    let stated = SubordinateStatement::parse_verified(&reply.text(), keys).expect("signed");
    assert_eq!(
        (stated.iss.as_str(), stated.sub.as_str()),
        ("https://registry.example", "https://below.example")
    );
    assert_eq!(app.rest().get("/oidf/fetch?sub=https%3A%2F%2Fbelow.example").await.text(), reply.text());
    // Another registry of the process, at its own address.
    let far = app.rest().get("/r/r1/oidf/fetch?sub=https://far.example").await;
    assert_eq!(far.status, 200, "{}", far.text());
    assert_eq!(
        refused(&app.rest().get("/r/r0/oidf/fetch?sub=https://far.example").await),
        code(404, "not_found")
    );
}

#[tokio::test]
async fn a_subordinate_that_is_suspended_or_revoked_is_not_found() {
    let app = started().await;
    let (root, rest) = (app.registry(AUTHORITY), app.rest());
    let target = || Target::SubordinateId(BELOW.to_owned());
    for (state, found) in [("SUSPENDED", 404), ("ACTIVE", 200), ("REVOKED", 404)] {
        root.sets(target(), state).await;
        let reply = rest.get(URL).await;
        assert_eq!(reply.status, found, "{state} {}", reply.text());
        let listed = rest.get("/oidf/list").await.text();
        assert_eq!(listed.contains("https://below.example"), found == 200, "{state} {listed}");
    }
    assert_eq!(refused(&rest.get(URL).await), code(404, "not_found"));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let app = started().await;
    let long = format!("sub=https://{}.example", "a".repeat(2_048));
    let many = "x=1&".repeat(65) + "sub=https://below.example";
    for bad in [
        "",
        "sub",
        "sub=",
        "SUB=https://below.example",
        "sub=https://below.example&sub=https://below.example",
        "sub=https://below.example&sub=",
        "sub=https://registry.example",
        "sub=did:web:below.example",
        "sub=http://below.example",
        "sub=https://below.example?x",
        "sub=https://below.example%23x",
        "sub=%ff",
        &long,
        &many,
    ] {
        let reply = app.rest().get(&format!("/oidf/fetch?{bad}")).await;
        assert_eq!(refused(&reply), code(400, "invalid_request"), "{bad:.80}");
    }
    for unknown in ["https://nobody.example", "https://below.example/"] {
        let reply = app.rest().get(&format!("/oidf/fetch?sub={unknown}")).await;
        assert_eq!(refused(&reply), code(404, "not_found"), "{unknown}");
    }
    let ignored = app.rest().get(&format!("{URL}&guess=1&guess=2&iss=https://x.example")).await;
    assert_eq!(ignored.status, 200, "unknown parameters do not matter: {}", ignored.text());
}

#[tokio::test]
async fn an_error_of_the_site_has_the_standards_form() {
    let app = TestApp::build().registry(AUTHORITY).under(FAR, AUTHORITY).start().await;
    let reply = app.rest().get("/oidf/fetch?sub=https://far.example").await;
    assert_eq!(refused(&reply), code(404, "not_found"), "it was not delegated to");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
}
