//! A hosted registry: a tenant of its superior's deployment. Whatever the superior's staff may do at home, at the tenant
//! they may do nothing: by every method and route that there is, however the tenant is named.

use charter_domain::staff::Role;
use charter_proto::charter::registry::v1::{self as pb, change_status::Target, propose_request::Change};
use charter_server::{proto, rest::route::Route};
use charter_tests::{
    AUTHORITY, TestApp,
    app::Build,
    governed::{Governed, ISSUER, waived},
    raw::{self, framed},
    rest::Reply,
};
use http::Method;
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};
use tonic::{Code, Status};

use crate::{
    door::{address, loading_routes, staff_methods, staff_routes},
    logged,
    parity::{self, Case},
};

pub(crate) const TENANT: &str = "did:web:tenant.example";
/// What the second registry of a test server is called in paths.
const SLUG: &str = "r1";
/// May do everything at the superior, and is nobody at the tenant.
const PARENT: &str = "root";
/// May do everything at the tenant: one proposes, the other decides.
pub(crate) const OWN: [&str; 2] = ["tess", "theo"];

pub(crate) struct Two {
    pub(crate) g: Governed,
    /// Of the tenant, proposed by its own staff.
    pub(crate) draft: pb::Proposal,
    etag: String,
}

fn roles() -> Vec<String> {
    Role::ALL.map(|role| role.code().to_owned()).to_vec()
}

pub(crate) fn suspension() -> Change {
    Change::ChangeStatus(pb::ChangeStatus {
        target: Some(Target::EntityId(ISSUER.to_owned())),
        state: "SUSPENDED".to_owned(),
        code: "TESTED".to_owned(),
        ..waived("SUSPENDED")
    })
}

