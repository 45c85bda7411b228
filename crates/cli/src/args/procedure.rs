//! Options of fair procedures, and of what courts say.

use charter_domain::{
    EntityId, Timestamp,
    status::{Reach, State},
};
use clap::{ArgGroup, Args, Subcommand};

use super::{Call, Draft, ListFormat, reason_code, uuid};

#[derive(Debug, Subcommand)]
pub enum Procedure {
    /// Prints procedures, newest first, a page or all.
    List(ListProcedures),
    /// Prints one procedure: what is intended, its state, and the next deadline.
    Show {
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        number: i64,
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Proposes to notify the intent to suspend or revoke.
    Open(OpenProcedure),
    /// Proposes to record a reply.
    Hear(Hear),
    /// Proposes to end a procedure without a measure.
    Close {
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        number: i64,
        /// Why, as a code such as `UNFOUNDED`; it is public.
        #[arg(long, value_name = "CODE", value_parser = reason_code)]
        reason: String,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
    /// Proposes to record that a court stayed a decision: it does not count until the stay is lifted.
    Stay(CourtRuling),
    /// Proposes to record that a stay was lifted: the decision counts again.
    LiftStay(CourtRuling),
    /// Proposes to record that a court overturned a decision.
    Overturn(CourtRuling),
}

#[derive(Debug, Args)]
pub struct ListProcedures {
    /// Only those about this entity.
    #[arg(long, value_name = "ID", value_parser = EntityId::parse)]
    pub entity: Option<EntityId>,
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub page_size: i32,
    /// Where the page before ended.
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub page_token: String,
    /// Print every page.
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: ListFormat,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true))]
pub struct OpenProcedure {
    /// The entity that it is about.
    #[arg(long, value_name = "ID", value_parser = EntityId::parse, group = "target")]
    pub entity: Option<EntityId>,
    /// The accreditation that it is about.
    #[arg(long, value_name = "UUID", value_parser = uuid, group = "target")]
    pub accreditation: Option<String>,
    /// The statement that it is about.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..), group = "target")]
    pub statement: Option<i64>,
    /// The gravest state that may be decided: SUSPENDED or REVOKED.
    #[arg(long, value_name = "STATE", value_parser = State::parse)]
    pub intent: State,
    /// How far back it may reach at most: PROSPECTIVE, FROM or AB_INITIO.
    #[arg(long, value_name = "REACH", value_parser = Reach::parse)]
    pub reach: Option<Reach>,
    /// Why, as a code such as `NO_STAFF`; it is public.
    #[arg(long, value_name = "CODE", value_parser = reason_code)]
    pub reason: String,
    /// The law that it rests on.
    #[arg(long, value_name = "TEXT")]
    pub legal_basis: String,
    /// When the notice is served (RFC 3339); now when absent.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub served_on: Option<Timestamp>,
    /// Until when a reply may be given (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub reply_by: Timestamp,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

#[derive(Debug, Args)]
pub struct Hear {
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub number: i64,
    /// When the reply was received (RFC 3339); now when absent.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub received_on: Option<Timestamp>,
    /// The file that holds the reply; not public. `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub reply: std::path::PathBuf,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

#[derive(Debug, Args)]
pub struct CourtRuling {
    /// The number of the decision's event, as `charter procedure show` or `charter audit list` prints it.
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub decision: i64,
    #[arg(long, value_name = "NAME")]
    pub court: String,
    #[arg(long, value_name = "TEXT")]
    pub case_number: String,
    /// From when on (RFC 3339); now when absent.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub from: Option<Timestamp>,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}
