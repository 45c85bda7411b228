//! Options of proposals about accreditations and statements.

use charter_domain::{EntityId, Timestamp};
use clap::{Args, Subcommand};

use super::{Draft, Effect, uuid};

#[derive(Debug, Subcommand)]
pub enum Accreditation {
    /// Proposes the ground of what an entity may do.
    Grant(Grant),
    /// Proposes to revoke an accreditation, with all that stands on it.
    Revoke(OfAccreditation),
    /// Proposes to suspend an accreditation, with all that stands on it.
    Suspend(OfAccreditation),
    /// Proposes to end a suspension.
    Reinstate(OfAccreditation),
    /// Proposes to end an accreditation in good standing.
    End(OfAccreditation),
}

#[derive(Debug, Subcommand)]
pub enum Statement {
    /// Proposes that an entity may do something.
    Authorize(Authorize),
    /// Proposes to revoke a statement.
    Revoke(OfStatement),
    /// Proposes to suspend a statement.
    Suspend(OfStatement),
    /// Proposes to end a suspension.
    Reinstate(OfStatement),
    /// Proposes to end a statement in good standing.
    End(OfStatement),
}

#[derive(Debug, Args)]
pub struct OfAccreditation {
    #[arg(value_name = "UUID", value_parser = uuid)]
    pub id: String,
    #[command(flatten)]
    pub status: Status,
}

#[derive(Debug, Args)]
pub struct OfStatement {
    /// As `charter entity get -o json` prints it.
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub number: i64,
    #[command(flatten)]
    pub status: Status,
}

/// A change of state that can only be proposed.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub effect: Effect,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

#[derive(Debug, Args)]
pub struct Grant {
    #[arg(value_parser = EntityId::parse)]
    pub entity: EntityId,
    /// Who accredits.
    #[arg(long, value_name = "NAME")]
    pub body: String,
    /// The law that it rests on.
    #[arg(long, value_name = "TEXT")]
    pub legal_basis: String,
    #[command(flatten)]
    pub valid: Valid,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

#[derive(Debug, Args)]
pub struct Authorize {
    #[arg(value_parser = EntityId::parse)]
    pub entity: EntityId,
    pub action: String,
    pub resource: String,
    /// Where it holds, such as `FI`; may be given again, everywhere when absent.
    #[arg(long, value_name = "CODE")]
    pub jurisdiction: Vec<String>,
    /// The accreditation that it stands on.
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    pub accreditation: Option<String>,
    #[command(flatten)]
    pub valid: Valid,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

#[derive(Debug, Args)]
pub struct Valid {
    /// From when on it holds (RFC 3339); from the proposal on when absent.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub valid_from: Option<Timestamp>,
    /// Until when it holds (RFC 3339); without end when absent.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub valid_until: Option<Timestamp>,
}
