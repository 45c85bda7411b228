//! Arriving: rows are written as they come, and believed only when events, tables and head say the same. One
//! transaction: the registry is there as it left, or nothing has changed.

use charter_domain::{Invalid, RegistryId, Timestamp};
use diesel::{
    Connection, OptionalExtension, PgConnection, QueryableByName, RunQueryDsl, connection::SimpleConnection,
    sql_types,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{Number, Row, Subject, Table, Text, enter, lock, newest, refused, set_moved, table};
use crate::{
    Error, event_chain,
    key::{self, Opening},
    migrate,
    statement::sql_query,
    tx::offset,
};

/// Leaf hashes in memory at once.
const LEAVES: i64 = 5_000;

/// What this site had of the registry before: a copy of a time when it left, or nothing.
struct Before {
    epoch: i64,
    head: Option<String>,
    published: i64,
}

/// A registry on its way in.
pub struct Arrival<'c> {
    conn: &'c mut PgConnection,
    pub registry: RegistryId,
    subject: Subject,
    tables: Vec<Table>,
    before: Option<Before>,
    writing: Option<Table>,
}

#[derive(QueryableByName)]
struct Bytes {
    #[diesel(sql_type = sql_types::Binary)]
    value: Vec<u8>,
}

/// How far the log of an arriving registry was, and what of it was published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Log {
    pub size: u64,
    /// In hexadecimal.
    pub root: String,
    pub published_size: u64,
    pub checkpoint: Option<String>,
    /// Verifier key in use (C2SP signed-note).
    pub vkey: Option<String>,
}

fn damaged(why: impl Into<String>) -> Error {
    Invalid::new("archive", why).into()
}

