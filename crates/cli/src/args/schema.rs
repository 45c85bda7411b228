//! Options of what is done with schemas and credential types.

use std::path::PathBuf;

use charter_domain::{AuthorityId, Resource};
use clap::{Args, Subcommand};

use super::{Call, Draft, Format, List, ListFormat, hash, reason_code};

#[derive(Debug, Subcommand)]
pub enum Schema {
    /// Prints schemas, or with --resource the revisions of one.
    List(ListSchemas),
    /// Prints a schema: by its id, its resource (the latest revision) or RESOURCE@REVISION.
    Show {
        schema: String,
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Publishes a schema: proposes it with --propose, or at once while the registry still loads.
    Publish(Publish),
    /// Proposes that a revision is not to be used for anything new.
    Deprecate {
        #[arg(value_parser = Resource::parse)]
        resource: Resource,
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        revision: u32,
        /// Why, as a code such as `SUPERSEDED`; it is public.
        #[arg(long, value_name = "CODE", value_parser = reason_code)]
        reason: String,
        /// Id of the schema to use instead.
        #[arg(long, value_name = "ID", value_parser = hash)]
        replaced_by: Option<String>,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
    /// Checks a document against a schema: exit 0 when it is valid, 3 when it is not.
    Validate {
        /// Id, resource, or RESOURCE@REVISION.
        schema: String,
        /// The document; `-` is standard input.
        file: PathBuf,
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: Format,
    },
    /// Proposes what a resource is called elsewhere; questions under these names are answered as about the resource.
    DefineType(DefineType),
    /// Prints what credential types are called elsewhere.
    Types {
        /// Conditions joined by AND, such as `vct = "https://types.example/degree"`.
        #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
        filter: String,
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
}

#[derive(Debug, Args)]
pub struct ListSchemas {
    /// Revisions of this resource only.
    #[arg(long, value_name = "RESOURCE")]
    pub resource: Option<String>,
    /// Conditions joined by AND, such as `deprecated = false`.
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub filter: String,
    #[command(flatten)]
    pub list: List,
}

#[derive(Debug, Args)]
pub struct Publish {
    #[arg(value_parser = Resource::parse)]
    pub resource: Resource,
    /// The JSON Schema (2020-12).
    pub file: PathBuf,
    /// Under what URI others refer to it; its `$id` when absent.
    #[arg(long, value_name = "URI", default_value = "", hide_default_value = true)]
    pub uri: String,
    /// Propose it to others, as a sealed registry demands, with a staff member's token.
    #[arg(long, requires = "why")]
    pub propose: bool,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Check everything, keep nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct DefineType {
    #[arg(value_parser = Resource::parse)]
    pub resource: Resource,
    /// Its name in a verifiable credential's `type`.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub vc_type: String,
    /// Its `vct` in an SD-JWT VC.
    #[arg(long, value_name = "URI", default_value = "", hide_default_value = true)]
    pub vct: String,
    /// Its `docType` in an mdoc.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub doc_type: String,
    /// Id of its schema, published here.
    #[arg(long, value_name = "ID", value_parser = hash)]
    pub schema: Option<String>,
    /// A further identifier that means the same; may be given again.
    #[arg(long, value_name = "ID")]
    pub equivalent: Vec<String>,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}
