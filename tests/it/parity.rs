//! Both doors say the same: each method of `charter.registry.v1` is called over gRPC and over REST with the same input,
//! and answers and faults are compared.

mod desk;
mod governance;
mod load;
mod log;
mod records;

use charter_domain::record::RawAccreditation;
use charter_proto::charter::registry::v1 as pb;
use charter_server::{
    error::Code,
    proto,
    rest::{ROUTES, route::Needs},
};
use charter_tests::{
    AUTHORITY, TestApp,
    governed::{Governed, ISSUER, status},
    raw,
};
use http::{Method, header};
use prost::Message;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};
use tonic_types::StatusExt as _;

use crate::logged;

/// Methods that REST does not have, and why.
const WITHOUT: [(&str, &str); 3] = [
    ("AuditService/ExportEvents", "a stream; REST has it as NDJSON at /api/v1/events"),
    ("EventService/Watch", "goes on for ever; REST has it as server-sent events"),
    ("PrivacyService/ExportPersonalData", "a stream; REST has it as NDJSON at /api/v1/privacy/records"),
];
/// Routes that gRPC has in another form, and why.
const REST_ALONE: [(&str, &str); 8] = [
    ("/api/v1/emergency-denials", "a file that is carried by hand where nothing else works"),
    ("/api/v1/dids", "what was found at sites of others: for people of the site, and no record"),
    ("/api/v1/issuers/{did}", "a view of GetEntity for verifiers"),
    ("/api/v1/issuers:batchCheck", "the same for many"),
    ("/api/v1/watch", "EventService/Watch as server-sent events"),
    ("/api/v1/resolve", "FederationService/Resolve for people"),
    ("/api/v1/registry", "the address names the registry"),
    ("/metrics", "for machines of the site"),
];
const TO_DO: &str = "add a case in tests/it/parity/ (the message, and the same as a REST line), \
                     or a row to WITHOUT or REST_ALONE in tests/it/parity.rs that says why there is none";

/// One question for both doors.
pub(crate) struct Case {
    /// `Service/Method`.
    pub(crate) rpc: &'static str,
    /// Whose token; empty for none.
    pub(crate) who: &'static str,
    pub(crate) message: Vec<u8>,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) etag: String,
    /// Members that differ from call to call.
    differ: &'static [&'static str],
}

fn reads(rpc: &'static str, who: &'static str, message: &impl Message, path: impl Into<String>) -> Case {
    let (message, path) = (message.encode_to_vec(), path.into());
    Case { rpc, who, message, method: Method::GET, path, body: Value::Null, etag: String::new(), differ: &[] }
}

fn posts(
    rpc: &'static str,
    who: &'static str,
    message: &impl Message,
    (path, body, etag): (impl Into<String>, Value, &str),
) -> Case {
    Case { method: Method::POST, body, etag: etag.to_owned(), ..reads(rpc, who, message, path) }
}

/// What staff do, about one proposal and one entity.
pub(crate) fn of_staff(draft: &pb::Proposal, entity_etag: &str) -> Vec<Case> {
    governance::cases(draft, entity_etag).into_iter().chain(desk::cases()).collect()
}

/// What the bootstrap token loads.
pub(crate) fn of_loading(delegation: &pb::PutDelegationRequest) -> Vec<Case> {
    load::cases(delegation)
}

impl Case {
    fn but(self, differ: &'static [&'static str]) -> Self {
        Self { differ, ..self }
    }
}

/// Without what is absent in one form and empty in the other, and without what differs.
fn plain(value: Value, differ: &[&str]) -> Value {
    let empty = |v: &Value| match v {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.is_empty(),
    };
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(name, _)| !differ.contains(&name.as_str()));
            members.map(|(name, v)| (name, plain(v, differ))).filter(|(_, v)| !empty(v)).collect()
        }
        Value::Array(list) => list.into_iter().map(|v| plain(v, differ)).collect(),
        other => other,
    }
}

async fn over_grpc(app: &TestApp, token: &str, case: &Case) -> Result<Value, String> {
    let method = format!("charter.registry.v1.{}", case.rpc);
    let bearer = format!("Bearer {token}");
    let headers: &[(&str, &str)] = if token.is_empty() { &[] } else { &[("authorization", bearer.as_str())] };
    match raw::unary(app, &method, headers, &case.message).await {
        Err(status) => {
            Err(status.get_details_error_info().map_or_else(|| format!("{status:?}"), |i| i.reason))
        }
        Ok(bytes) => {
            let (service, name) = method.split_once('/').expect("a method");
            let output = proto::method(service, name).expect("a method").output();
            Ok(proto::object(&DynamicMessage::decode(output, bytes).expect("a message")))
        }
    }
}

