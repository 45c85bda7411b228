//! The command line: commands, options, and what a value may be.

mod anchors;
mod approval;
mod audit;
mod change;
mod check;
mod conformance;
mod credential;
mod entity;
mod federation;
mod grant;
mod import;
mod joining;
mod key;
mod life;
mod log;
mod login;
mod mirror;
mod policy;
mod privacy;
mod procedure;
mod proof;
mod registry;
mod schema;
mod staff;
mod webhook;

use std::path::PathBuf;

use charter_domain::{AuthorityId, Timestamp};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::{
    anchors::{Anchors, UpdateAnchors, VerifyAnchors},
    approval::{Approval, Approve, Close, ListProposals, Show},
    audit::{Audit, Events, Filter},
    change::{Change, Delegation, Draft, Effect, Emergency, End, Register, Target},
    check::{Check, Mode, Question},
    conformance::Conformance,
    credential::{Bind, Credential, Revoke as RevokeCredential},
    entity::Entity,
    federation::{Federation, GraphFormat},
    grant::{Accreditation, Authorize, Grant, OfAccreditation, OfStatement, Statement, Status, Valid},
    import::Import,
    joining::{Accept, Applications, Apply, Join, Leave, Rotate, Sent},
    key::{CheckKey, EntityKey, Key, ListKeys, Revoke},
    life::{
        CorrectAccreditation, CorrectEntity, Drafted, ListOf, MakeDelegation, Naming, NarrowDelegation,
        Recognition, Recognize, Scope, Until,
    },
    log::{AuditState, Log, MirrorLog, ProofOf, Source as LogSource, Trusted, VerifyLog, WatchLog},
    login::{Login, WhoAmI},
    mirror::{CheckCopy, Mirror, ServeCopy, SyncCopy},
    policy::SetPolicy,
    privacy::{About, Erase, Privacy},
    procedure::{CourtRuling, Hear, ListProcedures, OpenProcedure, Procedure},
    proof::{Proof, Prove, VerifyProof},
    registry::Registry,
    schema::{DefineType, ListSchemas, Publish, Schema},
    staff::{Appoint, Staff},
    webhook::{At, Events as WebhookEvents, One, Webhook},
};
use crate::pages::Pages;

/// Asks a trust registry, verifies what it says, and loads it.
#[derive(Debug, Parser)]
#[command(name = "charter", version, arg_required_else_help = true, after_help = EXITS)]
pub struct Cli {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub style: Style,
    #[command(subcommand)]
    pub command: Command,
}

const EXITS: &str = "\
Exit codes: 0 done or yes, 1 unexpected or not conforming, 2 usage, 3 no, 4 not known, 5 cannot verify (unreachable, \
stale, bad proof), 6 not permitted, 7 conflict, 8 partly failed, 130 interrupted";

#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// Where the server answers gRPC.
    #[arg(
        long,
        global = true,
        env = "CHARTER_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:7100"
    )]
    pub server: String,
    /// Whose sign-in and settings: a table of `$XDG_CONFIG_HOME/charter/config.toml`.
    #[arg(long, global = true, env = "CHARTER_PROFILE", value_name = "NAME", default_value = "default",
          value_parser = profile)]
    pub profile: String,
    /// Authorities (PEM) that an https server or provider is checked against, in place of the system's.
    #[arg(long, global = true, env = "CHARTER_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Certificate (PEM) of the service that this is run for, in place of a token.
    #[arg(long, global = true, env = "CHARTER_CLIENT_CERT", value_name = "FILE")]
    pub client_cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, global = true, env = "CHARTER_CLIENT_KEY", value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// How long to wait for an answer, such as `10s` or `1m 30s`.
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s")]
    pub timeout: humantime::Duration,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Asks whether an entity is authorized (or recognized).
    Check(Check),
    /// Examines a registry of any maker: does it speak TRQP v2 as the standard says?
    Conformance(Conformance),
    /// Signed chains: the proof of an answer, for use without a connection.
    #[command(subcommand)]
    Chain(Chain),
    /// The anchor set: whom this verifier trusts, brought up to date from version to version.
    #[command(subcommand)]
    Anchors(Anchors),
    /// Chains with their evidence from the transparency log, for use without a connection.
    #[command(subcommand)]
    Proof(Proof),
    /// Loads entities from a CSV or JSON file.
    Import(Import),
    /// Reads entities and changes their state.
    #[command(subcommand)]
    Entity(Entity),
    /// Delegations to subordinate authorities: proposes and changes them.
    #[command(subcommand)]
    Delegation(Delegation),
    /// The federation around a registry: what is above and below it, and how fresh is what it knows of that.
    #[command(subcommand)]
    Federation(Federation),
    /// Fair procedures before suspensions and revocations, and what courts say of these.
    #[command(subcommand)]
    Procedure(Procedure),
    /// Proposed changes: reads, approves, amends, refuses and withdraws them.
    #[command(subcommand)]
    Approval(Approval),
    /// The grounds of what entities may do: reads, proposes and changes them.
    #[command(subcommand)]
    Accreditation(Accreditation),
    /// What an entity may do: reads, proposes and changes it.
    #[command(subcommand)]
    Statement(Statement),
    /// Peers that are accepted as authorities: reads, proposes and changes them.
    #[command(subcommand)]
    Recognition(Recognition),
    /// The registry's keys, and whether a signature counts.
    #[command(subcommand)]
    Key(Key),
    /// Who may propose and approve.
    #[command(subcommand)]
    Staff(Staff),
    /// What was done, by whom, when and why.
    #[command(subcommand)]
    Audit(Audit),
    /// Transparency logs: verified, followed, proven, copied.
    #[command(subcommand)]
    Log(Log),
    /// A full copy of what a federation has signed: kept, asked, served.
    #[command(subcommand)]
    Mirror(Mirror),
    /// What is held about natural persons: shown, exported, erased.
    #[command(subcommand)]
    Privacy(Privacy),
    /// Schemas of credential types, and what those are called elsewhere.
    #[command(subcommand)]
    Schema(Schema),
    /// Where events are sent, and how that goes.
    #[command(subcommand)]
    Webhook(Webhook),
    /// Reads registries, and proposes their policy.
    #[command(subcommand)]
    Registry(Registry),
    /// Signs in at an OpenID Connect provider, by a code that is typed into a browser.
    Login(Login),
    /// Forgets the sign-in of the profile.
    Logout,
    /// Prints who one is in the registry: number and roles.
    Whoami(WhoAmI),
    #[command(flatten)]
    Pages(Pages),
}

