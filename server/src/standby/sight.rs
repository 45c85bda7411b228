//! The nodes of the database as this machine reaches them, beside what Patroni says: both must be well for writes.

use std::{sync::Arc, time::Duration};

use charter_store::{
    Store,
    nodes::{NodeState, Role},
};
use serde_json::{Value, json};

use crate::{Config, clock::WallClock, context};

const PATIENCE: Duration = Duration::from_secs(3);

/// One look at all nodes that `database.url` names.
pub struct Sight {
    pub nodes: Vec<NodeState>,
    /// Nodes that count, and how many must, for what they answer to hold everything that was acknowledged.
    pub quorum: (usize, usize),
    /// Why nothing should be changed.
    pub fault: Option<String>,
}

impl Sight {
    /// None where the database is one node: there is nothing to compare.
    pub async fn look(config: &Config) -> Option<Self> {
        let store = Store::new(context::store_settings(config), Arc::new(WallClock)).ok()?;
        if store.nodes().len() < 2 {
            return None;
        }
        let checked = tokio::time::timeout(PATIENCE, store.check_nodes()).await;
        let fault = match checked {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.source_text().map_or_else(|| e.to_string(), str::to_owned)),
            Err(_) => Some(format!("the nodes do not answer within {} s", PATIENCE.as_secs())),
        };
        Some(Self { nodes: store.nodes(), quorum: store.quorum(), fault })
    }

    pub fn as_text(&self) -> String {
        let line = |node: &NodeState| {
            let counts = if node.counts { "counts" } else { "does not count" };
            format!("  {}  {}, {counts}\n", node.host, role(node.role))
        };
        let lines: String = self.nodes.iter().map(line).collect();
        let (counting, needed) = self.quorum;
        let fault = self.fault.as_ref().map(|fault| format!("fault: {fault}\n")).unwrap_or_default();
        format!("\nfrom here: {counting} nodes count, {needed} must\n{lines}{fault}")
    }

    pub fn as_json(&self) -> Value {
        let node =
            |node: &NodeState| json!({ "host": node.host, "role": role(node.role), "counts": node.counts });
        let nodes: Vec<Value> = self.nodes.iter().map(node).collect();
        json!({ "nodes": nodes, "counting": self.quorum.0, "must_count": self.quorum.1, "fault": self.fault })
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Standby => "standby",
        Role::Unknown => "unknown",
        Role::Down => "does not answer",
    }
}
