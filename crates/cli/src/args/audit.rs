//! Options of reading what was done.

use std::path::PathBuf;

use charter_domain::Timestamp;
use clap::{Args, Subcommand};

use super::{Call, ListFormat};

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Prints events, oldest first.
    List(Events),
    /// Writes every event that fits to standard output, one a line: its members, and `leaf_hash`. The look is recorded.
    Export {
        #[command(flatten)]
        filter: Filter,
        /// Stop after so many events.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        limit: Option<u64>,
    },
    /// Verifies an exported file without a connection: each event hashes to its leaf and names the one before.
    Verify {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// The leaf hash that the last event must have.
        #[arg(long, value_name = "HEX", value_parser = super::hash)]
        head: Option<String>,
        /// Parts may be missing, as in an export with a filter.
        #[arg(long)]
        gaps: bool,
    },
    /// Prints who has read the audit or personal data, newest first.
    Accesses {
        /// Only those of this member of staff.
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
        by: Option<i64>,
        /// Only those before this number.
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
              value_parser = clap::value_parser!(i64).range(0..))]
        before: i64,
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1000))]
        limit: i32,
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
}

#[derive(Debug, Args)]
pub struct Events {
    #[command(flatten)]
    pub filter: Filter,
    /// Stop after so many events.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// The last events first.
    #[arg(long)]
    pub newest_first: bool,
    /// With the reason of each, and field by field what it changed.
    #[arg(long)]
    pub changes: bool,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: ListFormat,
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Only events about this entity (any identifier), or `staff`.
    #[arg(long, value_name = "ID")]
    pub subject: Option<String>,
    /// Only events by this member of staff.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub actor: Option<i64>,
    /// Only events of this kind, such as `StatusChanged`.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only events of this origin: bootstrap, system, init, governance or emergency.
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// Only events recorded at this instant (RFC 3339) or later.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub from: Option<Timestamp>,
    /// Only events recorded before this instant (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub until: Option<Timestamp>,
    /// Only events after this number.
    #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true,
          value_parser = clap::value_parser!(i64).range(0..))]
    pub after: i64,
    #[command(flatten)]
    pub call: Call,
}
