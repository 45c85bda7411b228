//! From what somebody wants to the event that it would be: identifiers resolved, times filled in, everything parsed.

use charter_domain::{
    AuthorityId, EntityId, HttpsId, Interval, Invalid, NamingConstraints, Scope, SpkiPins, Timestamp,
    delegation::{endpoint, path_length},
    event::{
        AccreditationGranted, Change, EntityRegistered, RehomeAllowed, StaffAppointed, StaffDismissed,
        StatementMade, StatusChanged,
    },
    procedure::Waiver,
    record::{RawRecord, Record},
    rehome,
    staff::{Role, StaffId},
    status::{Reach, State, TargetKind},
};
use charter_store::restricted::Restricted;
use uuid::Uuid;

use super::wish::{
    Appoint, ChangeStatus, GrantAccreditation, MakeStatement, RawDelegation, RegisterEntity, Wish,
};
use crate::{
    App, Error,
    app::{
        credential, credential_type,
        delegation::{self, NewDelegation},
        did, key, privacy, procedure, recognition, registry_policy, schema, superior,
    },
    hosted::Tenant,
};

mod life;

pub struct Draft {
    pub change: Change,
    /// About natural persons: becomes the restricted part.
    pub restricted: Option<Restricted>,
    /// A private key that was made for it, by kid.
    pub private: Option<(String, String)>,
}

impl From<Change> for Draft {
    fn from(change: Change) -> Self {
        Self { change, restricted: None, private: None }
    }
}

pub async fn draft(app: &App, tenant: &Tenant, wish: Wish, now: Timestamp) -> Result<Draft, Error> {
    Ok(match wish {
        Wish::RegisterEntity(w) => register(app, tenant, w).await?.into(),
        Wish::GrantAccreditation(w) => accredit(app, tenant, w).await?.into(),
        Wish::MakeStatement(w) => state(app, tenant, w, now).await?.into(),
        Wish::ChangeStatus(w) => change_status(app, tenant, w).await?.into(),
        Wish::Delegation(w) => {
            let new = new_delegation(w)?;
            delegation::check(app, tenant, &new).await?;
            Change::DelegationMade(delegation::made(&new)?).into()
        }
        Wish::JoinSuperior(w) => Change::SuperiorJoined(superior::joined(app, tenant, &w, now).await?).into(),
        Wish::LeaveSuperior(w) => Change::SuperiorLeft(superior::left(tenant, &w)?).into(),
        Wish::Schema(w) => {
            let published = schema::published(app, tenant.registry.id, &w).await?;
            Change::SchemaPublished(published).into()
        }
        Wish::DeprecateSchema(w) => Change::SchemaDeprecated(schema::deprecated(w)?).into(),
        Wish::DefineCredentialType(w) => Change::CredentialTypeDefined(credential_type::defined(&w)?).into(),
        Wish::Appoint(w) => appoint(app, tenant, &w).await?,
        Wish::ErasePersonalData(w) => privacy::draft(app, tenant.registry.id, w).await?.into(),
        Wish::RotateKey(w) => key::draft::rotate(app, tenant, &w).await?,
        Wish::RetireKey(w) => key::draft::retire(&w)?.into(),
        Wish::RevokeKey(w) => key::draft::revoke(&w)?.into(),
        Wish::AddEntityKey(w) => key::draft::add(app, tenant, &w).await?.into(),
        Wish::RevokeEntityKey(w) => key::draft::revoke_of_entity(app, tenant, &w).await?.into(),
        Wish::RecordEvidence(w) => key::draft::evidence(app, tenant, &w).await?.into(),
        Wish::BindCredential(w) => credential::draft(&w, now)?.into(),
        Wish::Dismiss(w) => Change::StaffDismissed(StaffDismissed { staff_id: StaffId(w.staff_id) }).into(),
        Wish::CorrectEntity(w) => life::entity(app, tenant, w).await?.into(),
        Wish::CorrectAccreditation(w) => life::accreditation(app, tenant, w).await?.into(),
        Wish::CorrectDelegation(w) => life::delegation(app, tenant, w, now).await?.into(),
        Wish::Renew(w) => life::renew(app, tenant, w).await?.into(),
        Wish::OpenProcedure(w) => procedure::open(app, tenant, w, now).await?.into(),
        Wish::HearProcedure(w) => {
            let (change, restricted) = procedure::hear(app, tenant, w, now).await?;
            Draft { restricted: Some(restricted), ..change.into() }
        }
        Wish::CloseProcedure(w) => procedure::close(app, tenant, w).await?.into(),
        Wish::CourtRuling(w) => procedure::rule(app, tenant, w, now).await?.into(),
        Wish::SetPolicy(w) => registry_policy::draft(w)?.into(),
        Wish::Rehome(w) => {
            Change::RehomeAllowed(RehomeAllowed { recipient: rehome::recipient(&w.recipient)? }).into()
        }
    })
}

