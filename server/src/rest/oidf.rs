//! OpenID Federation 1.0: the endpoints that the entity configuration names. Errors and parameters are the standard's.

pub mod error;
pub mod parameters;
pub mod resolve;

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{HeaderName, Request, Uri, header},
};
use charter_domain::{EntityId, HttpsId};

use self::{error::Refused, parameters::Parameters};
use super::body;
use crate::{
    App,
    app::oidf::{
        self,
        list::{self as lists, Filter},
        mark as marks, status as statuses,
    },
    door::Here,
};

/// A signed document of a media type that is given afresh each time.
type Signed = ([(HeaderName, &'static str); 2], String);

fn signed(media: &'static str, token: String) -> Signed {
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-cache")], token)
}

/// `sub` of a mark: any identifier.
fn entity(text: &str) -> Result<EntityId, Refused> {
    EntityId::parse(text).map_err(|e| Refused::invalid(e.at("sub").to_string()))
}

/// `GET /oidf/fetch?sub=` (8.1): the statement about a subordinate.
pub async fn fetch(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Result<Signed, Refused> {
    let parameters = Parameters::of_query(&uri)?;
    let sub = parameters.required("sub")?;
    let id = HttpsId::parse(sub).map_err(|e| Refused::invalid(e.at("sub").to_string()))?;
    if id == app.tenant(here.registry)?.registry.entity_identifier {
        return Err(Refused::invalid("`sub` is the issuer: its configuration is at its well-known place"));
    }
    let found = oidf::statement(&app, here.registry, &id).await?;
    let statement =
        found.ok_or_else(|| Refused::not_found(format!("`{id}` is no subordinate in force here")))?;
    Ok(signed("application/entity-statement+jwt", statement))
}

/// `GET /oidf/list` (8.2): https ids of subordinates. A filter that is `false` is as if it were not there.
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Result<Json<Vec<String>>, Refused> {
    let parameters = Parameters::of_query(&uri)?;
    let filter = Filter {
        entity_types: parameters.all("entity_type").map(str::to_owned).collect(),
        trust_marked: parameters.truth("trust_marked")?.unwrap_or(false),
        trust_mark_type: parameters.optional("trust_mark_type")?.map(str::to_owned),
        intermediate: parameters.truth("intermediate")?.unwrap_or(false),
    };
    Ok(Json(within(&here, lists::subordinates(&app, here.registry, &filter)).await?))
}

/// `GET /oidf/trust-mark?trust_mark_type=&sub=` (8.6).
pub async fn mark(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Result<Signed, Refused> {
    let parameters = Parameters::of_query(&uri)?;
    let (name, sub) = (parameters.required("trust_mark_type")?, entity(parameters.required("sub")?)?);
    let found = marks::mark(&app, here.registry, name, &sub).await?;
    let mark =
        found.ok_or_else(|| Refused::not_found("there is no trust mark of this type for `sub` now"))?;
    Ok(signed("application/trust-mark+jwt", mark))
}

/// `POST /oidf/trust-mark-status` (8.4), with the form `trust_mark=`.
pub async fn status(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Result<Signed, Refused> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refused::invalid("send `Content-Type: application/x-www-form-urlencoded`"));
    }
    let form = Parameters::of_form(&body::bytes(request, body::SINGLE).await?)?;
    let found = statuses::status(&app, here.registry, form.required("trust_mark")?).await?;
    let answer = found.ok_or_else(|| Refused::not_found("the trust mark was not issued here"))?;
    Ok(signed("application/trust-mark-status-response+jwt", answer))
}

/// `GET /oidf/trust-mark-list?trust_mark_type=[&sub=]` (8.5).
pub async fn marked(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Result<Json<Vec<String>>, Refused> {
    let parameters = Parameters::of_query(&uri)?;
    let name = parameters.required("trust_mark_type")?;
    let sub = parameters.optional("sub")?.map(entity).transpose()?;
    Ok(Json(within(&here, lists::marked(&app, here.registry, name, sub.as_ref())).await?))
}

/// A list that looks at many, ended at the request's deadline.
async fn within<T>(here: &Here, work: impl Future<Output = Result<T, crate::Error>>) -> Result<T, Refused> {
    match tokio::time::timeout_at(here.deadline, work).await {
        Ok(done) => Ok(done?),
        Err(_) => {
            Err(Refused::new(error::Fault::TemporarilyUnavailable, "the deadline passed; ask for less"))
        }
    }
}
