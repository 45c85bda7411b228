//! What an accreditation gives (`accreditedFor`): types of credentials by schema, and where. Pure.
//!
//! A child may have the same or less: each of its (schema, type, jurisdiction) lies inside one of its accreditor's.
//! Without `limitJurisdiction` an entry is not limited, so a child of somebody limited must be limited too.

use std::collections::{BTreeMap, BTreeSet};

use charter_domain::{
    Scope, atu, base58,
    scope::{Grant, Jurisdiction, MAX_GRANTS, Pattern},
};

use super::{
    credential::AccreditedFor,
    fault::{Broken, Clause, broken, shown},
};

/// Most of them that one accreditation gives.
const MAX_RIGHTS: usize = 512;
/// Longest name of a schema, type or place, in bytes: each right has its own.
const MAX_NAME: usize = 1_024;
/// SHA-256 of a schema.
const HASH_BYTES: usize = 32;
/// Types that every credential has: they give nothing.
const GENERIC: [&str; 2] = ["VerifiableCredential", "VerifiableAttestation"];
/// Whether somebody may accredit is told by the type of their own accreditation.
const ACCREDITING: [&str; 2] = ["VerifiableAccreditation", "VerifiableAuthorisation"];
/// The Union in the authority table, and the parts of it that are countries here.
const UNION: &str = "EU";
const MEMBERS: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// One type of credential by one schema, in one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Hexadecimal SHA-256 where the id is one, else the id as it was written.
    pub schema: String,
    pub kind: String,
    /// URI of the authority table; `None` is everywhere.
    pub place: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// A root's authorisation to start a chain.
    All,
    Listed(Vec<Right>),
}

/// A type of credential of theirs as a resource of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub kind: String,
    /// Only by this schema.
    pub schema: Option<String>,
    pub resource: String,
}

impl Rights {
    pub(super) fn parse(entries: Vec<AccreditedFor>) -> Result<Self, Broken> {
        let many = || broken(Clause::Bound, format!("it gives more than {MAX_RIGHTS} rights"));
        let mut rights = BTreeSet::new();
        for AccreditedFor { schema, types, limits } in entries {
            let mut names = [&schema].into_iter().chain(&types).chain(limits.iter().flatten());
            if names.any(|name| name.len() > MAX_NAME) {
                return broken(Clause::Bound, format!("it has a name of more than {MAX_NAME} bytes"));
            }
            if limits.as_ref().is_some_and(|places| places.len() > MAX_RIGHTS) {
                return many();
            }
            let schema = schema_key(&schema);
            let gives = |kind: &&String| {
                !GENERIC.contains(&kind.as_str()) && !ACCREDITING.iter().any(|a| kind.starts_with(a))
            };
            for kind in types.iter().filter(gives) {
                let right = |place| Right { schema: schema.clone(), kind: kind.clone(), place };
                match &limits {
                    None => _ = rights.insert(right(None)),
                    Some(places) => rights.extend(places.iter().map(|place| right(Some(place.clone())))),
                }
                // After each type: types and places multiply.
                if rights.len() > MAX_RIGHTS {
                    return many();
                }
            }
        }
        Ok(Self::Listed(rights.into_iter().collect()))
    }

    /// Whether `child` has no more than this; else what it has beyond.
    pub(super) fn contains(&self, child: &Self) -> Result<(), Broken> {
        let Self::Listed(own) = self else { return Ok(()) };
        let Self::Listed(theirs) = child else {
            return broken(Clause::Scope, "it gives everything, and its accreditor does not have that");
        };
        for right in theirs {
            let mut same =
                own.iter().filter(|o| (&o.schema, &o.kind) == (&right.schema, &right.kind)).peekable();
            let what = shown(&right.kind);
            if same.peek().is_none() {
                let detail =
                    format!("its accreditor does not have `{what}` by schema `{}`", shown(&right.schema));
                return broken(Clause::Scope, detail);
            }
            if !same.any(|o| place_contains(o.place.as_deref(), right.place.as_deref())) {
                let place = right.place.as_deref().map_or("everywhere".to_owned(), shown);
                return broken(
                    Clause::Jurisdiction,
                    format!("its accreditor does not have `{what}` for {place}"),
                );
            }
        }
        Ok(())
    }

