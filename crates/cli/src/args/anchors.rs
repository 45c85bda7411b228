//! Options of the anchor set: brought up to date, shown, verified.

use std::path::PathBuf;

use charter_domain::Timestamp;
use charter_proof::Fingerprint;
use clap::{Args, Subcommand};

use super::{Format, ListFormat};

#[derive(Debug, Subcommand)]
pub enum Anchors {
    /// Brings a local anchor set up to date, version by version; the first time by its fingerprint.
    Update(UpdateAnchors),
    /// Prints what a file says, and its fingerprint, without verifying it.
    Show {
        file: PathBuf,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Verifies versions in order without a connection.
    Verify(VerifyAnchors),
}

#[derive(Debug, Args)]
pub struct UpdateAnchors {
    /// The local file, for `--anchor` of other commands; replaced as a whole.
    pub file: PathBuf,
    /// The fingerprint of a version, in hexadecimal digits or words, from print or another way that is trusted. The
    /// first time it must be given; later what is followed is compared with it.
    #[arg(long, value_name = "TEXT", value_parser = Fingerprint::parse)]
    pub fingerprint: Option<Fingerprint>,
    /// Base URL of a registry that publishes the set; the server when absent.
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    pub url: Option<String>,
    /// A folder with the versions `1.json`, `2.json` and so on, in place of an address.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Verify what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct VerifyAnchors {
    /// Versions, the oldest first.
    #[arg(required = true, num_args = 1..)]
    pub files: Vec<PathBuf>,
    /// The fingerprint of the first of them, in hexadecimal digits or words.
    #[arg(long, value_name = "TEXT", value_parser = Fingerprint::parse)]
    pub fingerprint: Option<Fingerprint>,
    /// Verify for this instant (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub at: Option<Timestamp>,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}
