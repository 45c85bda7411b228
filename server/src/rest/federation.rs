//! `GET /federation`: what is below a registry, and the way of one question, as a page without scripts.

mod html;
mod picture;
mod tree;

use std::sync::{Arc, LazyLock};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderValue, Response, StatusCode, Uri, header},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use charter_domain::{Context, Kind, Query};
use sha2::{Digest, Sha256};

use super::{docs, query};
use crate::{
    App, Error,
    app::peers::{self, way},
    door::Here,
};

/// Nothing but its own styles, which are known by their hash, and its own form.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64.encode(Sha256::digest(html::STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    )
});

/// What was typed into the form, as it came.
#[derive(Debug, Default)]
struct Form {
    authority: String,
    entity: String,
    action: String,
    resource: String,
}

impl Form {
    /// A form writes a space as `+`; what is pasted has spaces around it.
    fn read(uri: &Uri) -> Result<Self, Error> {
        let text = format!("/?{}", uri.query().unwrap_or_default().replace('+', "%20"));
        let uri: Uri = text.parse().unwrap_or_default();
        let found = query::parameters(&uri, ["authority_id", "entity_id", "action", "resource"])?;
        let [authority, entity, action, resource] = found.map(|text| text.trim().to_owned());
        Ok(Self { authority, entity, action, resource })
    }

    /// Nothing is asked before something was typed.
    fn question(&self, own: &str) -> Option<Result<Query, Error>> {
        if [&self.entity, &self.action, &self.resource].iter().all(|text| text.is_empty()) {
            return None;
        }
        let authority = if self.authority.is_empty() { own } else { &self.authority };
        let terms = (authority, self.entity.as_str(), self.action.as_str(), self.resource.as_str());
        Some(Query::parse(Kind::Authorization, terms, Context::default()).map_err(Error::from))
    }
}

/// The page of the registry that the address names.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Result<Response<Body>, Error> {
    let form = Form::read(&uri)?;
    let tenant = app.tenant(here.registry)?;
    let asked = form.question(tenant.registry.authority.as_str());
    let answer = async {
        match asked {
            None => None,
            Some(Err(fault)) => Some(Err(fault)),
            Some(Ok(query)) => Some(way::of(&app, here.asks(query)).await),
        }
    };
    let (tree, answer) = tokio::join!(peers::tree::below(&app, here.registry, here.deadline), answer);
    let status = match &answer {
        Some(Err(fault)) => StatusCode::from_u16(fault.code.http()).unwrap_or(StatusCode::BAD_REQUEST),
        _ => StatusCode::OK,
    };
    let tree = tree?;
    let shown = html::page(&tree, &form, answer.as_ref(), app.clock.now());
    Ok(sent(status, shown.into_string()))
}

fn sent(status: StatusCode, text: String) -> Response<Body> {
    let policy = HeaderValue::from_str(&POLICY).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let mut response = docs::sent("text/html; charset=utf-8", policy, Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
