//! Options of keys and certificates of services.

use std::path::PathBuf;

use charter_domain::Timestamp;
use clap::{Args, Subcommand};

use super::{Call, Draft, Format, ListFormat, reason_code, uuid};

#[derive(Debug, Subcommand)]
pub enum Credential {
    /// Proposes a key or a certificate by which a service signs in.
    Bind(Bind),
    /// Prints credentials, without anything by which somebody could sign in.
    List {
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Takes a credential away at once, for good; for security officers.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub struct Bind {
    /// Number of the service.
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub number: i64,
    #[command(flatten)]
    pub what: What,
    /// A measure it may propose or an action it may do, such as SUSPEND or `READ_PROPOSALS`; may be given again.
    #[arg(long = "scope", value_name = "CODE", required = true)]
    pub scopes: Vec<String>,
    /// When it ends: at most a year away.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub valid_until: Timestamp,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct What {
    /// Makes a new API key in this new file (mode 0600): it is nowhere else. It counts once others have approved it.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The service's client certificate (PEM); its public key is what is bound.
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Revoke {
    #[arg(value_parser = uuid)]
    pub id: String,
    /// Why, as a code such as `KEY_COMPROMISED`; it is public.
    #[arg(long, value_name = "CODE", value_parser = reason_code)]
    pub reason: String,
    /// Check everything, keep nothing.
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
