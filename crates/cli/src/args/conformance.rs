//! Options of the examination of a registry.

use std::path::PathBuf;

use clap::Args;

use super::ListFormat;

#[derive(Debug, Args)]
pub struct Conformance {
    /// Where the registry answers: what `/authorization` is put behind. https, or http on loopback.
    #[arg(long, value_name = "URL")]
    pub target: String,
    /// The authority to ask; what the registry's metadata says when absent.
    #[arg(long, value_name = "DID")]
    pub authority: Option<String>,
    /// Questions with their right answers (YAML or JSON); without it, what the registry lists of itself is asked.
    #[arg(long, value_name = "FILE")]
    pub known: Option<PathBuf>,
    /// Write `conformance.json` and `conformance.html` into this directory.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["json", "html"])]
    pub out: Option<PathBuf>,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report to this file, as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: ListFormat,
}
