//! Options of reading registries, and of their policy.

use charter_domain::AuthorityId;
use clap::Subcommand;

use super::{Draft, ListFormat, SetPolicy};

#[derive(Debug, Subcommand)]
pub enum Registry {
    /// Prints the registries that the server keeps.
    List {
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Prints a registry: its phase, its epoch, and how much of its log is published.
    Show {
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Prints a registry's policy: persons for each measure, hearings, languages.
    Policy {
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Proposes another policy: the whole of it, what is left out is as built in.
    SetPolicy(SetPolicy),
    /// Proposes that the registry may move to another deployment, keys and all.
    Rehome {
        /// The receiving site's key, as `charterd rehome key` prints it there.
        #[arg(allow_hyphen_values = true, value_parser = charter_domain::rehome::recipient)]
        recipient: String,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
}
