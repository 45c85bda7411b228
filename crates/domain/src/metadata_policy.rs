//! Metadata policies (OpenID Federation 1.0, 6.1): what superiors make of the metadata of whoever is below them. Those of
//! a chain are merged from the top down, and applied once to the metadata of its subject.
//!
//! Objects are supported wherever the standard leaves it open. There are no operators besides the standard ones.

mod apply;
mod merge;
mod operator;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::operator::Rule;
use crate::Invalid;

/// Metadata of an entity: an object for each of its entity types.
pub type Metadata = Map<String, Value>;

/// Characters of a name in a fault.
const SHOWN: usize = 64;

/// The policy of a whole chain: for each entity type and each parameter, what its operators come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataPolicy(BTreeMap<String, BTreeMap<String, Rule>>);

/// A fault of one parameter, as `type.parameter`.
fn fault((kind, parameter): (&str, &str), why: impl Into<String>) -> Invalid {
    Invalid::new(format!("{}.{}", shown(kind), shown(parameter)), why)
}

/// A name that another party chose.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

#[cfg(test)]
mod tests;
