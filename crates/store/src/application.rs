//! What other registries have applied for. No record: what is made of it becomes a proposal.

use charter_domain::{
    AuthorityId, HttpsId, RegistryId, Timestamp,
    application::{ApplicationState, Course, KEPT, LIFETIME, MAX_OPEN, ProposalCourse, Purpose},
    policy::Refusal,
    staff::StaffId,
};
use diesel::{PgConnection, RunQueryDsl, sql_types};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Error, Store,
    entity::{Json, from_json},
    statement::sql_query,
    tx::offset,
};

/// Most that a list shows: the newest.
const LISTED: i64 = 500;

/// One that arrived, its signature verified.
#[derive(Debug, Clone)]
pub struct NewApplication {
    pub id: Uuid,
    pub purpose: Purpose,
    /// Counts once.
    pub jti: Uuid,
    pub applicant: AuthorityId,
    pub entity_identifier: HttpsId,
    /// The key that signed it.
    pub kid: String,
    /// As it arrived, a compact JWS.
    pub signed: String,
}

/// One as it is kept.
#[derive(Debug, Clone)]
pub struct Application {
    pub id: Uuid,
    pub purpose: Purpose,
    pub applicant: AuthorityId,
    pub entity_identifier: HttpsId,
    pub kid: String,
    pub signed: String,
    pub received_at: Timestamp,
    pub expires_at: Timestamp,
    pub proposal: Option<Uuid>,
    /// The event that its proposal became.
    pub seq: Option<i64>,
    pub refused_why: String,
    course: Course,
}

impl Application {
    pub fn state(&self, now: Timestamp) -> ApplicationState {
        self.course.state(now)
    }
}

#[derive(Deserialize)]
struct Row {
    id: Uuid,
    purpose: String,
    applicant: AuthorityId,
    entity: HttpsId,
    kid: String,
    signed: String,
    received: i64,
    expires: i64,
    refused: bool,
    why: String,
    proposal: Option<Uuid>,
    state: Option<String>,
    until: Option<i64>,
    seq: Option<i64>,
}

const SQL: &str =
    "select json_build_object('id', a.application_id, 'purpose', a.purpose, 'applicant', a.applicant,
    'entity', a.entity_identifier, 'kid', a.kid, 'signed', a.signed, 'received', micros(a.received_at),
    'expires', micros(a.expires_at), 'refused', a.refused_at is not null, 'why', a.refused_why,
    'proposal', a.proposal_id, 'state', p.state, 'until', micros(p.expires_at), 'seq', p.seq)::text as value
  from applications a left join proposals p on p.registry_id = a.registry_id and p.proposal_id = a.proposal_id
 where a.registry_id = $1";

fn parsed(row: &Json) -> Result<Application, Error> {
    let row: Row = from_json(row)?;
    let expires_at = Timestamp::from_micros(row.expires);
    let proposal = row.state.as_deref().map(|state| match state {
        "EXECUTED" => ProposalCourse::Executed,
        "OPEN" => ProposalCourse::Open(row.until.map_or(expires_at, Timestamp::from_micros)),
        _ => ProposalCourse::Closed,
    });
    Ok(Application {
        id: row.id,
        purpose: Purpose::parse(&row.purpose)?,
        applicant: row.applicant,
        entity_identifier: row.entity,
        kid: row.kid,
        signed: row.signed,
        received_at: Timestamp::from_micros(row.received),
        expires_at,
        proposal: row.proposal,
        seq: row.seq,
        refused_why: row.why,
        course: Course { expires_at, refused: row.refused, proposal },
    })
}

fn find(conn: &mut PgConnection, registry: RegistryId, id: Uuid) -> Result<Option<Application>, Error> {
    let rows: Vec<Json> = sql_query(format!("{SQL} and a.application_id = $2"))
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Uuid, _>(id)
        .load(conn)?;
    rows.first().map(parsed).transpose()
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    value: i64,
}

/// Those that wait.
#[derive(diesel::QueryableByName)]
struct Waiting {
    #[diesel(sql_type = sql_types::BigInt)]
    everybody: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    own: i64,
}

