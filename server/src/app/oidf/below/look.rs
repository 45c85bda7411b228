//! One look at everybody below: who is there, what has changed, and what has to be read again.

use std::time::Duration;

use charter_cache::BootInstant;
use charter_domain::{Delegation, RegistryId};
use charter_federation::{LocalAuthority as _, PeerEndpoint, Protocol as _, protocol::Failure};
use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use super::{Branch, Known, Node, read};
use crate::{App, app::peers::sites};

/// Most subordinates that are looked at.
const MOST: usize = 1_000;
/// Looked at at the same time: one that is silent delays the others by little.
const AT_ONCE: usize = 8;
/// For one branch. Well inside the time for which a statement counts: who answers slowly must not let those of the others
/// run out.
const LONGEST: Duration = Duration::from_secs(8);
/// Epochs of one question.
const MOST_EPOCHS: usize = 64;
/// A branch is read again after this time, whatever its epochs are: documents are renewed without an event. One in which
/// somebody was not heard is read again with each look.
const AGAIN: Duration = Duration::from_secs(600);

/// Looks at each direct subordinate on another server; what could not be heard stays as it was.
pub async fn look(app: &App) {
    let _one = app.below.looking.lock().await;
    let before = app.below.known();
    let (wanted, partial) = wanted(app).await;
    let looking: Vec<_> = wanted
        .iter()
        .map(|(registry, delegation)| {
            let old = before.branches.iter().find(|b| is_of(b, *registry, delegation));
            branch(app, *registry, delegation, old)
        })
        .collect();
    // In their order: kept answers name places.
    let looked: Vec<(Branch, bool)> = stream::iter(looking).buffered(AT_ONCE).collect().await;
    let moved = looked.len() != before.branches.len()
        || partial != before.partial
        || looked.iter().any(|(_, changed)| *changed);
    let revision = if moved || before.revision == 0 { before.revision + 1 } else { before.revision };
    let branches = looked.into_iter().map(|(branch, _)| branch).collect();
    app.below.put(Known { revision, branches, partial });
}

/// Somebody is below at whom nobody has looked.
pub async fn is_new(app: &App) -> bool {
    let (known, (wanted, _)) = (app.below.known(), wanted(app).await);
    let looked =
        |(registry, d): &(RegistryId, Delegation)| known.branches.iter().any(|b| is_of(b, *registry, d));
    !wanted.iter().all(looked)
}

fn is_of(branch: &Branch, registry: RegistryId, delegation: &Delegation) -> bool {
    branch.registry == registry && branch.subordinate == delegation.subordinate
}

/// Subordinates with a delegation in force which this process does not serve; and whether there are others.
async fn wanted(app: &App) -> (Vec<(RegistryId, Delegation)>, bool) {
    let (mut wanted, mut partial, now) = (Vec::new(), false, app.clock.now());
    let mut registries: Vec<RegistryId> = app.hosted.tenants().map(|tenant| tenant.registry.id).collect();
    registries.sort();
    for registry in registries {
        let Ok(view) = app.hosted.view(registry).await else {
            // What a held registry states counts for nothing.
            partial |= app.hosted.holds.get(registry).is_none();
            continue;
        };
        let mut own: Vec<&Delegation> = view
            .delegations
            .iter()
            .filter(|d| app.hosted.hosted(&d.subordinate).is_none() && d.standing(now).is_ok())
            .collect();
        own.sort_by(|a, b| a.subordinate.cmp(&b.subordinate));
        own.dedup_by(|a, b| a.subordinate == b.subordinate);
        wanted.extend(own.into_iter().map(|d| (registry, d.clone())));
    }
    if wanted.len() > MOST {
        tracing::warn!(subordinates = wanted.len(), "more than are looked at");
        wanted.truncate(MOST);
        partial = true;
    }
    (wanted, partial)
}

/// The branch of one subordinate, and whether any document of it is another than before.
async fn branch(
    app: &App,
    registry: RegistryId,
    delegation: &Delegation,
    old: Option<&Branch>,
) -> (Branch, bool) {
    let (endpoint, authority) = (PeerEndpoint::from(delegation), &delegation.subordinate);
    let kept = old.filter(|old| old.nodes.first().is_some_and(|n| n.id == delegation.entity_identifier));
    let empty = || Branch {
        registry,
        subordinate: authority.clone(),
        naming: delegation.naming_constraints.clone(),
        nodes: Vec::new(),
        partial: true,
        read: BootInstant::now(),
    };
    let until = Instant::now() + LONGEST;
    let heard = timeout_at(until, heard(app, (&endpoint, delegation), kept)).await;
    match heard.unwrap_or(Err(Failure::Late)) {
        Ok(Some(nodes)) => {
            let same = kept.cloned().unwrap_or_else(empty);
            let naming = delegation.naming_constraints.clone();
            (Branch { nodes, naming, ..same }, old.is_none())
        }
        Ok(None) => {
            let started = BootInstant::now();
            let (nodes, partial) = read::branch(app, (&endpoint, delegation), kept, until).await;
            let changed = old.is_none_or(|old| differs(old, &nodes) || old.partial != partial);
            (Branch { nodes, partial, read: started, ..empty() }, changed)
        }
        Err(failure) => {
            tracing::debug!(peer = %authority, error = %failure, "what is below a subordinate could not be read");
            let changed = old.is_none_or(|old| kept.is_none() && !old.nodes.is_empty());
            (kept.cloned().unwrap_or_else(empty), changed)
        }
    }
}

fn differs(old: &Branch, nodes: &[Node]) -> bool {
    let same = |(a, b): (&Node, &Node)| {
        a.via == b.via
            && a.id == b.id
            && a.above == b.above
            && a.statement == b.statement
            && a.configuration == b.configuration
            && a.epoch == b.epoch
    };
    old.nodes.len() != nodes.len() || !old.nodes.iter().zip(nodes).all(same)
}

/// What is known of the branch, confirmed anew; `None` where it has to be read.
async fn heard(
    app: &App,
    (endpoint, delegation): (&PeerEndpoint, &Delegation),
    old: Option<&Branch>,
) -> Result<Option<Vec<Node>>, Failure> {
    let authority = &delegation.subordinate;
    let own = app.protocol.configuration(endpoint, authority, authority).await?;
    if let Ok(said) = sites::said(delegation, &own, app.clock.now()) {
        sites::learn_below(app, delegation, &said);
    }
    let Some(old) = old.filter(|old| !old.partial && old.read.elapsed() < AGAIN) else {
        return Ok(None);
    };
    let over = |n: &Node| read::is_over(n, app.clock.now());
    if old.nodes.first().is_none_or(|first| *first.configuration != *own) || old.nodes.iter().any(over) {
        return Ok(None);
    }
    let mut nodes = old.nodes.clone();
    for part in nodes.chunks_mut(MOST_EPOCHS) {
        let paths: Vec<_> = part.iter().map(|node| node.via.clone()).collect();
        let asked = BootInstant::now();
        let polled = app.protocol.epochs(endpoint, authority, &paths).await?;
        for (node, now) in part.iter_mut().zip(polled) {
            if now.epoch >= 0 && now.epoch != node.epoch {
                return Ok(None);
            }
            if now.epoch >= 0 {
                node.heard = asked.earlier(now.age).max(node.heard);
            }
        }
    }
    Ok(Some(nodes))
}
