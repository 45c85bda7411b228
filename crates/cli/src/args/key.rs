//! Options of what is done with keys, of the registry and of entities.

use std::path::PathBuf;

use charter_domain::{AuthorityId, EntityId, Timestamp, key::RevocationReason};
use clap::{Args, Subcommand};

use super::{Draft, Format, ListFormat, sha256};

#[derive(Debug, Subcommand)]
pub enum Key {
    /// Prints the registry's keys in use: announced and active.
    List(ListKeys),
    /// Prints every key that the registry ever had.
    History(ListKeys),
    /// Prints one key.
    Show {
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// A key of this entity, not of the registry.
        #[arg(long, value_name = "ID", value_parser = EntityId::parse)]
        entity: Option<EntityId>,
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Proposes another key for the registry, and prints what its superior must state before the key signs.
    Rotate {
        /// When it begins to sign (RFC 3339); when it is approved, if absent.
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
        active_from: Option<Timestamp>,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
    /// Proposes that a key in good standing is used no longer.
    Retire {
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// From when on (RFC 3339); when it is approved, if absent.
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
        from: Option<Timestamp>,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
    /// Proposes that a key counts no longer.
    Revoke(Revoke),
    /// Asks whether a signature counts that says when it was made.
    Check(CheckKey),
    /// Proposes to record that a signed object exists: from then on it is proven.
    Evidence {
        /// SHA-256 of the object with its signature.
        #[arg(value_parser = sha256)]
        sha256: String,
        /// The entity that signed it; the registry itself when absent.
        #[arg(long, value_name = "ID", value_parser = EntityId::parse)]
        entity: Option<EntityId>,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
}

#[derive(Debug, Subcommand)]
pub enum EntityKey {
    /// Prints every key that an entity ever had.
    List {
        #[arg(value_parser = EntityId::parse)]
        entity: EntityId,
        #[command(flatten)]
        list: ListKeys,
    },
    /// Proposes a key that an entity signs with.
    Add {
        #[arg(value_parser = EntityId::parse)]
        entity: EntityId,
        /// The file with the public JWK; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        jwk: PathBuf,
        /// When it begins to count (RFC 3339): in the future, it is announced. When it is approved, if absent.
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
        valid_from: Option<Timestamp>,
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
        valid_until: Option<Timestamp>,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
    /// Proposes that a key of an entity counts no longer.
    Revoke {
        #[arg(value_parser = EntityId::parse)]
        entity: EntityId,
        #[command(flatten)]
        revoke: Revoke,
    },
}

#[derive(Debug, Args)]
pub struct ListKeys {
    #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
    pub registry: Option<AuthorityId>,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: ListFormat,
}

#[derive(Debug, Args)]
#[group(id = "Revocation")]
pub struct Revoke {
    #[arg(allow_hyphen_values = true)]
    pub kid: String,
    /// COMPROMISED or SUPERSEDED.
    #[arg(long, value_name = "REASON", value_parser = RevocationReason::parse)]
    pub reason: RevocationReason,
    /// The earliest instant (RFC 3339) at which somebody else may have had it; needed when it is COMPROMISED.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub compromised_since: Option<Timestamp>,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

#[derive(Debug, Args)]
pub struct CheckKey {
    #[arg(allow_hyphen_values = true)]
    pub kid: String,
    /// The entity that signed; the registry itself when absent.
    #[arg(long, value_name = "ID", value_parser = EntityId::parse)]
    pub entity: Option<EntityId>,
    /// When the signature says that it was made (RFC 3339); now when absent.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub claimed_at: Option<Timestamp>,
    /// SHA-256 of the signed object: evidence of it is looked for.
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    pub sha256: Option<String>,
    #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
    pub registry: Option<AuthorityId>,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}
