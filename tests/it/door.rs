//! Who may call what, of every method and every route there is: found from the descriptors and from the table that
//! the router is built from. What is not listed here as open to others needs a member of staff.

use std::collections::BTreeSet;

use charter_proto::charter::registry::v1 as pb;
use charter_server::{
    config::listener::Service,
    rest::{
        ROUTES,
        route::{Needs, Route},
    },
};
use charter_tests::{
    TestApp,
    raw::{self, framed},
    rest::Reply,
};
use http_body_util::Full;
use prost::Message;
use tonic::Code;

/// Open to anyone who reaches the listener, by decision.
const PUBLIC: [&str; 36] = [
    "charter.federation.v1.FederationService/GetEntityConfiguration",
    "charter.federation.v1.FederationService/GetEpoch",
    "charter.federation.v1.FederationService/GetLogEvidence",
    "charter.federation.v1.FederationService/GetRecognition",
    "charter.federation.v1.FederationService/GetSubordinateStatement",
    "charter.federation.v1.FederationService/ListPeers",
    "charter.federation.v1.FederationService/Resolve",
    "charter.federation.v1.FederationService/Watch",
    "charter.registry.v1.ApplicationService/InquireApplication",
    "charter.registry.v1.ApplicationService/SubmitApplication",
    "charter.registry.v1.EventService/Watch",
    "charter.registry.v1.KeyService/CheckKey",
    "charter.registry.v1.KeyService/ListKeys",
    "charter.registry.v1.LogService/GetCheckpoint",
    "charter.registry.v1.LogService/GetConsistencyProof",
    "charter.registry.v1.LogService/GetEntries",
    "charter.registry.v1.LogService/GetInclusionProof",
    "charter.registry.v1.LogService/GetReceipt",
    "charter.registry.v1.PolicyService/GetPolicy",
    "charter.registry.v1.RegistryService/GetAccreditation",
    "charter.registry.v1.RegistryService/GetDelegation",
    "charter.registry.v1.RegistryService/GetEntity",
    "charter.registry.v1.RegistryService/GetRegistry",
    "charter.registry.v1.RegistryService/GetSchema",
    "charter.registry.v1.RegistryService/GetStatement",
    "charter.registry.v1.RegistryService/ListAccreditations",
    "charter.registry.v1.RegistryService/ListDelegations",
    "charter.registry.v1.RegistryService/ListEntities",
    "charter.registry.v1.RegistryService/ListRegistries",
    "charter.registry.v1.RegistryService/ListSchemas",
    "charter.registry.v1.SchemaService/GetCredentialType",
    "charter.registry.v1.SchemaService/ListCredentialTypes",
    "charter.registry.v1.SchemaService/ValidateDocument",
    "trqp.v2.TrustRegistryQueryService/Authorization",
    "trqp.v2.TrustRegistryQueryService/BatchAuthorization",
    "trqp.v2.TrustRegistryQueryService/Recognition",
];
/// Of the bootstrap token, until the registry is sealed.
pub(crate) const BOOTSTRAP_TOKEN: [&str; 5] = [
    "charter.registry.v1.ImportService/ImportRecords",
    "charter.registry.v1.ImportService/PutDelegation",
    "charter.registry.v1.ImportService/PutSchema",
    "charter.registry.v1.ImportService/SealRegistry",
    "charter.registry.v1.ImportService/SetStatus",
];
/// The same over REST.
pub(crate) fn loading_routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.needs == Needs::Bootstrap)
}
/// Asks for a sign-in like those of staff, and is where other registries come to besides.
const OF_PEERS: [&str; 1] = ["charter.registry.v1.WitnessService/ListWitnessedLogs"];
/// Routes of a staff listener that ask for no sign-in.
const OF_THE_SITE: [&str; 1] = ["/metrics"];

/// All others.
pub(crate) fn staff_methods() -> Vec<String> {
    let open: BTreeSet<&str> = PUBLIC.into_iter().chain(BOOTSTRAP_TOKEN).collect();
    raw::methods().into_iter().filter(|method| !open.contains(method.as_str())).collect()
}

pub(crate) fn staff_routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.needs == Needs::Staff)
}