async fn over_rest(app: &TestApp, token: &str, case: &Case) -> Result<Value, String> {
    let rest = app.rest();
    let mut request = rest.request(case.method.clone(), &case.path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if !case.etag.is_empty() {
        request = request.header(header::IF_MATCH, &case.etag);
    }
    let body = if case.body.is_null() { String::new() } else { case.body.to_string() };
    let request = request.header(header::CONTENT_TYPE, "application/json").body(body.into());
    let reply = rest.send(request.expect("a request")).await;
    if reply.status == 200 {
        return Ok(reply.json());
    }
    let (status, code) = reply.problem();
    let known = Code::ALL.iter().find(|c| c.as_str() == code).expect("a known code");
    assert_eq!(known.http(), status, "{code}");
    Err(code)
}

/// The same answer, perhaps without the name of the one thing that it holds; or the same code.
async fn compare(app: &TestApp, token: &str, case: &Case) {
    let (grpc, rest) = (over_grpc(app, token, case).await, over_rest(app, token, case).await);
    let name = format!("{} and {} {}", case.rpc, case.method, case.path);
    match (grpc, rest) {
        (Ok(grpc), Ok(rest)) => {
            let (grpc, rest) = (plain(grpc, case.differ), plain(rest, case.differ));
            let things: Vec<&Value> =
                grpc.as_object().into_iter().flatten().map(|(_, v)| v).filter(|v| v.is_object()).collect();
            let without = things.first().is_some_and(|thing| {
                thing.as_object().into_iter().flatten().all(|(name, v)| rest.get(name) == Some(v))
            });
            assert!(grpc == rest || without, "{name}:\n{grpc:#}\n{rest:#}");
        }
        (grpc, rest) => assert_eq!(grpc.err(), rest.err(), "{name}"),
    }
}

fn within(route: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    route.len() == path.len() && route.iter().zip(&path).all(|(r, p)| r.starts_with('{') || r == p)
}

/// What the cases name.
#[derive(Default)]
struct Ids {
    accreditation: String,
    statement: i64,
}

const BELOW: &str = "did:web:below.example";

#[test]
fn every_method_has_a_route_and_every_route_a_method_or_a_reason() {
    let all: Vec<Case> = records::cases(&Ids::default())
        .into_iter()
        .chain(governance::cases(&pb::Proposal::default(), ""))
        .chain(desk::cases())
        .chain(load::cases(&pb::PutDelegationRequest::default()))
        .chain(log::cases())
        .collect();
    let methods = raw::methods().into_iter();
    let ours: Vec<String> =
        methods.filter_map(|m| m.strip_prefix("charter.registry.v1.").map(str::to_owned)).collect();
    for method in &ours {
        let compared = all.iter().any(|case| case.rpc == method);
        let without = WITHOUT.iter().any(|(name, why)| name == method && !why.is_empty());
        assert!(compared != without, "{method}: {TO_DO}");
    }
    for (name, _) in WITHOUT {
        assert!(ours.iter().any(|method| method == name), "{name} is no method: take it out of WITHOUT");
    }
    for route in ROUTES.iter().filter(|r| r.path.starts_with("/api/") || r.needs == Needs::Staff) {
        let compared = all.iter().any(|case| case.method == route.method && within(route.path, &case.path));
        let alone = REST_ALONE.iter().any(|(path, why)| *path == route.path && !why.is_empty());
        assert!(compared || alone, "{} {}: {TO_DO}", route.method, route.path);
    }
}

#[tokio::test]
async fn records_are_read_alike() {
    let app = TestApp::build().registry(AUTHORITY).under(BELOW, AUTHORITY).start().await;
    let registry = app.registry(AUTHORITY);
    let ground = RawAccreditation { body: "Ministry".to_owned(), ..Default::default() };
    registry.registers(ISSUER).authorized("issue", "Degree").with(|r| r.accreditation = Some(ground)).await;
    registry.registers("did:web:other.example").authorized("issue", "Diploma").await;
    registry.delegates(&app.registry(BELOW), &["Degree"]).await;
    let schema = json!({ "type": "object", "required": ["name"] }).to_string();
    let put = pb::PutSchemaRequest {
        resource: "Degree".to_owned(),
        uri: "https://schemas.example/degree".to_owned(),
        schema_json: schema,
        ..Default::default()
    };
    registry.client().put_schema(registry.signed(put)).await.expect("published");
    let list = app.rest().get("/api/v1/accreditations").await.json();
    let entity = app.rest().get(&format!("/api/v1/entities/{ISSUER}")).await.json();
    let ids = Ids {
        accreditation: list["accreditations"][0]["accreditation_id"].as_str().unwrap_or_default().to_owned(),
        statement: entity["statements"][0]["statement_id"].as_i64().expect("a statement"),
    };
    for authority in [AUTHORITY, BELOW] {
        logged::published(&app, authority).await;
    }
    for case in records::cases(&ids) {
        compare(&app, "", &case).await;
    }
}

#[tokio::test]
async fn the_log_is_read_alike() {
    let app = TestApp::start().await;
    app.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree").await;
    assert!(logged::published(&app, AUTHORITY).await.size >= 4);
    for case in log::cases() {
        compare(&app, "", &case).await;
    }
}

#[tokio::test]
async fn loading_is_done_alike() {
    let app = TestApp::build().registry(AUTHORITY).under(BELOW, AUTHORITY).start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    let delegation = registry.delegation(&app.registry(BELOW), &["Degree"]);
    for case in load::cases(&delegation) {
        compare(&app, &app.token, &case).await;
        compare(&app, "", &case).await;
    }
    registry.seals().await.expect("sealed");
    for case in load::cases(&delegation) {
        let said = over_rest(&app, &app.token, &case).await;
        assert_eq!(said, Err("REGISTRY_SEALED".to_owned()), "{}", case.path);
        compare(&app, &app.token, &case).await;
    }
}

#[tokio::test]
async fn governance_is_done_alike() {
    let g = Governed::start().await;
    let change = status(ISSUER, "SUSPENDED");
    let etag = g.person("olga").etag_of(&change).await.expect("read");
    let draft = g.person("olga").proposes(change).await.expect("proposed");
    g.appoints("oskar", &["OPERATOR"], false).await;
    for case in governance::cases(&draft, &etag).into_iter().chain(desk::cases()) {
        let token = if case.who.is_empty() { String::new() } else { g.person(case.who).token().to_owned() };
        compare(&g.app, &token, &case).await;
    }
    let reply = g.person("anna").sends("GET", "/api/v1/proposals", &Value::Null).await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"));
}
