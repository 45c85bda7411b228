//! Where schemas lie inside a schema, and whether they apply to the same value or to a part of it.

use serde_json::{Map, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    One,
    List,
    Named,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apply {
    /// To the value that the schema itself is applied to.
    Here,
    /// To a part of it: each step goes deeper into the document.
    Inside,
    /// To nothing, until it is referred to.
    Nowhere,
}

/// JSON Schema 2020-12, core 9 and 10; `definitions` is the older name of `$defs`.
const KEYWORDS: [(&str, Shape, Apply); 21] = [
    ("$defs", Shape::Named, Apply::Nowhere),
    ("definitions", Shape::Named, Apply::Nowhere),
    ("allOf", Shape::List, Apply::Here),
    ("anyOf", Shape::List, Apply::Here),
    ("oneOf", Shape::List, Apply::Here),
    ("not", Shape::One, Apply::Here),
    ("if", Shape::One, Apply::Here),
    ("then", Shape::One, Apply::Here),
    ("else", Shape::One, Apply::Here),
    ("dependentSchemas", Shape::Named, Apply::Here),
    ("prefixItems", Shape::List, Apply::Inside),
    ("items", Shape::One, Apply::Inside),
    ("contains", Shape::One, Apply::Inside),
    ("properties", Shape::Named, Apply::Inside),
    ("patternProperties", Shape::Named, Apply::Inside),
    ("additionalProperties", Shape::One, Apply::Inside),
    ("propertyNames", Shape::One, Apply::Inside),
    ("unevaluatedItems", Shape::One, Apply::Inside),
    ("unevaluatedProperties", Shape::One, Apply::Inside),
    ("contentSchema", Shape::One, Apply::Nowhere),
    ("additionalItems", Shape::One, Apply::Nowhere),
];

pub fn shape(name: &str) -> Option<(Shape, Apply)> {
    KEYWORDS.iter().find(|(n, ..)| *n == name).map(|(_, shape, apply)| (*shape, *apply))
}

/// A schema inside a schema.
pub struct Child<'a> {
    /// JSON Pointer from the schema around it.
    pub pointer: String,
    pub schema: &'a Value,
    pub apply: Apply,
}

fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

pub fn children(members: &Map<String, Value>) -> impl Iterator<Item = Child<'_>> {
    members.iter().flat_map(|(name, value)| {
        let mut found = Vec::new();
        let mut add = |pointer, schema, apply| found.push(Child { pointer, schema, apply });
        match (shape(name), value) {
            (Some((Shape::One, apply)), schema) => add(format!("/{name}"), schema, apply),
            (Some((Shape::List, apply)), Value::Array(list)) => {
                for (at, schema) in list.iter().enumerate() {
                    add(format!("/{name}/{at}"), schema, apply);
                }
            }
            (Some((Shape::Named, apply)), Value::Object(named)) => {
                for (key, schema) in named {
                    add(format!("/{name}/{}", escaped(key)), schema, apply);
                }
            }
            _ => {}
        }
        found
    })
}
