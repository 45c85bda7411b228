//! Governance over REST: the same use-cases as `GovernanceService`. Every route needs a member of staff.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, State},
    http::{Request, Response, Uri},
};
use charter_domain::{EntityId, govern::proposal::ProposalState, staff::Staff};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    body, query,
    tag::{asked, tagged},
};
use crate::{
    App, Error,
    app::{emergency, etag, govern, govern::view, list as lists, staff},
    door::Here,
    error::Code,
    page,
};

type Answer = Result<Json<Value>, Error>;

/// A schema of the largest size as a JSON string, in which each byte may be escaped.
const PROPOSAL: usize = 3 * body::SINGLE;

pub(super) async fn who(app: &App, here: &Here, headers: &HeaderMap) -> Result<Staff, Error> {
    staff::recognise(app, headers, here.certificate, here.registry).await
}

async fn shown(
    app: &App,
    staff: &Staff,
    here: &Here,
    kept: charter_store::proposal::Kept,
) -> Result<Value, Error> {
    value(&view::show(app, staff, here.registry, kept).await?)
}

fn value<T: Serialize>(shown: &T) -> Result<Value, Error> {
    serde_json::to_value(shown).map_err(|_| Error::new(Code::Internal, "an error of ours; it was logged"))
}

fn json_of<T: Serialize>(shown: &T) -> Answer {
    Ok(Json(value(shown)?))
}

/// Drafts one change.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    reason: String,
    #[serde(default)]
    validate_only: bool,
    /// One member, named after the kind of change.
    #[schema(value_type = Object)]
    change: govern::Wish,
}

/// `POST /api/v1/proposals`
pub async fn propose(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Answer {
    let staff = who(&app, &here, request.headers()).await?;
    let headers = request.headers().clone();
    let bytes = body::json_bytes(request, PROPOSAL).await?;
    let r: Propose = body::strict(&bytes)?;
    let asked = asked(&headers, r.validate_only)?;
    let shown = govern::propose(&app, &staff, here.registry, (r.change, r.reason), &asked).await?;
    json_of(&shown)
}

/// `GET /api/v1/proposals?state=&filter=&page_size=&page_token=`
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let staff = who(&app, &here, &headers).await?;
    let [state, filter, size, token] =
        query::parameters(&uri, ["state", "filter", "page_size", "page_token"])?;
    let sought = lists::proposals(&state, &filter)?;
    let limit = page::size(query::number("page_size", &size)?)?;
    let name = format!("proposals {state} {filter}|{}", here.registry);
    let after = govern::cursor(page::cursor(&app.page_secret, &name, &token)?.as_ref())?;
    let list = govern::list(&app, &staff, here.registry, sought, (after, limit)).await?;
    let last = list.last().filter(|_| usize::try_from(limit).is_ok_and(|l| list.len() >= l));
    let next = last.map(|k| page::token(&app.page_secret, &name, &govern::cursor_of(k))).unwrap_or_default();
    let mut proposals = Vec::with_capacity(list.len());
    for kept in list {
        proposals.push(shown(&app, &staff, &here, kept).await?);
    }
    Ok(Json(json!({ "proposals": proposals, "next_page_token": next })))
}

/// `GET /api/v1/proposals/{id}`
pub async fn get(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, Error> {
    let staff = who(&app, &here, &headers).await?;
    let kept = govern::get(&app, &staff, here.registry, govern::id(&id)?).await?;
    let shown = view::show(&app, &staff, here.registry, kept).await?;
    let etag = shown.etag.clone();
    Ok(tagged(&headers, &etag, &shown))
}

/// Decides a proposal: `hash` to approve, `reason` to refuse.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Act {
    #[serde(default)]
    hash: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    validate_only: bool,
}

/// `POST /api/v1/proposals/{id}:approve`, `:amend`, `:refuse`, `:withdraw`
pub async fn act(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(segment): Path<String>,
    request: Request<Body>,
) -> Answer {
    let staff = who(&app, &here, request.headers()).await?;
    let registry = here.registry;
    let headers = request.headers().clone();
    let bytes = body::json_bytes(request, PROPOSAL).await?;
    let (id, verb) = segment.split_once(':').unwrap_or((segment.as_str(), ""));
    if verb == "amend" {
        let r: Propose = body::strict(&bytes)?;
        let asked = asked(&headers, r.validate_only)?;
        let draft = (r.change, r.reason);
        return json_of(&govern::amend(&app, &staff, registry, govern::id(id)?, draft, &asked).await?);
    }
    let r: Act = body::strict(&bytes)?;
    let asked = asked(&headers, r.validate_only)?;
    let id = govern::id(id)?;
    match verb {
        "approve" => {
            let work = async move { govern::approve(&app, &staff, registry, (id, r.hash), &asked).await };
            let done = govern::to_its_end(work).await?;
            Ok(Json(json!({ "proposal": value(&done.proposal)?, "epoch": done.epoch })))
        }
        "refuse" | "withdraw" => {
            let state = if verb == "refuse" { ProposalState::Refused } else { ProposalState::Withdrawn };
            json_of(&govern::end(&app, &staff, registry, id, (state, r.reason), &asked).await?)
        }
        _ => Err(Error::new(
            Code::NotFound,
            "a proposal takes `:amend`, `:approve`, `:refuse` and `:withdraw`",
        )),
    }
}

/// Suspends at once; `code` is public.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    entity_id: String,
    code: String,
    #[serde(default)]
    validate_only: bool,
}

/// `POST /api/v1/emergency-suspensions`
pub async fn suspend(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Answer {
    let staff = who(&app, &here, request.headers()).await?;
    let headers = request.headers().clone();
    let r: Emergency = body::strict(&body::json_bytes(request, body::SINGLE).await?)?;
    let entity = EntityId::parse(&r.entity_id)?;
    let asked = asked(&headers, r.validate_only)?;
    let work = async move { emergency::suspend(&app, &staff, here.registry, &entity, &r.code, &asked).await };
    json_of(&govern::to_its_end(work).await?)
}

/// `GET /api/v1/staff`
pub async fn members(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
) -> Answer {
    let caller = who(&app, &here, &headers).await?;
    let member = |m: charter_store::staff::Member| {
        let etag = etag::member(&m)?.header();
        Ok(json!({
            "staff_id": m.id, "roles": m.roles, "service": m.service, "dismissed": m.dismissed,
            "you": m.id == caller.id, "etag": etag,
        }))
    };
    let list = staff::list(&app, &caller, here.registry).await?;
    let staff: Vec<Value> = list.into_iter().map(member).collect::<Result<_, Error>>()?;
    Ok(Json(json!({ "staff": staff })))
}
