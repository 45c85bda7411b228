//! Options of a copy of a federation: kept up to date, asked, served.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

use super::{Format, Question};

#[derive(Debug, Subcommand)]
pub enum Mirror {
    /// Brings the copy up to date: fetches what was signed since, verifies it from the anchor down, and puts it in place.
    Sync(SyncCopy),
    /// Answers from the copy without a connection.
    Check(CheckCopy),
    /// Answers TRQP's `POST /authorization` and `/recognition` from the copy, on this machine.
    Serve(ServeCopy),
}

/// Where the copy is, and who is believed.
#[derive(Debug, Args)]
pub struct Held {
    /// The directory of the copy.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// The anchor set that everything is verified against.
    #[arg(long, alias = "anchor", value_name = "FILE")]
    pub anchors: PathBuf,
}

#[derive(Debug, Args)]
pub struct SyncCopy {
    #[command(flatten)]
    pub held: Held,
    /// Go on, and look again so often, until interrupted.
    #[arg(long, value_name = "DURATION")]
    pub every: Option<humantime::Duration>,
}

/// How old what is answered from may be.
#[derive(Debug, Args)]
pub struct Bound {
    /// From this age of what an answer rests on the answer is `STALE`; at most 7 days.
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub max_staleness: humantime::Duration,
}

#[derive(Debug, Args)]
pub struct CheckCopy {
    #[command(flatten)]
    pub question: Question,
    #[command(flatten)]
    pub held: Held,
    #[command(flatten)]
    pub bound: Bound,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct ServeCopy {
    #[command(flatten)]
    pub held: Held,
    #[command(flatten)]
    pub bound: Bound,
    /// Where to answer.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7180")]
    pub listen: SocketAddr,
}
