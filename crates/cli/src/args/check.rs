//! Options of a question, and of asking it.

use std::path::PathBuf;

use charter_domain::Timestamp;
use clap::{Args, ValueEnum};

use super::{Format, Prove, member};

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub question: Question,
    /// How far the server goes to answer.
    #[arg(long, value_name = "MODE", default_value = "recurse")]
    pub mode: Mode,
    /// Verify the chain of a yes or a no against this anchor set.
    #[arg(long, value_name = "FILE")]
    pub anchor: Option<PathBuf>,
    #[command(flatten)]
    pub log: Prove,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

/// How far a registry goes to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Asks its subordinates.
    Recurse,
    /// Answers from its own records, or says whom to ask.
    Refer,
    /// The same, after what it has kept.
    CachedOnly,
}

/// A question, as TRQP v2 puts it.
#[derive(Debug, Args)]
pub struct Question {
    pub entity: String,
    pub action: String,
    pub resource: String,
    /// The authority that must say so; the server's own when absent.
    #[arg(long, value_name = "DID")]
    pub authority: Option<String>,
    /// Ask about this instant (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub at: Option<Timestamp>,
    /// Ask whether the entity is recognized as an authority.
    #[arg(long)]
    pub recognition: bool,
    /// A member of the question's context; may be given again.
    #[arg(long, value_name = "NAME=VALUE", value_parser = member)]
    pub context: Vec<(String, String)>,
}
