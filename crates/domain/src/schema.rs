//! JSON Schemas (2020-12) as a registry takes them: bounded, addressed by content, without anything to fetch.
//!
//! A schema's id is SHA-256 over RFC 8785 of the schema without annotations: two that decide alike by their words
//! alone have one id.

pub mod graph;
mod keyword;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::keyword::Shape;
use crate::{Invalid, json};

/// As text; the same for a schema with all that it bundles.
pub const MAX_BYTES: usize = 64 * 1024;
/// Members of all its schemas together.
const MAX_KEYWORDS: usize = 2_000;
const MAX_ENUM: usize = 1_000;
/// Each is compiled, and compiled expressions are larger than their text.
const MAX_PATTERNS: usize = 50;
const MAX_PATTERN_BYTES: usize = 512;

pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Say something to people and tools and nothing about validity.
const ANNOTATIONS: [&str; 8] =
    ["title", "description", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly"];
/// What a reference stands for would hang on the way by which it was reached, or on an older dialect.
const REFUSED: [&str; 4] = ["$dynamicRef", "$recursiveRef", "$recursiveAnchor", "dependencies"];

fn fault(reason: impl Into<String>) -> Invalid {
    Invalid::new("schema_json", reason)
}

/// Reads a schema: strict JSON, an object, within bounds.
pub fn parse(text: &str) -> Result<Value, Invalid> {
    if text.len() > MAX_BYTES {
        return Err(fault(format!("must not be longer than {MAX_BYTES} bytes")));
    }
    let schema = json::parse_strict(text).map_err(|e| e.at("schema_json"))?;
    let Some(root) = schema.as_object() else { return Err(fault("must be a JSON object")) };
    if root.get("$schema").is_some_and(|s| s.as_str().map(|s| s.trim_end_matches('#')) != Some(DIALECT)) {
        return Err(fault(format!("must be of the dialect `{DIALECT}`")));
    }
    Bounds::default().look(&schema)?;
    Ok(schema)
}

#[derive(Default)]
struct Bounds {
    keywords: usize,
    patterns: usize,
}

impl Bounds {
    fn look(&mut self, schema: &Value) -> Result<(), Invalid> {
        let Some(members) = schema.as_object() else {
            return if schema.is_boolean() { Ok(()) } else { Err(fault("has a schema that is no object")) };
        };
        self.keywords += members.len();
        if self.keywords > MAX_KEYWORDS {
            return Err(fault(format!("must have at most {MAX_KEYWORDS} keywords")));
        }
        if let Some(word) = REFUSED.iter().find(|w| members.contains_key(**w)) {
            return Err(fault(format!("must do without `{word}`: use `$ref`")));
        }
        if members.get("enum").and_then(Value::as_array).is_some_and(|e| e.len() > MAX_ENUM) {
            return Err(fault(format!("must have at most {MAX_ENUM} values in an `enum`")));
        }
        self.pattern(members.get("pattern").and_then(Value::as_str))?;
        for name in
            members.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys)
        {
            self.pattern(Some(name))?;
        }
        keyword::children(members).try_for_each(|child| self.look(child.schema))
    }

    fn pattern(&mut self, text: Option<&str>) -> Result<(), Invalid> {
        let Some(text) = text else { return Ok(()) };
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS || text.len() > MAX_PATTERN_BYTES {
            let text =
                format!("must have at most {MAX_PATTERNS} patterns, of {MAX_PATTERN_BYTES} bytes each");
            return Err(fault(text));
        }
        Ok(())
    }
}

/// SHA-256 of the exact content, lower-case hex.
pub fn sha256(schema: &Value) -> Result<String, Invalid> {
    Ok(format!("{:x}", Sha256::digest(json::canonical(schema)?)))
}

/// SHA-256 of the content without annotations, lower-case hex.
pub fn id(schema: &Value) -> Result<String, Invalid> {
    sha256(&stripped(schema))
}

/// The schema without annotation keywords. A property that is called `title` stays, as does a value.
pub fn stripped(schema: &Value) -> Value {
    let Some(members) = schema.as_object() else { return schema.clone() };
    let kept = members.iter().filter(|(name, _)| !ANNOTATIONS.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), within(name, value, &stripped))).collect::<Map<_, _>>().into()
}

/// A copy in which `mark` is a member of every schema that is an object.
pub fn marked(schema: &Value, mark: &str) -> Value {
    let Some(members) = schema.as_object() else { return schema.clone() };
    let inner = |(name, value): (&String, &Value)| (name.clone(), within(name, value, &|s| marked(s, mark)));
    let mut copy: Map<_, _> = members.iter().map(inner).collect();
    copy.insert(mark.to_owned(), true.into());
    copy.into()
}

/// The value of a keyword, with the schemas in it changed.
fn within(name: &str, value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    match (keyword::shape(name), value) {
        (Some((Shape::One, _)), schema) => change(schema),
        (Some((Shape::List, _)), Value::Array(list)) => list.iter().map(change).collect(),
        (Some((Shape::Named, _)), Value::Object(named)) => {
            named.iter().map(|(name, schema)| (name.clone(), change(schema))).collect::<Map<_, _>>().into()
        }
        (_, other) => other.clone(),
    }
}

#[cfg(test)]
mod tests;
