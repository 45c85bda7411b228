//! Fair procedures: reading them, and drafting their steps.

use charter_domain::{
    Invalid, RegistryId, Timestamp,
    event::{Change, CourtRuled, ProcedureClosed, ProcedureHeard, ProcedureOpened, StatusChanged},
    govern::hearing,
    policy::{self, Action},
    procedure::{Procedure, Ruling},
    staff::Staff,
    status::{Reach, State, Status},
};
use charter_store::{Tx, restricted::Restricted};
use serde_json::json;

use super::{
    entity::domain,
    govern::wish::{ChangeStatus, CloseProcedure, CourtRuling, HearProcedure, OpenProcedure},
};
use crate::{App, Error, hosted::Tenant};

/// Bytes of a reply, and of a text that an event holds.
const MAX_REPLY: usize = 10_000;
const MAX_TEXT: usize = 1_024;

pub async fn get(app: &App, staff: &Staff, registry: RegistryId, id: i64) -> Result<Procedure, Error> {
    policy::allow(staff, Action::ReadProposals)?;
    find(app, registry, id).await
}

/// Newest first, those about an entity where one is given; `before` is the number that the page before ended with.
pub async fn list(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    entity: &str,
    (before, limit): (i64, i64),
) -> Result<Vec<Procedure>, Error> {
    policy::allow(staff, Action::ReadProposals)?;
    let entity = match entity {
        "" => None,
        id => Some(super::entity::get(app, registry, id).await?.entity_id),
    };
    Ok(app.store.procedures(registry, entity, before, limit).await?)
}

/// Where a page of procedures ended: 0 before the first.
pub fn cursor(text: Option<&String>) -> Result<i64, Invalid> {
    let bad = |_| Invalid::new("page_token", "is not one that this list gave");
    text.map_or(Ok(0), |number| number.parse().map_err(bad))
}

async fn find(app: &App, registry: RegistryId, id: i64) -> Result<Procedure, Error> {
    app.store.procedure(registry, id).await?.ok_or_else(|| Error::not_found("procedure", id))
}

/// A text that becomes public.
pub fn text(field: &str, text: &str, most: usize) -> Result<String, Invalid> {
    if text.trim().is_empty() || text.len() > most || text.chars().any(char::is_control) {
        let reason = format!("must be 1 to {most} bytes without control characters");
        return Err(Invalid::new(field, reason));
    }
    Ok(text.to_owned())
}

pub async fn open(app: &App, tenant: &Tenant, w: OpenProcedure, now: Timestamp) -> Result<Change, Error> {
    let of = ChangeStatus {
        entity_id: w.entity_id,
        accreditation_id: w.accreditation_id,
        statement_id: w.statement_id,
        ..ChangeStatus::default()
    };
    let (target, target_id) = super::govern::target(app, tenant, &of).await?;
    let owner = app.store.owner(tenant.registry.id, (target, target_id.clone())).await?;
    let entity_id = owner.ok_or_else(|| Error::not_found(target.as_str(), &target_id))?;
    let reach = match w.reach.as_str() {
        "" => None,
        text => Some(Reach::parse(text)?),
    };
    Ok(Change::ProcedureOpened(ProcedureOpened {
        target,
        target_id,
        entity_id,
        state: State::parse(&w.state).map_err(|e| e.at("state"))?,
        reach,
        reason: super::status::code(&w.code).map_err(|e| e.at("code"))?,
        legal_basis: text("legal_basis", &w.legal_basis, MAX_TEXT)?,
        served_on: w.served_on.unwrap_or(now),
        reply_by: w.reply_by.ok_or_else(|| Invalid::new("reply_by", "must be given"))?,
    }))
}

/// What the reply says is restricted.
pub async fn hear(
    app: &App,
    tenant: &Tenant,
    w: HearProcedure,
    now: Timestamp,
) -> Result<(Change, Restricted), Error> {
    let entity_id = find(app, tenant.registry.id, w.procedure_id).await?.opened.entity_id;
    let lines = w.reply.chars().any(|c| c.is_control() && c != '\n');
    if w.reply.trim().is_empty() || w.reply.len() > MAX_REPLY || lines {
        let reason = format!("must be 1 to {MAX_REPLY} bytes, without control characters but line feeds");
        return Err(Invalid::new("reply", reason).into());
    }
    let received_on = w.received_on.unwrap_or(now);
    let heard = ProcedureHeard { procedure: w.procedure_id, entity_id, received_on };
    Ok((Change::ProcedureHeard(heard), Restricted::new(json!({ "reply": w.reply }))))
}

