//! The nodes as others see them: for people and probes, gauges, and the look at them before a server starts.

use std::{collections::HashSet, sync::Arc, time::Instant};

use super::{
    INQUIRY, Nodes,
    node::{Heard, Node, Role, Seen, lock},
};
use crate::Error;

/// A node, for people and for `/readyz`.
#[derive(Debug, Clone)]
pub struct NodeState {
    /// Host and port; empty where the database is one node.
    pub host: String,
    pub role: Role,
    /// What it answers counts towards the quorum.
    pub counts: bool,
    pub answered_ms_ago: Option<u64>,
    /// Of a primary.
    pub timeline: Option<u32>,
}

impl Nodes {
    pub(crate) fn states(&self) -> Vec<NodeState> {
        let state = |node: &Arc<Node>| {
            let seen = node.seen();
            NodeState {
                host: node.address.name.clone(),
                role: seen.role,
                counts: self.alone() || self.counts(&seen),
                answered_ms_ago: seen
                    .answered
                    .map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)),
                timeline: (seen.role == Role::Primary).then_some(seen.timeline),
            }
        };
        self.list.iter().map(state).collect()
    }

    /// Nodes that count, and how many are needed.
    pub(crate) fn quorum(&self) -> (usize, usize) {
        (self.states().iter().filter(|node| node.counts).count(), self.needed)
    }

    /// Which nodes do not count, and what they are instead.
    pub(super) fn why_not(&self) -> String {
        let seen = self.list.iter().map(|node| node.seen()).enumerate();
        let others = seen.filter(|(_, seen)| !self.counts(seen));
        others.map(|(n, seen)| format!("; node {n} {}", self.what_is(&seen))).collect()
    }

    fn what_is(&self, seen: &Seen) -> String {
        match seen.role {
            Role::Unknown => "was not asked yet, or has failed somebody".to_owned(),
            Role::Down => "does not answer".to_owned(),
            _ if !self.is_ours(seen) => "is of another cluster".to_owned(),
            Role::Primary if self.is_contested() => "is one of two primaries".to_owned(),
            Role::Primary => format!("is a primary of timeline {}, which is past", seen.timeline),
            Role::Standby => {
                format!("is a standby that follows no stream (at {:X}, {:?})", seen.replayed, seen.turning)
            }
        }
    }

    /// Every node that can be asked now is a copy of one database, and at most one of them takes writes.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let heard = self.gather(INQUIRY, |_| false).await;
        let clusters: HashSet<i64> =
            heard.iter().filter_map(|heard| heard.seen.server).map(|server| server.cluster).collect();
        if clusters.len() > 1 {
            let of = |heard: &Heard| {
                let cluster = heard.seen.server.map_or(0, |server| server.cluster);
                format!("`{}` is of {cluster}", self.list[heard.node].address.name)
            };
            let list: Vec<String> = heard.iter().map(of).collect();
            return Err(Error::Unavailable(format!(
                "database.url names nodes of different clusters ({}): name copies of one",
                list.join(", ")
            )));
        }
        if self.is_contested() {
            return Err(Error::Unavailable(
                "database.url names two primaries on one timeline: neither is a standby of the other; stop one".to_owned(),
            ));
        }
        if self.is_quorum(&heard) {
            return Ok(());
        }
        self.nudge(&heard).await;
        self.prove().await
    }

    /// A poll begins: it finds out who is up again.
    pub(super) fn polls(&self) {
        *lock(&self.polled) = Some(Instant::now());
    }

    /// What the gauges show.
    pub(super) fn show(&self) {
        let primary = self.primary();
        for (n, node) in self.states().iter().enumerate() {
            let up = matches!(node.role, Role::Primary | Role::Standby);
            metrics::gauge!("charter_database_node_up", "node" => n.to_string()).set(f64::from(u8::from(up)));
            metrics::gauge!("charter_database_primary", "node" => n.to_string())
                .set(f64::from(u8::from(primary == Some(n))));
        }
        let counted = u32::try_from(self.quorum().0).unwrap_or(u32::MAX);
        metrics::gauge!("charter_database_quorum").set(f64::from(counted));
    }
}
