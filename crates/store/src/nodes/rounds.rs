//! The epoch poll over several nodes: rounds of questions, of which each has to be answered by enough of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use charter_domain::{RegistryId, Timestamp};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{
    Nodes,
    node::{Heard, Server},
};
use crate::{Error, epoch::Change};

/// A node that takes longer counts as down until it answers.
const ROUND: Duration = Duration::from_millis(600);
/// A standby shows a change a moment before the primary does. What no node shows any more for so long is lost.
const LOST_AFTER: Duration = Duration::from_secs(5);

/// A registry on the nodes together: its largest epoch, and whether one of them says that it has moved.
pub(crate) type Stands = Vec<(RegistryId, i64, bool)>;

/// A node was found to be the primary that was not before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub timeline: u32,
    /// Up to these epochs it has the events that were known before, of registries that it was compared in.
    pub kept: HashMap<RegistryId, i64>,
}

pub(crate) struct Rounds {
    nodes: Arc<Nodes>,
    /// What the last round has heard, of nodes that count.
    heard: Vec<Heard>,
    /// The newest event of each registry that was seen anywhere, with its hash.
    heads: HashMap<RegistryId, (i64, Vec<u8>)>,
    primary: Option<(Server, u32)>,
    begun: Option<Begun>,
    behind_since: Option<Instant>,
}

impl Rounds {
    pub(crate) fn new(nodes: Arc<Nodes>) -> Self {
        Self {
            nodes,
            heard: Vec::new(),
            heads: HashMap::new(),
            primary: None,
            begun: None,
            behind_since: None,
        }
    }

    /// Asks all nodes; what was acknowledged before is among the answers. `floors` are the epochs that are known already.
    pub(crate) async fn epochs(&mut self, floors: &HashMap<RegistryId, i64>) -> Result<Stands, Error> {
        let nodes = Arc::clone(&self.nodes);
        nodes.whole()?;
        nodes.polls();
        // With what a question alone was shown: what it came from may be lost too, and is to be noticed.
        let highest = |(registry, known): (&RegistryId, &i64)| {
            (*registry, nodes.known(*registry).map_or(*known, |floor| floor.max(*known)))
        };
        let floors: &HashMap<RegistryId, i64> = &floors.iter().map(highest).collect();
        let enough = |all: &[Heard]| nodes.is_quorum(all) && !is_behind(&nodes.counted(all), floors);
        let heard = nodes.gather(ROUND, enough).await;
        nodes.show();
        if !nodes.is_quorum(&heard) {
            nodes.nudge(&heard).await;
            return Err(nodes.too_few(&heard));
        }
        self.goes_on(is_behind(&nodes.counted(&heard), floors))?;
        let counted: HashSet<usize> = nodes.counted(&heard).iter().map(|heard| heard.node).collect();
        self.heard = heard.into_iter().filter(|heard| counted.contains(&heard.node)).collect();
        let known: Vec<(RegistryId, i64)> = self.heads.iter().map(|(id, (known, _))| (*id, *known)).collect();
        self.compare().await?;
        nodes.learn(&self.heard)?;
        self.look_for_primary(&known);
        Ok(together(&self.heard))
    }

    /// What the clocks of those that answered the last round said then.
    pub(crate) fn clocks(&self) -> Vec<Timestamp> {
        self.heard.iter().map(|heard| Timestamp::from_micros(heard.seen.clock)).collect()
    }

    /// A primary that was not known when this was asked before.
    pub(crate) fn take_begun(&mut self) -> Option<Begun> {
        self.begun.take()
    }

    /// Changes after an epoch, of all nodes that are ahead of it: what is named twice is noted twice.
    pub(crate) async fn changes_since(&self, registry: RegistryId, after: i64) -> Result<Vec<Change>, Error> {
        let ahead = |heard: &&Heard| {
            heard.stands.iter().any(|stand| stand.registry == registry && stand.epoch > after)
        };
        let mut changes = Vec::new();
        for heard in self.heard.iter().filter(ahead) {
            changes.extend(crate::epoch::changes(&heard.client, registry, after).await?);
        }
        Ok(changes)
    }

