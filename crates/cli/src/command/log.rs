//! `charter log`: what an auditor does with a transparency log, without trust in whoever runs it.

mod audit_state;
mod mirror;
mod proof;
mod verify;
mod watch;

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
    }
}
