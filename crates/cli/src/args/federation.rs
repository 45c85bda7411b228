//! Options of looking at a federation, and of one's own place in it.

use charter_domain::AuthorityId;
use clap::{Subcommand, ValueEnum};

use super::{
    ListFormat,
    joining::{Applications, Join, Leave, Rotate},
};

#[derive(Debug, Subcommand)]
pub enum Federation {
    /// Prints the superiors of a registry and whom it has delegated to: state, and how fresh is what it knows of each.
    Peers {
        /// The registry; the server's own when absent.
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        /// Let the registry ask each subordinate for its epoch first.
        #[arg(long)]
        poll: bool,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Draws the registries below one, each asked through the one above it; at most 1,000.
    Graph {
        /// The registry; the server's own when absent.
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        /// How many levels below it.
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=8))]
        depth: u8,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: GraphFormat,
    },
    /// Spells out what was delegated to an authority: a line for each grant.
    Scope {
        #[arg(value_parser = AuthorityId::parse)]
        authority: AuthorityId,
        /// The registry that has delegated; the server's own when absent.
        #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
        registry: Option<AuthorityId>,
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: ListFormat,
    },
    /// Joins a superior: applies there, and records here that it has delegated.
    #[command(subcommand)]
    Join(Join),
    /// Leaves a superior: records it here, and tells it.
    #[command(subcommand)]
    Leave(Leave),
    /// What other registries have applied for: reads it, accepts and refuses.
    #[command(subcommand)]
    Applications(Applications),
    /// Another key for the registry, and whether the superior states it.
    #[command(subcommand)]
    Rotate(Rotate),
}

/// How a graph is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A tree, with the columns of a table.
    Table,
    Json,
    /// For Graphviz.
    Dot,
    /// For Mermaid.
    Mermaid,
}
