//! Application: the operators on each parameter, in the order that the standard fixes (6.1.4.2).

use serde_json::{Map, Value};

use super::{
    Metadata, MetadataPolicy, fault,
    operator::{Rule, SCOPE, both, list, together, within, words},
};
use crate::Invalid;

impl MetadataPolicy {
    /// Applies the policy to the metadata of the chain's subject, after what its direct superior gave it.
    ///
    /// # Errors
    /// Names the entity type and the parameter that does not comply: the chain is invalid, and `metadata` not to be used.
    pub fn apply(&self, metadata: &mut Metadata) -> Result<(), Invalid> {
        for (kind, rules) in &self.0 {
            let Some(Value::Object(parameters)) = metadata.get_mut(kind) else { continue };
            for (name, rule) in rules {
                apply(rule, name, parameters).map_err(|why| fault((kind, name), why))?;
            }
        }
        Ok(())
    }
}

fn apply(rule: &Rule, name: &str, parameters: &mut Map<String, Value>) -> Result<(), String> {
    let given = parameters.get(name).cloned();
    let result = match given {
        Some(Value::String(text)) if name == SCOPE => rule.on(Some(words(&text)))?,
        Some(_) if name == SCOPE => return Err("must be a string".to_owned()),
        given => rule.on(given)?,
    };
    match result {
        Some(Value::Array(values)) if name == SCOPE => parameters.insert(name.to_owned(), text(&values)),
        Some(value) => parameters.insert(name.to_owned(), value),
        None => parameters.remove(name),
    };
    Ok(())
}

/// The words of a scope as the string that it is.
fn text(values: &[Value]) -> Value {
    let words: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
    Value::String(words.join(" "))
}

impl Rule {
    /// What becomes of a parameter; `None` is its absence.
    fn on(&self, given: Option<Value>) -> Result<Option<Value>, String> {
        // 5: null is no value of metadata.
        if given.as_ref().is_some_and(Value::is_null) {
            return Err("must not be null".to_owned());
        }
        let mut held = match &self.value {
            Some(value) => Some(value.clone()).filter(|value| !value.is_null()),
            None => given,
        };
        if let Some(more) = &self.add {
            let values = held.as_ref().map(list).transpose()?.unwrap_or_default();
            held = Some(Value::Array(together(values, more)));
        }
        let held = held.or_else(|| self.default.clone());
        self.checked(held)
    }

    fn checked(&self, held: Option<Value>) -> Result<Option<Value>, String> {
        let Some(mut value) = held else {
            let missing = self.essential == Some(true);
            return if missing { Err("is essential and missing".to_owned()) } else { Ok(None) };
        };
        if let Some(choice) = &self.one_of {
            one_of(&value, choice)?;
        }
        if let Some(most) = &self.subset_of {
            value = Value::Array(both(list(&value)?, most));
        }
        if let Some(least) = &self.superset_of
            && !within(least, list(&value)?)
        {
            return Err("lacks a value that is asked for".to_owned());
        }
        Ok(Some(value))
    }
}

fn one_of(value: &Value, choice: &[Value]) -> Result<(), String> {
    if !(value.is_string() || value.is_number() || value.is_object()) {
        return Err("must be a string, a number or an object".to_owned());
    }
    if choice.contains(value) { Ok(()) } else { Err("is none of the values that are allowed".to_owned()) }
}
