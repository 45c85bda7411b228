//! Options of what is done with members of staff.

use std::path::PathBuf;

use charter_domain::staff::Role;
use clap::{Args, Subcommand};

use super::{Call, Credential, Draft, ListFormat};

#[derive(Debug, Subcommand)]
pub enum Staff {
    /// Prints the members of staff, as numbers, with their roles.
    List {
        #[command(flatten)]
        call: Call,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Proposes a new member of staff.
    Appoint(Appoint),
    /// Proposes to end an appointment, for good.
    Dismiss {
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        number: i64,
        /// Why it is proposed, for those who approve; not public.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        draft: Draft,
    },
    /// Keys and certificates by which services sign in.
    #[command(subcommand)]
    Credential(Credential),
}

#[derive(Debug, Args)]
pub struct Appoint {
    /// The OpenID Connect issuer of their tokens.
    #[arg(long, value_name = "URL")]
    pub issuer: String,
    /// Their `sub` there; not public.
    #[arg(long, value_name = "SUB")]
    pub subject: String,
    /// OFFICER, APPROVER, SECURITY_OFFICER, SECTOR_ADMIN, AUDITOR, PEER_REGISTRY or OPERATOR; may be given again.
    #[arg(long, value_name = "ROLE", value_parser = Role::parse, required = true)]
    pub role: Vec<Role>,
    /// A program: it never approves.
    #[arg(long)]
    pub service: bool,
    /// The file that holds what tells persons apart whatever their accounts, such as a personnel number. `-` is standard
    /// input.
    #[arg(long, value_name = "FILE", conflicts_with = "service")]
    pub person_key_file: Option<PathBuf>,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}
