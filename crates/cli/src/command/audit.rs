//! `charter audit`: what was done, by whom, when and why. Events are passed on byte for byte.

mod accesses;
mod export;
mod pages;
mod verify;

use charter_proto::charter::registry::v1::AuditEntry;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

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
        Audit::List(args) if args.changes => changes(to, args).await,
        Audit::List(args) => list(to, args).await,
        Audit::Export { filter, limit } => export::run(to, filter, limit).await,
        Audit::Verify { file, head, gaps } => verify::run(&file, head.as_deref(), gaps),
        Audit::Accesses { by, before, limit, call, output } => {
            accesses::run(to, (by, before, limit), call, output).await
        }
    }
}

/// Of all pages up to the limit, and where they go on.
async fn pages<T>(
    to: &Connection,
    args: Events,
    of: impl Fn(charter_proto::charter::registry::v1::ListEventsResponse) -> Vec<T>,
) -> Result<(Vec<T>, i64), Failure> {
    let how = (args.newest_first, args.changes);
    let mut pages = Pages::open(to, args.filter, Some(args.limit), how).await?;
    let mut all = Vec::new();
    while let Some(page) = pages.next().await? {
        all.extend(of(page));
    }
    Ok((all, pages.next_from()))
}

async fn list(to: &Connection, args: Events) -> Result<Exit, Failure> {
    let (format, newest_first) = (args.output, args.newest_first);
    let (events, next) = pages(to, args, |page| page.events).await?;
    match format {
        ListFormat::Json => {
            let raw: Vec<Box<RawValue>> = events.iter().map(|e| parse(e)).collect::<Result<_, _>>()?;
            // As received: `json!` would read the numbers and write them anew.
            let events = serde_json::to_string(&raw).map_err(|e| unreadable(&e.to_string()))?;
            let name = if newest_first { "next_before" } else { "next_after" };
            output::text(&format!("{{\"events\":{events},\"{name}\":{}}}", json!(next)))?;
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
            output::list(format, ("events", None), &rows, &headings, cells)?;
        }
    }
    more(next);
    Ok(Exit::Ok)
}

fn more(next: i64) {
    if next > 0 {
        output::note(&format!(
            "more: up to event {next} are shown; --limit, --after, or `charter audit export`"
        ));
    }
}

fn cells(row: &Row) -> Vec<String> {
    let approvals: Vec<_> = row.approvals.iter().map(|a| format!("{} ({})", a.by, a.role)).collect();
    let texts = [&row.recorded_at, &row.kind, &row.subject, &row.actor, &row.origin].map(String::from);
    let mut cells = vec![row.seq.to_string()];
    cells.extend(texts);
    cells.push(approvals.join(", "));
    cells
}

/// Who, why, and what was before: in a table's place one block for each event.
async fn changes(to: &Connection, args: Events) -> Result<Exit, Failure> {
    let format = args.output;
    let (entries, next) = pages(to, args, |page| page.entries).await?;
    if format == ListFormat::Table {
        let blocks = entries.iter().map(block).collect::<Result<Vec<_>, _>>()?;
        output::text(&blocks.join("\n\n"))?;
    } else {
        let entries = entries.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let headings = ["SEQ", "BY", "CODE", "REASON", "CHANGES"];
        output::list(format, ("entries", None), &entries, &headings, |e| {
            ["seq", "actor", "reason_code", "reason", "changes"].map(|name| plain(&e[name])).to_vec()
        })?;
    }
    more(next);
    Ok(Exit::Ok)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn entry(e: &AuditEntry) -> Result<Value, Failure> {
    let (event, changes): (Value, Value) = (parse(&e.event)?, parse(e.changes_json.as_bytes())?);
    Ok(json!({
        "seq": e.seq, "leaf_hash": e.leaf_hash, "event": event, "actor": e.actor, "actor_roles": e.actor_roles,
        "reason_code": e.reason_code, "reason": e.reason, "proposal_id": e.proposal_id, "erased": e.erased,
        "changes": changes,
    }))
}

fn block(e: &AuditEntry) -> Result<String, Failure> {
    let row: Row = parse(&e.event)?;
    let approvals: Vec<_> = row.approvals.iter().map(|a| format!("{} ({})", a.by, a.role)).collect();
    let erased = if e.erased > 0 { format!("erased by event {}", e.erased) } else { e.reason.clone() };
    let actor = if e.actor > 0 { format!("{} ({})", e.actor, e.actor_roles.join(", ")) } else { row.origin };
    let mut text = output::fields([
        ("event", format!("{} {}", e.seq, row.kind)),
        ("time", row.recorded_at),
        ("subject", row.subject),
        ("by", actor),
        ("approved by", approvals.join(", ")),
        ("reason", e.reason_code.clone()),
        ("because", erased),
        ("proposal", e.proposal_id.clone()),
        ("leaf hash", e.leaf_hash.clone()),
    ]);
    let changes: Value = parse(e.changes_json.as_bytes())?;
    for (field, change) in changes.as_object().into_iter().flatten() {
        let line = format!("  {field}: {} -> {}", change["from"], change["to"]);
        text = format!("{text}\n{}", output::clean(&line));
    }
    Ok(text)
}

fn parse<T: serde::de::DeserializeOwned>(event: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(event).map_err(|e| unreadable(&e.to_string()))
}

fn unreadable(why: &str) -> Failure {
    Failure::new(Exit::Unexpected, format!("the server sent an event that cannot be read: {why}"))
}
