//! `charter accreditation` and `charter statement`: proposals of what entities may do, and on what ground.

use charter_domain::status::State;
use charter_proto::charter::registry::v1::{self as pb, change_status::Target, propose_request::Change};

use crate::{
    args::{
        Accreditation, Authorize, Connection, Grant, OfAccreditation, OfStatement, Statement, Status, Valid,
    },
    command::{propose, status},
    exit::{Exit, Failure},
};

pub async fn accreditation(to: &Connection, command: Accreditation) -> Result<Exit, Failure> {
    let (state, OfAccreditation { id, status }) = match command {
        Accreditation::Grant(args) => return grant(to, args).await,
        Accreditation::Revoke(args) => (State::Revoked, args),
        Accreditation::Suspend(args) => (State::Suspended, args),
        Accreditation::Reinstate(args) => (State::Active, args),
        Accreditation::End(args) => (State::Ended, args),
    };
    change(to, Target::AccreditationId(id), state, status).await
}

pub async fn statement(to: &Connection, command: Statement) -> Result<Exit, Failure> {
    let (state, OfStatement { number, status }) = match command {
        Statement::Authorize(args) => return authorize(to, args).await,
        Statement::Revoke(args) => (State::Revoked, args),
        Statement::Suspend(args) => (State::Suspended, args),
        Statement::Reinstate(args) => (State::Active, args),
        Statement::End(args) => (State::Ended, args),
    };
    change(to, Target::StatementId(number), state, status).await
}

async fn change(to: &Connection, target: Target, state: State, args: Status) -> Result<Exit, Failure> {
    let change = status::proposed(target, state, args.effect, Vec::new())?;
    propose::send(to, args.draft, args.why, change).await
}

async fn grant(to: &Connection, args: Grant) -> Result<Exit, Failure> {
    let (valid_from, valid_until) = texts(&args.valid);
    let accreditation = pb::ImportAccreditation {
        body: args.body,
        legal_basis: args.legal_basis,
        valid_from,
        valid_until,
        ..Default::default()
    };
    let change = Change::GrantAccreditation(pb::GrantAccreditation {
        entity_id: args.entity.into(),
        accreditation: Some(accreditation),
    });
    propose::send(to, args.draft, args.why, change).await
}

async fn authorize(to: &Connection, args: Authorize) -> Result<Exit, Failure> {
    let (valid_from, valid_until) = texts(&args.valid);
    let authorization = pb::ImportAuthorization {
        kind: "authorization".to_owned(),
        action: args.action,
        resource: args.resource,
        jurisdictions: args.jurisdiction,
        valid_from,
        valid_until,
        ..Default::default()
    };
    let change = Change::MakeStatement(pb::MakeStatement {
        entity_id: args.entity.into(),
        authorization: Some(authorization),
        accreditation_id: args.accreditation.unwrap_or_default(),
    });
    propose::send(to, args.draft, args.why, change).await
}

/// Empty where nothing is said.
fn texts(valid: &Valid) -> (String, String) {
    let text = |at: Option<charter_domain::Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    (text(valid.valid_from), text(valid.valid_until))
}
