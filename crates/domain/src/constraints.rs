//! Constraints of a subordinate statement (OpenID Federation 1.0, 6.2): how long a chain may be below it, which names
//! may stand there, and which metadata. Those of each statement are applied by themselves; unknown ones are ignored.

use serde_json::Value;

use crate::{HttpsId, Invalid, NamingConstraints, metadata_policy::Metadata};

const FIELD: &str = "constraints";
/// The entity type that is never taken away (6.2.3).
const FEDERATION_ENTITY: &str = "federation_entity";
/// Most names or types of a list that another party set.
const MAX_ENTRIES: usize = 256;

/// What one statement asks of its subject and of everybody below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    /// Most intermediates between whoever sets it and the subject of the chain.
    max_path_length: Option<u64>,
    naming: Option<NamingConstraints>,
    /// Besides `federation_entity`.
    allowed_entity_types: Option<Vec<String>>,
}

impl Constraints {
    /// Reads the claim `constraints`.
    ///
    /// # Errors
    /// Names the constraint that is malformed: the chain is invalid.
    pub fn parse(claim: &Value) -> Result<Self, Invalid> {
        let members = claim.as_object().ok_or_else(|| Invalid::new(FIELD, "must be an object"))?;
        let length = members.get("max_path_length");
        let length = length.map(|n| {
            let why = "must be a whole number of 0 or more";
            n.as_u64().ok_or_else(|| Invalid::new(format!("{FIELD}.max_path_length"), why))
        });
        Ok(Self {
            max_path_length: length.transpose()?,
            naming: members.get("naming_constraints").map(naming).transpose()?,
            allowed_entity_types: members
                .get("allowed_entity_types")
                .map(|list| texts("allowed_entity_types", list))
                .transpose()?,
        })
    }

    /// Whether a chain keeps to it: `below` are the subjects of the statement and of those below it.
    ///
    /// # Errors
    /// Names the constraint that the chain breaks.
    pub fn check(&self, below: &[&HttpsId]) -> Result<(), Invalid> {
        // The last of them is the subject of the chain, the others are intermediates.
        let between = below.len().saturating_sub(1);
        if self.max_path_length.is_some_and(|most| u64::try_from(between).is_ok_and(|n| n > most)) {
            let why = format!("is less than the {between} entities between its issuer and the subject");
            return Err(Invalid::new(format!("{FIELD}.max_path_length"), why));
        }
        let naming = self.naming.as_ref();
        let refused = |id: &&&HttpsId| naming.is_some_and(|naming| !naming.permits(id));
        match below.iter().find(refused) {
            None => Ok(()),
            Some(id) => {
                let why = format!("do not permit `{:.200}`", id.as_str());
                Err(Invalid::new(format!("{FIELD}.naming_constraints"), why))
            }
        }
    }

    /// Takes away the metadata of types that are not allowed: after what the direct superior gave, before the policy.
    pub fn strip(&self, metadata: &mut Metadata) {
        if let Some(allowed) = &self.allowed_entity_types {
            metadata.retain(|kind, _| kind == FEDERATION_ENTITY || allowed.contains(kind));
        }
    }
}

fn naming(claim: &Value) -> Result<NamingConstraints, Invalid> {
    let field = || Invalid::new(format!("{FIELD}.naming_constraints"), "must be an object");
    let members = claim.as_object().ok_or_else(field)?;
    let list = |name: &str| members.get(name).map(|list| texts(name, list)).transpose();
    Ok(NamingConstraints {
        permitted: list("permitted")?.unwrap_or_default(),
        excluded: list("excluded")?.unwrap_or_default(),
    })
}

