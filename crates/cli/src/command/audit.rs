//! `charter audit`: what was done, by whom, when and why. Events are passed on byte for byte.

mod pages;

use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use self::pages::Pages;
use crate::{
    args::{Audit, Connection, Events, ListFormat},
    exit::{Exit, Failure},
    output,
};

/// What the table shows of an event.
#[derive(Deserialize, Serialize)]
struct Row {
    seq: i64,
    recorded_at: String,
    kind: String,
    subject: String,
    actor: String,
    origin: String,
    approvals: Vec<Approved>,
}

#[derive(Deserialize, Serialize)]
struct Approved {
    by: String,
    role: String,
}

pub async fn run(to: &Connection, command: Audit) -> Result<Exit, Failure> {
    match command {
        Audit::List(args) => list(to, args).await,
        Audit::Export { filter, limit } => export(Pages::open(to, filter, limit).await?).await,
    }
}

async fn export(mut pages: Pages) -> Result<Exit, Failure> {
    while let Some(events) = pages.next().await? {
        for mut event in events {
            if event.contains(&b'\n') {
                return Err(unreadable("an event is more than one line"));
            }
            event.push(b'\n');
            if !output::bytes(&event)? {
                return Ok(Exit::Ok);
            }
        }
    }
    Ok(Exit::Ok)
}

async fn list(to: &Connection, args: Events) -> Result<Exit, Failure> {
    let mut pages = Pages::open(to, args.filter, Some(args.limit)).await?;
    let mut events = Vec::new();
    while let Some(page) = pages.next().await? {
        events.extend(page);
    }
    let next_after = pages.next_after();
    match args.output {
        ListFormat::Json => {
            let raw: Vec<Box<RawValue>> = events.iter().map(|e| parse(e)).collect::<Result<_, _>>()?;
            // As received: `json!` would read the numbers and write them anew.
            let events = serde_json::to_string(&raw).map_err(|e| unreadable(&e.to_string()))?;
            output::text(&format!("{{\"events\":{events},\"next_after\":{}}}", json!(next_after)))?;
        }
        ListFormat::Ndjson => {
            for event in events {
                if !output::bytes(&[&event[..], b"\n"].concat())? {
                    break;
                }
            }
        }
        ListFormat::Table | ListFormat::Csv => {
            let rows: Vec<Row> = events.iter().map(|e| parse(e)).collect::<Result<_, _>>()?;
            let headings = ["SEQ", "TIME", "KIND", "SUBJECT", "ACTOR", "ORIGIN", "APPROVALS"];
            output::list(args.output, ("events", None), &rows, &headings, cells)?;
        }
    }
    if next_after > 0 {
        output::note(&format!("more: --limit, --after {next_after}, or `charter audit export`"));
    }
    Ok(Exit::Ok)
}

fn cells(row: &Row) -> Vec<String> {
    let approvals: Vec<_> = row.approvals.iter().map(|a| format!("{} ({})", a.by, a.role)).collect();
    let texts = [&row.recorded_at, &row.kind, &row.subject, &row.actor, &row.origin].map(String::from);
    let mut cells = vec![row.seq.to_string()];
    cells.extend(texts);
    cells.push(approvals.join(", "));
    cells
}

fn parse<T: serde::de::DeserializeOwned>(event: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(event).map_err(|e| unreadable(&e.to_string()))
}

fn unreadable(why: &str) -> Failure {
    Failure::new(Exit::Unexpected, format!("the server sent an event that cannot be read: {why}"))
}