/// A path with something in the place of its parameters.
pub(crate) fn filled(path: &str) -> String {
    let segment = |s: &str| match s.starts_with('{') {
        true => "00000000-0000-0000-0000-000000000000".to_owned(),
        false => s.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Of a route, with a verb where it takes one: without it there is nothing to sign in for.
pub(crate) fn address(route: &Route) -> String {
    filled(route.path) + if route.verbs { ":verb" } else { "" }
}

async fn calls(app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = app.rest().request(method.parse().expect("a method"), path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = request.header("content-type", "application/json").body(Full::default());
    app.rest().send(body.expect("a request")).await
}

#[tokio::test]
async fn staff_methods_and_routes_need_a_member_of_staff() {
    let app = TestApp::start().await;
    let bootstrap = format!("Bearer {}", app.token);
    let long = format!("Bearer {}", "x".repeat(20_000));
    for header in
        ["", "Bearer ", "Bearer wrong", "Bearer a.b.c", "Basic d3Jvbmc6d3Jvbmc=", &bootstrap, &long[..9_000]]
    {
        let headers: &[(&str, &str)] = if header.is_empty() { &[] } else { &[("authorization", header)] };
        for method in staff_methods() {
            let status = raw::call(&app, &method, headers, framed(b"")).await;
            assert_eq!(status.code(), Code::Unauthenticated, "{method} {header:.20}");
        }
        for route @ Route { method, path, .. } in staff_routes() {
            let reply = calls(&app, method, &address(route), headers).await;
            assert_eq!(reply.problem(), (401, "UNAUTHENTICATED".to_owned()), "{method} {path} {header:.20}");
            assert!(reply.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn what_is_open_is_open_by_decision() {
    let present: BTreeSet<String> = raw::methods().into_iter().collect();
    for method in PUBLIC.iter().chain(&BOOTSTRAP_TOKEN) {
        assert!(present.contains(*method), "{method} is in a table here and nowhere else");
    }
    let app = TestApp::start().await;
    for method in PUBLIC {
        // A stream that would go on for ever is asked for what cannot be; both have the number in one field.
        let never = pb::WatchRequest { after: -1, ..Default::default() }.encode_to_vec();
        let message = if method.ends_with("/Watch") { never.as_slice() } else { b"" };
        let status = raw::call(&app, method, &[], framed(message)).await;
        assert!(!matches!(status.code(), Code::Unauthenticated | Code::Unimplemented), "{method} {status:?}");
    }
    for route in ROUTES.iter().filter(|route| route.needs == Needs::Nothing) {
        let (path, of_staff) = (route.path, route.service == Some(Service::Staff));
        assert!(!of_staff || OF_THE_SITE.contains(&path), "{path} is for staff and asks for no sign-in");
        // A method that none has shows that the path is there, without a stream that would go on.
        let reply = calls(&app, "PATCH", &filled(path), &[]).await;
        assert_eq!(reply.problem(), (405, "METHOD_NOT_ALLOWED".to_owned()), "{path}");
    }
    let allow = calls(&app, "PUT", "/api/v1/proposals", &[]).await;
    assert_eq!(allow.header("allow"), "GET,HEAD,POST", "{}", allow.text());
    assert!(allow.text().contains("takes GET and POST"), "{}", allow.text());
}

#[tokio::test]
async fn loading_takes_the_bootstrap_token() {
    let app = TestApp::start().await;
    let long = format!("Bearer {}", "x".repeat(300));
    for method in BOOTSTRAP_TOKEN {
        let anonymous = raw::call(&app, method, &[], framed(b"")).await;
        assert_eq!(anonymous.code(), Code::Unauthenticated, "{method} {anonymous:?}");
        for bad in ["Bearer ", "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc=", app.token.as_str(), &long] {
            let status = raw::call(&app, method, &[("authorization", bad)], framed(b"")).await;
            assert_eq!(status.code(), Code::Unauthenticated, "{method} {bad}");
        }
        let token = format!("Bearer {}", app.token);
        let status = raw::call(&app, method, &[("authorization", &token)], framed(b"")).await;
        assert_ne!(status.code(), Code::Unauthenticated, "{method}");
    }
    assert_eq!(loading_routes().count(), BOOTSTRAP_TOKEN.len());
    for Route { method, path, service, .. } in loading_routes() {
        assert_eq!(*service, Some(Service::Staff), "{path}");
        let anonymous = calls(&app, method, path, &[]).await;
        assert_eq!(anonymous.problem(), (401, "UNAUTHENTICATED".to_owned()), "{path}");
        for bad in ["Bearer ", "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc=", app.token.as_str(), &long] {
            let reply = calls(&app, method, path, &[("authorization", bad)]).await;
            assert_eq!(reply.problem(), (401, "UNAUTHENTICATED".to_owned()), "{path} {bad}");
            assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        }
        let token = format!("Bearer {}", app.token);
        let reply = calls(&app, method, path, &[("authorization", &token)]).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{path} takes JSON");
    }
}

/// A listener for the outside has nothing of staff, not even with the right credential.
#[tokio::test]
async fn a_public_listener_has_no_door_for_staff() {
    let app = TestApp::build().listener("services = [\"public\", \"peer\"]").start().await;
    let token = format!("Bearer {}", app.token);
    let headers = [("authorization", token.as_str())];
    for method in staff_methods().iter().map(String::as_str).chain(BOOTSTRAP_TOKEN) {
        let status = raw::call(&app, method, &headers, framed(b"")).await;
        let expected = if OF_PEERS.contains(&method) { Code::Unauthenticated } else { Code::Unimplemented };
        assert_eq!(status.code(), expected, "{method}");
    }
    for route in ROUTES.iter().filter(|route| route.service == Some(Service::Staff)) {
        let reply = calls(&app, route.method, &filled(route.path), &headers).await;
        assert_eq!(reply.problem(), (404, "NOT_FOUND".to_owned()), "{}", route.path);
    }
    let of_peers: Vec<_> = staff_routes().filter(|route| route.service != Some(Service::Staff)).collect();
    assert_eq!(of_peers.len(), OF_PEERS.len());
    for route in of_peers {
        let reply = calls(&app, route.method, route.path, &headers).await;
        assert_eq!(reply.problem(), (401, "UNAUTHENTICATED".to_owned()), "{}", route.path);
    }
}

/// Nor has a listener for the public alone what other registries see.
#[tokio::test]
async fn what_peers_see_is_on_no_listener_for_the_public_alone() {
    let app = TestApp::build().listener("services = [\"public\"]").start().await;
    for method in OF_PEERS {
        let status = raw::call(&app, method, &[], framed(b"")).await;
        assert_eq!(status.code(), Code::Unimplemented, "{method}");
    }
    let route = staff_routes().find(|route| route.service == Some(Service::Peer)).expect("one");
    let reply = calls(&app, route.method, route.path, &[]).await;
    assert_eq!(reply.problem(), (404, "NOT_FOUND".to_owned()), "{}", route.path);
}
