//! The oneof of `ProposeRequest` as a `Wish`.

use charter_domain::{Invalid, event::Identifier, record::RawRecord};
use charter_proto::charter::registry::v1::{self as pb, change_status::Target, propose_request::Change};

use super::{convert, delegation::naming, import};
use crate::{
    Error,
    app::govern::wish::{
        Appoint, BindCredential, ChangeStatus, CloseProcedure, CourtRuling, DefineCredentialType,
        DeprecateSchema, Dismiss, Erase, GrantAccreditation, HearProcedure, JoinSuperior, LeaveSuperior,
        MakeStatement, OpenProcedure, RawDelegation, RawSchema, RegisterEntity, Rehome, SetPolicy, Wish,
    },
};

mod life;

pub fn parse(change: Option<Change>) -> Result<Wish, Error> {
    let change = change.ok_or_else(|| Invalid::new("change", "must be one change"))?;
    Ok(match change {
        Change::RegisterEntity(c) => Wish::RegisterEntity(RegisterEntity {
            identifier: c.identifier,
            identifiers: c.identifiers.into_iter().map(identifier).collect(),
            names: c.names.into_iter().collect(),
            country: c.country,
        }),
        Change::GrantAccreditation(c) => {
            let accreditation =
                record(pb::ImportRecord { accreditation: c.accreditation, ..Default::default() });
            Wish::GrantAccreditation(GrantAccreditation {
                entity_id: c.entity_id,
                accreditation: accreditation.accreditation.unwrap_or_default(),
            })
        }
        Change::MakeStatement(c) => {
            let authorizations = c.authorization.into_iter().collect();
            let record = record(pb::ImportRecord { authorizations, ..Default::default() });
            Wish::MakeStatement(MakeStatement {
                entity_id: c.entity_id,
                authorization: record.authorizations.into_iter().next().unwrap_or_default(),
                accreditation_id: c.accreditation_id,
            })
        }
        Change::ChangeStatus(c) => Wish::ChangeStatus(status(c)?),
        Change::Delegation(c) => Wish::Delegation(delegation(c)?),
        Change::Schema(c) => {
            Wish::Schema(RawSchema { resource: c.resource, uri: c.uri, schema_json: c.schema_json })
        }
        Change::Appoint(c) => Wish::Appoint(Appoint {
            issuer: c.issuer,
            subject: c.subject,
            roles: c.roles,
            service: c.service,
            person_key: c.person_key,
        }),
        Change::RotateKey(_)
        | Change::RetireKey(_)
        | Change::RevokeKey(_)
        | Change::AddEntityKey(_)
        | Change::RevokeEntityKey(_)
        | Change::RecordEvidence(_) => super::key::wish(change)?,
        Change::BindCredential(c) => Wish::BindCredential(BindCredential {
            staff_id: c.staff_id,
            credential: c.credential,
            sha256: c.sha256,
            scopes: c.scopes,
            valid_until: convert::optional_time("valid_until", c.valid_until)?
                .ok_or_else(|| Invalid::new("valid_until", "must be given"))?,
        }),
        Change::Rehome(c) => Wish::Rehome(Rehome { recipient: c.recipient }),
        Change::Dismiss(c) => Wish::Dismiss(Dismiss { staff_id: c.staff_id }),
        Change::ErasePersonalData(c) => Wish::ErasePersonalData(Erase { subject: c.subject, basis: c.basis }),
        Change::DeprecateSchema(c) => Wish::DeprecateSchema(DeprecateSchema {
            resource: c.resource,
            revision: c.revision,
            code: c.code,
            replaced_by: c.replaced_by,
        }),
        Change::DefineCredentialType(c) => Wish::DefineCredentialType(DefineCredentialType {
            resource: c.resource,
            vc_type: c.vc_type,
            vct: c.vct,
            doc_type: c.doc_type,
            schema_id: c.schema_id,
            equivalents: c.equivalents,
        }),
        Change::CorrectEntity(c) => Wish::CorrectEntity(life::entity(c)),
        Change::CorrectAccreditation(c) => Wish::CorrectAccreditation(life::accreditation(c)?),
        Change::CorrectDelegation(c) => Wish::CorrectDelegation(life::delegation(c)?),
        Change::Renew(c) => Wish::Renew(life::renew(c)?),
        Change::OpenProcedure(c) => Wish::OpenProcedure(open(c)?),
        Change::HearProcedure(c) => Wish::HearProcedure(HearProcedure {
            procedure_id: c.procedure_id,
            received_on: convert::optional_time("received_on", c.received_on)?,
            reply: c.reply,
        }),
        Change::CloseProcedure(c) => {
            Wish::CloseProcedure(CloseProcedure { procedure_id: c.procedure_id, code: c.code })
        }
        Change::CourtRuling(c) => Wish::CourtRuling(CourtRuling {
            decision: c.decision,
            ruling: c.ruling,
            court: c.court,
            case_number: c.case_number,
            from: convert::optional_time("from", c.from)?,
        }),
        Change::JoinSuperior(c) => Wish::JoinSuperior(JoinSuperior {
            statement: c.statement,
            configuration: c.configuration,
            endpoint: c.endpoint,
        }),
        Change::LeaveSuperior(c) => Wish::LeaveSuperior(LeaveSuperior { superior: c.superior, code: c.code }),
        Change::SetPolicy(c) => Wish::SetPolicy(SetPolicy {
            quorums: c.quorums.into_iter().collect(),
            hearing: c.hearing,
            reply_days: c.reply_days,
            languages: c.languages,
        }),
    })
}

