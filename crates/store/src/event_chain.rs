//! That the events are the ones that were recorded: each hashes to its leaf, names the one before, and stands where
//! it says; the last is the registry's head.

use charter_domain::event;
use diesel::{PgConnection, prelude::*};
use serde::Deserialize;

use crate::{
    Error,
    schema::{events, registry_epochs},
    tx::hex,
};

/// Events in memory at once.
const PAGE: i64 = 5_000;

#[derive(Deserialize)]
struct Body {
    seq: i64,
    kind: String,
    subject: String,
    prev: Option<String>,
}

type Row = (i64, String, String, Vec<u8>, Vec<u8>);

/// The first fault, in words; none when the chain is whole.
pub fn fault(conn: &mut PgConnection, registry: i32) -> Result<Option<String>, Error> {
    let (mut last, mut head) = (0, None);
    loop {
        let rows: Vec<Row> = events::table
            .filter(events::registry_id.eq(registry).and(events::seq.gt(last)))
            .order(events::seq)
            .limit(PAGE)
            .select((events::seq, events::kind, events::subject, events::body, events::leaf_hash))
            .load(conn)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            if let Some(fault) = follows(row, last, head.as_deref()) {
                return Ok(Some(format!("event {}: {fault}", row.0)));
            }
            (last, head) = (row.0, Some(hex(&row.4)));
        }
    }
    let filed: (i64, Option<Vec<u8>>) = registry_epochs::table
        .find(registry)
        .select((registry_epochs::epoch, registry_epochs::head))
        .first(conn)?;
    let whole = filed.0 == last && filed.1.as_deref().map(hex) == head;
    Ok((!whole).then(|| format!("event {last}: is not the head, which is event {}", filed.0)))
}

fn follows((seq, kind, subject, body, leaf): &Row, last: i64, head: Option<&str>) -> Option<&'static str> {
    if event::leaf_hash(body).as_slice() != leaf {
        return Some("does not hash to its leaf");
    }
    let Ok(said) = serde_json::from_slice::<Body>(body) else { return Some("cannot be read") };
    if said.prev.as_deref() != head {
        return Some("does not name the event before it");
    }
    if (said.seq, *seq) != (last + 1, last + 1) {
        return Some("is not where it says");
    }
    (said.kind != *kind || said.subject != *subject).then_some("is filed under another kind or subject")
}