    fn goes_on(&mut self, behind: bool) -> Result<(), Error> {
        if !behind {
            self.behind_since = None;
            return Ok(());
        }
        let since = self.behind_since.get_or_insert_with(Instant::now);
        if since.elapsed() > LOST_AFTER {
            return Err(self.nodes.part("an epoch went back on all nodes of the database"));
        }
        Err(Error::Unavailable("the nodes that answer are behind what is known".to_owned()))
    }

    /// The same number of the same registry is the same event on every node, or the histories have parted.
    async fn compare(&mut self) -> Result<(), Error> {
        for heard in &self.heard {
            for stand in &heard.stands {
                let Some(head) = stand.head.as_ref() else { continue };
                let found = match self.heads.get(&stand.registry) {
                    Some((known, hash)) if stand.epoch > *known => {
                        Some((event_hash(&heard.client, stand.registry, *known).await?, hash))
                    }
                    Some((known, hash)) if stand.epoch == *known => Some((head.clone(), hash)),
                    _ => None,
                };
                if found.is_some_and(|(found, hash)| found != *hash) {
                    let (registry, node) = (stand.registry, heard.node);
                    let why =
                        format!("node {node} of the database has another history of registry {registry}");
                    return Err(self.nodes.part(&why));
                }
                let newest = self.heads.get(&stand.registry).map_or(i64::MIN, |(known, _)| *known);
                if stand.epoch > newest {
                    self.heads.insert(stand.registry, (stand.epoch, head.clone()));
                }
            }
        }
        Ok(())
    }

    /// `known` are the newest events that were known before this round, in which all that was heard was compared with them.
    fn look_for_primary(&mut self, known: &[(RegistryId, i64)]) {
        let Some(primary) = self.nodes.primary() else { return };
        let seen = self.nodes.node(primary).seen();
        let Some(found) = seen.server.map(|server| (server, seen.timeline)) else { return };
        if self.primary == Some(found) {
            return;
        }
        tracing::info!(timeline = found.1, "a node of the database was found to be the primary");
        let mut kept: HashMap<RegistryId, i64> = known.iter().copied().collect();
        // Another before it that nobody has asked for yet: what was kept then is all that was compared.
        if let Some(before) = &self.begun {
            kept.retain(|registry, epoch| before.kept.get(registry).is_some_and(|upto| *epoch <= *upto));
        }
        kept.retain(|registry, epoch| self.has(primary, *registry, *epoch));
        self.begun = Some(Begun { timeline: found.1, kept });
        self.primary = Some(found);
    }

    /// A node was heard in this round, with that event of a registry.
    fn has(&self, node: usize, registry: RegistryId, epoch: i64) -> bool {
        let of = |heard: &Heard| heard.stands.iter().any(|s| s.registry == registry && s.epoch >= epoch);
        self.heard.iter().any(|heard| heard.node == node && of(heard))
    }
}

fn together(all: &[Heard]) -> Stands {
    let mut stands: HashMap<RegistryId, (i64, bool)> = HashMap::new();
    for stand in all.iter().flat_map(|heard| &heard.stands) {
        let (epoch, moved) = stands.entry(stand.registry).or_insert((stand.epoch, stand.moved));
        *epoch = stand.epoch.max(*epoch);
        *moved |= stand.moved;
    }
    stands.into_iter().map(|(registry, (epoch, moved))| (registry, epoch, moved)).collect()
}

fn is_behind(all: &[&Heard], floors: &HashMap<RegistryId, i64>) -> bool {
    let reached = |(registry, floor): (&RegistryId, &i64)| {
        let mut stands = all.iter().flat_map(|heard| &heard.stands);
        stands.any(|stand| stand.registry == *registry && stand.epoch >= *floor)
    };
    !floors.iter().all(reached)
}

/// The hash of an event, of a tenant.
async fn event_hash(client: &Client, registry: RegistryId, seq: i64) -> Result<Vec<u8>, Error> {
    // One message is one transaction: the tenant ends with it.
    let sql = format!(
        "select set_config('app.registry', '{0}', true); \
         select encode(leaf_hash, 'hex') from events where registry_id = {0} and seq = {seq}",
        registry.0
    );
    let messages = client.simple_query(&sql).await?;
    let mut rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    rows.nth(1).map(crate::tx::unhex).ok_or_else(|| Error::Internal(format!("event {seq} is missing")))
}
