//! Options of proposals about accreditations and statements.

use charter_domain::{AuthorityId, EntityId, Timestamp};
use clap::{Args, Subcommand};

use super::{CorrectAccreditation, Draft, Effect, List, ListFormat, ListOf, Until, uuid};

#[derive(Debug, Subcommand)]
pub enum Accreditation {
    /// Prints accreditations, a page or all.
    List(List),
    /// Prints one accreditation.
    Show {
        #[arg(value_name = "UUID", value_parser = uuid)]
        id: String,
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Proposes the ground of what an entity may do.
    Grant(Grant),
    /// Proposes to correct what was recorded; its validity takes three persons.
    Correct(CorrectAccreditation),
    /// Proposes a later end of an accreditation in force.
    Renew {
        #[arg(value_name = "UUID", value_parser = uuid)]
        id: String,
        #[command(flatten)]
        until: Until,
    },
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
    /// Prints the statements about an entity, with their numbers.
    List(ListOf),
    /// Prints one statement.
    Show {
        /// As `charter statement list` prints it.
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        number: i64,
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Proposes that an entity may do something.
    Authorize(Authorize),
    /// Proposes a later end of a statement in force.
    Renew {
        /// As `charter statement list` prints it.
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        number: i64,
        #[command(flatten)]
        until: Until,
    },
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
    /// As `charter statement list` prints it.
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
    /// From when on it holds (RFC 3339); from its execution on when absent.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub valid_from: Option<Timestamp>,
    /// Until when it holds (RFC 3339); without end when absent.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub valid_until: Option<Timestamp>,
}