fn texts(name: &str, claim: &Value) -> Result<Vec<String>, Invalid> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = claim.as_array().filter(|list| list.len() <= MAX_ENTRIES);
    let list = list.and_then(|list| list.iter().map(text).collect());
    let why = || format!("must be a list of at most {MAX_ENTRIES} strings");
    list.ok_or_else(|| Invalid::new(format!("{FIELD}.{name}"), why()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(claim: &Value) -> Constraints {
        Constraints::parse(claim).expect("constraints")
    }

    /// Whether a chain through these, from the top down, keeps to it.
    fn holds(claim: &Value, below: &[&str]) -> bool {
        let ids: Vec<HttpsId> = below.iter().map(|id| HttpsId::parse(id).expect("an id")).collect();
        of(claim).check(&ids.iter().collect::<Vec<_>>()).is_ok()
    }

    #[test]
    fn a_path_has_as_many_intermediates_as_are_allowed() {
        let (i2, i1, leaf) = ("https://i2.example", "https://i1.example", "https://leaf.example");
        for (most, below, good) in [
            (2, vec![i2, i1, leaf], true),
            (1, vec![i2, i1, leaf], false),
            (1, vec![i1, leaf], true),
            (0, vec![leaf], true),
            (0, vec![i1, leaf], false),
        ] {
            assert_eq!(holds(&json!({ "max_path_length": most }), &below), good, "{most} {below:?}");
        }
        assert!(holds(&json!({}), &[i2, i1, leaf]));
    }

    #[test]
    fn names_are_those_of_everybody_below() {
        let claim = json!({ "naming_constraints": {
            "permitted": [".example.com"], "excluded": ["east.example.com"]
        } });
        for (id, good) in [
            ("https://host.example.com", true),
            ("https://my.host.example.com/path", true),
            ("https://example.com", false),
            ("https://east.example.com", false),
            ("https://west.east.example.com", true),
            ("https://example.com.evil.example", false),
            ("https://host.example.com@evil.example", false),
        ] {
            assert_eq!(holds(&claim, &[id]), good, "{id}");
        }
        assert!(!holds(&claim, &["https://else.example", "https://host.example.com"]), "an intermediate");
    }

    #[test]
    fn types_that_are_not_allowed_are_stripped() {
        let strip = |claim: Value| {
            let mut metadata =
                json!({ "federation_entity": {}, "openid_provider": {}, "trust_registry": {} });
            let map = metadata.as_object_mut().expect("an object");
            of(&claim).strip(map);
            map.keys().cloned().collect::<Vec<_>>()
        };
        let all = ["federation_entity", "openid_provider", "trust_registry"];
        assert_eq!(strip(json!({})), all);
        assert_eq!(strip(json!({ "allowed_entity_types": [] })), ["federation_entity"]);
        let kept = strip(json!({ "allowed_entity_types": ["trust_registry", "unknown"] }));
        assert_eq!(kept, ["federation_entity", "trust_registry"]);
    }

    #[test]
    fn what_is_malformed_is_an_error_and_what_is_unknown_is_not() {
        assert_eq!(
            of(&json!({ "colours": ["blue"], "naming_constraints": { "x": 1 } })).allowed_entity_types,
            None
        );
        for (claim, field) in [
            (json!([]), "constraints"),
            (json!({ "max_path_length": -1 }), "constraints.max_path_length"),
            (json!({ "max_path_length": "1" }), "constraints.max_path_length"),
            (json!({ "max_path_length": null }), "constraints.max_path_length"),
            (json!({ "naming_constraints": [] }), "constraints.naming_constraints"),
            (json!({ "naming_constraints": { "permitted": "a" } }), "constraints.permitted"),
            (json!({ "naming_constraints": { "excluded": [1] } }), "constraints.excluded"),
            (json!({ "naming_constraints": { "permitted": vec!["a"; 257] } }), "constraints.permitted"),
            (json!({ "allowed_entity_types": "trust_registry" }), "constraints.allowed_entity_types"),
            (json!({ "allowed_entity_types": [null] }), "constraints.allowed_entity_types"),
        ] {
            assert_eq!(Constraints::parse(&claim).expect_err("malformed").field, field, "{claim}");
        }
    }
}
