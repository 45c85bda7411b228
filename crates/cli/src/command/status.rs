//! Suspends, reinstates, revokes and ends: one call for entities and delegations.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use charter_domain::{AuthorityId, EntityId, status::State};
use charter_proto::charter::registry::v1::{SetStatusRequest, set_status_request::Target};

use crate::{
    args::{self, Change, Connection, Delegation},
    connect::{Server, Token},
    exit::{Exit, Failure},
    output,
};

pub async fn delegation(to: &Connection, command: Delegation) -> Result<Exit, Failure> {
    let (state, change) = match command {
        Delegation::Suspend(change) => (State::Suspended, change),
        Delegation::Reinstate(change) => (State::Active, change),
        Delegation::Revoke(change) => (State::Revoked, change),
    };
    let target = |id: AuthorityId| Target::SubordinateId(id.into());
    set(to, ("delegation to", state), change, target).await
}

pub async fn entity(to: &Connection, state: State, change: Change<EntityId>) -> Result<Exit, Failure> {
    set(to, ("entity", state), change, |id| Target::EntityId(id.into())).await
}

async fn set<Id: args::Target>(
    to: &Connection,
    (noun, state): (&str, State),
    change: Change<Id>,
    target: impl FnOnce(Id) -> Target,
) -> Result<Exit, Failure> {
    let what = format!("{noun} `{}`", change.id);
    let token = Token::read(change.token.token_file.as_deref())?;
    if !change.yes && state != State::Active {
        confirm(&format!("{what} becomes {}, reason {}", state.code(), change.reason)).await?;
    }
    let server = Server::connect(to).await?;
    let request = SetStatusRequest {
        registry_id: change.registry.map_or_else(String::new, Into::into),
        target: Some(target(change.id)),
        state: state.code().to_owned(),
        reason: change.reason,
        effective_from: change.at.map(output::timestamp),
    };
    let receipt = server.import().set_status(token.attach(server.request(request))).await?.into_inner();
    let from = change.at.map_or_else(String::new, |at| format!(" from {at}"));
    output::text(&format!("{what} is {}{from} (epoch {})", state.code(), receipt.epoch))?;
    Ok(Exit::Ok)
}

/// Asks the person at the terminal. Where there is none, `--yes` has to say it.
async fn confirm(what: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(
            Failure::usage(format!("{what}: not confirmed")).hint("add --yes where nobody can be asked")
        );
    }
    let question = format!("{}. Continue? [y/N] ", output::clean(what));
    // In a thread of its own, so that an interrupt is seen while it waits.
    let answer = tokio::task::spawn_blocking(move || {
        let _ = std::io::stderr().lock().write_all(question.as_bytes());
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    match answer.await {
        Ok(Ok(line)) if matches!(line.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::usage("not confirmed, nothing was changed")),
    }
}
