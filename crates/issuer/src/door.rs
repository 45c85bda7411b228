//! What the provider answers over HTTP.

use std::sync::Arc;

use axum::{
    Form, Json, Router,
    extract::{Query, Request, State},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Issuer, TOKEN_LIFETIME,
    device::{self, Wish},
    grant::{Refusal, Session},
    held, keys, page,
};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

type Reply = Result<Json<Value>, Refusal>;

pub fn router(issuer: Arc<Issuer>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/jwks", get(jwks))
        .route("/device_authorization", post(authorize_device))
        .route("/device", get(show).post(decide))
        .route("/token", post(token))
        .layer(middleware::from_fn_with_state(Arc::clone(&issuer), guard))
        .with_state(issuer)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({ "error": self.code() }))).into_response()
    }
}

/// Asked under its own name only: a page elsewhere whose name leads to loopback gets nothing (DNS rebinding), and
/// cannot send a form either.
async fn guard(State(issuer): State<Arc<Issuer>>, request: Request, next: Next) -> Response {
    if !is_own(request.headers(), &issuer.settings.url) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; form-action 'self'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    response
}

fn is_own(headers: &HeaderMap, own: &str) -> bool {
    let text = |name| headers.get(name).and_then(|v: &http::HeaderValue| v.to_str().ok());
    let host = text(header::HOST).is_some_and(|host| own.split("://").nth(1) == Some(host));
    host && text(header::ORIGIN).is_none_or(|origin| origin == own)
}

/// OpenID Connect Discovery 1.0, 3; RFC 8414, 2; RFC 8628, 4.
async fn metadata(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let (url, settings) = (&issuer.settings.url, &issuer.settings);
    Json(json!({
        "issuer": url,
        "jwks_uri": format!("{url}/jwks"),
        "token_endpoint": format!("{url}/token"),
        "device_authorization_endpoint": format!("{url}/device_authorization"),
        "grant_types_supported": [DEVICE_CODE, "refresh_token", "client_credentials"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "acr_values_supported": [settings.step_up],
        "scopes_supported": ["openid", "offline_access"],
    }))
}

async fn jwks(State(issuer): State<Arc<Issuer>>) -> ([(header::HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "application/json")], issuer.jwks())
}

#[derive(Deserialize)]
struct DeviceRequest {
    client_id: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    acr_values: String,
}

async fn authorize_device(State(issuer): State<Arc<Issuer>>, Form(form): Form<DeviceRequest>) -> Reply {
    let settings = &issuer.settings;
    if form.client_id != settings.client_id {
        return Err(Refusal::InvalidClient);
    }
    let step_up = form.acr_values.split(' ').any(|acr| acr == settings.step_up);
    let wish = Wish { client_id: form.client_id, scope: form.scope, step_up };
    let begun = held(&issuer.devices).begin(wish, settings.interval, issuer.clock.now());
    let (device_code, user_code) = begun?;
    let uri = format!("{}/device", settings.url);
    Ok(Json(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": uri,
        "verification_uri_complete": format!("{uri}?user_code={user_code}"),
        "expires_in": device::LIFETIME.as_secs(),
        "interval": settings.interval.as_secs(),
    })))
}

#[derive(Deserialize)]
struct Typed {
    user_code: Option<String>,
}

const NO_SUCH_CODE: &str =
    "Nothing waits under that code. Is it typed as the device shows it, and no older than ten minutes?";

async fn show(State(issuer): State<Arc<Issuer>>, Query(typed): Query<Typed>) -> Html<String> {
    let Some(code) = typed.user_code else {
        return Html(page::ask_code(None));
    };
    let wish = held(&issuer.devices).waiting(&code, issuer.clock.now()).cloned();
    Html(wish.map_or_else(
        || page::ask_code(Some(NO_SUCH_CODE)),
        |wish| page::choose(&code, &wish, &issuer.settings.persons),
    ))
}

#[derive(Deserialize)]
struct Decision {
    user_code: String,
    person: Option<String>,
    second_factor: Option<String>,
    decision: String,
}