/// Lets `work` write an arriving registry, and commits what it has written if it succeeds. The registry stays fenced.
///
/// # Errors
/// `Refused` where the registry is served from here, or was imported from this move before.
pub fn arrive<T>(
    owner_url: &str,
    subject: &Subject,
    when: (Uuid, Timestamp),
    work: impl FnOnce(&mut Arrival<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.transaction(|conn| arrive_on(conn, subject, when, work))
}

/// The same within a transaction.
pub(super) fn arrive_on<T>(
    conn: &mut PgConnection,
    subject: &Subject,
    (rehome, now): (Uuid, Timestamp),
    work: impl FnOnce(&mut Arrival<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let known = known(conn, subject)?;
    let registry = match known {
        Some(registry) => registry,
        None => insert(conn, subject)?,
    };
    enter(conn, registry)?;
    let before = match known {
        Some(_) => Some(before(conn, registry, rehome)?),
        None => None,
    };
    conn.batch_execute("set local app.refill = 'on'")?;
    let tables = table::all(conn)?;
    for table in tables.iter().rev().filter(|_| before.is_some()) {
        conn.batch_execute(&table.emptying())?;
    }
    set_moved(conn, registry, Some(now))?;
    let (subject, writing) = (subject.clone(), None);
    let mut arrival = Arrival { conn, registry, subject, tables, before, writing };
    let done = work(&mut arrival)?;
    arrival.conn.batch_execute("set local app.refill = ''")?;
    Ok(done)
}

fn known(conn: &mut PgConnection, subject: &Subject) -> Result<Option<RegistryId>, Error> {
    let found: Option<Number> =
        sql_query("select registry_id::bigint as value from registries where authority_id = $1")
            .bind::<sql_types::Text, _>(&subject.authority)
            .get_result(conn)
            .optional()?;
    let id = found.map(|row| i32::try_from(row.value)).transpose();
    Ok(id.map_err(|e| Error::Internal(e.to_string()))?.map(RegistryId))
}

fn insert(conn: &mut PgConnection, subject: &Subject) -> Result<RegistryId, Error> {
    let made: Number = sql_query(
        "insert into registries (authority_id, entity_identifier, slug, name, jurisdiction, phase, history_since)
           values ($1, $2, $3, $4, $5, $6, $7::timestamptz) returning registry_id::bigint as value",
    )
    .bind::<sql_types::Text, _>(&subject.authority)
    .bind::<sql_types::Text, _>(&subject.entity_identifier)
    .bind::<sql_types::Text, _>(&subject.slug)
    .bind::<sql_types::Text, _>(&subject.name)
    .bind::<sql_types::Text, _>(&subject.jurisdiction)
    .bind::<sql_types::Text, _>(&subject.phase)
    .bind::<sql_types::Text, _>(&subject.history_since)
    .get_result(conn)?;
    let registry = RegistryId(i32::try_from(made.value).map_err(|e| Error::Internal(e.to_string()))?);
    sql_query("insert into registry_epochs (registry_id, epoch, moved_at) values ($1, 0, now())")
        .bind::<sql_types::Integer, _>(registry.0)
        .execute(conn)?;
    Ok(registry)
}

/// A copy from before is replaced only where it is not served, and this move is another one.
fn before(conn: &mut PgConnection, registry: RegistryId, rehome: Uuid) -> Result<Before, Error> {
    let epoch = lock(conn, registry)?;
    let fenced: Number = sql_query(
        "select count(*) as value from registry_epochs where registry_id = $1 and moved_at is not null",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .get_result(conn)?;
    if newest(conn, registry, "IN")?.is_some_and(|end| end.rehome_id == rehome) {
        return Err(refused("this archive was imported here before"));
    }
    if fenced.value == 0 {
        return Err(refused("the registry is served from this database: a move ends where it is not"));
    }
    let head: Option<Text> =
        sql_query("select encode(head, 'hex') as value from registry_epochs where registry_id = $1 and head is not null")
            .bind::<sql_types::Integer, _>(registry.0)
            .get_result(conn)
            .optional()?;
    Ok(Before { epoch, head: head.map(|row| row.value), published: published(conn, registry)? })
}

/// Entries that its log has published, as far as this database knows.
fn published(conn: &mut PgConnection, registry: RegistryId) -> Result<i64, Error> {
    let row: Number = sql_query(
        "select coalesce(max(published_size), 0)::bigint as value from log_heads where registry_id = $1",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .get_result(conn)?;
    Ok(row.value)
}

impl Arrival<'_> {
    /// The rows that follow are of this table, which must be here as it was there.
    pub fn table(&mut self, table: Table) -> Result<(), Error> {
        if !self.tables.contains(&table) {
            return Err(damaged(format!(
                "has a table `{}` that is another here: bring both databases to one version (`charterd migrate`) and \
                 export again",
                table.name
            )));
        }
        self.writing = Some(table);
        Ok(())
    }

    /// Writes rows of the table; `reseal` takes what is sealed from the transport's key to this site's.
    pub fn rows(
        &mut self,
        rows: Vec<Row>,
        reseal: &dyn Fn(&str) -> Result<String, Error>,
    ) -> Result<(), Error> {
        let table = self.writing.as_ref().ok_or_else(|| damaged("has rows of no table"))?;
        let mut texts = Vec::with_capacity(rows.len());
        for row in rows {
            let sealed = row.sealed.iter().map(|one| reseal(one)).collect::<Result<Vec<_>, _>>()?;
            let text = if table.seals() {
                row.filled(&sealed)
            } else {
                Some(row.text).filter(|_| sealed.is_empty())
            };
            texts.push(text.ok_or_else(|| damaged("has a row with a secret too many or too few"))?);
        }
        sql_query(table.writing())
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::Array<sql_types::Text>, _>(texts)
            .execute(self.conn)?;
        Ok(())
    }

    /// After the last row: events are the ones that were recorded, the tables are what follows from them, and what was
    /// here before is the beginning of it.
    pub fn check(&mut self) -> Result<(), Error> {
        self.set_head()?;
        if let Some(fault) = event_chain::fault(self.conn, self.registry.0)? {
            return Err(damaged(format!("holds events that are not those that were recorded: {fault}")));
        }
        let stated = self.fingerprint()?;
        sql_query("call rebuild($1)").bind::<sql_types::Integer, _>(self.registry.0).execute(self.conn)?;
        if self.fingerprint()? != stated {
            return Err(damaged("holds tables that do not follow from its events"));
        }
        self.continues()?;
        self.sequences()
    }

    fn set_head(&mut self) -> Result<(), Error> {
        let s = &self.subject;
        sql_query(
            "update registry_epochs set epoch = $2, head = nullif(decode($3, 'hex'), ''::bytea), recorded_at = $4::timestamptz
              where registry_id = $1",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::BigInt, _>(s.epoch)
        .bind::<sql_types::Text, _>(&s.head)
        .bind::<sql_types::Text, _>(&s.recorded_at)
        .execute(self.conn)?;
        sql_query("update registries set phase = $2, name = $3, jurisdiction = $4 where registry_id = $1")
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::Text, _>(&s.phase)
            .bind::<sql_types::Text, _>(&s.name)
            .bind::<sql_types::Text, _>(&s.jurisdiction)
            .execute(self.conn)?;
        Ok(())
    }

    fn fingerprint(&mut self) -> Result<String, Error> {
        let row: Text = sql_query("select fingerprint($1) as value")
            .bind::<sql_types::Integer, _>(self.registry.0)
            .get_result(self.conn)?;
        Ok(row.value)
    }

    /// Nothing that was known here is forgotten or another.
    fn continues(&mut self) -> Result<(), Error> {
        let Some(before) = &self.before else { return Ok(()) };
        let here: Option<Text> = sql_query(
            "select encode(leaf_hash, 'hex') as value from events where registry_id = $1 and seq = $2",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::BigInt, _>(before.epoch)
        .get_result(self.conn)
        .optional()?;
        if here.map(|row| row.value) != before.head {
            return Err(damaged("does not begin with the events that this database has of the registry"));
        }
        if published(self.conn, self.registry)? < before.published {
            return Err(damaged("has less of the log published than this database"));
        }
        Ok(())
    }

    /// Numbers that this database gives go on above those that came.
    fn sequences(&mut self) -> Result<(), Error> {
        self.conn.batch_execute(
            "do $$ declare c record; n bigint; begin
               for c in select t.relname::text as t, a.attname::text as a,
                               pg_get_serial_sequence('public.' || quote_ident(t.relname), a.attname)::regclass as s
                          from pg_attribute a join pg_class t on t.oid = a.attrelid
                         where a.attidentity <> '' and t.relkind = 'r' and t.relnamespace = 'public'::regnamespace
                           and t.relname not in ('registries') loop
                 execute format('select max(%I) from %I', c.a, c.t) into n;
                 if n > coalesce(pg_sequence_last_value(c.s), 0) then
                   perform setval(c.s, n);
                 end if;
               end loop;
             end $$",
        )?;
        Ok(())
    }

    /// What is needed to open the registry's keys here.
    pub fn opening(&mut self) -> Result<Opening, Error> {
        key::opening(self.conn, self.registry)
    }

    /// Where its log was.
    pub fn log(&mut self) -> Result<Option<Log>, Error> {
        let row: Option<Text> = sql_query(
            "select json_build_object('size', h.size, 'root', encode(h.root, 'hex'), 'published_size', h.published_size,
               'checkpoint', h.checkpoint, 'vkey', (select k.vkey from log_keys k where k.registry_id = h.registry_id
                  and k.purpose = 'log' and k.generation = h.generation))::text as value
               from log_heads h where h.registry_id = $1",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .get_result(self.conn)
        .optional()?;
        let parse = |row: Text| serde_json::from_str(&row.value).map_err(|e| Error::Internal(e.to_string()));
        row.map(parse).transpose()
    }

    /// The leaf of every event, in order.
    pub fn leaves(&mut self, mut each: impl FnMut([u8; 32]) -> Result<(), Error>) -> Result<(), Error> {
        let mut after = 0_i64;
        loop {
            let rows: Vec<Bytes> = sql_query(
                "select leaf_hash as value from events where registry_id = $1 and seq > $2 order by seq limit $3",
            )
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::BigInt, _>(after)
            .bind::<sql_types::BigInt, _>(LEAVES)
            .load(self.conn)?;
            if rows.is_empty() {
                return Ok(());
            }
            after += i64::try_from(rows.len()).map_err(|e| Error::Internal(e.to_string()))?;
            for row in rows {
                let leaf = row.value.try_into().map_err(|_| damaged("has a leaf that is no SHA-256"))?;
                each(leaf)?;
            }
        }
    }

    /// Notes the arrival: it starts when who has finished shows the code behind `release_sha256`.
    pub fn note(
        &mut self,
        rehome: Uuid,
        (receipt, release_sha256): (&str, &str),
        now: Timestamp,
    ) -> Result<(), Error> {
        sql_query(
            "insert into rehomes (registry_id, rehome_id, way, state, allowed, epoch, receipt, release_sha256, at)
               values ($1, $2, 'IN', 'IMPORTED', 0, $3, $4, $5, $6)",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Uuid, _>(rehome)
        .bind::<sql_types::BigInt, _>(self.subject.epoch)
        .bind::<sql_types::Text, _>(receipt)
        .bind::<sql_types::Text, _>(release_sha256)
        .bind::<sql_types::Timestamptz, _>(offset(now))
        .execute(self.conn)?;
        Ok(())
    }
}
