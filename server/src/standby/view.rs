//! What all members say together: who leads, who confirms writes, and where they contradict each other.

use std::{collections::BTreeSet, time::Duration};

use charter_domain::Timestamp;

use super::patroni::{Cluster, Member, Own, Seen, Settings};

/// More than `ttl`, and what clocks may differ by.
const LATELY: Duration = Duration::from_secs(30);

/// One look at all members.
#[derive(Debug, Clone)]
pub struct View {
    pub nodes: Vec<Seen>,
    /// As etcd has it, from a member that can read it; none where nobody can.
    pub cluster: Option<Cluster>,
    pub config: Settings,
    /// What contradicts, or would lose acknowledged writes: nothing is changed before it is settled.
    pub faults: Vec<String>,
}

impl View {
    /// `now` is compared with when members reached etcd last: without it they tell of what they saw before.
    pub fn of(nodes: Vec<Seen>, now: Timestamp) -> Self {
        let cluster = nodes.iter().find_map(|seen| seen.cluster.as_ref().ok()).cloned();
        let config = nodes.iter().find_map(|seen| seen.config.clone());
        let mut view =
            Self { nodes, cluster, config: config.clone().unwrap_or_default(), faults: Vec::new() };
        view.faults = view.contradictions();
        view.faults.extend(view.blind(now));
        if let Some(config) = config {
            if !config.is_synchronous() {
                view.faults.push(
                    "synchronous_mode is off: writes are acknowledged that a failover loses".to_owned(),
                );
            } else if !config.is_strict() {
                view.faults.push(
                    "synchronous_mode_strict is off: a leader alone acknowledges writes that a failover loses"
                        .to_owned(),
                );
            }
        }
        view
    }

    /// Nobody has reached etcd lately.
    fn blind(&self, now: Timestamp) -> Option<String> {
        let last = self.owns().filter_map(|(_, own)| own.dcs_last_seen).max()?;
        let ago = now.since(Timestamp::from_secs(last));
        (ago > LATELY)
            .then(|| format!("no member has reached etcd for {} s: it has no majority", ago.as_secs()))
    }

    fn contradictions(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.owns().next().is_none() {
            faults.push("no member answers".to_owned());
        } else if self.cluster.is_none() {
            faults.push("no member can read etcd: it has no majority, or is not reached".to_owned());
        }
        let scopes = distinct(self.owns().map(|(_, own)| own.patroni.scope.as_str()));
        let systems = self.owns().filter_map(|(_, own)| own.database_system_identifier.as_deref());
        if scopes > 1 || distinct(systems) > 1 {
            faults.push("members of different clusters answer: look at standby.patroni".to_owned());
        }
        let names: Vec<&str> = self.owns().map(|(_, own)| own.patroni.name.as_str()).collect();
        if distinct(names.iter().copied()) < names.len() {
            faults.push("two URLs of standby.patroni lead to one member".to_owned());
        }
        let primaries = self.primaries();
        if primaries.len() > 1 {
            faults.push(format!("{} all say that they are primary", primaries.join(", ")));
        }
        let clusters = self.nodes.iter().filter_map(|seen| seen.cluster.as_ref().ok());
        let leaders: BTreeSet<Option<&str>> = clusters.map(leader).collect();
        if leaders.len() > 1 {
            faults.push("members see different leaders: wait until they agree".to_owned());
        }
        if let Some(leader) = self.leader()
            && let Some(other) = primaries.iter().find(|name| **name != leader)
        {
            faults.push(format!("`{leader}` leads as etcd says, and `{other}` says that it is primary"));
        }
        let listed = self.cluster.iter().flat_map(|c| &c.members).filter(|m| m.is_leader()).count();
        if listed > 1 {
            faults.push("one member is told of two leaders".to_owned());
        }
        faults
    }

    /// Members that answered for themselves, with their URL.
    pub fn owns(&self) -> impl Iterator<Item = (&str, &Own)> {
        self.nodes.iter().filter_map(|seen| Some((seen.url.as_str(), seen.own.as_ref().ok()?)))
    }

    pub fn own(&self, name: &str) -> Option<(&str, &Own)> {
        self.owns().find(|(_, own)| own.patroni.name == name)
    }

    /// Who say of themselves that they take writes.
    pub fn primaries(&self) -> Vec<&str> {
        self.owns().filter(|(_, own)| own.is_primary()).map(|(_, own)| own.patroni.name.as_str()).collect()
    }

    pub fn leader(&self) -> Option<&str> {
        self.cluster.as_ref().and_then(leader)
    }

    pub fn member(&self, name: &str) -> Option<&Member> {
        self.cluster.iter().flat_map(|cluster| &cluster.members).find(|member| member.name == name)
    }

    pub fn is_paused(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.pause)
    }

    /// Standbys that confirm writes now.
    pub fn confirming(&self) -> usize {
        let members = self.cluster.iter().flat_map(|cluster| &cluster.members);
        members.filter(|member| member.confirms() && member.streams()).count()
    }

    /// One leader that says so itself, enough standbys, and nothing that contradicts.
    pub fn is_good(&self) -> bool {
        let led = self.leader().is_some_and(|leader| self.primaries() == [leader]);
        led && self.faults.is_empty() && self.confirming() >= self.config.confirmations()
    }
}

fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> usize {
    values.collect::<BTreeSet<_>>().len()
}

fn leader(cluster: &Cluster) -> Option<&str> {
    cluster.members.iter().find(|member| member.is_leader()).map(|member| member.name.as_str())
}