fn identifier(i: pb::ImportIdentifier) -> Identifier {
    Identifier { r#type: i.r#type, value: i.value }
}

fn record(r: pb::ImportRecord) -> RawRecord {
    convert::record(r).1
}

fn status(c: pb::ChangeStatus) -> Result<ChangeStatus, Error> {
    let mut wish = ChangeStatus {
        state: c.state,
        code: c.code,
        reach: c.reach,
        effective_from: convert::optional_time("effective_from", c.effective_from)?,
        legal_basis: c.legal_basis,
        succeeded_by: c.succeeded_by,
        procedure: c.procedure,
        hearing_waived: c.hearing_waived,
        appeal: c.appeal,
        appeal_by: convert::optional_time("appeal_by", c.appeal_by)?,
        served_on: convert::optional_time("served_on", c.served_on)?,
        ..ChangeStatus::default()
    };
    match c.target {
        Some(Target::EntityId(id)) => wish.entity_id = id,
        Some(Target::SubordinateId(id)) => wish.subordinate_id = id,
        Some(Target::AccreditationId(id)) => wish.accreditation_id = id,
        Some(Target::StatementId(id)) => wish.statement_id = id,
        None => {}
    }
    Ok(wish)
}

fn open(c: pb::OpenProcedure) -> Result<OpenProcedure, Error> {
    use pb::open_procedure::Target;
    let mut wish = OpenProcedure {
        state: c.state,
        reach: c.reach,
        code: c.code,
        legal_basis: c.legal_basis,
        served_on: convert::optional_time("served_on", c.served_on)?,
        reply_by: convert::optional_time("reply_by", c.reply_by)?,
        ..OpenProcedure::default()
    };
    match c.target {
        Some(Target::EntityId(id)) => wish.entity_id = id,
        Some(Target::AccreditationId(id)) => wish.accreditation_id = id,
        Some(Target::StatementId(id)) => wish.statement_id = id,
        None => {}
    }
    Ok(wish)
}

fn delegation(c: pb::PutDelegationRequest) -> Result<RawDelegation, Error> {
    Ok(RawDelegation {
        subordinate_id: c.subordinate_id,
        entity_identifier: c.entity_identifier,
        jwks_json: c.jwks_json,
        endpoint: c.endpoint,
        tls_spki_sha256: c.tls_spki_sha256,
        scope: c.scope.into_iter().map(import::grant).collect::<Result<_, _>>()?,
        max_path_length: c.max_path_length,
        naming_constraints: c.naming_constraints.map(naming).unwrap_or_default(),
        answers_as_own: c.answers_as_own,
        valid_from: convert::optional_time("valid_from", c.valid_from)?,
        valid_until: convert::optional_time("valid_until", c.valid_until)?,
    })
}
