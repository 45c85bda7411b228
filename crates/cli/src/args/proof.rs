//! Options of proofs from the transparency log.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Against;

#[derive(Debug, Subcommand)]
pub enum Proof {
    /// Verifies a proof file without a connection: the chain, and that the log has its statement; or the chain of a no.
    Verify(VerifyProof),
}

#[derive(Debug, Args)]
pub struct VerifyProof {
    /// The proof file, as `charter check --prove --out` writes it; `-` is standard input.
    pub file: PathBuf,
    /// Accept only a log and witnesses of this policy (C2SP tlog-policy).
    #[arg(long, value_name = "FILE")]
    pub log_policy: Option<PathBuf>,
    #[command(flatten)]
    pub against: Against,
}

/// The proof from the log beside an answer.
#[derive(Debug, Args)]
pub struct Prove {
    /// Ask for the proof that the log has the statement of a yes, and verify it too.
    #[arg(long, requires = "anchor")]
    pub prove: bool,
    /// Accept only a log and witnesses of this policy (C2SP tlog-policy).
    #[arg(long, value_name = "FILE", requires = "prove")]
    pub log_policy: Option<PathBuf>,
    /// Refuse what was signed longer ago than this, such as `6h`.
    #[arg(long, value_name = "DURATION", requires = "prove")]
    pub max_age: Option<humantime::Duration>,
    /// Write everything that proves the answer to this file, for `charter proof verify`; of a no, its chain.
    #[arg(long, value_name = "FILE", requires = "prove")]
    pub out: Option<PathBuf>,
}
