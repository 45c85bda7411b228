//! `GET /api/v1/events`: pages of events, or all of them as NDJSON; `GET /api/v1/accesses`: who has looked.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use charter_domain::{Invalid, Timestamp};
use futures::StreamExt;
use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{
    governance::who,
    privacy::{NDJSON, wants_lines},
    query,
};
use crate::{App, Error, app::audit, door::Here, page};

const EVENTS: [&str; 11] =
    ["subject", "actor", "kind", "origin", "from", "until", "after", "before", "order", "view", "page_size"];

fn time(name: &str, text: &str) -> Result<Option<Timestamp>, Invalid> {
    match text {
        "" => Ok(None),
        text => Timestamp::parse(text).map(Some).map_err(|e| e.at(name)),
    }
}

/// One of two words; absent is the first.
fn second(name: &str, text: &str, words: [&str; 2]) -> Result<bool, Invalid> {
    match text {
        "" => Ok(false),
        text if text == words[0] => Ok(false),
        text if text == words[1] => Ok(true),
        _ => Err(Invalid::new(name, format!("must be `{}` or `{}`", words[0], words[1]))),
    }
}

pub async fn events(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Error> {
    let staff = who(&app, &here, &headers).await?;
    let [subject, actor, kind, origin, from, until, after, before, order, view, size] =
        query::parameters(&uri, EVENTS)?;
    let wish = audit::Wish {
        subject,
        actor: query::number("actor", &actor)?,
        kind,
        origin,
        from: time("from", &from)?,
        until: time("until", &until)?,
        after: query::number("after", &after)?,
        before: query::number("before", &before)?,
        newest_first: second("order", &order, ["asc", "desc"])?,
    };
    if wants_lines(&headers) {
        let lines = audit::export(&app, &staff, here.registry, wish).await?;
        // What fails on the way ends the body unfinished: nobody takes it for all.
        let lines = lines.map(|line| match line {
            Ok((_, mut line)) => {
                line.push(b'\n');
                Ok(Bytes::from(line))
            }
            Err(error) => Err(std::io::Error::other(error.code.as_str())),
        });
        return Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response());
    }
    let full = second("view", &view, ["events", "entries"])?;
    let size: i32 = query::number("page_size", &size)?;
    let limit = page::size(if size == 0 { 100 } else { size })?;
    let next = if wish.newest_first { "next_before" } else { "next_after" };
    let list = audit::list(&app, &staff, here.registry, wish, limit).await?;
    let from_here = audit::next(&list, limit);
    if full {
        let entries = audit::entries(&app, &staff, here.registry, list).await?;
        return Ok(Json(json!({ "entries": entries, next: from_here })).into_response());
    }
    let events: Vec<Value> = list.iter().filter_map(|(_, body)| serde_json::from_slice(body).ok()).collect();
    Ok(Json(json!({ "events": events, next: from_here })).into_response())
}

/// `GET /api/v1/accesses?by=&before=&page_size=`
pub async fn accesses(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let staff = who(&app, &here, &headers).await?;
    let [by, before, size] = query::parameters(&uri, ["by", "before", "page_size"])?;
    let size: i32 = query::number("page_size", &size)?;
    let limit = page::size(if size == 0 { 100 } else { size })?;
    let asked = (query::number("by", &by)?, query::number("before", &before)?);
    let list = audit::accesses(&app, &staff, here.registry, asked, limit).await?;
    let full = usize::try_from(limit).is_ok_and(|l| list.len() >= l);
    let next = list.last().filter(|_| full).map_or(0, |a| a.access_id);
    let access = |a: &charter_store::access::Access| {
        json!({ "access_id": a.access_id, "at": Timestamp::from_micros(a.at), "by": a.by, "what": a.what,
                "filter": a.filter })
    };
    let accesses: Vec<Value> = list.iter().map(access).collect();
    Ok(Json(json!({ "accesses": accesses, "next_before": next })))
}
