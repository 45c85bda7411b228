//! Options of what changes entities and delegations: at once where the registry still loads, else by a proposal.

use charter_domain::{AuthorityId, EntityId, Timestamp, procedure::Waiver, status::Reach};
use clap::{Args, Subcommand};

use super::{
    Call, Format, List, ListFormat, MakeDelegation, NarrowDelegation, Until, member, reason_code, uuid,
};

#[derive(Debug, Subcommand)]
pub enum Delegation {
    /// Prints the delegations to subordinate authorities, a page or all.
    List {
        /// Conditions joined by AND, such as `status.state = ACTIVE AND valid_until < 2027-01-01T00:00:00Z`.
        #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
        filter: String,
        #[command(flatten)]
        list: List,
    },
    /// Prints the delegation to a subordinate authority: the one in force, else the last.
    Show {
        #[arg(value_parser = AuthorityId::parse)]
        id: AuthorityId,
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Suspends the delegation to a subordinate authority, with all that rests on it.
    Suspend(Change<AuthorityId>),
    /// Ends a suspension.
    Reinstate(Change<AuthorityId>),
    /// Revokes the delegation to a subordinate authority, with all that rests on it.
    Revoke(Change<AuthorityId>),
    /// Ends the delegation to a subordinate authority in good standing.
    End(Change<AuthorityId>),
    /// Proposes that a subordinate authority may speak for a scope.
    Make(MakeDelegation),
    /// Proposes a smaller scope, or another endpoint, keys or path length.
    Narrow(NarrowDelegation),
    /// Proposes a later end of a delegation in force.
    Renew {
        #[arg(value_parser = AuthorityId::parse)]
        id: AuthorityId,
        #[command(flatten)]
        until: Until,
    },
}

/// A change of state.
#[derive(Debug, Args)]
pub struct Change<Id: Target> {
    #[arg(value_parser = Id::parse)]
    pub id: Id,
    #[command(flatten)]
    pub effect: Effect,
    /// Propose the change to others, as a sealed registry demands, with a staff member's token.
    #[arg(long, requires = "why")]
    pub propose: bool,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Check everything, keep nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The proposal of one's own that it takes the place of.
    #[arg(long, value_name = "ID", value_parser = uuid, requires = "propose")]
    pub amend: Option<String>,
    /// Do not ask whether this is meant.
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

/// Why, from when on, and how far back.
#[derive(Debug, Args)]
pub struct Effect {
    /// Why, as a code such as `LICENCE_WITHDRAWN`; it is public.
    #[arg(long, value_name = "CODE", value_parser = reason_code)]
    pub reason: String,
    /// When it takes effect (RFC 3339); now when absent.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse, visible_alias = "from")]
    pub at: Option<Timestamp>,
    /// How far back a proposed revocation reaches: PROSPECTIVE, FROM (an instant in the past) or AB_INITIO.
    #[arg(long, value_name = "REACH", value_parser = Reach::parse)]
    pub reach: Option<Reach>,
    /// The law that it rests on: needed to reach back, and with --procedure and --hearing-waived.
    #[arg(long, value_name = "TEXT")]
    pub legal_basis: Option<String>,
    #[command(flatten)]
    pub hearing: Hearing,
}

/// How its holder was heard before a proposed suspension or revocation, or why not; and how to appeal.
#[derive(Debug, Args)]
pub struct Hearing {
    /// The procedure that was heard, or whose time to reply is over; needs --legal-basis, --appeal, --appeal-by and
    /// --served-on.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..), conflicts_with = "hearing_waived")]
    pub procedure: Option<i64>,
    /// Why nobody was heard: URGENT, REQUESTED_BY_HOLDER, COURT_ORDER, KEY_COMPROMISE or CONFIRMS_EMERGENCY; needs
    /// --legal-basis.
    #[arg(long, value_name = "CODE", value_parser = waiver, requires = "legal_basis")]
    pub hearing_waived: Option<String>,
    /// How to appeal.
    #[arg(long, value_name = "TEXT")]
    pub appeal: Option<String>,
    /// Until when to appeal (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub appeal_by: Option<Timestamp>,
    /// When the decision is served (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub served_on: Option<Timestamp>,
}

fn waiver(text: &str) -> Result<String, charter_domain::Invalid> {
    Waiver::parse(text).map(|waiver| waiver.code().to_owned())
}

/// The end of an entity, and who continues what it did.
#[derive(Debug, Args)]
pub struct End {
    #[command(flatten)]
    pub change: Change<EntityId>,
    /// An entity that succeeds it; may be given again.
    #[arg(long, value_name = "ID", value_parser = EntityId::parse)]
    pub successor: Vec<EntityId>,
}

#[derive(Debug, Args)]
pub struct Register {
    #[arg(value_parser = EntityId::parse)]
    pub identifier: EntityId,
    /// Its name in a language, such as `fi=Helsingin yliopisto`; may be given again.
    #[arg(long, value_name = "LANGUAGE=NAME", value_parser = member, required = true)]
    pub name: Vec<(String, String)>,
    /// ISO 3166-1 alpha-2, such as `FI`.
    #[arg(long, value_name = "CODE")]
    pub country: String,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT", visible_alias = "why")]
    pub reason: String,
    #[command(flatten)]
    pub draft: Draft,
}

#[derive(Debug, Args)]
pub struct Emergency {
    #[arg(value_parser = EntityId::parse)]
    pub id: EntityId,
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

/// What every proposal takes.
#[derive(Debug, Args)]
pub struct Draft {
    /// Check the proposal, keep nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The proposal of one's own that it takes the place of.
    #[arg(long, value_name = "ID", value_parser = uuid)]
    pub amend: Option<String>,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

/// What can be suspended, reinstated, revoked.
pub trait Target: Clone + Send + Sync + std::fmt::Display + 'static {
    fn parse(text: &str) -> Result<Self, charter_domain::Invalid>;
}

impl Target for EntityId {
    fn parse(text: &str) -> Result<Self, charter_domain::Invalid> {
        Self::parse(text)
    }
}

impl Target for AuthorityId {
    fn parse(text: &str) -> Result<Self, charter_domain::Invalid> {
        Self::parse(text)
    }
}