async fn decide(State(issuer): State<Arc<Issuer>>, Form(form): Form<Decision>) -> Html<String> {
    let (now, code) = (issuer.clock.now(), form.user_code);
    let mut devices = held(&issuer.devices);
    let Some(wish) = devices.waiting(&code, now).cloned() else {
        return Html(page::ask_code(Some(NO_SUCH_CODE)));
    };
    if form.decision != "allow" {
        devices.decide(&code, None, now);
        return Html(page::done("Refused. You can close this page."));
    }
    let chosen = |subject: &String| issuer.settings.persons.iter().find(|p| p.subject == *subject);
    let Some(person) = form.person.as_ref().and_then(chosen) else {
        return Html(page::choose(&code, &wish, &issuer.settings.persons));
    };
    let confirmed = form.second_factor.is_some();
    if wish.step_up && !confirmed {
        return Html(page::second_factor(&code, person));
    }
    devices.decide(&code, Some((&person.subject, wish.step_up)), now);
    Html(page::done(&format!("{} is signed in. You can close this page.", person.name)))
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    device_code: Option<String>,
    refresh_token: Option<String>,
    #[serde(default)]
    scope: String,
}

async fn token(
    State(issuer): State<Arc<Issuer>>,
    headers: HeaderMap,
    Form(form): Form<TokenRequest>,
) -> Reply {
    let client_id = client(&issuer, &headers, &form)?;
    let now = issuer.clock.now();
    let session = match form.grant_type.as_str() {
        DEVICE_CODE => {
            let code = form.device_code.ok_or(Refusal::InvalidRequest)?;
            held(&issuer.devices).poll(&code, &client_id, now)?
        }
        "refresh_token" => {
            let token = form.refresh_token.ok_or(Refusal::InvalidRequest)?;
            let session = held(&issuer.sessions).remove(&token);
            session.filter(|s| s.client_id == client_id).ok_or(Refusal::InvalidGrant)?
        }
        "client_credentials" if client_id != issuer.settings.client_id => Session {
            subject: client_id.clone(),
            client_id,
            scope: form.scope,
            stepped_up: false,
            auth_time: now,
        },
        "client_credentials" => return Err(Refusal::InvalidClient),
        _ => return Err(Refusal::UnsupportedGrantType),
    };
    granted(&issuer, session).map(Json)
}

/// Who asks: people's client without a secret, or a service with its own.
fn client(issuer: &Issuer, headers: &HeaderMap, form: &TokenRequest) -> Result<String, Refusal> {
    let basic = headers.get(header::AUTHORIZATION).map(|value| basic(value).ok_or(Refusal::InvalidClient));
    let (id, secret) = match basic.transpose()? {
        Some((id, secret)) => (id, Some(secret)),
        None => (form.client_id.clone().ok_or(Refusal::InvalidClient)?, form.client_secret.clone()),
    };
    let service =
        issuer.settings.services.iter().any(|s| s.client_id == id && Some(&s.secret) == secret.as_ref());
    let public = id == issuer.settings.client_id && secret.is_none();
    if service || public { Ok(id) } else { Err(Refusal::InvalidClient) }
}

/// RFC 6749, 2.3.1: both parts are form-encoded before they are joined.
fn basic(value: &http::HeaderValue) -> Option<(String, String)> {
    let text = BASE64_STANDARD.decode(value.to_str().ok()?.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |part: &str| percent_decode_str(part).decode_utf8().ok().map(String::from);
    Some((decoded(id)?, decoded(secret)?))
}

fn granted(issuer: &Issuer, session: Session) -> Result<Value, Refusal> {
    let mut claims = json!({
        "sub": session.subject,
        "client_id": session.client_id,
        "scope": session.scope,
        "auth_time": session.auth_time.secs(),
    });
    if session.stepped_up {
        claims["acr"] = json!(issuer.settings.step_up);
    }
    let token = issuer.with(claims).map_err(|_| Refusal::ServerError)?;
    let mut answer = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFETIME.as_secs(),
        "scope": session.scope,
    });
    if session.may_refresh() {
        let refresh = keys::random();
        answer["refresh_token"] = json!(refresh);
        held(&issuer.sessions).insert(refresh, session);
    }
    Ok(answer)
}
