//! `charter audit accesses`: who has looked at what.

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;
use serde_json::Value;

use crate::{
    args::{Call, Connection, ListFormat},
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

#[derive(Serialize)]
struct View {
    access_id: i64,
    at: Option<String>,
    by: i64,
    what: String,
    filter: Value,
}

impl From<pb::Access> for View {
    fn from(a: pb::Access) -> Self {
        let filter = serde_json::from_str(&a.filter_json).unwrap_or_default();
        Self { access_id: a.access_id, at: output::time(a.at), by: a.by, what: a.what, filter }
    }
}

impl View {
    fn row(&self) -> Vec<String> {
        let at = self.at.clone().unwrap_or_default();
        vec![self.access_id.to_string(), at, self.by.to_string(), self.what.clone(), self.filter.to_string()]
    }
}

pub async fn run(
    to: &Connection,
    (by, before, limit): (Option<i64>, i64, i32),
    call: Call,
    format: ListFormat,
) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let by = by.unwrap_or_default();
    let request = pb::ListAccessesRequest { registry_id: desk.registry_id(), by, before, page_size: limit };
    let answer = desk.audit().list_accesses(desk.request(request)).await?.into_inner();
    let views: Vec<_> = answer.accesses.into_iter().map(View::from).collect();
    let headings = ["NUMBER", "TIME", "BY", "WHAT", "FILTER"];
    output::list(format, ("accesses", None), &views, &headings, View::row)?;
    if answer.next_before > 0 {
        output::note(&format!("more: --before {}", answer.next_before));
    }
    Ok(Exit::Ok)
}
