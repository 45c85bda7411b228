//! Options of what is done with webhooks.

use clap::{Args, Subcommand};

use super::{Call, Format, ListFormat, uuid};

#[derive(Debug, Subcommand)]
pub enum Webhook {
    /// Has events sent to a URL, from now on. Prints the secret that signs them, this once.
    Create {
        #[command(flatten)]
        filter: Events,
        /// https.
        url: String,
        #[command(flatten)]
        at: At,
    },
    /// Prints the webhooks and how far they are.
    List {
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Prints one webhook, and who changed it.
    Show {
        #[arg(value_parser = uuid)]
        id: String,
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Puts another URL in the place of the one before, with its filters.
    Update {
        #[command(flatten)]
        filter: Events,
        #[command(flatten)]
        one: One,
        /// https.
        url: String,
    },
    /// Makes a webhook active again that was disabled.
    Enable(One),
    /// Stops deliveries; `enable` goes on where they stopped.
    Disable(One),
    /// Sends a message of type `webhook.test` at once: exit 0 when it was taken, 3 when not.
    Test {
        #[arg(value_parser = uuid)]
        id: String,
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: Format,
    },
    /// Sends events again.
    Replay {
        #[command(flatten)]
        one: One,
        /// From the event after this number on.
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
    },
    /// Makes a new secret and prints it; for 24 hours the old one signs, too.
    RotateSecret(One),
    /// Ends a webhook, for good.
    Delete {
        #[command(flatten)]
        one: One,
        /// Do not ask whether this is meant.
        #[arg(short, long)]
        yes: bool,
    },
    /// Prints the last attempts, newest first.
    Deliveries {
        #[arg(value_parser = uuid)]
        id: String,
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=500))]
        limit: i32,
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
}

/// One thing, by its id, and what is done with it.
#[derive(Debug, Args)]
pub struct One {
    #[arg(value_parser = uuid)]
    pub id: String,
    #[command(flatten)]
    pub at: At,
}

/// Whether it is only tried out, on whose behalf, and how the result is printed.
#[derive(Debug, Args)]
pub struct At {
    /// Check everything, keep nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

/// Which events; all of them when nothing is said.
#[derive(Debug, Args)]
pub struct Events {
    /// Of this kind only, such as `StatusChanged`; may be given again.
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// About this entity only, by any of its identifiers.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub entity: String,
}
