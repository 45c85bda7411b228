//! `charter audit export`: a line for each event, written as it comes.

use charter_proto::charter::registry::v1::ExportEventsRequest;

use super::unreadable;
use crate::{
    args::{Connection, Filter},
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

pub async fn run(to: &Connection, filter: Filter, limit: Option<u64>) -> Result<Exit, Failure> {
    let desk = Desk::open(to, filter.call).await?;
    let request = ExportEventsRequest {
        registry_id: desk.registry_id(),
        subject: filter.subject.unwrap_or_default(),
        actor: filter.actor.unwrap_or_default(),
        kind: filter.kind.unwrap_or_default(),
        origin: filter.origin.unwrap_or_default(),
        from: filter.from.map(output::timestamp),
        until: filter.until.map(output::timestamp),
        after: filter.after,
    };
    let mut lines = desk.audit().export_events(desk.request(request)).await?.into_inner();
    let mut left = limit.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(mut event) = lines.message().await? else { break };
        if event.line.contains(&b'\n') {
            return Err(unreadable("an event is more than one line"));
        }
        event.line.push(b'\n');
        if !output::bytes(&event.line)? {
            break;
        }
        left -= 1;
    }
    Ok(Exit::Ok)
}
