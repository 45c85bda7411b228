//! Suspends, reinstates, revokes and ends: at once with the bootstrap token, or with `--propose` as a proposal.

use charter_domain::{
    AuthorityId, EntityId,
    status::{Reach, State},
};
use charter_proto::charter::registry::v1::{
    self as pb, change_status, propose_request, renew, set_status_request::Target,
};
use serde_json::json;
use tonic::Status;

use crate::{
    args::{self, Change, Connection, Delegation, Draft, Effect, End, Format},
    command::{delegation as view, life, propose},
    confirm::confirm,
    connect::{Server, Token},
    exit::{self, Exit, Failure},
    output,
};

pub async fn delegation(to: &Connection, command: Delegation) -> Result<Exit, Failure> {
    let (state, change) = match command {
        Delegation::Suspend(change) => (State::Suspended, change),
        Delegation::Reinstate(change) => (State::Active, change),
        Delegation::Revoke(change) => (State::Revoked, change),
        Delegation::End(change) => (State::Ended, change),
        Delegation::List { filter, list } => return view::list(to, filter, list).await,
        Delegation::Show { id, registry, output } => {
            let registry_id = registry.map_or_else(String::new, Into::into);
            let request = pb::GetDelegationRequest { registry_id, subordinate_id: id.into() };
            return view::show(to, request, output).await;
        }
        Delegation::Make(args) => return life::make(to, args).await,
        Delegation::Narrow(args) => return life::narrow(to, args).await,
        Delegation::Renew { id, until } => {
            return life::renew(to, renew::Target::SubordinateId(id.into()), until).await;
        }
    };
    if change.propose {
        let target = |id: AuthorityId| change_status::Target::SubordinateId(id.into());
        return draft(to, state, change, target, Vec::new()).await;
    }
    let target = |id: AuthorityId| Target::SubordinateId(id.into());
    set(to, ("delegation to", state), change, target).await
}

pub async fn entity(to: &Connection, state: State, change: Change<EntityId>) -> Result<Exit, Failure> {
    end(to, state, End { change, successor: Vec::new() }).await
}

pub async fn end(to: &Connection, state: State, args: End) -> Result<Exit, Failure> {
    let End { change, successor } = args;
    if change.propose {
        let target = |id: EntityId| change_status::Target::EntityId(id.into());
        return draft(to, state, change, target, successor).await;
    }
    if !successor.is_empty() {
        return Err(only_proposed("--successor"));
    }
    set(to, ("entity", state), change, |id| Target::EntityId(id.into())).await
}

async fn draft<Id: args::Target>(
    to: &Connection,
    state: State,
    args: Change<Id>,
    target: impl FnOnce(Id) -> change_status::Target,
    successors: Vec<EntityId>,
) -> Result<Exit, Failure> {
    let change = proposed(target(args.id), state, args.effect, successors)?;
    let draft = Draft { dry_run: args.dry_run, amend: args.amend, call: args.call, output: args.output };
    propose::send(to, draft, args.why.unwrap_or_default(), change).await
}

/// A change of state, as it is proposed.
pub fn proposed(
    target: change_status::Target,
    state: State,
    effect: Effect,
    successors: Vec<EntityId>,
) -> Result<propose_request::Change, Failure> {
    if effect.reach == Some(Reach::From) && effect.at.is_none() {
        return Err(Failure::usage("--reach FROM needs --at with the instant that it reaches back to"));
    }
    let back = matches!(effect.reach, Some(Reach::From | Reach::AbInitio));
    if back && effect.legal_basis.is_none() {
        return Err(Failure::usage("a revocation that reaches back needs --legal-basis"));
    }
    Ok(propose_request::Change::ChangeStatus(pb::ChangeStatus {
        target: Some(target),
        state: state.code().to_owned(),
        code: effect.reason,
        reach: effect.reach.map_or_else(String::new, |reach| reach.code().to_owned()),
        effective_from: effect.at.map(output::timestamp),
        legal_basis: effect.legal_basis.unwrap_or_default(),
        succeeded_by: successors.into_iter().map(Into::into).collect(),
        procedure: effect.hearing.procedure.unwrap_or_default(),
        hearing_waived: effect.hearing.hearing_waived.unwrap_or_default(),
        appeal: effect.hearing.appeal.unwrap_or_default(),
        appeal_by: effect.hearing.appeal_by.map(output::timestamp),
        served_on: effect.hearing.served_on.map(output::timestamp),
    }))
}

async fn set<Id: args::Target>(
    to: &Connection,
    (noun, state): (&str, State),
    change: Change<Id>,
    target: impl FnOnce(Id) -> Target,
) -> Result<Exit, Failure> {
    only_at_once(&change)?;
    let what = format!("{noun} `{}`", change.id);
    let effect = change.effect;
    let token = Token::read(change.call.token.token_file.as_deref())?;
    if !change.yes && !change.dry_run && state != State::Active {
        confirm(&format!("{what} becomes {}, reason {}", state.code(), effect.reason)).await?;
    }
    let server = Server::connect(to).await?;
    let request = pb::SetStatusRequest {
        registry_id: change.call.registry.map_or_else(String::new, Into::into),
        target: Some(target(change.id)),
        state: state.code().to_owned(),
        reason: effect.reason,
        effective_from: effect.at.map(output::timestamp),
        request_id: change.call.request_id.unwrap_or_default(),
        validate_only: change.dry_run,
    };
    let receipt = server.import().set_status(token.attach(server.request(request))).await;
    let receipt = receipt.map_err(sealed)?.into_inner();
    let from = effect.at.map_or_else(String::new, |at| format!(" from {at}"));
    match change.output {
        Format::Json => output::json(&json!({ "epoch": receipt.epoch }))?,
        Format::Table if change.dry_run => output::text(&format!("{what} would be {}{from}", state.code()))?,
        Format::Table => {
            output::text(&format!("{what} is {}{from} (epoch {})", state.code(), receipt.epoch))?
        }
    };
    Ok(Exit::Ok)
}

/// What only a proposal has must not be passed over in silence.
fn only_at_once<Id: args::Target>(change: &Change<Id>) -> Result<(), Failure> {
    let given = [
        (change.why.is_some(), "--why"),
        (change.effect.reach.is_some(), "--reach"),
        (change.effect.legal_basis.is_some(), "--legal-basis"),
        (change.effect.hearing.procedure.is_some(), "--procedure"),
        (change.effect.hearing.appeal.is_some(), "--appeal"),
    ];
    given.iter().find(|(given, _)| *given).map_or(Ok(()), |(_, option)| Err(only_proposed(option)))
}

fn only_proposed(option: &str) -> Failure {
    Failure::usage(format!("{option} is for proposals: add --propose, or leave it out"))
}

fn sealed(status: Status) -> Failure {
    let is_sealed = exit::public_code(&status) == "REGISTRY_SEALED";
    let failure = Failure::from(status);
    if !is_sealed {
        return failure;
    }
    failure.hint("propose it: the same command with `--propose --why TEXT`, and a staff member's token")
}
