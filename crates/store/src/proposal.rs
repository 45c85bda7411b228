//! Drafted changes and their approvals. They are no events: what is executed becomes one, the rest stays here.

use charter_domain::{
    AuthorityId, RegistryId, Timestamp,
    event::Change,
    govern::{
        Measure,
        proposal::{Approval, Proposal, ProposalState},
    },
    policy::{Execute, Permit},
    staff::{Role, StaffId},
};
use diesel::{PgConnection, RunQueryDsl, sql_types};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    find::Between,
    request::{self, Call},
    restricted::Restricted,
    statement::sql_query,
    tx::{Authorship, offset},
};

/// A proposal as it is kept, with what is not part of the draft itself.
#[derive(Debug, Clone)]
pub struct Kept {
    pub proposal: Proposal,
    /// About natural persons; becomes the restricted part of the event.
    pub restricted: Option<Restricted>,
    pub closed_why: String,
    /// The event, once executed.
    pub seq: Option<i64>,
    /// The event by which reasons and restricted part were erased.
    pub erased: Option<i64>,
}

#[derive(Deserialize)]
struct Row {
    id: Uuid,
    authority: AuthorityId,
    revision: u32,
    change: Change,
    restricted: Option<Restricted>,
    reason: String,
    proposer: StaffId,
    base: i64,
    quorum: u8,
    created: i64,
    expires: i64,
    state: String,
    why: Option<String>,
    seq: Option<i64>,
    commitment: Option<String>,
    erased: Option<i64>,
    approvals: Option<Vec<RowApproval>>,
}
#[derive(Deserialize)]
struct RowApproval {
    by: StaffId,
    role: Role,
    over: String,
    at: i64,
}

const SQL: &str = "select json_build_object('id', p.proposal_id, 'authority', r.authority_id, 'revision', p.revision,
    'change', p.change, 'restricted', p.restricted, 'reason', p.reason, 'proposer', p.proposer, 'base', p.base,
    'quorum', p.quorum, 'created', micros(p.created_at), 'expires', micros(p.expires_at), 'state', p.state,
    'why', p.closed_why, 'seq', p.seq, 'commitment', p.commitment, 'erased', p.erased,
    'approvals', (select json_agg(json_build_object('by', a.by_staff, 'role', a.role, 'over', a.over_hash, 'at', micros(a.at))
                                  order by a.at, a.by_staff)
                    from approvals a where a.registry_id = p.registry_id and a.proposal_id = p.proposal_id
                     and a.revision = p.revision))::text as value
  from proposals p join registries r using (registry_id) where p.registry_id = $1";

fn kept(row: &Json) -> Result<Kept, Error> {
    let row: Row = from_json(row)?;
    let approval =
        |a: RowApproval| Approval { by: a.by, role: a.role, over: a.over, at: Timestamp::from_micros(a.at) };
    Ok(Kept {
        proposal: Proposal {
            id: row.id,
            registry: row.authority,
            revision: row.revision,
            // Of what is there; only of what was erased is the commitment all that is left.
            restricted: match &row.restricted {
                Some(restricted) => Some(restricted.commitment()?),
                None => row.commitment.filter(|_| row.erased.is_some()),
            },
            change: row.change,
            proposer: row.proposer,
            reason: row.reason,
            base: row.base,
            quorum: row.quorum,
            created_at: Timestamp::from_micros(row.created),
            expires_at: Timestamp::from_micros(row.expires),
            state: ProposalState::parse(&row.state)?,
            approvals: row.approvals.unwrap_or_default().into_iter().map(approval).collect(),
        },
        restricted: row.restricted,
        closed_why: row.why.unwrap_or_default(),
        seq: row.seq,
        erased: row.erased,
    })
}

fn find(conn: &mut PgConnection, registry: RegistryId, id: Uuid) -> Result<Option<Kept>, Error> {
    let rows: Vec<Json> = sql_query(format!("{SQL} and p.proposal_id = $2"))
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Uuid, _>(id)
        .load(conn)?;
    rows.first().map(kept).transpose()
}

/// Where a page of proposals starts: after one of that instant and id.
pub type Cursor = (Timestamp, Uuid);

/// Conditions of a list; an absent one is met by all.
#[derive(Debug, Clone, Default)]
pub struct Sought {
    pub state: Option<ProposalState>,
    pub proposer: Option<StaffId>,
    pub created_at: Between,
}

impl Store {
    pub async fn proposal(&self, registry: RegistryId, id: Uuid) -> Result<Option<Kept>, Error> {
        self.read("proposal.get", registry, move |conn| find(conn, registry, id)).await
    }

