//! Registries that are known here by their TLS keys: those below by delegations, those above by the way up, recognised
//! peers by the statements about them.
//!
//! Invariants: a key stands for an authority only while a delegation or a recognition in force or an unexpired way up lists
//! it; what is looked up is what was last read, and whoever changes it says so.

use std::{
    collections::{HashMap, HashSet},
    sync::{PoisonError, RwLock},
    time::Duration,
};

use charter_domain::{
    AuthorityId, Delegation, HttpsId, Interval, RegistryId, SpkiPins, Timestamp, spki::SpkiSha256,
};
use charter_federation::LocalAuthority;
use tokio::sync::Notify;

use crate::{App, hosted::Tenant};

pub(crate) mod above;
mod beside;
pub mod rights;

/// After a registry that could not be read; and between two readings of recognitions, which any change may be one of.
const AGAIN: Duration = Duration::from_secs(1);

/// The keys as they were last read. Where no listener asks for certificates nobody reads any.
pub struct PeerKeys {
    asked_for: bool,
    state: RwLock<State>,
    moved: Marked,
    changed: Marked,
}

/// Registries to be read again.
#[derive(Default)]
struct Marked {
    registries: RwLock<HashSet<RegistryId>>,
    notify: Notify,
}

impl Marked {
    fn mark(&self, registry: RegistryId) {
        self.registries.write().unwrap_or_else(PoisonError::into_inner).insert(registry);
        self.notify.notify_one();
    }

