//! Loading from files: records, and signed lists of others.

use std::path::PathBuf;

use charter_domain::{Action, AuthorityId, Resource};
use clap::Args;

use super::TokenFile;
use crate::list;

#[derive(Debug, Args)]
pub struct Import {
    /// `*.csv`, or JSON: an array of records; with `--format`, a signed list of somebody else.
    pub file: PathBuf,
    /// A list of trusted entities: its signature is verified, and what a record has no place for is reported.
    #[arg(long, value_name = "FORMAT", requires = "signer")]
    pub format: Option<list::Format>,
    /// The certificate of the list's signer (PEM), from somewhere else than the list.
    #[arg(long, value_name = "FILE", requires = "format")]
    pub signer: Option<PathBuf>,
    /// What services of a type may do here, such as `http://uri.etsi.org/19602/SvcType/PID/Issuance=issue:PID`; others are
    /// not carried.
    #[arg(long, value_name = "URI=ACTION:RESOURCE", value_parser = list::service_type, requires = "format")]
    pub service_type: Vec<(String, (Action, Resource))>,
    /// Take a list that was to be replaced by now.
    #[arg(long, requires = "format")]
    pub accept_expired: bool,
    /// Write what was carried of the list, and what was not, to this file as JSON.
    #[arg(long, value_name = "FILE", requires = "format")]
    pub report: Option<PathBuf>,
    /// Check every row, load none.
    #[arg(long)]
    pub dry_run: bool,
    /// The registry to load into; the server's own when absent.
    #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
    pub registry: Option<AuthorityId>,
    #[command(flatten)]
    pub token: TokenFile,
    /// Write the rows that failed to this file, in the format of the input.
    #[arg(long, value_name = "FILE")]
    pub failures: Option<PathBuf>,
}