/// Of everybody, and of one key.
fn waiting(
    conn: &mut PgConnection,
    registry: RegistryId,
    kid: &str,
    now: Timestamp,
) -> Result<Waiting, Error> {
    let found = sql_query(
        "select count(*) as everybody, count(*) filter (where a.kid = $3) as own from applications a
          where a.registry_id = $1 and a.expires_at > $2 and a.refused_at is null
            and not exists (select from proposals p where p.registry_id = a.registry_id
                               and p.proposal_id = a.proposal_id and p.state = 'EXECUTED')",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Timestamptz, _>(offset(now))
    .bind::<sql_types::Text, _>(kid)
    .get_result(conn)?;
    Ok(found)
}

fn insert(
    conn: &mut PgConnection,
    registry: RegistryId,
    new: &NewApplication,
    now: Timestamp,
) -> Result<(), Error> {
    sql_query(
        "insert into applications (registry_id, application_id, purpose, jti, applicant, entity_identifier, kid, signed,
                                   received_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Uuid, _>(new.id)
    .bind::<sql_types::Text, _>(new.purpose.code())
    .bind::<sql_types::Uuid, _>(new.jti)
    .bind::<sql_types::Text, _>(new.applicant.as_str())
    .bind::<sql_types::Text, _>(new.entity_identifier.as_str())
    .bind::<sql_types::Text, _>(&new.kid)
    .bind::<sql_types::Text, _>(&new.signed)
    .bind::<sql_types::Timestamptz, _>(offset(now))
    .bind::<sql_types::Timestamptz, _>(offset(now.plus(LIFETIME)))
    .execute(conn)?;
    Ok(())
}

impl Store {
    /// Keeps one that arrived.
    ///
    /// # Errors
    /// A conflict where its `jti` was seen before; refused where another of its key waits, or too many wait.
    pub async fn put_application(
        &self,
        registry: RegistryId,
        new: NewApplication,
    ) -> Result<Application, Error> {
        let now = self.now();
        self.amend("application.put", registry, move |conn| {
            // What was sent before is said to be that, whatever else waits.
            insert(conn, registry, &new, now)?;
            let waiting = waiting(conn, registry, &new.kid, now)?;
            if waiting.own > 1 {
                let text = "an application under this key waits already: ask for its state";
                return Err(Refusal::Illegal(text.to_owned()).into());
            }
            if waiting.everybody > MAX_OPEN {
                let text = "too many applications wait here: ask the registry by another way";
                return Err(Refusal::Illegal(text.to_owned()).into());
            }
            find(conn, registry, new.id)?.ok_or_else(|| Error::Internal("not kept".to_owned()))
        })
        .await
    }

    /// Forgets those that were over long ago; how many.
    pub async fn forget_applications(&self, registry: RegistryId) -> Result<i64, Error> {
        let before = self.now().minus(KEPT);
        self.amend("application.forget", registry, move |conn| {
            let gone: Count = sql_query("select forget_applications($1, $2) as value")
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Timestamptz, _>(offset(before))
                .get_result(conn)?;
            Ok(gone.value)
        })
        .await
    }

    pub async fn application(&self, registry: RegistryId, id: Uuid) -> Result<Option<Application>, Error> {
        self.read("application.get", registry, move |conn| find(conn, registry, id)).await
    }

    /// Newest first.
    pub async fn applications(&self, registry: RegistryId) -> Result<Vec<Application>, Error> {
        let sql = format!("{SQL} order by a.received_at desc, a.application_id desc limit {LISTED}");
        self.read("application.list", registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql).bind::<sql_types::Integer, _>(registry.0).load(conn)?;
            rows.iter().map(parsed).collect()
        })
        .await
    }

    /// A proposal was made of it.
    pub async fn application_proposed(
        &self,
        registry: RegistryId,
        id: Uuid,
        proposal: Uuid,
    ) -> Result<(), Error> {
        self.amend("application.proposed", registry, move |conn| {
            sql_query(
                "update applications set proposal_id = $3
                  where registry_id = $1 and application_id = $2 and refused_at is null",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Uuid, _>(proposal)
            .execute(conn)?;
            Ok(())
        })
        .await
    }

    /// Refuses one that waits; false where it does not.
    pub async fn refuse_application(
        &self,
        registry: RegistryId,
        id: Uuid,
        (by, why): (StaffId, String),
    ) -> Result<bool, Error> {
        let now = self.now();
        self.amend("application.refuse", registry, move |conn| {
            let changed = sql_query(
                "update applications a set refused_at = $3, refused_by = $4, refused_why = $5
                  where a.registry_id = $1 and a.application_id = $2 and a.refused_at is null and a.expires_at > $3
                    and not exists (select from proposals p where p.registry_id = a.registry_id
                           and p.proposal_id = a.proposal_id
                           and (p.state = 'EXECUTED' or (p.state = 'OPEN' and p.expires_at > $3)))",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Timestamptz, _>(offset(now))
            .bind::<sql_types::BigInt, _>(by.0)
            .bind::<sql_types::Text, _>(&why)
            .execute(conn)?;
            Ok(changed == 1)
        })
        .await
    }
}
