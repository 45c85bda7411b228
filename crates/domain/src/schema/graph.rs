//! What refers to what. Every `$ref` must lead to a schema at hand, and none may lead back to where it began without
//! going deeper into the document: that would never end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fluent_uri::{Uri, UriRef};
use serde_json::Value;

use super::{
    DIALECT, fault,
    keyword::{self, Apply},
};
use crate::Invalid;

/// Schemas that apply to one value through one another. Real ones have a handful; each costs stack.
const MAX_CHAIN: usize = 32;
/// Schemas that one may refer to outside itself.
pub const MAX_OTHERS: usize = 32;

struct Node<'a> {
    base: String,
    reference: Option<&'a str>,
    /// Schemas that apply to the same value.
    here: Vec<usize>,
}

#[derive(Default)]
struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    /// By absolute URI of the resource and fragment in it.
    places: HashMap<(String, String), usize>,
}

/// A resource around a schema: its URI, and the pointer from it to the schema.
type Around = Vec<(String, String)>;

impl<'a> Graph<'a> {
    fn add(&mut self, schema: &'a Value, around: &Around) -> Result<usize, Invalid> {
        let members = schema.as_object();
        let mut around = around.clone();
        let text = |name: &str| members.and_then(|m| m.get(name)).and_then(Value::as_str);
        if let Some(id) = text("$id") {
            let base = resolved(&innermost(&around), id)?;
            if !base.1.is_empty() {
                return Err(fault("has an `$id` with a fragment"));
            }
            around.push((base.0, String::new()));
        }
        let base = innermost(&around);
        let node = self.nodes.len();
        self.nodes.push(Node { base: base.clone(), reference: text("$ref"), here: Vec::new() });
        for place in &around {
            self.places.entry(place.clone()).or_insert(node);
        }
        for anchor in [text("$anchor"), text("$dynamicAnchor")].into_iter().flatten() {
            self.places.insert((base.clone(), anchor.to_owned()), node);
        }
        for child in members.into_iter().flat_map(keyword::children) {
            let deeper: Around =
                around.iter().map(|(base, at)| (base.clone(), format!("{at}{}", child.pointer))).collect();
            let at = self.add(child.schema, &deeper)?;
            if child.apply == Apply::Here {
                self.nodes[node].here.push(at);
            }
        }
        Ok(node)
    }

    /// Where a node's reference leads; `None` to what is not at hand.
    fn target(&self, node: &Node<'_>) -> Result<Option<(String, Option<usize>)>, Invalid> {
        let Some(reference) = node.reference else { return Ok(None) };
        let (base, fragment) = resolved(&node.base, reference)?;
        let found = self.places.get(&(base.clone(), fragment)).copied();
        let known = self.places.contains_key(&(base.clone(), String::new()));
        if found.is_none() && known {
            return Err(fault(format!("refers to `{reference:.200}`, where there is no schema")));
        }
        Ok(Some((base, found)))
    }

    /// How many schemas apply to one value from here on.
    fn chain(&self, node: usize, done: &mut [Option<usize>], depth: usize) -> Result<usize, Invalid> {
        if let Some(Some(length)) = done.get(node) {
            return Ok(*length);
        }
        if depth > MAX_CHAIN {
            let text =
                format!("refers in a loop, or applies more than {MAX_CHAIN} schemas through one another");
            return Err(fault(text));
        }
        let mut longest = 0;
        let target = self.target(&self.nodes[node])?.and_then(|(_, found)| found);
        for next in self.nodes[node].here.iter().copied().chain(target) {
            longest = longest.max(self.chain(next, done, depth + 1)?);
        }
        done[node] = Some(longest + 1);
        if depth + longest > MAX_CHAIN {
            return Err(fault(format!("applies more than {MAX_CHAIN} schemas through one another")));
        }
        Ok(longest + 1)
    }
}

fn innermost(around: &Around) -> String {
    around.last().map(|(base, _)| base.clone()).unwrap_or_default()
}

/// Absolute URI without fragment, and the fragment, decoded.
fn resolved(base: &str, reference: &str) -> Result<(String, String), Invalid> {
    let bad = || fault(format!("refers to `{reference:.200}`, which is no URI reference"));
    let (reference, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let fragment = decoded(fragment).ok_or_else(bad)?;
    if reference.is_empty() {
        return Ok((base.to_owned(), fragment));
    }
    let base = Uri::parse(base).map_err(|_| bad())?;
    let reference = UriRef::parse(reference).map_err(|_| bad())?;
    let absolute = reference.resolve_against(&base).map_err(|_| bad())?;
    Ok((absolute.as_str().to_owned(), fragment))
}

fn decoded(fragment: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), fragment.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (hex, after) = (rest.get(..2)?, rest.get(2..)?);
            bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn start(uri: &str) -> Around {
    vec![(uri.to_owned(), String::new())]
}

/// URIs of the schemas outside itself that a schema refers to; that of the dialect is always at hand.
pub fn outside(schema: &Value, uri: &str) -> Result<BTreeSet<String>, Invalid> {
    let mut graph = Graph::default();
    graph.add(schema, &start(uri))?;
    let mut found = BTreeSet::new();
    for node in &graph.nodes {
        if let Some((base, None)) = graph.target(node)?
            && base != DIALECT
        {
            found.insert(base);
        }
    }
    if found.len() > MAX_OTHERS {
        return Err(fault(format!("must refer to at most {MAX_OTHERS} other schemas")));
    }
    Ok(found)
}

/// Checks a schema together with all that it refers to, directly or not.
pub fn check(schema: &Value, uri: &str, others: &BTreeMap<String, Value>) -> Result<(), Invalid> {
    if others.contains_key(uri) {
        return Err(fault(format!("refers to an earlier revision of itself, `{uri:.200}`")));
    }
    let mut graph = Graph::default();
    let root = graph.add(schema, &start(uri))?;
    for (uri, other) in others {
        graph.add(other, &start(uri))?;
    }
    for node in &graph.nodes {
        if let Some((base, None)) = graph.target(node)?
            && base != DIALECT
        {
            let text = format!("refers to `{base:.200}`: bundle that schema, or publish it here before");
            return Err(fault(text));
        }
    }
    let mut done = vec![None; graph.nodes.len()];
    (root..graph.nodes.len()).try_for_each(|node| graph.chain(node, &mut done, 1).map(drop))
}