    /// Newest first.
    pub async fn proposals(
        &self,
        registry: RegistryId,
        sought: Sought,
        after: Option<Cursor>,
        limit: i64,
    ) -> Result<Vec<Kept>, Error> {
        let sql = format!(
            "{SQL} and ($2 is null or $2 = case when p.state = 'OPEN' and p.expires_at <= $6 then 'EXPIRED' else p.state end)
               and ($3 is null or (p.created_at, p.proposal_id) < ($3, $4))
               and ($7 is null or p.proposer = $7)
               and ($8 is null or p.created_at >= $8) and ($9 is null or p.created_at < $9)
               order by p.created_at desc, p.proposal_id desc limit $5"
        );
        let now = offset(self.now());
        self.read("proposal.list", registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Nullable<sql_types::Text>, _>(sought.state.map(ProposalState::code))
                .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(after.map(|c| offset(c.0)))
                .bind::<sql_types::Uuid, _>(after.map_or(Uuid::nil(), |c| c.1))
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<sql_types::Timestamptz, _>(now)
                .bind::<sql_types::Nullable<sql_types::BigInt>, _>(sought.proposer.map(|id| id.0))
                .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(sought.created_at.from.map(offset))
                .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(sought.created_at.until.map(offset))
                .load(conn)?;
            rows.iter().map(kept).collect()
        })
        .await
    }

    /// Keeps a draft, and what its proposer is answered.
    pub async fn put_proposal<A: serde::Serialize + Send + Sync + 'static>(
        &self,
        registry: RegistryId,
        proposal: Proposal,
        restricted: Option<Restricted>,
        kept: Option<(Call, A)>,
    ) -> Result<(), Error> {
        let now = self.now();
        self.amend("proposal.put", registry, move |conn| {
            insert(conn, registry, &proposal, restricted.as_ref())?;
            kept.as_ref().map_or(Ok(()), |(call, answer)| request::keep(conn, registry, now, call, answer))
        })
        .await
    }
}

fn insert(
    conn: &mut PgConnection,
    registry: RegistryId,
    proposal: &Proposal,
    restricted: Option<&Restricted>,
) -> Result<(), Error> {
    sql_query(
        "insert into proposals (registry_id, proposal_id, revision, change, restricted, reason, proposer, base, quorum,
                                hash, created_at, expires_at, subject, commitment, measure)
         values ($1, $2, $3, $4::jsonb, $5::jsonb, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Uuid, _>(proposal.id)
    .bind::<sql_types::Integer, _>(i32::try_from(proposal.revision).unwrap_or(i32::MAX))
    .bind::<sql_types::Text, _>(json(&proposal.change)?)
    .bind::<sql_types::Nullable<sql_types::Text>, _>(restricted.map(serde_json::to_string).transpose().map_err(internal)?)
    .bind::<sql_types::Text, _>(&proposal.reason)
    .bind::<sql_types::BigInt, _>(proposal.proposer.0)
    .bind::<sql_types::BigInt, _>(proposal.base)
    .bind::<sql_types::SmallInt, _>(i16::from(proposal.quorum))
    .bind::<sql_types::Text, _>(proposal.hash()?)
    .bind::<sql_types::Timestamptz, _>(offset(proposal.created_at))
    .bind::<sql_types::Timestamptz, _>(offset(proposal.expires_at))
    .bind::<sql_types::Text, _>(proposal.change.subject())
    .bind::<sql_types::Nullable<sql_types::Text>, _>(proposal.restricted.as_deref())
    .bind::<sql_types::Text, _>(measure(proposal))
    .execute(conn)?;
    Ok(())
}

fn measure(proposal: &Proposal) -> &'static str {
    Measure::of(&proposal.change).map_or("", Measure::code)
}

fn json(change: &Change) -> Result<String, Error> {
    serde_json::to_string(change).map_err(internal)
}

fn internal(e: impl std::fmt::Display) -> Error {
    Error::Internal(e.to_string())
}

