//! A graph of registries as a tree in a table, as JSON, for Graphviz, for Mermaid.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::graph::Node;
use crate::{args::GraphFormat, exit::Failure, output};

pub fn print(nodes: &[Node], format: GraphFormat) -> Result<(), Failure> {
    match format {
        GraphFormat::Table => output::text(&output::table(&HEADINGS, rows(nodes)))?,
        GraphFormat::Json => output::json(&json!({ "federation": object(nodes, 0) }))?,
        GraphFormat::Dot => output::text(&dot(nodes))?,
        GraphFormat::Mermaid => output::text(&mermaid(nodes))?,
    };
    Ok(())
}

const HEADINGS: [&str; 6] = ["AUTHORITY", "STATE", "EPOCH", "PUBLISHED", "SCOPE", "NOTE"];

fn children(nodes: &[Node], of: usize) -> Vec<usize> {
    (0..nodes.len()).filter(|at| nodes[*at].above == Some(of)).collect()
}

fn rows(nodes: &[Node]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    row(nodes, (0, "", ""), &mut rows);
    rows
}

/// `lead` stands before its own line, `indent` before those of what is below.
fn row(nodes: &[Node], (at, lead, indent): (usize, &str, &str), rows: &mut Vec<Vec<String>>) {
    let (node, number) = (&nodes[at], |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default());
    rows.push(vec![
        format!("{lead}{}", node.id),
        node.state.clone(),
        number(node.epoch),
        number(node.published),
        node.scope.clone(),
        node.note.clone(),
    ]);
    let below = children(nodes, at);
    for (n, child) in below.iter().enumerate() {
        let (branch, trunk) = if n + 1 == below.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        row(nodes, (*child, &format!("{indent}{branch}"), &format!("{indent}{trunk}")), rows);
    }
}

/// Public: members are added, never renamed.
fn object(nodes: &[Node], at: usize) -> Value {
    let node = &nodes[at];
    let below: Vec<Value> = children(nodes, at).into_iter().map(|child| object(nodes, child)).collect();
    json!({
        "authority_id": node.id, "name": node.name, "state": node.state, "scope": node.scope,
        "epoch": node.epoch, "published_size": node.published, "note": node.note, "subordinates": below,
    })
}

/// Nodes and edges by number: the text of others is in labels alone, where it is quoted.
fn dot(nodes: &[Node]) -> String {
    let quoted = |text: &str| output::clean(text).replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from("digraph federation {\n  node [shape=box];\n");
    for (at, node) in nodes.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  n{at} [label=\"{}\"];", quoted(&node.id));
        if let Some(above) = node.above {
            let style = if node.state == "ACTIVE" { "solid" } else { "dashed" };
            let label = quoted(&node.state);
            let _ = writeln!(out, "  n{above} -> n{at} [label=\"{label}\", style={style}];");
        }
    }
    out + "}\n"
}

/// The same; Mermaid writes entities with `#`.
fn mermaid(nodes: &[Node]) -> String {
    let mut out = String::from("graph TD\n");
    for (at, node) in nodes.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  n{at}[\"{}\"]", entities(&node.id));
        if let Some(above) = node.above {
            let arrow = if node.state == "ACTIVE" { "-->" } else { "-.->" };
            let _ = writeln!(out, "  n{above} {arrow}|\"{}\"| n{at}", entities(&node.state));
        }
    }
    out
}

fn entities(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || ":./-_% ".contains(c);
    let one = |c: char| if plain(c) { c.to_string() } else { format!("#{};", u32::from(c)) };
    output::clean(text).chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Vec<Node> {
        let node = |above, id: &str, state: &str| Node {
            above,
            id: id.to_owned(),
            state: state.to_owned(),
            ..Node::default()
        };
        vec![
            node(None, "did:web:top.example", ""),
            node(Some(0), "did:web:a.example", "ACTIVE"),
            node(Some(0), "did:web:b.example", "SUSPENDED"),
            node(Some(1), "did:x:\"];click\n", "ACTIVE"),
        ]
    }

    #[test]
    fn a_tree_is_drawn_depth_first() {
        let first: Vec<String> = rows(&nodes()).into_iter().map(|row| row[0].clone()).collect();
        let expected = [
            "did:web:top.example",
            "├─ did:web:a.example",
            "│  └─ did:x:\"];click\n",
            "└─ did:web:b.example",
        ];
        assert_eq!(first, expected);
        assert_eq!(object(&nodes(), 0)["subordinates"][0]["subordinates"][0]["state"], "ACTIVE");
    }

    #[test]
    fn a_name_cannot_leave_its_label() {
        let dot = dot(&nodes());
        assert!(dot.contains(r#"n3 [label="did:x:\"];click\\n"];"#), "{dot}");
        assert!(dot.contains(r#"n0 -> n2 [label="SUSPENDED", style=dashed];"#), "{dot}");
        let mermaid = mermaid(&nodes());
        assert!(mermaid.contains(r##"n3["did:x:#34;#93;#59;click#92;n"]"##), "{mermaid}");
        assert!(mermaid.contains("n0 -.->|\"SUSPENDED\"| n2\n"), "{mermaid}");
    }
}
