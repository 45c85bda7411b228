//! What the resolver is told of the registries of its process: their records, at their clock.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use charter_domain::{AuthorityId, Decision, HttpsId, Query, RegistryId, Timestamp, decide};
use charter_federation::{Error, LocalAuthority, RegistryView};
use charter_proof::Denial;

use crate::{
    plant::Plant,
    recognition::{self, Recognition},
    record::{Nature, Node, Tuple},
    world::{World, lock},
};

pub struct Process {
    pub world: Weak<World>,
    pub site: usize,
}

pub fn upgraded(world: &Weak<World>) -> Arc<World> {
    world.upgrade().expect("the world outlives its processes")
}

/// The registry, if it is one of this process.
fn served(world: &World, site: usize, registry: RegistryId) -> Result<(usize, &Node), Error> {
    let n = usize::try_from(registry.0).unwrap_or(usize::MAX);
    let node = world.nodes.get(n).filter(|node| node.site == site);
    node.map(|node| (n, node)).ok_or_else(|| Error::UnknownRegistry(registry.to_string()))
}

/// As it is recorded, or as a faulty process takes it.
fn planted(world: &World, recorded: Recognition) -> Recognition {
    let all = recognition::boundless(world, recorded.to);
    if world.planted(Plant::FollowsOneSided) {
        Recognition { one_sided: true, ..recorded }
    } else if world.planted(Plant::FollowsExpired) {
        Recognition { until: all.until, ..recorded }
    } else {
        recorded
    }
}

#[async_trait]
impl LocalAuthority for Process {
    async fn decide(&self, registry: RegistryId, query: &Query, at: Timestamp) -> Result<Decision, Error> {
        let world = upgraded(&self.world);
        let (_, node) = served(&world, self.site, registry)?;
        let facts = lock(&node.records).facts(&node.party, query, world.clock(self.site));
        Ok(decide(query, &facts, at))
    }

    async fn epoch(&self, registry: RegistryId) -> Result<i64, Error> {
        let world = upgraded(&self.world);
        let (_, node) = served(&world, self.site, registry)?;
        Ok(lock(&node.records).epoch)
    }

    async fn view(&self, registry: RegistryId) -> Result<Arc<RegistryView>, Error> {
        let world = upgraded(&self.world);
        let (n, node) = served(&world, self.site, registry)?;
        let now = world.clock(self.site);
        Ok(lock(&node.records).view(node, &world.nodes, n, now))
    }

    fn hosted(&self, authority: &AuthorityId) -> Option<RegistryId> {
        let world = upgraded(&self.world);
        let n = world.find(authority)?;
        let here = world.nodes[n].site == self.site && world.nodes[n].nature == Nature::Honest;
        here.then(|| RegistryId(i32::try_from(n).unwrap_or_default()))
    }

    fn doubts(&self, registry: RegistryId, subordinate: &HttpsId) -> bool {
        let world = upgraded(&self.world);
        let Ok((_, node)) = served(&world, self.site, registry) else { return true };
        let records = lock(&node.records);
        records.edges.iter().any(|e| e.doubted && world.nodes[e.to].party.https == *subordinate)
    }

    async fn recognitions(
        &self,
        registry: RegistryId,
        query: &Query,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let world = upgraded(&self.world);
        let (_, node) = served(&world, self.site, registry)?;
        let family = Tuple::of(query).family;
        let all = lock(&node.records).recognitions.clone();
        let covering = all.into_iter().filter(|r| r.families.contains(&family)).take(most);
        let now = world.clock(self.site);
        Ok(covering.map(|r| recognition::signed(&world, &node.party, &planted(&world, r), now)).collect())
    }

    fn published(&self, _: RegistryId) -> i64 {
        0 // The registries of the simulation keep no logs.
    }

    async fn deny(&self, registry: RegistryId, denial: Denial) -> Result<String, Error> {
        let world = upgraded(&self.world);
        let (_, node) = served(&world, self.site, registry)?;
        Ok(node.party.denies(&denial))
    }

    fn now(&self) -> Timestamp {
        upgraded(&self.world).clock(self.site)
    }
}
