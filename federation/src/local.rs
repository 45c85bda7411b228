//! What federation needs of the registries of this process; the server implements it over the store.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use charter_domain::{
    AuthorityId, Decision, Delegation, EntityId, HttpsId, Query, Registry, RegistryId, Timestamp,
};
use charter_proof::Denial;
use charter_signing::JwkSet;

use crate::Error;

/// A registry as it stands: kept in memory, replaced when something registry-wide changes.
#[derive(Debug)]
pub struct RegistryView {
    pub registry: Registry,
    /// Nothing registry-wide has changed since this epoch.
    pub epoch: i64,
    pub delegations: Vec<Delegation>,
    pub keys: JwkSet,
    /// The signed entity configuration.
    pub configuration: String,
}

/// Of which subordinates it is known that neither they nor anybody below them keeps an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    pub subordinates: BTreeSet<Arc<AuthorityId>>,
    /// Number of what their feeds have said: whatever they say of the entity after it has a larger one.
    pub epoch: i64,
}

/// Those whom an authority of another system accredits.
#[derive(Debug, Clone, Default)]
pub struct Accredited {
    /// Each as a delegation without a document of ours.
    pub members: Vec<Delegation>,
    /// Why others that this registry knows do not count.
    pub faults: Vec<String>,
}

#[async_trait]
pub trait LocalAuthority: Send + Sync {
    /// Decides from the registry's own records alone.
    async fn decide(&self, registry: RegistryId, query: &Query, at: Timestamp) -> Result<Decision, Error>;
    /// The registry's epoch, read before anything it vouches for.
    async fn epoch(&self, registry: RegistryId) -> Result<i64, Error>;
    async fn view(&self, registry: RegistryId) -> Result<Arc<RegistryView>, Error>;
    /// The registry of an authority, when this process serves it.
    fn hosted(&self, authority: &AuthorityId) -> Option<RegistryId>;
    /// Whether a registry has seen two histories of a subordinate: no yes from there is believed.
    fn doubts(&self, _registry: RegistryId, _subordinate: &HttpsId) -> bool {
        false
    }
    /// What the feeds of a registry's subordinates say of an entity. It spares questions and answers none: whose feed
    /// leaves an entity out is not asked about it. `None` where there are no feeds.
    fn lacking(&self, _registry: RegistryId, _entity: &EntityId) -> Option<Lacking> {
        None
    }
    /// Entries that a registry's log has published.
    fn published(&self, registry: RegistryId) -> i64;
    /// Signs what a registry denies, with its key in use.
    async fn deny(&self, registry: RegistryId, denial: Denial) -> Result<String, Error>;
    /// Own signed statements about peers that may be asked this question, as far as action and resource say; at most
    /// `most`. A registry that keeps none follows none.
    async fn recognitions(
        &self,
        _registry: RegistryId,
        _query: &Query,
        _most: usize,
    ) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
    /// Whom an authority of another system accredits, now or at an instant, of those that this registry is configured to
    /// look for; `None`: it knows no such authority under that name.
    async fn accredited(
        &self,
        _registry: RegistryId,
        _authority: &AuthorityId,
        _at: Option<Timestamp>,
    ) -> Option<Accredited> {
        None
    }
    fn now(&self) -> Timestamp;
}
