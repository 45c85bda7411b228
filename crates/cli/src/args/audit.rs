//! Options of reading what was done.

use charter_domain::Timestamp;
use clap::{Args, Subcommand};

use super::{Call, ListFormat};

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Prints events, oldest first.
    List(Events),
    /// Writes every event that fits to standard output: its public bytes as recorded, one a line.
    Export {
        #[command(flatten)]
        filter: Filter,
        /// Stop after so many events.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        limit: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub struct Events {
    #[command(flatten)]
    pub filter: Filter,
    /// Stop after so many events.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
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
