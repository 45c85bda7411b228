//! Options of what is done with personal data.

use clap::{Args, Subcommand};

use super::{Call, Draft, ListFormat};

#[derive(Debug, Subcommand)]
pub enum Privacy {
    /// Prints what is held about somebody.
    Show {
        #[command(flatten)]
        about: About,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Writes all that is held about somebody to standard output, one JSON object a line.
    Export {
        #[command(flatten)]
        about: About,
    },
    /// Proposes to erase what is held about somebody, for good.
    Erase(Erase),
}

#[derive(Debug, Args)]
pub struct About {
    /// `staff:NUMBER`, `proposal:UUID` or `entity:IDENTIFIER`.
    #[arg(value_parser = subject)]
    pub subject: String,
    #[command(flatten)]
    pub call: Call,
}

#[derive(Debug, Args)]
pub struct Erase {
    /// `staff:NUMBER` (dismissed), `proposal:UUID` (closed) or `entity:IDENTIFIER`.
    #[arg(value_parser = subject)]
    pub subject: String,
    /// The law that demands or allows it; it is public.
    #[arg(long, value_name = "TEXT")]
    pub basis: String,
    /// Why it is proposed, for those who approve; erased with the rest.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

fn subject(text: &str) -> Result<String, String> {
    let known = ["staff:", "proposal:", "entity:"]
        .iter()
        .any(|kind| text.strip_prefix(kind).is_some_and(|id| !id.is_empty()));
    if known {
        Ok(text.to_owned())
    } else {
        Err("must be `staff:NUMBER`, `proposal:UUID` or `entity:IDENTIFIER`".to_owned())
    }
}
