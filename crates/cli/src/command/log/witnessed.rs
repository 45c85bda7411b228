//! `charter log witnessed`: how the logs of other registries stand with a registry's witness.

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;

use crate::{
    args::{Call, Connection, ListFormat},
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

const HEADINGS: [&str; 6] = ["ORIGIN", "STATE", "SIZE", "COSIGNED AT", "QUARANTINED AT", "EVIDENCE"];

/// Public: members are added, never renamed.
#[derive(Serialize)]
struct View {
    origin: String,
    state: String,
    size: i64,
    root: String,
    cosigned_at: Option<String>,
    evidence: String,
    quarantined_at: Option<String>,
}

impl From<pb::WitnessedLog> for View {
    fn from(log: pb::WitnessedLog) -> Self {
        Self {
            origin: log.origin,
            state: log.state,
            size: log.size,
            root: log.root,
            cosigned_at: output::time(log.cosigned_at),
            evidence: log.evidence,
            quarantined_at: output::time(log.quarantined_at),
        }
    }
}

impl View {
    fn row(&self) -> Vec<String> {
        vec![
            self.origin.clone(),
            self.state.clone(),
            self.size.to_string(),
            self.cosigned_at.clone().unwrap_or_default(),
            self.quarantined_at.clone().unwrap_or_default(),
            self.evidence.clone(),
        ]
    }
}

pub async fn run(to: &Connection, call: Call, format: ListFormat) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let request = pb::ListWitnessedLogsRequest { registry_id: desk.registry_id() };
    let reply = desk.witness().list_witnessed_logs(desk.request(request)).await?;
    let views: Vec<_> = reply.into_inner().logs.into_iter().map(View::from).collect();
    output::list(format, ("logs", None), &views, &HEADINGS, View::row)?;
    Ok(Exit::Ok)
}