impl Tx<'_> {
    pub fn proposal(&mut self, id: Uuid) -> Result<Option<Kept>, Error> {
        find(self.conn, self.registry, id)
    }

    /// The last event about a subject; 0 when there is none. A proposal that was drafted before it is out of date.
    pub fn subject_seq(&mut self, subject: &str) -> Result<i64, Error> {
        subject_seq(self.conn, self.registry, subject)
    }

    /// Puts the next revision in the place of the one before.
    pub fn put_revision(
        &mut self,
        proposal: &Proposal,
        restricted: Option<&Restricted>,
    ) -> Result<(), Error> {
        sql_query(
            "update proposals set revision = $3, change = $4::jsonb, restricted = $5::jsonb, reason = $6, base = $7,
                    quorum = $8, hash = $9, subject = $10, commitment = $11, measure = $12
              where registry_id = $1 and proposal_id = $2",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Uuid, _>(proposal.id)
        .bind::<sql_types::Integer, _>(i32::try_from(proposal.revision).unwrap_or(i32::MAX))
        .bind::<sql_types::Text, _>(json(&proposal.change)?)
        .bind::<sql_types::Nullable<sql_types::Text>, _>(
            restricted.map(serde_json::to_string).transpose().map_err(internal)?,
        )
        .bind::<sql_types::Text, _>(&proposal.reason)
        .bind::<sql_types::BigInt, _>(proposal.base)
        .bind::<sql_types::SmallInt, _>(i16::from(proposal.quorum))
        .bind::<sql_types::Text, _>(proposal.hash()?)
        .bind::<sql_types::Text, _>(proposal.change.subject())
        .bind::<sql_types::Nullable<sql_types::Text>, _>(proposal.restricted.as_deref())
        .bind::<sql_types::Text, _>(measure(proposal))
        .execute(self.conn)?;
        Ok(())
    }

    /// Keeps an approval. The database checks again that it is another person's, and over what the proposal says.
    pub fn put_approval(&mut self, proposal: &Proposal, approval: &Approval) -> Result<(), Error> {
        sql_query("insert into approvals values ($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::Uuid, _>(proposal.id)
            .bind::<sql_types::Integer, _>(i32::try_from(proposal.revision).unwrap_or(i32::MAX))
            .bind::<sql_types::BigInt, _>(approval.by.0)
            .bind::<sql_types::BigInt, _>(proposal.proposer.0)
            .bind::<sql_types::Text, _>(approval.role.code())
            .bind::<sql_types::Text, _>(&approval.over)
            .bind::<sql_types::Timestamptz, _>(offset(approval.at))
            .execute(self.conn)?;
        Ok(())
    }

    /// Records what enough have approved, as one event; returns its seq.
    pub fn execute(
        &mut self,
        permit: &Permit<Execute>,
        kept: &Kept,
        approvals: &[Approval],
    ) -> Result<i64, Error> {
        let proposal = &kept.proposal;
        let approved: Vec<_> = approvals.iter().map(Approval::public).collect();
        let authorship = Authorship {
            actor: proposal.proposer.0,
            approvals: &approved,
            proposal: Some(proposal.id),
            restricted: kept.restricted.as_ref(),
        };
        let seq = self.record_by(permit, std::slice::from_ref(&proposal.change), &authorship)?;
        self.close(proposal.id, ProposalState::Executed, None, Some(seq))?;
        Ok(seq)
    }

    /// Ends a proposal without a change.
    pub fn close_proposal(
        &mut self,
        id: Uuid,
        state: ProposalState,
        by: StaffId,
        why: &str,
    ) -> Result<(), Error> {
        self.close(id, state, Some((by, why)), None)
    }

    fn close(
        &mut self,
        id: Uuid,
        state: ProposalState,
        by: Option<(StaffId, &str)>,
        seq: Option<i64>,
    ) -> Result<(), Error> {
        sql_query(
            "update proposals set state = $3, closed_by = $4, closed_why = $5, seq = $6
              where registry_id = $1 and proposal_id = $2",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Text, _>(state.code())
        .bind::<sql_types::Nullable<sql_types::BigInt>, _>(by.map(|b| b.0.0))
        .bind::<sql_types::Nullable<sql_types::Text>, _>(by.map(|b| b.1))
        .bind::<sql_types::Nullable<sql_types::BigInt>, _>(seq)
        .execute(self.conn)?;
        Ok(())
    }
}

#[derive(diesel::QueryableByName)]
struct Seq {
    #[diesel(sql_type = sql_types::BigInt)]
    value: i64,
}

fn subject_seq(conn: &mut PgConnection, registry: RegistryId, subject: &str) -> Result<i64, Error> {
    let seq = crate::event::SEQ;
    let row: Seq = sql_query(format!(
        "select coalesce(max({seq}), 0) as value from events where registry_id = $1 and subject = $2"
    ))
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Text, _>(subject)
    .get_result(conn)?;
    Ok(row.value)
}

impl Store {
    pub async fn subject_seq(&self, registry: RegistryId, subject: String) -> Result<i64, Error> {
        self.read("event.subject", registry, move |conn| subject_seq(conn, registry, &subject)).await
    }
}
