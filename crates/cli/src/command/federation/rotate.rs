//! `charter federation rotate`: a key rotation with what the superior has to do with it. `charter key rotate` is the same
//! for a registry that has none.

use std::collections::BTreeSet;

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;
use serde_json::Value;

use super::join::stated;
use crate::{
    args::{Connection, ListFormat, Rotate},
    command::key,
    connect::Server,
    evidence,
    exit::{Exit, Failure},
    output,
};

const HEADINGS: [&str; 5] = ["KEY", "STATE", "SIGNS FROM", "SIGNS", "SUPERIOR STATES IT"];

/// Public: members are added, never renamed.
#[derive(Serialize)]
struct View {
    kid: String,
    state: String,
    valid_from: Option<String>,
    signs: bool,
    /// In the statement that the superior shows now; it is not verified here.
    stated: bool,
}

impl View {
    fn row(&self) -> Vec<String> {
        let yes = |b: bool| if b { "yes" } else { "no" }.to_owned();
        vec![
            self.kid.clone(),
            self.state.clone(),
            self.valid_from.clone().unwrap_or_default(),
            yes(self.signs),
            yes(self.stated),
        ]
    }
}

pub async fn run(to: &Connection, command: Rotate) -> Result<Exit, Failure> {
    match command {
        Rotate::Propose { active_from, why, draft } => {
            let rotate = pb::RotateKey { active_from: active_from.map(output::timestamp) };
            key::rotation(to, rotate, why, draft).await
        }
        Rotate::Status { from, output } => status(to, &from, output).await,
    }
}

async fn status(to: &Connection, from: &str, format: ListFormat) -> Result<Exit, Failure> {
    let (_, statement) = stated(to, from, None).await?;
    let listed = kids(&statement)?;
    let own = Server::connect(to).await?;
    let request = own.request(pb::ListKeysRequest::default());
    let keys = own.keys().list_keys(request).await?.into_inner().keys;
    let in_use = keys.into_iter().filter(|key| matches!(key.state.as_str(), "ACTIVE" | "ANNOUNCED"));
    let views: Vec<View> = in_use
        .map(|key| View {
            stated: listed.contains(&key.kid),
            kid: key.kid,
            state: key.state,
            valid_from: output::time(key.valid_from),
            signs: key.signs,
        })
        .collect();
    output::list(format, ("keys", None), &views, &HEADINGS, View::row)?;
    if views.iter().any(|view| !view.stated) {
        output::note(
            "what the superior does not state proves nothing above: it corrects its delegation first",
        );
    }
    Ok(Exit::Ok)
}

/// Of the keys that a statement lists.
fn kids(statement: &str) -> Result<BTreeSet<String>, Failure> {
    let claims: Value = evidence::part(statement, 1)
        .ok_or_else(|| Failure::new(Exit::Unexpected, "the superior's statement cannot be read"))?;
    let keys = claims["jwks"]["keys"].as_array().into_iter().flatten();
    Ok(keys.filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect())
}
