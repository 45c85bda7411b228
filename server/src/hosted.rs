//! The registries of this process: their keys, and what federation may know of them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use charter_cache::Register;
use charter_domain::{
    AuthorityId, Decision, Query, Registry, RegistryId, Timestamp, decide,
    policy::{Caller, Open, permit},
    time::Clock,
};
use charter_federation::{Error, LocalAuthority, RegistryView};
use charter_signing::{Algorithm, JwkSet, Kek, PublicKey, Signer, SoftwareSigner};
use charter_store::{Question, Store, registry::NewRegistry};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::Mutex;

use crate::{
    app::document,
    config::{Config, RegistryConfig},
    context::Startup,
};

/// One registry with its key.
pub struct Tenant {
    pub registry: Registry,
    pub config: RegistryConfig,
    pub signer: Arc<dyn Signer>,
    pub keys: JwkSet,
    /// From the superior's statement about this registry up to the anchor's configuration; empty until fetched.
    pub upward: std::sync::RwLock<Arc<Vec<String>>>,
    /// Replaced when something registry-wide changes; the lock makes one reader load it for all.
    view: Mutex<Option<(Arc<RegistryView>, Timestamp)>>,
}

impl Tenant {
    pub fn upward(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.upward.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

pub struct Hosted {
    pub store: Store,
    register: Arc<Register>,
    clock: Arc<dyn Clock>,
    tenants: HashMap<RegistryId, Tenant>,
    by_authority: HashMap<AuthorityId, RegistryId>,
    by_slug: HashMap<String, RegistryId>,
    by_host: HashMap<String, RegistryId>,
    /// Documents are renewed without an event, so a view is read again well before they can expire.
    view_age: Duration,
}

impl Hosted {
    /// Opens every configured registry: rows, first event, key, configuration document.
    pub async fn open(
        config: &Config,
        store: Store,
        kek: &Kek,
        register: Arc<Register>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Startup> {
        let known = store.registries().await?;
        let now = clock.now();
        let opening = config.registries.iter().map(|own| {
            let found = known.iter().find(|r| r.authority == own.authority_id).cloned();
            let (store, authority) = (&store, own.authority_id.to_string());
            async move {
                let opened = open_one(config, own, found, store, kek, now).await;
                opened.map_err(|e| Startup::Registry(authority, e))
            }
        });
        let mut tenants = HashMap::new();
        // As many at once as there are connections: hundreds of registries start within a second.
        let mut opened = futures::stream::iter(opening).buffer_unordered(config.database.pool_size);
        while let Some((tenant, epoch)) = opened.try_next().await? {
            register.start(tenant.registry.id, epoch);
            tenants.insert(tenant.registry.id, tenant);
        }
        drop(opened);
        let index = |f: fn(&Tenant) -> String| tenants.iter().map(|(id, t)| (f(t), *id)).collect();
        Ok(Self {
            by_authority: tenants.iter().map(|(id, t)| (t.registry.authority.clone(), *id)).collect(),
            by_slug: index(|t| t.registry.slug.clone()),
            by_host: index(|t| host_of(t.registry.entity_identifier.as_str())),
            view_age: Duration::from_secs(config.documents.lifetime_secs / 10),
            store,
            register,
            clock,
            tenants,
        })
    }

    pub fn tenant(&self, id: RegistryId) -> Option<&Tenant> {
        self.tenants.get(&id)
    }
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values()
    }
    pub fn by_authority(&self, authority: &str) -> Option<RegistryId> {
        self.by_authority.get(authority).copied()
    }
    pub fn by_slug(&self, slug: &str) -> Option<RegistryId> {
        self.by_slug.get(slug).copied()
    }
    /// Only whole https identifiers without a path name a host.
    pub fn by_host(&self, host: &str) -> Option<RegistryId> {
        self.by_host.get(host).copied()
    }
}

fn host_of(https: &str) -> String {
    https.strip_prefix("https://").unwrap_or(https).to_owned()
}

fn text(e: &charter_store::Error) -> String {
    e.source_text().map_or_else(|| e.to_string(), str::to_owned)
}

async fn open_one(
    config: &Config,
    own: &RegistryConfig,
    found: Option<Registry>,
    store: &Store,
    kek: &Kek,
    now: Timestamp,
) -> Result<(Tenant, i64), String> {
    let registry = match found {
        Some(registry) => registry,
        None => store.ensure_registry(new_registry(own)?).await.map_err(|e| text(&e))?,
    };
    let mut opening = store.opening(registry.id).await.map_err(|e| text(&e))?;
    if opening.jwe.is_none() {
        make_key(config, &registry, store, kek).await?;
        opening = store.opening(registry.id).await.map_err(|e| text(&e))?;
    }
    let jwe = opening.jwe.ok_or("its key was not found after it was made")?;
    let signer = SoftwareSigner::unseal(&jwe, kek).map_err(|e| {
        format!("its key cannot be unsealed: {e}; is keys.kek_file the one it was sealed with?")
    })?;
    let keys = JwkSet::new(vec![signer.key().clone()]).map_err(|e| e.to_string())?;
    let tenant = Tenant {
        registry,
        config: own.clone(),
        signer: Arc::new(signer),
        keys,
        upward: std::sync::RwLock::default(),
        view: Mutex::new(None),
    };
    let lifetime = config.documents.lifetime_secs;
    if !document::configuration_holds(opening.configuration.as_deref(), &tenant, lifetime, now) {
        document::sign_configuration(store, &tenant, lifetime, now).await.map_err(|e| text(&e))?;
    }
    Ok((tenant, opening.epoch))
}

fn new_registry(own: &RegistryConfig) -> Result<NewRegistry, String> {
    Ok(NewRegistry {
        authority: own.authority_id.clone(),
        entity_identifier: own.https_id().ok_or("needs an entity_identifier")?,
        slug: own.slug.clone(),
        name: own.name.clone(),
        jurisdiction: own.jurisdiction.clone(),
        history_since: own.history_since,
    })
}

/// Makes the registry's key; where another server was first, its key is kept.
async fn make_key(config: &Config, registry: &Registry, store: &Store, kek: &Kek) -> Result<(), String> {
    let algorithm: Algorithm =
        config.keys.algorithm.parse().map_err(|_| "keys.algorithm is not supported")?;
    let made = SoftwareSigner::generate(algorithm).map_err(|e| e.to_string())?;
    let sealed = made.seal(kek).map_err(|e| e.to_string())?;
    let public: PublicKey = made.key().clone();
    let permit = permit::<Open>(&Caller::System, registry.id, registry.phase).map_err(|e| e.to_string())?;
    let opened = registry.clone();
    store
        .write("registry.open", registry.id, move |tx| {
            tx.open(&permit, &opened)?;
            tx.add_first_key(&permit, public.kid(), &public.to_jwk(), &sealed)
        })
        .await
        .map(drop)
        .map_err(|e| text(&e))
}

fn federation_error(e: charter_store::Error) -> Error {
    match e {
        charter_store::Error::Unavailable(source) => {
            tracing::warn!(error = %source, "own records cannot be read");
            Error::Unavailable("the database is unavailable".to_owned())
        }
        other => Error::Internal(other.source_text().map_or_else(|| other.to_string(), str::to_owned)),
    }
}

#[async_trait]
impl LocalAuthority for Hosted {
    async fn decide(&self, registry: RegistryId, query: &Query, at: Timestamp) -> Result<Decision, Error> {
        let question = Question {
            registry,
            kind: query.kind,
            entity: query.entity.as_str(),
            action: query.action.as_str(),
            resource: query.resource.as_str(),
            known_at: query.context.known_at,
        };
        let facts = self.store.facts(question).await.map_err(federation_error)?;
        Ok(decide(query, &facts, at))
    }

    async fn epoch(&self, registry: RegistryId) -> Result<i64, Error> {
        match self.register.watched(registry).filter(|_| self.register.usable()) {
            Some(epoch) => Ok(epoch),
            // The lease is lost: Postgres itself is asked.
            None => self.store.epoch(registry).await.map_err(federation_error),
        }
    }

    async fn view(&self, registry: RegistryId) -> Result<Arc<RegistryView>, Error> {
        let tenant =
            self.tenants.get(&registry).ok_or_else(|| Error::UnknownRegistry(registry.to_string()))?;
        let mut slot = tenant.view.lock().await;
        let now = self.clock.now();
        if let Some((view, loaded)) =
            slot.as_ref().filter(|(v, _)| self.register.accepts(registry, "", v.epoch))
            && self.register.usable()
            && now.since(*loaded) < self.view_age
        {
            return Ok(Arc::clone(view));
        }
        let epoch = self.epoch(registry).await?;
        let delegations = self.store.delegations(registry).await.map_err(federation_error)?;
        let configuration = self.store.document(registry, "configuration").await.map_err(federation_error)?;
        let view = Arc::new(RegistryView {
            registry: tenant.registry.clone(),
            epoch,
            delegations,
            keys: tenant.keys.clone(),
            configuration: configuration.unwrap_or_default(),
        });
        *slot = Some((Arc::clone(&view), now));
        Ok(view)
    }

    fn hosted(&self, authority: &AuthorityId) -> Option<RegistryId> {
        self.by_authority(authority.as_str())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