async fn register(app: &App, tenant: &Tenant, w: RegisterEntity) -> Result<Change, Error> {
    let raw = RawRecord {
        identifier: w.identifier,
        identifiers: w.identifiers,
        names: w.names,
        country: w.country,
        ..RawRecord::default()
    };
    let record = Record::parse(raw)?;
    did::admit(app, tenant.registry.id, &record.identifiers).await?;
    Ok(Change::EntityRegistered(EntityRegistered {
        entity_id: Uuid::now_v7(),
        names: record.names,
        country: record.country,
        identifiers: record.identifiers,
    }))
}

/// The internal id of an entity by any of its identifiers.
pub async fn entity(app: &App, tenant: &Tenant, identifier: &str) -> Result<Uuid, Error> {
    let id = EntityId::parse(identifier)?;
    let found = crate::app::entity::get(app, tenant.registry.id, id.as_str()).await?;
    Ok(found.entity_id)
}

/// What is granted is read as a record to be loaded is: one validator for both.
fn parsed(raw: RawRecord) -> Result<Record, Invalid> {
    Record::parse(RawRecord {
        identifier: "did:web:a.example".to_owned(),
        names: [("en".to_owned(), "a".to_owned())].into(),
        country: "XX".to_owned(),
        ..raw
    })
}

async fn accredit(app: &App, tenant: &Tenant, w: GrantAccreditation) -> Result<Change, Error> {
    let record = parsed(RawRecord { accreditation: Some(w.accreditation), ..RawRecord::default() })?;
    let a = record.accreditation.ok_or_else(|| Invalid::new("accreditation", "must be given"))?;
    Ok(Change::AccreditationGranted(AccreditationGranted {
        accreditation_id: Uuid::now_v7(),
        entity_id: entity(app, tenant, &w.entity_id).await?,
        body: a.body,
        legal_basis: a.legal_basis,
        evidence_uri: a.evidence_uri,
        evidence_date: a.evidence_date,
        evidence_sha256: a.evidence_sha256,
        valid: a.valid,
        begins_when_recorded: a.valid.from.is_none(),
    }))
}

async fn state(app: &App, tenant: &Tenant, w: MakeStatement, now: Timestamp) -> Result<Change, Error> {
    let record = parsed(RawRecord { authorizations: vec![w.authorization], ..RawRecord::default() })?;
    let a = record.authorizations.into_iter().next();
    let mut a = a.ok_or_else(|| Invalid::new("authorization", "must be given"))?;
    if let Some(peer) = &mut a.peer {
        let found = crate::app::entity::get(app, tenant.registry.id, &w.entity_id).await?;
        let delegations = app.store.delegations(tenant.registry.id).await?;
        recognition::admit(tenant, &delegations, found.canonical(), peer, (&a.valid, now))?;
    }
    Ok(Change::StatementMade(StatementMade {
        statement: a.kind,
        entity_id: entity(app, tenant, &w.entity_id).await?,
        action: a.action,
        resource: a.resource,
        accreditation_id: optional_uuid("accreditation_id", &w.accreditation_id)?,
        jurisdictions: a.jurisdictions,
        conditions: a.conditions,
        valid: a.valid,
        begins_when_recorded: a.valid.from.is_none(),
        peer: a.peer,
    }))
}

fn optional_uuid(field: &str, text: &str) -> Result<Option<Uuid>, Invalid> {
    if text.is_empty() {
        return Ok(None);
    }
    Uuid::parse_str(text).map(Some).map_err(|_| Invalid::new(field, "must be a UUID"))
}