    fn take(&self) -> HashSet<RegistryId> {
        std::mem::take(&mut *self.registries.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who a key stands for at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeer {
    pub authority: AuthorityId,
    /// Above or below a registry of this process, or recognised by one; a process that serves several may be all.
    pub superior: bool,
    pub subordinate: bool,
    pub recognised: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Above,
    Below,
    Beside,
}

/// An authority with its keys, and until when.
struct Known {
    authority: AuthorityId,
    pins: SpkiPins,
    ground: Ground,
}

enum Ground {
    Delegation(Box<Delegation>),
    /// The superior under its OpenID Federation id, until its documents expire.
    WayUp {
        entity: HttpsId,
        until: Timestamp,
    },
    /// When it is in force.
    Recognition(Vec<Interval>),
}

impl Known {
    fn stands(&self, now: Timestamp) -> bool {
        match &self.ground {
            Ground::Delegation(delegation) => delegation.standing(now).is_ok(),
            Ground::WayUp { until, .. } => now < *until,
            Ground::Recognition(valid) => valid.iter().any(|interval| interval.contains(now)),
        }
    }

    fn is_one_of(&self, superiors: &[HttpsId]) -> bool {
        matches!(&self.ground, Ground::WayUp { entity, .. } if superiors.contains(entity))
    }
}

#[derive(Default)]
struct State {
    known: HashMap<(RegistryId, Side), Vec<Known>>,
    /// Where each key stands in `known`, by the names of the authorities: a process that serves hundreds has one key for
    /// all, and is looked up with each of its requests.
    by_key: HashMap<(SpkiSha256, Side), Vec<(RegistryId, usize)>>,
}

impl State {
    fn put(&mut self, registry: RegistryId, side: Side, list: Vec<Known>) {
        self.known.insert((registry, side), list);
        let mut listed = Vec::new();
        for ((registry, side), list) in &self.known {
            for (n, known) in list.iter().enumerate() {
                listed.extend(known.pins.iter().map(|key| (&known.authority, (*key, *side), (*registry, n))));
            }
        }
        listed.sort_by(|a, b| a.0.cmp(b.0));
        let mut by_key: HashMap<_, Vec<_>> = HashMap::new();
        for (_, key, place) in listed {
            by_key.entry(key).or_default().push(place);
        }
        self.by_key = by_key;
    }

    /// The superior of a registry. Its way up comes again and again, with the same keys.
    fn put_above(&mut self, registry: RegistryId, superior: Known) {
        match self.known.get_mut(&(registry, Side::Above)).map(Vec::as_mut_slice) {
            Some([held]) if held.authority == superior.authority && held.pins == superior.pins => {
                held.ground = superior.ground;
            }
            _ => self.put(registry, Side::Above, vec![superior]),
        }
    }

    /// The first by name that a key stands for on one side.
    fn first(&self, key: SpkiSha256, side: Side, now: Timestamp) -> Option<&AuthorityId> {
        let mut places = self.by_key.get(&(key, side))?.iter();
        places.find_map(|(registry, n)| {
            let known = self.known.get(&(*registry, side))?.get(*n)?;
            known.stands(now).then_some(&known.authority)
        })
    }
}

impl PeerKeys {
    pub fn new(asked_for: bool) -> Self {
        Self { asked_for, state: RwLock::default(), moved: Marked::default(), changed: Marked::default() }
    }

    /// Of several authorities with one key, the first by name: a process that serves them is one peer.
    pub fn of(&self, key: &SpkiSha256, now: Timestamp) -> Option<KnownPeer> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let found = [Side::Above, Side::Below, Side::Beside].map(|side| state.first(*key, side, now));
        let authority = found.into_iter().flatten().min()?.clone();
        let [superior, subordinate, recognised] = found.map(|side| side.is_some());
        Some(KnownPeer { authority, superior, subordinate, recognised })
    }

    /// Something registry-wide has changed: its delegations are read again.
    pub fn moved(&self, registry: RegistryId) {
        if self.asked_for {
            self.moved.mark(registry);
        }
    }

    /// Something of it has changed: its recognitions are read again soon.
    pub fn changed(&self, registry: RegistryId) {
        if self.asked_for {
            self.changed.mark(registry);
        }
    }

    fn put(&self, registry: RegistryId, side: Side, list: Vec<Known>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Most registries recognise nobody: nothing is sorted for them.
        if !list.is_empty() || state.known.contains_key(&(registry, side)) {
            state.put(registry, side, list);
        }
    }

    fn below(&self, registry: RegistryId, delegations: &[Delegation]) {
        let pinned = delegations.iter().filter(|d| !d.tls_spki_sha256.is_empty());
        let known = pinned.map(|d| Known {
            authority: d.subordinate.clone(),
            pins: d.tls_spki_sha256.clone(),
            ground: Ground::Delegation(Box::new(Delegation { document: None, ..d.clone() })),
        });
        self.put(registry, Side::Below, known.collect());
    }

    /// Forgets whoever is no superior of a registry any more: its way up may be good for a day.
    pub fn keep_above(&self, registry: RegistryId, superiors: &[HttpsId]) {
        let place = (registry, Side::Above);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.known.get(&place).is_none_or(|held| held.iter().all(|known| known.is_one_of(superiors))) {
            return;
        }
        let held = state.known.remove(&place).unwrap_or_default();
        let kept = held.into_iter().filter(|known| known.is_one_of(superiors)).collect();
        state.put(registry, Side::Above, kept);
    }

    /// Learns the keys of a registry's superior from the way up that it sent. What does not fit together changes nothing:
    /// it is sent again soon.
    pub fn learn_above(&self, tenant: &Tenant, chain: &[String], now: Timestamp) {
        if !self.asked_for {
            return;
        }
        let (own, name) = (&tenant.registry.entity_identifier, &tenant.registry.authority);
        match above::superior(chain, own, now) {
            Ok(found) if tenant.above().hints.contains(&found.entity) => {
                let ground = Ground::WayUp { entity: found.entity, until: found.until };
                let known = Known { authority: found.authority, pins: found.pins, ground };
                let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                state.put_above(tenant.registry.id, known);
            }
            Ok(found) => {
                tracing::warn!(registry = %name, from = %found.entity, "the way up is not its superior's");
            }
            Err(why) => {
                tracing::warn!(registry = %name, %why, "the way up does not hold");
            }
        }
    }
}

/// Reads the delegations and recognitions of every registry of this process, where a listener asks for certificates.
pub async fn load(app: &App) {
    if !app.peer_keys.asked_for {
        return;
    }
    for tenant in app.hosted.tenants() {
        refresh(app, tenant.registry.id).await;
        refresh_beside(app, tenant.registry.id).await;
    }
}

/// Keeps what is known as it is recorded: delegations within moments, recognitions within a second.
pub async fn run(app: std::sync::Arc<App>) {
    tokio::join!(keep_below(&app), keep_beside(&app));
}

async fn keep_below(app: &App) {
    let moved = &app.peer_keys.moved;
    loop {
        let mut failed = false;
        for registry in moved.take() {
            failed |= !refresh(app, registry).await;
        }
        if failed {
            tokio::time::sleep(AGAIN).await;
        } else {
            moved.notify.notified().await;
        }
    }
}

async fn keep_beside(app: &App) {
    let changed = &app.peer_keys.changed;
    loop {
        for registry in changed.take() {
            refresh_beside(app, registry).await;
        }
        tokio::time::sleep(AGAIN).await;
        changed.notify.notified().await;
    }
}

/// What could not be read is read again.
async fn refresh_beside(app: &App, registry: RegistryId) {
    match beside::known(app, registry).await {
        Ok(known) => app.peer_keys.put(registry, Side::Beside, known),
        Err(error) => {
            tracing::debug!(registry = registry.0, %error, "recognitions could not be read for the keys of peers");
            app.peer_keys.changed(registry);
        }
    }
}

/// False when it could not be read, and is to be read again.
async fn refresh(app: &App, registry: RegistryId) -> bool {
    match app.hosted.view(registry).await {
        Ok(view) => {
            app.peer_keys.below(registry, &view.delegations);
            true
        }
        Err(error) => {
            tracing::debug!(registry = registry.0, %error, "delegations could not be read for the keys of peers");
            app.peer_keys.moved(registry);
            false
        }
    }
}

#[cfg(test)]
mod tests;
