//! Options of what is done with proposals.

use clap::{Args, Subcommand};

use super::{Call, Format, ListFormat, hash, uuid};

#[derive(Debug, Subcommand)]
pub enum Approval {
    /// Prints proposals, newest first, a page or all.
    List(ListProposals),
    /// Prints one proposal: what would change, who asked for it, who has approved.
    Show(Show),
    /// Approves a proposal; the last approval needed executes it.
    Approve(Approve),
    /// Puts another draft in the place of a proposal of one's own, which is then approved anew.
    Amend {
        #[arg(value_parser = uuid)]
        id: String,
        /// The command that proposes the change as it shall be now, such as `entity revoke ID ..`.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Refuses a proposal; that ends it.
    Refuse {
        #[arg(value_parser = uuid)]
        id: String,
        /// Why; kept with the proposal.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        close: Close,
    },
    /// Withdraws a proposal of one's own.
    Withdraw {
        #[arg(value_parser = uuid)]
        id: String,
        /// Why; kept with the proposal.
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
        #[command(flatten)]
        close: Close,
    },
}

/// What ending a proposal takes.
#[derive(Debug, Args)]
pub struct Close {
    /// Check everything, keep nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct ListProposals {
    /// Only those in this state; all when absent.
    #[arg(long, value_name = "STATE", value_parser = ["OPEN", "EXECUTED", "REFUSED", "WITHDRAWN", "EXPIRED"])]
    pub state: Option<String>,
    /// Conditions joined by AND, such as `proposer = 7 AND created_at > 2026-11-01T00:00:00Z`.
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub filter: String,
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub page_size: i32,
    /// Where the page before ended.
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub page_token: String,
    /// Print every page.
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: ListFormat,
}

#[derive(Debug, Args)]
pub struct Show {
    #[arg(value_parser = uuid)]
    pub id: String,
    /// Print the exact bytes that are approved, nothing else.
    #[arg(long, conflicts_with = "output")]
    pub bytes: bool,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: ListFormat,
}

#[derive(Debug, Args)]
pub struct Approve {
    #[arg(value_parser = uuid)]
    pub id: String,
    /// Approve what has this hash. Without it the proposal is fetched, checked and shown.
    #[arg(long, value_name = "HEX", value_parser = hash)]
    pub hash: Option<String>,
    /// Show it and check everything, keep nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask whether this is meant.
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}
