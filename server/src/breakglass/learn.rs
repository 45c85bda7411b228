//! Whose signatures count for registries below: the officers that each names in its configuration, verified under the
//! keys that its superior states, and kept in memory for when nothing can be asked.

use std::{collections::HashMap, sync::PoisonError};

use charter_domain::{AuthorityId, Delegation, RegistryId, Timestamp};
use charter_federation::LocalAuthority as _;
use charter_proof::{EntityConfiguration, SubordinateStatement};
use charter_signing::JwkSet;

use crate::{App, app::oidf::below::Branch};

type Officers = HashMap<AuthorityId, (RegistryId, JwkSet)>;

/// Learns the officers of everybody below, where what is below has changed since `revision`. Of a registry whose
/// delegations cannot be read what was learned stays.
pub async fn look(app: &App, revision: &mut u64) {
    let known = app.below.known();
    if known.revision == *revision || !app.register.usable() {
        return;
    }
    let (mut found, now) = (Officers::new(), app.clock.now());
    for branch in &known.branches {
        let Ok(view) = app.hosted.view(branch.registry).await else { return };
        if let Some(delegation) = Delegation::current(&view.delegations, &branch.subordinate, now)
            && delegation.standing(now).is_ok()
        {
            of(branch, delegation, now, &mut found);
        }
    }
    *app.hosted.breakglass.below.write().unwrap_or_else(PoisonError::into_inner) = found;
    *revision = known.revision;
}

/// Those of one branch, from the subordinate down: each under the keys that were stated of it by whoever is above.
fn of(branch: &Branch, delegation: &Delegation, now: Timestamp, found: &mut Officers) {
    let mut keys: Vec<Option<JwkSet>> = Vec::with_capacity(branch.nodes.len());
    for (place, node) in branch.nodes.iter().enumerate() {
        let stated = match &node.statement {
            None if place == 0 => JwkSet::parse(delegation.jwks.as_bytes()).ok(),
            None => None,
            Some(statement) => {
                keys.get(node.above).and_then(Option::as_ref).and_then(|by| stated(statement, by, node))
            }
        };
        let read = stated.as_ref().and_then(|keys| configuration(&node.configuration, keys, now));
        let officers = read.filter(|read| read.sub == node.id).and_then(|read| {
            let registry = read.metadata.trust_registry;
            let officers = registry.officers().ok().flatten()?;
            (registry.authority_id == node.authority).then_some(officers)
        });
        if let Some(officers) = officers {
            found.entry(node.authority.clone()).or_insert((branch.registry, officers));
        }
        keys.push(stated);
    }
}

fn stated(statement: &str, by: &JwkSet, node: &crate::app::oidf::below::Node) -> Option<JwkSet> {
    let read = SubordinateStatement::parse_verified(statement, by).ok()?;
    let about = &read.metadata.trust_registry.authority_id;
    (read.sub == node.id && *about == node.authority).then_some(read.jwks)
}

fn configuration(token: &str, keys: &JwkSet, now: Timestamp) -> Option<EntityConfiguration> {
    let read = EntityConfiguration::parse_verified(token, keys).ok()?;
    (read.exp > now.secs()).then_some(read)
}
