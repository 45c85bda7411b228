//! Webhooks as they are configured, with who changed what. No records: nothing here is an event.

use charter_domain::{RegistryId, Timestamp, staff::StaffId};
use diesel::{PgConnection, RunQueryDsl, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Error, Store,
    entity::{Json, from_json},
    request::{self, Call},
    statement::sql_query,
    tx::offset,
};

/// Without its secrets where it is kept as an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Webhook {
    pub id: Uuid,
    pub url: String,
    pub kinds: Vec<String>,
    pub entity: Option<Uuid>,
    /// Sealed.
    #[serde(default, skip_serializing)]
    pub secret: String,
    #[serde(default, skip_serializing)]
    pub previous: Option<String>,
    previous_until: Option<i64>,
    created: i64,
    /// `ACTIVE` or `DISABLED`.
    pub state: String,
    pub disabled_why: String,
    /// The last event that was delivered or passed over.
    pub cursor: i64,
    failing_since: Option<i64>,
    pub failures: i32,
    due: i64,
    /// The number of what somebody last did to it.
    pub revision: i64,
}

impl Webhook {
    pub fn created_at(&self) -> Timestamp {
        Timestamp::from_micros(self.created)
    }
    pub fn previous_until(&self) -> Option<Timestamp> {
        self.previous_until.map(Timestamp::from_micros)
    }
    pub fn failing_since(&self) -> Option<Timestamp> {
        self.failing_since.map(Timestamp::from_micros)
    }
    /// The failures before are over.
    pub fn recovered(&mut self) {
        self.failures = 0;
        self.failing_since = None;
    }
    /// When it is tried again, while it fails.
    pub fn due_at(&self) -> Timestamp {
        Timestamp::from_micros(self.due)
    }
}

/// Where to, and what about.
#[derive(Debug, Clone)]
pub struct Settings {
    pub url: String,
    pub kinds: Vec<String>,
    pub entity: Option<Uuid>,
}

/// What is done to one.
#[derive(Debug, Clone)]
pub enum Change {
    Settings(Settings),
    /// Active again, without its failures; or not.
    Enabled(bool),
    /// From the event after this number on, at once.
    Replay(i64),
    /// A new sealed secret; the old one signs until then, too.
    Secret(String, Timestamp),
    Delete,
}

impl Change {
    fn what(&self) -> String {
        match self {
            Self::Settings(_) => "UPDATED".to_owned(),
            Self::Enabled(true) => "ENABLED".to_owned(),
            Self::Enabled(false) => "DISABLED".to_owned(),
            Self::Replay(after) => format!("REPLAYED AFTER {after}"),
            Self::Secret(..) => "SECRET ROTATED".to_owned(),
            Self::Delete => "DELETED".to_owned(),
        }
    }
}

/// Who changed it, when, and how.
#[derive(Debug, Clone, Deserialize)]
pub struct Changed {
    at: i64,
    pub by: StaffId,
    pub what: String,
}

impl Changed {
    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.at)
    }
}

pub(crate) const COLUMNS: &str = "json_build_object('id', webhook_id, 'url', url, 'kinds', kinds, 'entity', entity_id,
    'secret', secret, 'previous', previous, 'previous_until', micros(previous_until), 'created', micros(created_at),
    'state', state, 'disabled_why', disabled_why, 'cursor', cursor, 'failing_since', micros(failing_since),
    'failures', failures, 'due', micros(due_at), 'revision', (select coalesce(max(c.number), 0) from webhook_changes c
      where c.registry_id = webhooks.registry_id and c.webhook_id = webhooks.webhook_id))::text as value";

fn log(
    conn: &mut PgConnection,
    registry: RegistryId,
    id: Uuid,
    (by, what, at): (StaffId, &str, Timestamp),
) -> Result<(), Error> {
    sql_query("insert into webhook_changes (registry_id, webhook_id, at, staff_id, what) values ($1, $2, $3, $4, $5)")
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Timestamptz, _>(offset(at))
        .bind::<sql_types::BigInt, _>(by.0)
        .bind::<sql_types::Text, _>(what)
        .execute(conn)?;
    Ok(())
}

/// All of them, or one.
fn list(conn: &mut PgConnection, registry: RegistryId, id: Option<Uuid>) -> Result<Vec<Webhook>, Error> {
    let sql = format!(
        "select {COLUMNS} from webhooks where registry_id = $1 and state <> 'DELETED'
            and ($2 is null or webhook_id = $2) order by webhook_id"
    );
    let rows: Vec<Json> = sql_query(sql)
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(id)
        .load(conn)?;
    rows.iter().map(from_json).collect()
}

fn one(conn: &mut PgConnection, registry: RegistryId, id: Uuid) -> Result<Option<Webhook>, Error> {
    Ok(list(conn, registry, Some(id))?.into_iter().next())
}

/// Nobody else changes it, or delivers to it, until the transaction ends.
fn lock(conn: &mut PgConnection, registry: RegistryId, id: Uuid) -> Result<(), Error> {
    sql_query("select 1 from webhooks where registry_id = $1 and webhook_id = $2 for update")
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Uuid, _>(id)
        .execute(conn)?;
    Ok(())
}

