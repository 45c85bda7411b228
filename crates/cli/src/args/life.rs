//! Options of corrections, renewals, delegations and recognitions: all of them are proposals.

use std::path::PathBuf;

use charter_domain::{AuthorityId, EntityId, HttpsId, Timestamp, naming, spki::SpkiSha256};
use clap::{Args, Subcommand};

use super::{Authorize, Draft, ListFormat, OfStatement, Valid, member, uuid};

/// Why, and how it is proposed.
#[derive(Debug, Args)]
pub struct Drafted {
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

#[derive(Debug, Args)]
pub struct Recognize {
    #[command(flatten)]
    pub statement: Authorize,
    /// Who the peer is, as JSON: entity_identifier, jwks_json, endpoint, may_follow, one_sided; it takes --until.
    #[arg(long, value_name = "FILE")]
    pub peer: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Until {
    /// The end that it gets (RFC 3339), later than it has.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub until: Timestamp,
    #[command(flatten)]
    pub drafted: Drafted,
}

#[derive(Debug, Args)]
pub struct CorrectEntity {
    #[arg(value_parser = EntityId::parse)]
    pub id: EntityId,
    /// Its name in a language, such as `fi=Helsingin yliopisto`; `fi=` removes it; may be given again.
    #[arg(long, value_name = "LANGUAGE=NAME", value_parser = member)]
    pub name: Vec<(String, String)>,
    /// ISO 3166-1 alpha-2, such as `FI`.
    #[arg(long, value_name = "CODE")]
    pub country: Option<String>,
    /// A further identifier, such as `lei=529900T8BM49AURSDO55`; may be given again.
    #[arg(long, value_name = "TYPE=VALUE", value_parser = member)]
    pub add_identifier: Vec<(String, String)>,
    /// An identifier that it has no more; may be given again.
    #[arg(long, value_name = "ID")]
    pub end_identifier: Vec<String>,
    #[command(flatten)]
    pub drafted: Drafted,
}

#[derive(Debug, Args)]
pub struct CorrectAccreditation {
    #[arg(value_name = "UUID", value_parser = uuid)]
    pub id: String,
    /// Who accredits.
    #[arg(long, value_name = "NAME")]
    pub body: Option<String>,
    /// The law that it rests on.
    #[arg(long, value_name = "TEXT")]
    pub legal_basis: Option<String>,
    #[arg(long, value_name = "URL")]
    pub evidence_uri: Option<String>,
    /// Such as `2026-11-20`.
    #[arg(long, value_name = "DATE")]
    pub evidence_date: Option<String>,
    #[arg(long, value_name = "HEX")]
    pub evidence_sha256: Option<String>,
    /// From when on it was valid in truth (RFC 3339); takes three persons.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub valid_from: Option<Timestamp>,
    /// Until when it was valid in truth (RFC 3339); takes three persons.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub valid_until: Option<Timestamp>,
    #[command(flatten)]
    pub drafted: Drafted,
}

/// What a subordinate may speak for: one grant, or a list of them in a file.
#[derive(Debug, Args)]
pub struct Scope {
    /// A credential type or a pattern such as `edu:*`; may be given again.
    #[arg(long, value_name = "PATTERN")]
    pub resource: Vec<String>,
    /// An action or a pattern; all of them when absent; may be given again.
    #[arg(long, value_name = "PATTERN", requires = "resource")]
    pub action: Vec<String>,
    /// Where it holds, such as `FI`; everywhere when absent; may be given again.
    #[arg(long, value_name = "CODE", requires = "resource")]
    pub jurisdiction: Vec<String>,
    /// The subordinate may pass it on.
    #[arg(long, requires = "resource")]
    pub may_delegate: bool,
    /// A JSON list of grants instead, as the API has them.
    #[arg(long, value_name = "FILE", conflicts_with = "resource")]
    pub scope: Option<PathBuf>,
}

/// Which names a subordinate and everybody below it may have.
#[derive(Debug, Args)]
pub struct Naming {
    /// A host that is permitted, or all below one (`.edu.example`); any where none is given; may be given again.
    #[arg(long, value_name = "HOST", value_parser = naming::entry)]
    pub permit_name: Vec<String>,
    /// A host that is not, or all below one, whatever is permitted; may be given again.
    #[arg(long, value_name = "HOST", value_parser = naming::entry)]
    pub exclude_name: Vec<String>,
}

#[derive(Debug, Args)]
pub struct MakeDelegation {
    #[arg(value_parser = AuthorityId::parse)]
    pub subordinate: AuthorityId,
    /// The subordinate's https identifier.
    #[arg(long, value_name = "URL", value_parser = HttpsId::parse)]
    pub entity_identifier: HttpsId,
    /// The subordinate's keys, a JWK set.
    #[arg(long, value_name = "FILE")]
    pub jwks: PathBuf,
    /// Where the subordinate answers gRPC.
    #[arg(long, value_name = "URL")]
    pub endpoint: String,
    /// A public key (SHA-256 of its SPKI) by which the subordinate is known in TLS; may be given again, up to 4 times.
    #[arg(long, value_name = "HEX", value_parser = SpkiSha256::parse)]
    pub tls_key: Vec<SpkiSha256>,
    #[command(flatten)]
    pub scope: Scope,
    /// How many authorities may follow below it.
    #[arg(long, value_name = "N")]
    pub max_path_length: Option<u8>,
    #[command(flatten)]
    pub naming: Naming,
    /// Its answers are given as one's own, instead of a referral to it.
    #[arg(long)]
    pub answers_as_own: bool,
    #[command(flatten)]
    pub valid: Valid,
    #[command(flatten)]
    pub drafted: Drafted,
}

/// What a delegation is to have instead; what is left out stays.
#[derive(Debug, Args)]
pub struct NarrowDelegation {
    #[arg(value_parser = AuthorityId::parse)]
    pub subordinate: AuthorityId,
    #[command(flatten)]
    pub scope: Scope,
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// A public key (SHA-256 of its SPKI) by which it is known in TLS from now on; may be given again, up to 4 times.
    #[arg(long, value_name = "HEX", value_parser = SpkiSha256::parse)]
    pub tls_key: Vec<SpkiSha256>,
    /// Its certificates are checked by who issued them, no longer by keys.
    #[arg(long, conflicts_with = "tls_key")]
    pub no_tls_keys: bool,
    /// The subordinate's keys, a JWK set.
    #[arg(long, value_name = "FILE")]
    pub jwks: Option<PathBuf>,
    #[arg(long, value_name = "BOOL")]
    pub answers_as_own: Option<bool>,
    /// No longer than it is.
    #[arg(long, value_name = "N")]
    pub max_path_length: Option<u8>,
    #[command(flatten)]
    pub naming: Naming,
    #[command(flatten)]
    pub drafted: Drafted,
}

/// Whose statements to print.
#[derive(Debug, Args)]
pub struct ListOf {
    #[arg(value_parser = EntityId::parse)]
    pub entity: EntityId,
    #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
    pub registry: Option<AuthorityId>,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: ListFormat,
}

#[derive(Debug, Subcommand)]
pub enum Recognition {
    /// Prints the recognitions of an entity, with their numbers.
    List(ListOf),
    /// Proposes that a peer is accepted as an authority for an action and a resource.
    Recognize(Recognize),
    /// Proposes a later end of a recognition in force.
    Renew {
        /// As `charter recognition list` prints it.
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        number: i64,
        #[command(flatten)]
        until: Until,
    },
    /// Proposes to suspend a recognition.
    Suspend(OfStatement),
    /// Proposes to end a suspension.
    Reinstate(OfStatement),
    /// Proposes to revoke a recognition.
    Revoke(OfStatement),
    /// Proposes to end a recognition in good standing.
    End(OfStatement),
}
