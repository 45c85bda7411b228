//! `charter accreditation`, `statement` and `recognition`: what entities may do, and on what ground.

use std::path::Path;

use charter_domain::{
    json,
    recognition::{Peer, RawPeer},
    status::State,
};
use charter_proto::charter::registry::v1::{
    self as pb, change_status::Target, propose_request::Change, renew,
};

use crate::{
    args::{
        Accreditation, Authorize, Connection, Grant, OfAccreditation, OfStatement, Recognition, Recognize,
        Statement, Status, Valid,
    },
    command::{life, propose, record, status},
    exit::{Exit, Failure},
    records::peer_to_wire,
};

pub async fn accreditation(to: &Connection, command: Accreditation) -> Result<Exit, Failure> {
    let (state, OfAccreditation { id, status }) = match command {
        Accreditation::List(args) => return record::accreditations(to, args).await,
        Accreditation::Show { id, registry, output } => {
            let registry_id = registry.map_or_else(String::new, Into::into);
            let request = pb::GetAccreditationRequest { registry_id, accreditation_id: id };
            return record::accreditation(to, request, output).await;
        }
        Accreditation::Grant(args) => return grant(to, args).await,
        Accreditation::Correct(args) => return life::accreditation(to, args).await,
        Accreditation::Renew { id, until } => {
            return life::renew(to, renew::Target::AccreditationId(id), until).await;
        }
        Accreditation::Revoke(args) => (State::Revoked, args),
        Accreditation::Suspend(args) => (State::Suspended, args),
        Accreditation::Reinstate(args) => (State::Active, args),
        Accreditation::End(args) => (State::Ended, args),
    };
    change(to, Target::AccreditationId(id), state, status).await
}

pub async fn statement(to: &Connection, command: Statement) -> Result<Exit, Failure> {
    let (state, OfStatement { number, status }) = match command {
        Statement::List(args) => return record::statements(to, args, None).await,
        Statement::Show { number, registry, output } => {
            let registry_id = registry.map_or_else(String::new, Into::into);
            let request = pb::GetStatementRequest { registry_id, statement_id: number };
            return record::statement(to, request, output).await;
        }
        Statement::Authorize(args) => return authorize(to, ("authorization", None), args).await,
        Statement::Renew { number, until } => {
            return life::renew(to, renew::Target::StatementId(number), until).await;
        }
        Statement::Revoke(args) => (State::Revoked, args),
        Statement::Suspend(args) => (State::Suspended, args),
        Statement::Reinstate(args) => (State::Active, args),
        Statement::End(args) => (State::Ended, args),
    };
    change(to, Target::StatementId(number), state, status).await
}

pub async fn recognition(to: &Connection, command: Recognition) -> Result<Exit, Failure> {
    let (state, OfStatement { number, status }) = match command {
        Recognition::List(args) => return record::statements(to, args, Some("recognition")).await,
        Recognition::Recognize(Recognize { statement, peer }) => {
            let peer = peer.as_deref().map(read_peer).transpose()?;
            return authorize(to, ("recognition", peer), statement).await;
        }
        Recognition::Renew { number, until } => {
            return life::renew(to, renew::Target::StatementId(number), until).await;
        }
        Recognition::Revoke(args) => (State::Revoked, args),
        Recognition::Suspend(args) => (State::Suspended, args),
        Recognition::Reinstate(args) => (State::Active, args),
        Recognition::End(args) => (State::Ended, args),
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

/// What a file says of a peer; faults in it are named here, before anything is sent.
fn read_peer(path: &Path) -> Result<pb::ImportPeer, Failure> {
    let value = json::parse_strict(&life::read(path)?)?;
    let fault = |e: serde_json::Error| Failure::usage(format!("`{}`: {e}", path.display()));
    let raw: RawPeer = serde_json::from_value(value).map_err(fault)?;
    Peer::parse(&raw)?;
    Ok(peer_to_wire(raw))
}

async fn authorize(
    to: &Connection,
    (kind, peer): (&str, Option<pb::ImportPeer>),
    args: Authorize,
) -> Result<Exit, Failure> {
    let (valid_from, valid_until) = texts(&args.valid);
    let authorization = pb::ImportAuthorization {
        kind: kind.to_owned(),
        action: args.action,
        resource: args.resource,
        jurisdictions: args.jurisdiction,
        valid_from,
        valid_until,
        peer,
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
