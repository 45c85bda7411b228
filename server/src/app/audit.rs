//! What was done, by whom (as a number), when and why: the events of a registry, with what each changed. Whoever
//! looks is recorded first.

use charter_domain::{
    EntityId, Invalid, RegistryId, Timestamp,
    event::Approved,
    policy::{self, Action},
    staff::{Role, Staff, StaffId},
};
use charter_store::{
    access::Access,
    event::{Detail, Filter},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{App, Error};

mod export;

pub use self::export::{Lines, export};

/// What to look for; empty is everything.
#[derive(Debug, Default, Clone)]
pub struct Wish {
    /// Any identifier of an entity, or `staff`.
    pub subject: String,
    pub actor: i64,
    pub kind: String,
    pub origin: String,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Numbers between which the events lie, without them; 0 is no bound.
    pub after: i64,
    pub before: i64,
    pub newest_first: bool,
}

pub type Events = Vec<(i64, Vec<u8>)>;

/// An event with who, why, and what it changed.
#[derive(Debug, Serialize)]
pub struct Entry {
    pub seq: i64,
    pub leaf_hash: String,
    pub event: Value,
    pub actor: i64,
    pub actor_roles: Vec<Role>,
    pub approvals: Vec<Approved>,
    pub reason_code: String,
    pub reason: String,
    pub proposal_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased: Option<i64>,
    pub changes: Value,
}

/// The filter of a wish, and how the record of accesses tells it: ids instead of what was typed.
async fn filter(app: &App, registry: RegistryId, wish: &Wish) -> Result<(Filter, Value), Error> {
    let subject = match wish.subject.as_str() {
        "" => None,
        "staff" => Some("staff".to_owned()),
        identifier => {
            let id = EntityId::parse(identifier).map_err(|e| e.at("subject"))?;
            Some(crate::app::entity::get(app, registry, id.as_str()).await?.entity_id.to_string())
        }
    };
    let filter = Filter {
        subject,
        actor: Some(wish.actor).filter(|a| *a != 0),
        kind: word("kind", &wish.kind, "the name of a kind of event, such as `StatusChanged`")?,
        origin: word("origin", &wish.origin, "an origin of events, such as `governance`")?,
        from: wish.from,
        until: wish.until,
        before: Some(wish.before).filter(|b| *b != 0),
        newest_first: wish.newest_first,
    };
    let mut told = json!({
        "subject": filter.subject, "actor": filter.actor, "kind": filter.kind, "origin": filter.origin,
        "from": filter.from, "until": filter.until, "before": filter.before,
        "after": Some(wish.after).filter(|a| *a != 0), "newest_first": Some(true).filter(|_| wish.newest_first),
    });
    if let Some(members) = told.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    Ok((filter, told))
}

/// Letters only: nothing else can be found, or find its way into the record of accesses.
fn word(field: &str, text: &str, what: &str) -> Result<Option<String>, Invalid> {
    if text.len() > 64 || !text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(Invalid::new(field, format!("must be {what}")));
    }
    Ok(Some(text.to_owned()).filter(|t| !t.is_empty()))
}

/// A page of events, each with its number.
pub async fn list(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    wish: Wish,
    limit: i64,
) -> Result<Events, Error> {
    policy::allow(staff, Action::ReadAudit)?;
    let (filter, told) = filter(app, registry, &wish).await?;
    accessed(app, staff, registry, "LIST_EVENTS", told).await?;
    Ok(app.store.events(registry, filter, wish.after, limit).await?)
}

/// The number to go on from, if a page is full.
pub fn next(events: &Events, limit: i64) -> i64 {
    let full = usize::try_from(limit).is_ok_and(|l| events.len() >= l);
    events.last().filter(|_| full).map_or(0, |(seq, _)| *seq)
}

/// The same events with who, why, and what each changed. Reasons are for who may read proposals.
pub async fn entries(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    events: Events,
) -> Result<Vec<Entry>, Error> {
    let reasons = policy::allow(staff, Action::ReadProposals).is_ok();
    let seqs = events.iter().map(|(seq, _)| *seq).collect();
    let mut details = app.store.event_details(registry, seqs).await?;
    details.sort_unstable_by_key(|d| d.seq);
    let entry = |(seq, body): (i64, Vec<u8>)| {
        let at = details.binary_search_by_key(&seq, |d| d.seq).ok();
        entry(&body, at.and_then(|at| details.get(at)), reasons)
    };
    Ok(events.into_iter().filter_map(entry).collect())
}

#[derive(Deserialize)]
struct Told {
    actor: String,
    approvals: Vec<Approved>,
}

fn entry(body: &[u8], detail: Option<&Detail>, reasons: bool) -> Option<Entry> {
    let detail = detail?;
    let event: Value = serde_json::from_slice(body).ok()?;
    let told: Told = serde_json::from_slice(body).ok()?;
    let code = event["data"]["reason"].as_str().unwrap_or_default().to_owned();
    Some(Entry {
        seq: detail.seq,
        leaf_hash: detail.leaf_hash.clone(),
        actor: told.actor.parse().unwrap_or_default(),
        actor_roles: detail.roles.iter().flatten().copied().collect(),
        approvals: told.approvals,
        reason_code: code,
        reason: detail.reason.clone().filter(|_| reasons).unwrap_or_default(),
        proposal_id: detail.proposal.map(|p| p.to_string()).unwrap_or_default(),
        erased: detail.erased,
        changes: detail.diff.clone().unwrap_or_else(|| changes(&event, detail.was.as_deref())),
        event,
    })
}

/// Of an event that nobody proposed: everything is new, but for a state.
fn changes(event: &Value, was: Option<&str>) -> Value {
    let data = event["data"].as_object().cloned().unwrap_or_default();
    let mut fields: Map<String, Value> =
        data.into_iter().map(|(name, to)| (name, json!({ "from": null, "to": to }))).collect();
    if let Some(was) = was {
        fields.insert("state".to_owned(), json!({ "from": was, "to": event["data"]["state"] }));
        fields.remove("target");
        fields.remove("target_id");
    }
    Value::Object(fields)
}

/// Records that somebody looks, before they see anything.
pub async fn accessed(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    what: &'static str,
    filter: Value,
) -> Result<(), Error> {
    Ok(app.store.put_access(registry, staff.id, what, filter, app.clock.now()).await?)
}

/// Who has looked at what, newest first; looking at that is a look too.
pub async fn accesses(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (by, before): (i64, i64),
    limit: i64,
) -> Result<Vec<Access>, Error> {
    policy::allow(staff, Action::ReadAccesses)?;
    let by = Some(by).filter(|b| *b != 0);
    accessed(app, staff, registry, "LIST_ACCESSES", json!({ "by": by })).await?;
    Ok(app.store.accesses(registry, by.map(StaffId), before, limit).await?)
}
