//! Options of what is read of entities and done with them.

use charter_domain::{AuthorityId, EntityId};
use clap::Subcommand;

use super::{Change, CorrectEntity, Emergency, End, EntityKey, List, ListFormat, Register};

#[derive(Debug, Subcommand)]
pub enum Entity {
    /// Prints one entity, by any of its identifiers.
    #[command(visible_alias = "show")]
    Get {
        #[arg(value_parser = EntityId::parse)]
        id: EntityId,
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Prints entities, a page or all.
    List {
        /// Conditions joined by AND, such as `country = FI AND status.state = SUSPENDED`.
        #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
        filter: String,
        #[command(flatten)]
        list: List,
    },
    /// Suspends an entity: every answer about it is no until it is reinstated.
    Suspend(Change<EntityId>),
    /// Ends a suspension.
    Reinstate(Change<EntityId>),
    /// Revokes an entity.
    Revoke(Change<EntityId>),
    /// Ends an entity in good standing (closed, merged or renamed).
    End(End),
    /// Proposes a new entity; what it may do follows with `charter statement authorize`.
    Register(Register),
    /// Proposes to correct what was recorded of an entity; identifiers take three persons.
    Correct(CorrectEntity),
    /// An entity's keys.
    #[command(subcommand)]
    Key(EntityKey),
    /// Suspends an entity at once and alone, for 24 hours.
    EmergencySuspend(Emergency),
}
