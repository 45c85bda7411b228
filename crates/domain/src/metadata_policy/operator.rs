//! The operators on one parameter: how they are read, and which of them may stand together (6.1.3.1).

use serde_json::Value;

/// Metadata that is a string of words, and is taken for a list of them (6.1.3.1.8).
pub(super) const SCOPE: &str = "scope";
/// Most values of a list: they are compared one by one.
const MAX_VALUES: usize = 1_000;

/// What is asked of one parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// Null removes the parameter.
    pub value: Option<Value>,
    pub add: Option<Vec<Value>>,
    pub default: Option<Value>,
    pub one_of: Option<Vec<Value>>,
    pub subset_of: Option<Vec<Value>>,
    pub superset_of: Option<Vec<Value>>,
    pub essential: Option<bool>,
}

impl Rule {
    /// Reads the operators on `parameter`; what is no standard operator is ignored.
    pub fn parse(parameter: &str, operators: &Value) -> Result<Self, String> {
        let operators = operators.as_object().ok_or("must be an object of operators")?;
        let plain = |name: &str| operators.get(name).map(|v| plain(parameter, name, v)).transpose();
        let listed = |name: &str| operators.get(name).map(|v| listed(name, v)).transpose();
        let essential = operators.get("essential");
        let rule = Self {
            value: plain("value")?,
            add: listed("add")?,
            default: plain("default")?,
            one_of: listed("one_of")?,
            subset_of: listed("subset_of")?,
            superset_of: listed("superset_of")?,
            essential: essential.map(|v| v.as_bool().ok_or("essential must be true or false")).transpose()?,
        };
        if rule.default.as_ref().is_some_and(Value::is_null) {
            return Err("default must not be null".to_owned());
        }
        rule.check()?;
        Ok(rule)
    }

    /// Whether the operators may stand together, as they were given or as they were merged.
    pub fn check(&self) -> Result<(), String> {
        if let Some(value) = &self.value {
            self.check_value(value)?;
        }
        let lists = [&self.add, &self.subset_of, &self.superset_of];
        if self.one_of.is_some() && lists.iter().any(|list| list.is_some()) {
            return Err("one_of must not stand with add, subset_of or superset_of".to_owned());
        }
        let Some(most) = &self.subset_of else { return Ok(()) };
        if self.add.as_ref().is_some_and(|add| !within(add, most)) {
            return Err("add must be within subset_of".to_owned());
        }
        if self.superset_of.as_ref().is_some_and(|least| !within(least, most)) {
            return Err("superset_of must be within subset_of".to_owned());
        }
        Ok(())
    }

    fn check_value(&self, value: &Value) -> Result<(), String> {
        let values = value.as_array();
        let has = |less: &Vec<Value>| values.is_some_and(|values| within(less, values));
        let is_within = |more: &Vec<Value>| values.is_some_and(|values| within(values, more));
        let faults = [
            (value.is_null() && self.default.is_some(), "a value of null must not stand with default"),
            (value.is_null() && self.essential == Some(true), "a value of null must not be essential"),
            (self.add.as_ref().is_some_and(|l| !has(l)), "add must be within value"),
            (self.one_of.as_ref().is_some_and(|l| !l.contains(value)), "value must be among one_of"),
            (self.subset_of.as_ref().is_some_and(|l| !is_within(l)), "value must be within subset_of"),
            (self.superset_of.as_ref().is_some_and(|l| !has(l)), "value must contain superset_of"),
        ];
        faults.into_iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, why)| Err(why.to_owned()))
    }
}

/// The configuration of `value` and `default`.
fn plain(parameter: &str, name: &str, given: &Value) -> Result<Value, String> {
    if let Value::Array(values) = given {
        bounded(name, values)?;
    }
    match given {
        _ if parameter != SCOPE => Ok(given.clone()),
        Value::Null => Ok(Value::Null),
        Value::String(text) => Ok(words(text)),
        Value::Array(values) if values.iter().all(Value::is_string) => Ok(given.clone()),
        _ => Err(format!("{name} must be a string or a list of strings")),
    }
}

/// The configuration of the others, essential excepted.
fn listed(name: &str, given: &Value) -> Result<Vec<Value>, String> {
    list(given).map(<[Value]>::to_vec).map_err(|why| format!("{name} {why}"))
}

/// A list of strings, of numbers or of objects.
pub(super) fn list(value: &Value) -> Result<&[Value], String> {
    let values = value.as_array().ok_or("must be a list")?;
    bounded("it", values)?;
    let all = |is: fn(&Value) -> bool| values.iter().all(is);
    if all(Value::is_string) || all(Value::is_number) || all(Value::is_object) {
        return Ok(values);
    }
    Err("must be a list of strings, of numbers or of objects".to_owned())
}

fn bounded(name: &str, values: &[Value]) -> Result<(), String> {
    if values.len() > MAX_VALUES {
        return Err(format!("{name} must have at most {MAX_VALUES} values"));
    }
    Ok(())
}

/// A scope as the list that it is taken for.
pub(super) fn words(text: &str) -> Value {
    text.split_ascii_whitespace().collect()
}

/// Every one of `less` is in `more`.
pub(super) fn within(less: &[Value], more: &[Value]) -> bool {
    less.iter().all(|value| more.contains(value))
}

/// Those of `one` that are in `other` too, each once.
pub(super) fn both(one: &[Value], other: &[Value]) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for value in one.iter().filter(|value| other.contains(value)) {
        if !kept.contains(value) {
            kept.push(value.clone());
        }
    }
    kept
}

/// Those of `one`, and those of `more` that are not there yet.
pub(super) fn together(one: &[Value], more: &[Value]) -> Vec<Value> {
    let mut all = one.to_vec();
    for value in more {
        if !all.contains(value) {
            all.push(value.clone());
        }
    }
    all
}
