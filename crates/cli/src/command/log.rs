//! `charter log`: what an auditor does with a transparency log, without trust in whoever runs it; and what a registry
//! says, as a witness, of the logs of others.

mod audit_state;
mod mirror;
mod proof;
mod verify;
mod watch;
mod witnessed;

use crate::{
    args::{Connection, Log},
    exit::{Exit, Failure},
    login::Place,
};

pub async fn run(to: &Connection, command: Log, place: &Place) -> Result<Exit, Failure> {
    match command {
        Log::Verify(args) => verify::run(to, args, place).await,
        Log::Watch(args) => watch::run(to, args, place).await,
        Log::AuditState(args) => audit_state::run(to, args).await,
        Log::Proof(args) => proof::run(to, args).await,
        Log::Mirror(args) => mirror::run(to, args).await,
        Log::Witnessed { call, output } => witnessed::run(to, call, output).await,
    }
}