/// A delivery under way does not count any more where the change touches it.
fn apply(
    conn: &mut PgConnection,
    registry: RegistryId,
    id: Uuid,
    change: &Change,
    now: Timestamp,
) -> Result<(), Error> {
    let set = match change {
        Change::Settings(_) => "url = $4, kinds = $5, entity_id = $6",
        Change::Enabled(true) => {
            "state = 'ACTIVE', disabled_why = '', failures = 0, failing_since = null, due_at = $3"
        }
        Change::Enabled(false) => "state = 'DISABLED', disabled_why = 'by staff'",
        Change::Replay(_) => "cursor = $7, failures = 0, failing_since = null, due_at = $3",
        Change::Secret(..) => "previous = secret, secret = $4, previous_until = $8",
        Change::Delete => "state = 'DELETED', secret = '', previous = null, url = ''",
    };
    let none = Settings { url: String::new(), kinds: Vec::new(), entity: None };
    let settings = if let Change::Settings(settings) = change { settings } else { &none };
    let (text, until) = match change {
        Change::Secret(sealed, until) => (sealed, *until),
        _ => (&settings.url, now),
    };
    let after = if let Change::Replay(after) = change { *after } else { 0 };
    sql_query(format!(
        "with given as (select $3::timestamptz, $4::text, $5::text[], $6::uuid, $7::bigint, $8::timestamptz)
         update webhooks set lease = null, leased_until = '-infinity', {set}
          where registry_id = $1 and webhook_id = $2 and state <> 'DELETED'"
    ))
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Uuid, _>(id)
    .bind::<sql_types::Timestamptz, _>(offset(now))
    .bind::<sql_types::Text, _>(text)
    .bind::<sql_types::Array<sql_types::Text>, _>(&settings.kinds)
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(settings.entity)
    .bind::<sql_types::BigInt, _>(after)
    .bind::<sql_types::Timestamptz, _>(offset(until))
    .execute(conn)?;
    Ok(())
}

/// Who does it, when, and the request that asks for it, where it has an id.
#[derive(Debug, Clone)]
pub struct By {
    pub staff: StaffId,
    pub now: Timestamp,
    pub call: Option<Call>,
}

impl By {
    /// The answer is kept with the change.
    fn keep(
        &self,
        conn: &mut PgConnection,
        registry: RegistryId,
        answer: &Option<Webhook>,
    ) -> Result<(), Error> {
        let Some(call) = &self.call else { return Ok(()) };
        request::keep(conn, registry, self.now, call, answer)
    }
}

impl Store {
    pub async fn webhooks(&self, registry: RegistryId, id: Option<Uuid>) -> Result<Vec<Webhook>, Error> {
        self.read("webhook.list", registry, move |conn| list(conn, registry, id)).await
    }

    /// A new one, which begins after the registry's present epoch.
    pub async fn put_webhook(
        &self,
        registry: RegistryId,
        (id, settings, secret): (Uuid, Settings, String),
        by: By,
    ) -> Result<Option<Webhook>, Error> {
        self.amend("webhook.put", registry, move |conn| {
            sql_query(
                "insert into webhooks (registry_id, webhook_id, url, kinds, entity_id, secret, created_at, cursor, due_at)
                 select $1, $2, $3, $4, $5, $6, $7, epoch, $7 from registry_epochs where registry_id = $1",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Text, _>(&settings.url)
            .bind::<sql_types::Array<sql_types::Text>, _>(&settings.kinds)
            .bind::<sql_types::Nullable<sql_types::Uuid>, _>(settings.entity)
            .bind::<sql_types::Text, _>(&secret)
            .bind::<sql_types::Timestamptz, _>(offset(by.now))
            .execute(conn)?;
            log(conn, registry, id, (by.staff, "CREATED", by.now))?;
            let made = one(conn, registry, id)?;
            by.keep(conn, registry, &made)?;
            Ok(made)
        })
        .await
    }

    /// Changes one that is `seen` as whoever changes it has seen it. None where it is not there any more afterwards.
    pub async fn change_webhook(
        &self,
        registry: RegistryId,
        id: Uuid,
        changes: Vec<Change>,
        by: By,
        seen: impl Fn(&Webhook) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<Option<Webhook>, Error> {
        self.amend("webhook.change", registry, move |conn| {
            lock(conn, registry, id)?;
            let found = one(conn, registry, id)?;
            seen(&found.ok_or_else(|| Error::NotFound(format!("webhook `{id}`")))?)?;
            for change in &changes {
                apply(conn, registry, id, change, by.now)?;
                log(conn, registry, id, (by.staff, &change.what(), by.now))?;
            }
            let changed = one(conn, registry, id)?;
            by.keep(conn, registry, &changed)?;
            Ok(changed)
        })
        .await
    }

    /// Newest first.
    pub async fn webhook_changes(&self, registry: RegistryId, id: Uuid) -> Result<Vec<Changed>, Error> {
        self.read("webhook.changes", registry, move |conn| {
            let rows: Vec<Json> = sql_query(
                "select json_build_object('at', micros(at), 'by', staff_id, 'what', what)::text as value
                   from webhook_changes where registry_id = $1 and webhook_id = $2 order by number desc limit 50",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Uuid, _>(id)
            .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }
}
