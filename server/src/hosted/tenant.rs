//! One registry of this process, with what was read of it last: its keys, its log, and who stands above it.

use std::sync::{Arc, PoisonError};

use charter_domain::{Registry, Timestamp, registry::Phase};
use charter_federation::RegistryView;
use charter_proof::document::{Log, MAX_TRUST_MARK_TYPES};
use charter_signing::{JwkSet, KeyStore};
use charter_store::{Store, flight::Flight};
use tokio::sync::Mutex;

use super::{Above, strangers::Strangers};
use crate::{
    anchors::Published,
    app::{document, oidf::types::ACTION},
    config::RegistryConfig,
    keyring::Keyring,
    log::keys::LogKeys,
};

/// One registry with its keys.
pub struct Tenant {
    pub registry: Registry,
    pub config: RegistryConfig,
    /// What the entity configuration says of the registry's transparency log.
    pub(super) log: std::sync::RwLock<Option<Log>>,
    /// What checkpoints are signed and cosigned with.
    pub log_keys: LogKeys,
    /// Where private keys live.
    pub vault: Arc<dyn KeyStore>,
    /// The anchor set that is published here.
    pub anchors: Option<Published>,
    /// Security officers two of whom may deny in an emergency.
    pub officers: Option<JwkSet>,
    pub(super) ring: std::sync::RwLock<Arc<Keyring>>,
    pub(super) above: std::sync::RwLock<Arc<Above>>,
    /// Credential types that somebody is authorized here to issue; of an anchor alone.
    pub(super) types: std::sync::RwLock<Arc<Vec<String>>>,
    /// From the superior's statement about this registry up to the anchor's configuration; empty until fetched.
    pub upward: std::sync::RwLock<Arc<Vec<String>>>,
    /// Replaced when something registry-wide changes; the lock makes one reader load it for all.
    pub(super) view: Mutex<Option<Read>>,
    pub(super) strangers: Strangers,
    pub(super) loading: Loading,
}

/// What loads of many callers share.
#[derive(Default)]
pub(super) struct Loading {
    /// The phase as it was read, and what the register had noted before.
    phase: std::sync::Mutex<Option<(u64, Phase)>>,
    /// Of what lies between the register and a change of our own.
    catching_up: Flight,
}

/// A view as it was read, when, and what the register had noted before.
pub(super) struct Read {
    pub view: Arc<RegistryView>,
    pub at: Timestamp,
    pub turns: Option<u64>,
}

impl Tenant {
    pub fn upward(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.upward.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys as they were when last looked at.
    pub fn ring(&self) -> Arc<Keyring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys as they are recorded now: read again where something was said of them.
    pub async fn fresh_ring(&self, store: &Store) -> Result<Arc<Keyring>, charter_store::Error> {
        let held = self.ring();
        if store.keys_seq(self.registry.id).await? == held.seq {
            return Ok(held);
        }
        let opening = store.opening(self.registry.id).await?;
        let (vault, now) = (Arc::clone(&self.vault), store.now());
        let load = move || Keyring::load(&opening, vault.as_ref(), Some(&held), now);
        let read = tokio::task::spawn_blocking(load).await.map_err(document::internal)?;
        let ring = Arc::new(read.map_err(document::internal)?);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&ring);
        Ok(ring)
    }

    /// Reads what has changed, once for all who wait for that.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn catch_up(
        &self,
        read: impl Future<Output = Result<(), charter_store::Error>>,
    ) -> Result<(), charter_store::Error> {
        self.loading.catching_up.run(read).await
    }

    /// The phase as it is recorded, read again once the register has noted something that concerns the whole registry. What
    /// is recorded is held against it once more.
    pub async fn phase(&self, store: &Store, turns: Option<u64>) -> Result<Phase, charter_store::Error> {
        let held = || self.loading.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, phase)) = held().filter(|(at, _)| Some(*at) == turns) {
            return Ok(phase);
        }
        let id = self.registry.id;
        let found = store.registries().await?.into_iter().find(|found| found.id == id);
        let missing = || charter_store::Error::NotFound(format!("registry {id}"));
        let phase = found.ok_or_else(missing)?.phase;
        *held() = turns.map(|turns| (turns, phase));
        Ok(phase)
    }

    /// The log as it was when last looked at.
    pub fn log(&self) -> Option<Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What stands above the registry, as it was when last looked at.
    pub fn above(&self) -> Arc<Above> {
        Arc::clone(&self.above.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks which superiors are recorded now.
    pub async fn fresh_above(&self, store: &Store) -> Result<(), charter_store::Error> {
        let now = Above::of(&self.config, &store.superiors(self.registry.id).await?);
        *self.above.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
        Ok(())
    }

    /// The credential types as they were when last looked at.
    pub fn types(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.types.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks which credential types there are now, where the configuration names them: in that of an anchor.
    pub async fn fresh_types(&self, store: &Store) -> Result<(), charter_store::Error> {
        let now = match self.above().hints.is_empty() {
            true => store.stated_resources(self.registry.id, ACTION, MAX_TRUST_MARK_TYPES).await?,
            false => Vec::new(),
        };
        *self.types.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
        Ok(())
    }

    /// Looks which log is announced now: after a key of it was retired, a process that opened it before must not go
    /// back to the old one.
    pub async fn fresh_log(&self, store: &Store) -> Result<(), charter_store::Error> {
        let keys = store.log_keys(self.registry.id).await?;
        let now = document::announced(&self.config.public_url, &keys);
        *self.log.write().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }
}
