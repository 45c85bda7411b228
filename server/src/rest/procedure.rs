//! Procedures over REST: the same as `ProcedureService`. Every route needs a member of staff.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::Uri,
};
use charter_domain::{
    Timestamp,
    procedure::{Decision, Procedure},
};
use http::HeaderMap;
use serde_json::{Value, json};

use super::{governance::who, query};
use crate::{App, Error, app::procedure, door::Here, page};

type Answer = Result<Json<Value>, Error>;

fn shown(p: &Procedure, now: Timestamp) -> Value {
    let next = p.next_deadline(now);
    json!({
        "procedure_id": p.id,
        "entity_id": p.opened.entity_id,
        "target": p.opened.target.as_str(),
        "target_id": p.opened.target_id,
        "intended_state": p.opened.state.code(),
        "intended_reach": p.opened.reach.map_or("PROSPECTIVE", |r| r.code()),
        "code": p.opened.reason,
        "legal_basis": p.opened.legal_basis,
        "served_on": p.opened.served_on,
        "reply_by": p.opened.reply_by,
        "state": p.state_at(now).code(),
        "replies_received_on": p.heard,
        "closed_code": p.closed,
        "decision": p.decision.as_ref().map(decision),
        "next_deadline": next.map(|d| d.at),
        "next_deadline_kind": next.map(|d| d.what),
    })
}

fn decision(d: &Decision) -> Value {
    let rulings = d.rulings.iter().map(|(seq, r)| {
        json!({ "seq": seq, "ruling": r.ruling.code(), "court": r.court, "case_number": r.case_number, "from": r.from })
    });
    json!({
        "seq": d.seq,
        "state": d.change.state.code(),
        "code": d.change.reason,
        "legal_basis": d.change.legal_basis,
        "effective_from": d.change.starts(d.recorded_at),
        "served_on": d.change.served_on,
        "appeal": d.change.appeal,
        "appeal_by": d.change.appeal_by,
        "rulings": rulings.collect::<Vec<_>>(),
    })
}

/// `GET /api/v1/procedures?entity_id=&page_size=&page_token=`
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let staff = who(&app, &here, &headers).await?;
    let [entity, size, token] = query::parameters(&uri, ["entity_id", "page_size", "page_token"])?;
    let limit = page::size(query::number("page_size", &size)?)?;
    let name = format!("procedures {entity}|{}", here.registry);
    let before = procedure::cursor(page::cursor(&app.page_secret, &name, &token)?.as_ref())?;
    let list = procedure::list(&app, &staff, here.registry, &entity, (before, limit)).await?;
    let last = list.last().filter(|_| usize::try_from(limit).is_ok_and(|l| list.len() >= l));
    let next = last.map(|p| page::token(&app.page_secret, &name, &p.id.to_string())).unwrap_or_default();
    let now = app.clock.now();
    let procedures: Vec<Value> = list.iter().map(|p| shown(p, now)).collect();
    Ok(Json(json!({ "procedures": procedures, "next_page_token": next })))
}

/// `GET /api/v1/procedures/{id}`
pub async fn get(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let staff = who(&app, &here, &headers).await?;
    let found = procedure::get(&app, &staff, here.registry, query::number("procedure_id", &id)?).await?;
    Ok(Json(shown(&found, app.clock.now())))
}
