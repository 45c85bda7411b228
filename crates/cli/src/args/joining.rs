//! Options of joining a superior, of leaving it, and of what others apply for.

use charter_domain::{HttpsId, Timestamp};
use clap::{Args, Subcommand};

use super::{
    Call, Draft, Format, ListFormat,
    life::{Naming, Scope},
    reason_code, uuid,
    webhook::One,
};

/// From the applicant's side.
#[derive(Debug, Subcommand)]
pub enum Join {
    /// Lets the registry's key sign an application, and sends it; without --to it is written to standard output.
    Apply(Apply),
    /// Asks how an application stands.
    Status {
        /// As `charter federation join apply` printed it.
        #[arg(value_parser = uuid)]
        id: String,
        #[command(flatten)]
        above: Above,
        /// Where the superior answers gRPC.
        #[arg(long, value_name = "URL")]
        to: String,
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: Format,
    },
    /// Proposes to record the superior that has delegated to this registry: its statement is fetched there.
    Record {
        /// Where the superior answers gRPC.
        #[arg(long, value_name = "URL")]
        from: String,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
}

/// Which superior is meant.
#[derive(Debug, Args)]
#[group(id = "Superior")]
pub struct Above {
    /// OpenID Federation id of the superior; what is signed counts nowhere else.
    #[arg(long, value_name = "URL", value_parser = HttpsId::parse)]
    pub superior: HttpsId,
}

#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    pub above: Above,
    #[command(flatten)]
    pub scope: Scope,
    /// How many authorities may follow below this one.
    #[arg(long, value_name = "N")]
    pub max_path_length: Option<u8>,
    #[command(flatten)]
    pub naming: Naming,
    /// The superior may give this registry's answers as its own.
    #[arg(long)]
    pub answers_as_own: bool,
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub valid_until: Option<Timestamp>,
    /// Whom the superior's staff can reach.
    #[arg(long, value_name = "TEXT")]
    pub contact: String,
    #[command(flatten)]
    pub sent: Sent,
}

/// How what the registry's key signs is sent.
#[derive(Debug, Args)]
pub struct Sent {
    /// Where the superior answers gRPC.
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,
    /// Sign, and send nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Subcommand)]
pub enum Leave {
    /// Proposes to record that this registry leaves a superior.
    Record {
        #[command(flatten)]
        above: Above,
        /// Why, as a code such as `MERGED`; it is public.
        #[arg(long, value_name = "CODE", value_parser = reason_code)]
        reason: String,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
    /// Tells a superior that was left, under the registry's key; without --to the notice is written to standard output.
    Notify {
        #[command(flatten)]
        above: Above,
        #[command(flatten)]
        sent: Sent,
    },
}

/// From the superior's side.
#[derive(Debug, Subcommand)]
pub enum Applications {
    /// Prints what other registries have applied for, newest first.
    List {
        /// Only those in this state: RECEIVED, PROPOSED, ACCEPTED, REFUSED or EXPIRED.
        #[arg(long, value_name = "STATE", default_value = "", hide_default_value = true)]
        state: String,
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Prints one, with the thumbprint of the key to compare with what the applicant says by another way.
    Show {
        #[arg(value_parser = uuid)]
        id: String,
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Makes the proposal that is applied for; what is left out stays as it was applied for.
    Accept(Box<Accept>),
    /// Ends an application without a proposal; the applicant is shown why.
    Refuse {
        #[command(flatten)]
        one: One,
        /// Why; the applicant is shown it.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

#[derive(Debug, Args)]
pub struct Accept {
    #[command(flatten)]
    pub one: One,
    #[command(flatten)]
    pub scope: Scope,
    #[arg(long, value_name = "N")]
    pub max_path_length: Option<u8>,
    #[command(flatten)]
    pub naming: Naming,
    #[arg(long, value_name = "BOOL")]
    pub answers_as_own: Option<bool>,
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub valid_until: Option<Timestamp>,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
}

#[derive(Debug, Subcommand)]
pub enum Rotate {
    /// Proposes another key for the registry, and prints what its superior must state before the key signs.
    Propose {
        /// When it begins to sign (RFC 3339); when it is approved, if absent.
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
        active_from: Option<Timestamp>,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
    /// Prints the registry's keys in use, from when on each signs, and whether the superior's statement lists it.
    Status {
        /// Where the superior answers gRPC.
        #[arg(long, value_name = "URL")]
        from: String,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
}