    /// Whether a type of credential is given somewhere.
    pub fn gives(&self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(rights) => rights.iter().any(|right| right.kind == kind),
        }
    }

    /// As a scope of ours: issuing what the types are here (their own names where nothing is mapped). Places that are
    /// not in our table are left out, so that the scope is smaller and never larger.
    pub fn scope(&self, mappings: &[Mapping], may_delegate: bool) -> Scope {
        let Self::Listed(rights) = self else { return Scope::default() };
        let mut places: BTreeMap<String, BTreeSet<Option<Jurisdiction>>> = BTreeMap::new();
        for right in rights {
            let Some(resource) = resource(right, mappings) else { continue };
            places.entry(resource).or_default().extend(jurisdictions(right.place.as_deref()));
        }
        let grant = |(resource, places): (String, BTreeSet<Option<Jurisdiction>>)| {
            let everywhere = places.contains(&None);
            let named: Vec<Jurisdiction> = places.into_iter().flatten().collect();
            if named.is_empty() && !everywhere {
                return None;
            }
            Some(Grant {
                actions: vec![Pattern::parse("issue").ok()?],
                resources: vec![Pattern::parse(&resource).ok()?],
                jurisdictions: if everywhere { Vec::new() } else { named },
                conditions: BTreeMap::new(),
                may_delegate,
                until: None,
            })
        };
        Scope(places.into_iter().filter_map(grant).take(MAX_GRANTS).collect())
    }
}

/// The resource that a right is about. A `*` would be more than the type of that name.
fn resource(right: &Right, mappings: &[Mapping]) -> Option<String> {
    let meant = |m: &&Mapping| {
        m.kind == right.kind && m.schema.as_deref().is_none_or(|schema| schema_key(schema) == right.schema)
    };
    let name = match mappings {
        [] => &right.kind,
        _ => &mappings.iter().find(meant)?.resource,
    };
    (!name.contains('*')).then(|| name.clone())
}

/// Ours for a place of theirs; `None` in it is everywhere.
fn jurisdictions(place: Option<&str>) -> Vec<Option<Jurisdiction>> {
    let Some(place) = place else { return vec![None] };
    let Some(found) = atu::country(place) else { return Vec::new() };
    let members = if found.as_str() == UNION { MEMBERS.as_slice() } else { &[] };
    let members: Vec<_> = members.iter().filter_map(|m| Jurisdiction::parse(m).ok()).map(Some).collect();
    members.into_iter().chain([Some(found)]).collect()
}

fn place_contains(own: Option<&str>, child: Option<&str>) -> bool {
    match (own, child) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(own), Some(child)) if own == child => true,
        (Some(own), Some(child)) => {
            let (own, child) = (jurisdictions(Some(own)), jurisdictions(Some(child)));
            !child.is_empty() && child.iter().all(|c| own.contains(c))
        }
    }
}

/// The same for all spellings of one schema: the URL of any TSR, `ebsi:pilot:trusted-schemas-registry:/schemas/..`, the
/// bare id, in hexadecimal or base58. An id is the hash of the schema, whichever registry has it.
fn schema_key(text: &str) -> String {
    let id = text.rsplit_once("/schemas/").map_or(text, |(_, id)| id);
    let hex = id.strip_prefix("0x").unwrap_or(id);
    if hex.len() == HASH_BYTES * 2 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return hex.to_ascii_lowercase();
    }
    // 44 letters at most are 32 bytes; the work grows with the square of the length.
    let hash = id.strip_prefix('z').filter(|text| text.len() <= 2 * HASH_BYTES).and_then(base58::decode);
    let hash = hash.filter(|bytes| bytes.len() == HASH_BYTES);
    match hash {
        Some(bytes) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
