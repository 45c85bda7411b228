//! Options of reading and verifying transparency logs.

use std::path::PathBuf;

use charter_domain::AuthorityId;
use clap::{Args, Subcommand};

use super::{Call, Format, ListFormat};

#[derive(Debug, Subcommand)]
pub enum Log {
    /// Verifies a log: signatures, witnesses, growth since the last time, every entry, and the chain of events.
    Verify(VerifyLog),
    /// Follows a log and verifies each step; ends with evidence when the log contradicts itself.
    Watch(WatchLog),
    /// Replays the events of a log and compares what follows with what the registry answers.
    AuditState(AuditState),
    /// Writes the proof that an event is in a log, for use without a connection.
    Proof(ProofOf),
    /// Keeps a copy of a log in a directory, verified, in the layout that the log is served in.
    Mirror(MirrorLog),
    /// Prints how the logs of other registries stand with a registry's witness; for staff and peer registries.
    Witnessed {
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
}

/// Which log, and by which keys it is believed.
#[derive(Debug, Args)]
pub struct Source {
    /// Where the log is served, such as `https://registry.example/log`.
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    pub log: Option<String>,
    /// A directory that holds a copy of the log, in place of its address.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The registry whose configuration names the log; the server's own when absent. Needs --anchor.
    #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
    pub registry: Option<AuthorityId>,
    /// The anchor set that the registry's configuration is verified against.
    #[arg(long, value_name = "FILE", conflicts_with = "vkey")]
    pub anchor: Option<PathBuf>,
    /// Where a superior of the registry answers gRPC; the server itself when absent.
    #[arg(long, value_name = "URL", requires = "anchor")]
    pub superior: Option<String>,
    /// The log's key: `name+id+base64`.
    #[arg(long, value_name = "VKEY")]
    pub vkey: Option<String>,
    /// A policy (C2SP tlog-policy): which logs, and which witnesses must have cosigned.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

/// What is kept from one run to the next.
#[derive(Debug, Args)]
pub struct Trusted {
    /// Keep the last verified checkpoint in this file, instead of a file of the profile.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Believe no checkpoint of an earlier run.
    #[arg(long)]
    pub from_scratch: bool,
    /// Write the checkpoints of a log that contradicts itself to this file.
    #[arg(long, value_name = "FILE", default_value = "log-evidence.txt")]
    pub evidence: PathBuf,
}

#[derive(Debug, Args)]
pub struct VerifyLog {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub trusted: Trusted,
    /// Refuse a checkpoint that the witnesses of the policy cosigned longer ago than this, such as `5m`.
    #[arg(long, value_name = "DURATION", requires = "policy")]
    pub max_age: Option<humantime::Duration>,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct WatchLog {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub trusted: Trusted,
    /// How often to look.
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    pub every: humantime::Duration,
    /// Say that the log is frozen after so long without a new checkpoint or cosignature; a log in good order has one
    /// each minute.
    #[arg(long, value_name = "DURATION", default_value = "90s")]
    pub frozen_after: humantime::Duration,
    /// Stop after so long; without it, watch until interrupted.
    #[arg(long = "for", value_name = "DURATION")]
    pub lasts: Option<humantime::Duration>,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct AuditState {
    #[command(flatten)]
    pub source: Source,
    /// Ask so many questions, spread over the log.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: u32,
    /// Ask about every statement.
    #[arg(long, conflicts_with = "sample")]
    pub all: bool,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct ProofOf {
    /// The number of the event.
    #[arg(value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    pub seq: u64,
    #[command(flatten)]
    pub source: Source,
    /// Write it to this file (`.tlog-proof`) instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct MirrorLog {
    /// Where the copy is kept; it goes on from what is there.
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
    #[command(flatten)]
    pub source: Source,
}
