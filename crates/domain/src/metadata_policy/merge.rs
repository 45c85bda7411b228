//! Resolution: the policies of a chain's statements merged, the most superior first (6.1.4.1).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    MetadataPolicy, fault,
    operator::{Rule, both, together},
    shown,
};
use crate::Invalid;

const STANDARD: [&str; 7] = ["value", "add", "default", "one_of", "subset_of", "superset_of", "essential"];

impl MetadataPolicy {
    /// The policy of a chain: `statements` are the claims of its subordinate statements, that of the anchor first.
    ///
    /// # Errors
    /// Names the entity type and the parameter of which the policies are malformed or contradict each other, or the
    /// operator that is critical and not understood: the chain is invalid.
    pub fn resolve(statements: &[&Map<String, Value>]) -> Result<Self, Invalid> {
        // All that are critical come first: one that a statement names counts for the policies of the others too.
        for critical in statements.iter().filter_map(|claims| claims.get("metadata_policy_crit")) {
            check_critical(critical)?;
        }
        let mut whole = Self::default();
        for policy in statements.iter().filter_map(|claims| claims.get("metadata_policy")) {
            whole.merge(Self::parse(policy)?)?;
        }
        Ok(whole)
    }

    fn parse(policy: &Value) -> Result<Self, Invalid> {
        let shape = |what: &str| Invalid::new("metadata_policy", format!("must have an object for {what}"));
        let kinds = policy.as_object().ok_or_else(|| shape("each entity type"))?;
        let mut read = BTreeMap::new();
        for (kind, parameters) in kinds {
            let parameters = parameters.as_object().ok_or_else(|| shape("each parameter"))?;
            let mut rules = BTreeMap::new();
            for (name, operators) in parameters {
                let rule = Rule::parse(name, operators).map_err(|why| fault((kind, name), why))?;
                rules.insert(name.clone(), rule);
            }
            read.insert(kind.clone(), rules);
        }
        Ok(Self(read))
    }

    /// Adds what a statement further down asks for.
    fn merge(&mut self, lower: Self) -> Result<(), Invalid> {
        for (kind, rules) in lower.0 {
            let held = self.0.entry(kind.clone()).or_default();
            for (name, rule) in rules {
                let upper = held.remove(&name).unwrap_or_default();
                let merged = upper.merge(rule).map_err(|why| fault((&kind, &name), why))?;
                held.insert(name, merged);
            }
        }
        Ok(())
    }
}

/// `metadata_policy_crit` names operators besides the standard ones; there are none that are understood.
fn check_critical(critical: &Value) -> Result<(), Invalid> {
    let refused = |why: String| Err(Invalid::new("metadata_policy_crit", why));
    let names = critical.as_array().map(Vec::as_slice).unwrap_or_default();
    match names.first() {
        Some(Value::String(name)) if STANDARD.contains(&name.as_str()) => {
            refused(format!("must not name the standard operator `{name}`"))
        }
        Some(Value::String(name)) => {
            refused(format!("asks for the operator `{}`, which is not understood", shown(name)))
        }
        _ => refused("must be a list of one or more names".to_owned()),
    }
}

impl Rule {
    /// With what a statement further down asks for; it can only become stricter.
    fn merge(self, lower: Self) -> Result<Self, String> {
        let merged = Self {
            value: equal("value", self.value, lower.value)?,
            add: either(self.add, lower.add, together),
            default: equal("default", self.default, lower.default)?,
            one_of: either(self.one_of, lower.one_of, both),
            subset_of: either(self.subset_of, lower.subset_of, both),
            superset_of: either(self.superset_of, lower.superset_of, together),
            essential: match (self.essential, lower.essential) {
                (Some(upper), Some(lower)) => Some(upper || lower),
                (upper, lower) => upper.or(lower),
            },
        };
        if merged.one_of.as_ref().is_some_and(Vec::is_empty) {
            return Err("one_of leaves no value together with that of a superior".to_owned());
        }
        merged.check()?;
        Ok(merged)
    }
}

fn equal(name: &str, upper: Option<Value>, lower: Option<Value>) -> Result<Option<Value>, String> {
    match (upper, lower) {
        (Some(upper), Some(lower)) if upper != lower => {
            Err(format!("{name} is another than that of a superior"))
        }
        (upper, lower) => Ok(upper.or(lower)),
    }
}

type Merging = fn(&[Value], &[Value]) -> Vec<Value>;

fn either(upper: Option<Vec<Value>>, lower: Option<Vec<Value>>, merging: Merging) -> Option<Vec<Value>> {
    match (upper, lower) {
        (Some(upper), Some(lower)) => Some(merging(&upper, &lower)),
        (upper, lower) => upper.or(lower),
    }
}