pub async fn close(app: &App, tenant: &Tenant, w: CloseProcedure) -> Result<Change, Error> {
    let entity_id = find(app, tenant.registry.id, w.procedure_id).await?.opened.entity_id;
    let reason = super::status::code(&w.code).map_err(|e| e.at("code"))?;
    Ok(Change::ProcedureClosed(ProcedureClosed { procedure: w.procedure_id, entity_id, reason }))
}

pub async fn rule(app: &App, tenant: &Tenant, w: CourtRuling, now: Timestamp) -> Result<Change, Error> {
    let registry = tenant.registry.id;
    let decision = app.store.decision(registry, w.decision).await?;
    let StatusChanged { target, target_id, .. } =
        decision.ok_or_else(|| Error::not_found("decision", w.decision))?.change;
    let entity_id = app.store.owner(registry, (target, target_id.clone())).await?;
    Ok(Change::CourtRuled(CourtRuled {
        decision: w.decision,
        target,
        target_id,
        entity_id,
        ruling: Ruling::parse(&w.ruling)?,
        court: text("court", &w.court, 255)?,
        case_number: text("case_number", &w.case_number, 255)?,
        from: w.from.unwrap_or(now),
    }))
}

/// Whether a step may be taken, as it is proposed.
pub async fn check(app: &App, registry: RegistryId, change: &Change, now: Timestamp) -> Result<(), Error> {
    match change {
        Change::ProcedureOpened(o) => {
            let current = domain(&app.store.statuses(registry, o.target, o.target_id.clone()).await?);
            let policy = app.store.registry_policy(registry).await?;
            Ok(hearing::open(o, &policy, &current, (true, now))?)
        }
        Change::ProcedureHeard(h) => Ok(hearing::heard(h, &find(app, registry, h.procedure).await?, now)?),
        Change::ProcedureClosed(c) => Ok(hearing::undecided(&find(app, registry, c.procedure).await?, now)?),
        Change::CourtRuled(r) => {
            let decision = app.store.decision(registry, r.decision).await?;
            let decision = decision.ok_or_else(|| Error::not_found("decision", r.decision))?;
            Ok(hearing::ruling(r, &decision, now)?)
        }
        _ => Ok(()),
    }
}

/// Whether a decision may be made without wronging who it is about.
pub async fn fair(
    app: &App,
    registry: RegistryId,
    s: &StatusChanged,
    current: &[Status],
    now: Timestamp,
) -> Result<(), Error> {
    let policy = app.store.registry_policy(registry).await?;
    let procedure = match s.procedure {
        Some(id) => Some(find(app, registry, id).await?),
        None => None,
    };
    Ok(hearing::decision(s, &policy, procedure.as_ref(), current, now)?)
}

/// The same under the registry's lock, when it is executed.
pub fn locked(tx: &mut Tx<'_>, change: &Change) -> Result<(), charter_store::Error> {
    let now = tx.now;
    match change {
        Change::StatusChanged(s) => {
            let policy = tx.registry_policy()?;
            let procedure = s.procedure.map(|id| kept(tx, id)).transpose()?;
            let current = domain(&tx.statuses(s.target, &s.target_id)?);
            Ok(hearing::decision(s, &policy, procedure.as_ref(), &current, now)?)
        }
        Change::ProcedureOpened(o) => {
            let policy = tx.registry_policy()?;
            let current = domain(&tx.statuses(o.target, &o.target_id)?);
            Ok(hearing::open(o, &policy, &current, (false, now))?)
        }
        Change::ProcedureHeard(h) => Ok(hearing::heard(h, &kept(tx, h.procedure)?, now)?),
        Change::ProcedureClosed(c) => Ok(hearing::undecided(&kept(tx, c.procedure)?, now)?),
        Change::CourtRuled(r) => {
            let decision = tx.decision(r.decision)?;
            let gone = || charter_store::Error::NotFound(format!("decision `{}`", r.decision));
            Ok(hearing::ruling(r, &decision.ok_or_else(gone)?, now)?)
        }
        _ => Ok(()),
    }
}

fn kept(tx: &mut Tx<'_>, id: i64) -> Result<Procedure, charter_store::Error> {
    tx.procedure(id)?.ok_or_else(|| charter_store::Error::NotFound(format!("procedure `{id}`")))
}