async fn change_status(app: &App, tenant: &Tenant, w: ChangeStatus) -> Result<Change, Error> {
    let (target, target_id) = target(app, tenant, &w).await?;
    let mut succeeded_by = Vec::new();
    for successor in &w.succeeded_by {
        succeeded_by.push(entity(app, tenant, successor).await?);
    }
    let reach = match w.reach.as_str() {
        "" => None,
        text => Some(Reach::parse(text).map_err(|e| e.at("reach"))?),
    };
    if w.legal_basis.len() > 1_024 || w.legal_basis.chars().any(char::is_control) {
        return Err(
            Invalid::new("legal_basis", "must be at most 1,024 bytes without control characters").into()
        );
    }
    let effective_from = match reach {
        Some(Reach::AbInitio) => Some(Timestamp::BEGINNING),
        _ => w.effective_from,
    };
    Ok(Change::StatusChanged(StatusChanged {
        entity_id: match target {
            TargetKind::Accreditation | TargetKind::Statement => {
                owner(app, tenant, target, &target_id).await?
            }
            TargetKind::Entity | TargetKind::Delegation => None,
        },
        target,
        target_id,
        state: State::parse(&w.state).map_err(|e| e.at("state"))?,
        effective_from,
        reason: crate::app::status::code(&w.code)?,
        reach,
        legal_basis: Some(w.legal_basis).filter(|b| !b.is_empty()),
        succeeded_by,
        lapses_at: None,
        procedure: Some(w.procedure).filter(|id| *id != 0),
        hearing_waived: match w.hearing_waived.as_str() {
            "" => None,
            code => Some(Waiver::parse(code)?),
        },
        appeal: match w.appeal.as_str() {
            "" => None,
            text => Some(procedure::text("appeal", text, 1_024)?),
        },
        appeal_by: w.appeal_by,
        served_on: w.served_on,
    }))
}

pub async fn target(app: &App, tenant: &Tenant, w: &ChangeStatus) -> Result<(TargetKind, String), Error> {
    let named =
        [&w.entity_id, &w.subordinate_id, &w.accreditation_id].iter().filter(|n| !n.is_empty()).count();
    if named + usize::from(w.statement_id != 0) != 1 {
        return Err(
            Invalid::new("target", "must be one entity, subordinate, accreditation or statement").into()
        );
    }
    if !w.entity_id.is_empty() {
        return Ok((TargetKind::Entity, entity(app, tenant, &w.entity_id).await?.to_string()));
    }
    if let Some(id) = optional_uuid("accreditation_id", &w.accreditation_id)? {
        return Ok((TargetKind::Accreditation, id.to_string()));
    }
    if w.statement_id != 0 {
        return Ok((TargetKind::Statement, w.statement_id.to_string()));
    }
    let subordinate = AuthorityId::parse(&w.subordinate_id).map_err(|e| e.at("subordinate_id"))?;
    let found = delegation::of(app, tenant.registry.id, &subordinate).await?;
    Ok((TargetKind::Delegation, found.id.to_string()))
}

/// Whose an accreditation or statement is.
async fn owner(
    app: &App,
    tenant: &Tenant,
    target: TargetKind,
    target_id: &str,
) -> Result<Option<Uuid>, Error> {
    let held = app.store.target(tenant.registry.id, target, target_id.to_owned()).await?;
    held.map(|h| h.entity_id).ok_or_else(|| Error::not_found(target.as_str(), target_id))
}

fn new_delegation(w: RawDelegation) -> Result<NewDelegation, Error> {
    Ok(NewDelegation {
        subordinate: AuthorityId::parse(&w.subordinate_id).map_err(|e| e.at("subordinate_id"))?,
        entity_identifier: HttpsId::parse(&w.entity_identifier)?,
        jwks: delegation::keys(&w.jwks_json)?,
        endpoint: endpoint(&w.endpoint)?,
        tls_spki_sha256: SpkiPins::parse(&w.tls_spki_sha256)?,
        scope: Scope::parse(w.scope)?,
        max_path_length: path_length(w.max_path_length)?,
        naming_constraints: NamingConstraints::parse(&w.naming_constraints)?,
        answers_as_own: w.answers_as_own,
        valid: Interval::new(w.valid_from, w.valid_until)?,
        begins_when_recorded: w.valid_from.is_none(),
    })
}

async fn appoint(app: &App, tenant: &Tenant, w: &Appoint) -> Result<Draft, Error> {
    let roles =
        w.roles.iter().map(|r| Role::parse(r)).collect::<Result<std::collections::BTreeSet<_>, _>>()?;
    if roles.is_empty() {
        return Err(Invalid::new("roles", "must be at least one").into());
    }
    crate::app::staff::identifier("issuer", &w.issuer)?;
    crate::app::staff::identifier("subject", &w.subject)?;
    let who = Restricted::new(crate::app::staff::person(app, tenant, w).await?);
    let change = Change::StaffAppointed(StaffAppointed { roles, service: w.service });
    Ok(Draft { restricted: Some(who), ..change.into() })
}
