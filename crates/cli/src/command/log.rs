//! `charter log`: what an auditor does with a transparency log, without trust in whoever runs it.

use crate::{
    args::{Connection, Log},
    exit::{Exit, Failure},
    login::Place,
};

pub async fn run(_to: &Connection, command: Log, _place: &Place) -> Result<Exit, Failure> {
    let name = match command {
        Log::Verify(_) => "verify",
        Log::Watch(_) => "watch",
        Log::AuditState(_) => "audit-state",
        Log::Proof(_) => "proof",
        Log::Mirror(_) => "mirror",
    };
    Err(Failure::new(Exit::Unexpected, format!("`charter log {name}` is not in this build")))
}
