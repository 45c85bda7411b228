//! The limit for REST: bare axum that parses and writes the same TRQP bodies, with nothing behind it.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::{Json, Router, routing::post};
use charter_domain::{Reason, time::Clock};
use charter_server::{clock::WallClock, serve::parent_gone};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Question {
    entity_id: String,
    authority_id: String,
    action: String,
    resource: String,
    #[serde(default, rename = "context")]
    _context: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Answer {
    entity_id: String,
    meta: Meta,
    authority_id: String,
    action: String,
    resource: String,
    authorized: bool,
    time_evaluated: String,
    message: &'static str,
}

#[derive(Serialize)]
struct Meta {
    reason: &'static str,
    basis: &'static str,
    decided_by: String,
    epoch: i64,
    expires_at: String,
}

async fn authorization(Json(question): Json<Question>) -> Json<Answer> {
    let now = WallClock.now();
    Json(Answer {
        meta: Meta {
            reason: Reason::Active.code(),
            basis: "DIRECT",
            decided_by: question.authority_id.clone(),
            epoch: 30_001,
            expires_at: now.plus(Duration::from_secs(60)).to_string(),
        },
        entity_id: question.entity_id,
        authority_id: question.authority_id,
        action: question.action,
        resource: question.resource,
        authorized: true,
        time_evaluated: now.to_string(),
        message: Reason::Active.text(),
    })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address: SocketAddr = std::env::args().nth(1).context("usage: limit-axum ADDRESS")?.parse()?;
    let router = Router::new().route("/authorization", post(authorization));
    let socket = tokio::net::TcpListener::bind(address).await?;
    tokio::select! {
        served = axum::serve(socket, router) => served?,
        () = parent_gone() => {}
    }
    Ok(())
}