#[derive(Debug, Subcommand)]
pub enum Chain {
    /// Asks, and writes the chain of a yes to standard output.
    Export {
        #[command(flatten)]
        question: Question,
        /// Verify the chain against this anchor set before it is written.
        #[arg(long, value_name = "FILE")]
        anchor: Option<PathBuf>,
    },
    /// Verifies a chain file without a connection.
    Verify(Verify),
    /// Prints what a chain file says, without verifying it.
    Show {
        /// The chain file; `-` is standard input.
        file: PathBuf,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The chain file; `-` is standard input.
    pub file: PathBuf,
    #[command(flatten)]
    pub against: Against,
}

/// What a proof is held against.
#[derive(Debug, Args)]
pub struct Against {
    #[arg(long, value_name = "FILE")]
    pub anchor: PathBuf,
    /// Verify for this instant (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub at: Option<Timestamp>,
    /// Refuse what was signed longer ago than this, such as `6h`.
    #[arg(long, value_name = "DURATION")]
    pub max_age: Option<humantime::Duration>,
    /// It must be about this entity.
    #[arg(long)]
    pub entity: Option<String>,
    /// It must be about this action.
    #[arg(long)]
    pub action: Option<String>,
    /// It must be about this resource.
    #[arg(long)]
    pub resource: Option<String>,
    /// It may lead to a peer that this authority recognizes: the question to it said `follow_recognition`.
    #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
    pub recognized_by: Option<AuthorityId>,
    /// Use no connection. Verification never does; the option says so in scripts.
    #[arg(long)]
    pub offline: bool,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct TokenFile {
    /// The file that holds the bearer token.
    #[arg(long, env = "CHARTER_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// On whose behalf, and in which registry.
#[derive(Debug, Args)]
pub struct Call {
    /// The registry; the server's own when absent.
    #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
    pub registry: Option<AuthorityId>,
    /// Names a change, so that it is carried out once however often the command is repeated (24 h).
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<String>,
    #[command(flatten)]
    pub token: TokenFile,
}

#[derive(Debug, Args)]
#[group(id = "Page")]
pub struct List {
    #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
    pub registry: Option<AuthorityId>,
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub page_size: i32,
    /// Where the page before ended.
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub page_token: String,
    /// Print every page.
    #[arg(long)]
    pub all: bool,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: ListFormat,
}

/// How the result of an action is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

/// How what is read is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    Table,
    Json,
    /// One JSON object a line.
    Ndjson,
    /// The columns of the table (RFC 4180), safe to open in a spreadsheet.
    Csv,
}

/// How whatever is printed looks.
#[derive(Debug, Default, Args)]
pub struct Style {
    /// Only these columns of a table or CSV, in this order, such as `name,state`.
    #[arg(long, global = true, value_name = "NAMES", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// No line of headings above a table or CSV.
    #[arg(long, global = true)]
    pub no_headers: bool,
    /// No remarks on standard error: faults and questions only.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

fn member(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be `name=value`".to_owned()),
    }
}

/// A profile names a directory.
fn profile(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err("must be 1 to 64 letters, digits, `-` or `_`".to_owned())
}

/// The text of a UUID, in the one form that the server writes.
fn uuid(text: &str) -> Result<String, String> {
    let fits = |(at, b): (usize, u8)| match at {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    };
    if text.len() == 36 && text.bytes().enumerate().all(fits) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("must be a UUID, such as `0190c5a4-7c1e-7000-8000-000000000000`".to_owned())
}

fn hash(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("must be a SHA-256 in 64 hexadecimal digits, as `charter approval show` prints it".to_owned())
}

fn sha256(text: &str) -> Result<String, String> {
    hash(text).map_err(|_| "must be a SHA-256 in 64 hexadecimal digits".to_owned())
}

fn reason_code(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if text.starts_with(|c: char| c.is_ascii_uppercase()) && text.len() <= 128 && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err("must be a code of capitals, digits and `_`, such as `LICENCE_WITHDRAWN`".to_owned())
}

#[cfg(test)]
mod tests;
