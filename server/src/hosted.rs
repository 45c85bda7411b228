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
    /// Replaced when something registry-wide changes; the lock makes one reader load it for all.
    view: Mutex<Option<(Arc<RegistryView>, Timestamp)>>,
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
        let mut tenants = HashMap::new();
        for registry in &config.registries {
            let failed = |e: String| Startup::Registry(registry.authority_id.to_string(), e);
            let (tenant, epoch) = open_one(config, registry, &store, kek, clock.now())
                .await
                .map_err(failed)?;
            register.start(tenant.registry.id, epoch);
            tenants.insert(tenant.registry.id, tenant);
        }
        let index = |f: fn(&Tenant) -> String| tenants.iter().map(|(id, t)| (f(t), *id)).collect();
        Ok(Self {
            by_authority: tenants
                .iter()
                .map(|(id, t)| (t.registry.authority.clone(), *id))
                .collect(),
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

async fn open_one(
    config: &Config,
    own: &RegistryConfig,
    store: &Store,
    kek: &Kek,
    now: Timestamp,
) -> Result<(Tenant, i64), String> {
    let new = NewRegistry {
        authority: own.authority_id.clone(),
        entity_identifier: own.https_id().ok_or("needs an entity_identifier")?,
        slug: own.slug.clone(),
        name: own.name.clone(),
        jurisdiction: own.jurisdiction.clone(),
        history_since: own.history_since,
    };
    let text = |e: charter_store::Error| e.source_text().map_or_else(|| e.to_string(), str::to_owned);
    let registry = store.ensure_registry(new).await.map_err(text)?;
    let algorithm: Algorithm = config
        .keys
        .algorithm
        .parse()
        .map_err(|_| "keys.algorithm is not supported")?;
    let signer = key(store, &registry, kek, algorithm).await?;
    let keys = JwkSet::new(vec![signer.key().clone()]).map_err(|e| e.to_string())?;
    let tenant = Tenant {
        registry,
        config: own.clone(),
        signer,
        keys,
        view: Mutex::new(None),
    };
    let epoch = document::sign_configuration(store, &tenant, config.documents.lifetime_secs, now)
        .await
        .map_err(text)?;
    Ok((tenant, epoch))
}

/// The registry's key: unsealed from the store, or made now. Another server that was first wins.
async fn key(
    store: &Store,
    registry: &Registry,
    kek: &Kek,
    algorithm: Algorithm,
) -> Result<Arc<dyn Signer>, String> {
    let text = |e: charter_store::Error| e.source_text().map_or_else(|| e.to_string(), str::to_owned);
    for _ in 0..2 {
        if let Some((_, jwe)) = store.sealed_keys(registry.id).await.map_err(text)?.first() {
            let signer = SoftwareSigner::unseal(jwe, kek).map_err(|e| {
                format!("its key cannot be unsealed: {e}; is keys.kek_file the one it was sealed with?")
            })?;
            return Ok(Arc::new(signer));
        }
        let made = SoftwareSigner::generate(algorithm).map_err(|e| e.to_string())?;
        let sealed = made.seal(kek).map_err(|e| e.to_string())?;
        let public: PublicKey = made.key().clone();
        let permit =
            permit::<Open>(&Caller::System, registry.id, registry.phase).map_err(|e| e.to_string())?;
        let opened = registry.clone();
        store
            .write("registry.open", registry.id, move |tx| {
                tx.open(&permit, &opened)?;
                tx.add_first_key(&permit, public.kid(), &public.to_jwk(), &sealed)
            })
            .await
            .map_err(text)?;
    }
    Err("its key was not found after it was made".to_owned())
}

fn federation_error(e: charter_store::Error) -> Error {
    match e {
        charter_store::Error::Unavailable(source) => {
            tracing::warn!(error = %source, "own records cannot be read");
            Error::Unavailable("the database is unavailable".to_owned())
        }
        other => Error::Internal(
            other
                .source_text()
                .map_or_else(|| other.to_string(), str::to_owned),
        ),
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
        let tenant = self
            .tenants
            .get(&registry)
            .ok_or_else(|| Error::UnknownRegistry(registry.to_string()))?;
        let mut slot = tenant.view.lock().await;
        let now = self.clock.now();
        if let Some((view, loaded)) = slot
            .as_ref()
            .filter(|(v, _)| self.register.accepts(registry, "", v.epoch))
            && self.register.usable()
            && now.since(*loaded) < self.view_age
        {
            return Ok(Arc::clone(view));
        }
        let epoch = self.epoch(registry).await?;
        let delegations = self.store.delegations(registry).await.map_err(federation_error)?;
        let configuration = self
            .store
            .document(registry, "configuration")
            .await
            .map_err(federation_error)?;
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