fn headers(token: &str) -> [(&'static str, String); 2] {
    [("authorization", format!("Bearer {token}")), ("charter-registry", TENANT.to_owned())]
}

/// A method with the tenant named in metadata.
pub(crate) async fn at_tenant(
    app: &TestApp,
    token: &str,
    method: &str,
    message: &[u8],
) -> Result<bytes::Bytes, Status> {
    let headers = headers(token);
    let named: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    raw::unary(app, method, &named, message).await
}

async fn sends(
    app: &TestApp,
    token: &str,
    (method, path): (Method, &str),
    (etag, body): (&str, String),
) -> Reply {
    let request = app.rest().request(method, &format!("/r/{SLUG}{path}"));
    let request = request.header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json");
    let request = if etag.is_empty() { request } else { request.header("if-match", etag) };
    app.rest().send(request.body(body.into()).expect("a request")).await
}

fn method_of(case: &Case) -> String {
    format!("charter.registry.v1.{}", case.rpc)
}

async fn calls(
    app: &TestApp,
    token: &str,
    method: &str,
    message: &impl Message,
) -> Result<bytes::Bytes, Status> {
    at_tenant(app, token, &format!("charter.registry.v1.{method}"), &message.encode_to_vec()).await
}

/// At the tenant, wherever it is served.
pub(crate) async fn proposes(
    app: &TestApp,
    token: &str,
    etag: &str,
    change: Change,
) -> Result<pb::Proposal, Status> {
    let request = pb::ProposeRequest {
        reason: "as tested".to_owned(),
        etag: etag.to_owned(),
        change: Some(change),
        ..Default::default()
    };
    let reply = calls(app, token, "GovernanceService/Propose", &request).await?;
    Ok(pb::ProposeResponse::decode(reply).expect("a message").proposal.expect("a proposal"))
}

pub(crate) async fn approves(
    app: &TestApp,
    token: &str,
    draft: &pb::Proposal,
) -> Result<pb::Proposal, Status> {
    let request = pb::ApproveProposalRequest {
        proposal_id: draft.proposal_id.clone(),
        hash: draft.hash.clone(),
        etag: draft.etag.clone(),
        ..Default::default()
    };
    let reply = calls(app, token, "GovernanceService/ApproveProposal", &request).await?;
    Ok(pb::ApproveProposalResponse::decode(reply).expect("a message").proposal.expect("a proposal"))
}

/// Of the entity that the tenant has.
pub(crate) async fn entity_etag(app: &TestApp, token: &str) -> String {
    let request = pb::GetEntityRequest { entity_id: ISSUER.to_owned(), ..Default::default() };
    let bytes = calls(app, token, "RegistryService/GetEntity", &request).await.expect("read");
    pb::GetEntityResponse::decode(bytes).expect("a message").entity.expect("an entity").etag
}

impl Two {
    /// Both sealed, with staff of their own; the tenant has an entity and an open proposal about it.
    async fn start() -> Self {
        Self::start_as(|build| build).await
    }

    /// The same on a server of another shape.
    pub(crate) async fn start_as(shape: impl FnOnce(Build) -> Build) -> Self {
        let two = |build: Build| shape(build.registry(AUTHORITY).under(TENANT, AUTHORITY));
        let g = Governed::start_as(two).await;
        let every: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
        g.appoints(PARENT, &every, false).await;
        let tenant = g.app.registry(TENANT);
        tenant.registers(ISSUER).authorized("issue", "Degree").await;
        let who = |subject: &str| pb::Administrator { issuer: g.issuer.url(), subject: subject.to_owned() };
        tenant.seals_with(vec![who("tina"), who("tom")]).await.expect("sealed");
        let mut two = Self { g, draft: pb::Proposal::default(), etag: String::new() };
        for subject in OWN {
            let appoint = Change::Appoint(pb::AppointStaff {
                issuer: two.g.issuer.url(),
                subject: subject.to_owned(),
                roles: roles(),
                ..Default::default()
            });
            let draft = two.proposes("tina", "", appoint).await;
            two.approves("tom", &draft).await.expect("approved by the tenant's own");
        }
        two.etag = entity_etag(&two.g.app, &two.token(OWN[0])).await;
        two.draft = two.proposes(OWN[0], &two.etag, suspension()).await;
        logged::published(&two.g.app, TENANT).await;
        two
    }

    pub(crate) fn token(&self, subject: &str) -> String {
        self.g.person(subject).token().to_owned()
    }

    async fn calls(&self, who: &str, method: &str, message: &impl Message) -> Result<bytes::Bytes, Status> {
        calls(&self.g.app, &self.token(who), method, message).await
    }

    pub(crate) async fn proposes(&self, who: &str, etag: &str, change: Change) -> pb::Proposal {
        proposes(&self.g.app, &self.token(who), etag, change).await.expect("proposed")
    }

    pub(crate) async fn approves(&self, who: &str, draft: &pb::Proposal) -> Result<pb::Proposal, Status> {
        approves(&self.g.app, &self.token(who), draft).await
    }

    /// Every row that the tenant has, in every table: two states are the same or they are not. Which process has its log,
    /// and how often it was taken, is no state of the tenant's.
    async fn rows(&self) -> Vec<(String, String)> {
        let id = self.g.app.app.hosted.by_authority(TENANT).expect("served").0;
        let admin = self.g.app.database.admin(&self.g.app.database.name).await;
        let tables = "select c.relname::text from pg_class c
                        join pg_attribute a on a.attrelid = c.oid and a.attname = 'registry_id' and not a.attisdropped
                       where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
                         and c.relname <> 'log_heads' order by 1";
        let mut all = Vec::new();
        for table in admin.query(tables, &[]).await.expect("read") {
            let table: String = table.get(0);
            let sql = format!(
                "select coalesce(md5(string_agg(t::text, E'\\n' order by t::text)), '-') from {table} t
                  where registry_id = {id}"
            );
            all.push((table, admin.query_one(&sql, &[]).await.expect("read").get(0)));
        }
        assert!(all.len() > 30, "{all:?}");
        all
    }
}

/// The empty message of a method, or with the tenant in its field `registry_id`; none where it has no such field.
fn naming_tenant(method: &str) -> Option<Vec<u8>> {
    let (service, name) = method.split_once('/')?;
    let mut message = DynamicMessage::new(proto::method(service, name)?.input());
    let field = message.descriptor().get_field_by_name("registry_id")?;
    message.set_field(&field, Value::String(TENANT.to_owned()));
    Some(message.encode_to_vec())
}

fn denied(status: &Status, what: &str) {
    assert_eq!(status.code(), Code::PermissionDenied, "{what} {status:?}");
}

/// Methods and routes are found, not listed: a new one that lets the superior through fails here.
#[tokio::test]
async fn the_superiors_staff_are_strangers_at_the_tenant() {
    let two = Two::start().await;
    let (app, token) = (&two.g.app, two.token(PARENT));
    let before = two.rows().await;
    let bearer = format!("Bearer {token}");
    for method in staff_methods() {
        let by_metadata = at_tenant(app, &token, &method, b"").await.expect_err(&method);
        denied(&by_metadata, &method);
        if let Some(message) = naming_tenant(&method) {
            let by_field = raw::call(app, &method, &[("authorization", &bearer)], framed(&message)).await;
            denied(&by_field, &method);
        }
    }
    for route @ Route { method, path, .. } in staff_routes() {
        let called = (method.parse().expect("a method"), address(route));
        let reply = sends(app, &token, (called.0, &called.1), ("", String::new())).await;
        assert_eq!(reply.problem(), (403, "DENIED".to_owned()), "{method} {path}");
    }
    for case in parity::of_staff(&two.draft, &two.etag).iter().filter(|case| !case.who.is_empty()) {
        denied(&at_tenant(app, &token, &method_of(case), &case.message).await.expect_err(case.rpc), case.rpc);
        let sent = (case.etag.as_str(), case.body.to_string());
        let reply = sends(app, &token, (case.method.clone(), &case.path), sent).await;
        assert_eq!(reply.problem(), (403, "DENIED".to_owned()), "{} {}", case.method, case.path);
    }
    denied(&two.approves(PARENT, &two.draft).await.expect_err("another's proposal"), "approve");
    assert_eq!(two.rows().await, before, "a record of the tenant, or a signature, is another");
}

/// What the tenant's staff may do themselves, by the same calls: it is the person that is refused, not the call.
#[tokio::test]
async fn the_tenants_staff_do_what_the_superiors_cannot() {
    let two = Two::start().await;
    let app = &two.g.app;
    for case in parity::of_staff(&two.draft, &two.etag).iter().filter(|case| !case.who.is_empty()) {
        // Who proposed ends a proposal of their own and does not decide it.
        let proposer =
            ["WithdrawProposal", "AmendProposal", "/Propose"].iter().any(|m| case.rpc.ends_with(m));
        let who = if proposer { OWN[0] } else { OWN[1] };
        if let Err(status) = at_tenant(app, &two.token(who), &method_of(case), &case.message).await {
            let refused = matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated);
            assert!(!refused, "{} {status:?}", case.rpc);
        }
    }
    let draft = two.proposes(OWN[0], &two.etag, suspension()).await;
    let done = two.approves(OWN[1], &draft).await.expect("approved by the tenant's own");
    assert_eq!(done.state, "EXECUTED");
    let home =
        at_tenant(app, &two.token(OWN[1]), "charter.registry.v1.GovernanceService/ListStaff", b"").await;
    home.expect("at home");
    let listing = pb::ListStaffRequest { registry_id: AUTHORITY.to_owned() };
    let away = two.calls(OWN[1], "GovernanceService/ListStaff", &listing).await;
    denied(&away.expect_err("nor is the tenant's staff anybody at the superior"), "ListStaff");
}

/// The token of the machine loads into no registry that is sealed, and a person's token is none of it.
#[tokio::test]
async fn nobody_loads_into_a_sealed_tenant() {
    let two = Two::start().await;
    let app = &two.g.app;
    let before = two.rows().await;
    let delegation = app.registry(TENANT).delegation(&app.registry(AUTHORITY), &["Degree"]);
    for case in parity::of_loading(&delegation) {
        for (token, code) in
            [(&app.token, (409, "REGISTRY_SEALED")), (&two.token(PARENT), (401, "UNAUTHENTICATED"))]
        {
            let sent = (case.etag.as_str(), case.body.to_string());
            let reply = sends(app, token, (case.method.clone(), &case.path), sent).await;
            assert_eq!(reply.problem(), (code.0, code.1.to_owned()), "{}", case.path);
            let status = at_tenant(app, token, &method_of(&case), &case.message).await.expect_err(case.rpc);
            let expected = if code.0 == 401 { Code::Unauthenticated } else { Code::FailedPrecondition };
            assert_eq!(status.code(), expected, "{} {status:?}", case.rpc);
        }
    }
    assert!(loading_routes().count() > 0);
    assert_eq!(two.rows().await, before);
}
