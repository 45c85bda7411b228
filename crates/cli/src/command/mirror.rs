//! `charter mirror`: a full copy of a federation: kept, asked, served.

mod check;
mod serve;
mod sync;

use std::time::Duration;

use charter_proof::document::LONGEST_STALENESS;

use crate::{
    args::{Connection, Mirror},
    exit::{Exit, Failure},
};

pub async fn run(to: &Connection, command: Mirror) -> Result<Exit, Failure> {
    match command {
        Mirror::Sync(args) => sync::run(to, args).await,
        Mirror::Check(args) => check::run(args),
        Mirror::Serve(args) => serve::run(args).await,
    }
}

/// The bound that was asked for, if it may be that long.
fn bound(asked: humantime::Duration) -> Result<Duration, Failure> {
    let asked: Duration = asked.into();
    if asked <= LONGEST_STALENESS {
        return Ok(asked);
    }
    let most = humantime::format_duration(LONGEST_STALENESS);
    Err(Failure::usage(format!("--max-staleness must be at most {most}")))
}
