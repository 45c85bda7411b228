//! A small HTTP client and the gRPC clients of the demo: loopback only, plain, with deadlines.

use std::time::Duration;

use axum::body::Body;
use charter_domain::Reason;
use charter_proto::{
    charter::registry::v1::{
        governance_service_client::GovernanceServiceClient, import_service_client::ImportServiceClient,
        registry_service_client::RegistryServiceClient,
    },
    trqp::v2::{AuthorizationRequest, trust_registry_query_service_client::TrustRegistryQueryServiceClient},
};
use http::{Request, header};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tonic::{
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

const WITHIN: Duration = Duration::from_secs(20);

pub struct Http {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Http {
    pub fn json(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

pub async fn get(url: &str) -> anyhow::Result<Http> {
    send(Request::get(url).body(Body::empty())?).await
}

pub async fn post(url: &str, body: &Value) -> anyhow::Result<Http> {
    send(
        Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))?,
    )
    .await
}

async fn send(request: Request<Body>) -> anyhow::Result<Http> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let answered = tokio::time::timeout(WITHIN, client.request(request)).await??;
    let status = answered.status().as_u16();
    Ok(Http { status, body: answered.into_body().collect().await?.to_bytes().to_vec() })
}

pub fn channel(url: &str) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(url.to_owned())?.connect_timeout(WITHIN).timeout(WITHIN).connect_lazy())
}

/// Adds the bearer token.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

fn bearer(token: &str) -> anyhow::Result<Bearer> {
    let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse()?;
    value.set_sensitive(true);
    Ok(Bearer(value))
}

pub fn importer(
    url: &str,
    token: &str,
) -> anyhow::Result<ImportServiceClient<InterceptedService<Channel, Bearer>>> {
    Ok(ImportServiceClient::with_interceptor(channel(url)?, bearer(token)?))
}

/// Governance with a member's token.
pub type Desk = GovernanceServiceClient<InterceptedService<Channel, Bearer>>;

pub fn desk(url: &str, token: &str) -> anyhow::Result<Desk> {
    Ok(GovernanceServiceClient::with_interceptor(channel(url)?, bearer(token)?))
}

/// What is recorded; public.
pub fn records(url: &str) -> anyhow::Result<RegistryServiceClient<Channel>> {
    Ok(RegistryServiceClient::new(channel(url)?))
}

/// The public code of a refusal.
pub fn code_of(status: &tonic::Status) -> anyhow::Result<String> {
    let code = status.get_details_error_info().map(|i| i.reason);
    code.ok_or_else(|| anyhow::anyhow!("{status}"))
}

/// What a door said: yes or no with the reason, or the code of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub authorized: Option<bool>,
    pub code: String,
    pub decided_by: String,
}

/// The four terms of TRQP v2.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub authority: &'a str,
    pub entity: &'a str,
    pub action: &'a str,
    pub resource: &'a str,
    /// A recognised peer may be asked.
    pub follow: bool,
}

pub async fn by_rest(url: &str, t: Terms<'_>) -> anyhow::Result<Said> {
    let mut body = json!({
        "authority_id": t.authority, "entity_id": t.entity, "action": t.action, "resource": t.resource,
    });
    if t.follow {
        body["context"] = json!({ "follow_recognition": "true" });
    }
    let answer = post(&format!("{url}/authorization"), &body).await?;
    let json = answer.json()?;
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    Ok(Said {
        authorized: json["authorized"].as_bool(),
        code: if answer.status == 200 { text(&json["meta"]["reason"]) } else { text(&json["code"]) },
        decided_by: text(&json["meta"]["decided_by"]),
    })
}

pub async fn by_grpc(url: &str, t: Terms<'_>) -> anyhow::Result<Said> {
    let mut client = TrustRegistryQueryServiceClient::new(channel(url)?);
    let request = AuthorizationRequest {
        authority_id: t.authority.to_owned(),
        entity_id: t.entity.to_owned(),
        action: t.action.to_owned(),
        resource: t.resource.to_owned(),
        context: t.follow.then(|| ("follow_recognition".to_owned(), "true".to_owned())).into_iter().collect(),
    };
    match client.authorization(request).await {
        Ok(reply) => {
            let reply = reply.into_inner();
            let meta = reply.meta.unwrap_or_default();
            Ok(Said { authorized: Some(reply.authorized), code: meta.reason, decided_by: meta.decided_by })
        }
        Err(status) => Ok(Said { authorized: None, code: code_of(&status)?, decided_by: String::new() }),
    }
}

impl Said {
    pub fn reason(&self) -> Option<Reason> {
        Reason::parse(&self.code)
    }
}
