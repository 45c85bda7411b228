//! The registries of this process: their keys, and what federation may know of them.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use charter_cache::Register;
use charter_domain::{
    AuthorityId, Decision, EntityId, HttpsId, Query, Registry, RegistryId, Timestamp, decide,
    fact::Facts,
    policy::{Caller, Open, permit},
    time::Clock,
};
use charter_federation::{Accredited, Error, Lacking, LocalAuthority, RegistryView};
use charter_proof::Denial;
use charter_signing::{Algorithm, JwkSet, KeyStore, PublicKey};
use charter_store::{
    Error::{NotPrimary, Unavailable, Unknown},
    Question, Store, Tx,
    registry::NewRegistry,
};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::{Mutex, watch};

use crate::{
    anchors::Published,
    app::document::{self, Issuing},
    breakglass::{self, Breakglass},
    config::{Config, RegistryConfig},
    context::Startup,
    ebsi_parent::Parents,
    keyring::Keyring,
    log::{Logs, Position, keys},
    mirror::held::Holds,
    rosters::Rosters,
    telemetry::Seldom,
    witness::Quarantine,
};

mod above;
mod strangers;
mod tenant;

pub use self::{above::Above, tenant::Tenant};
use self::{strangers::Strangers, tenant::Read};

pub struct Hosted {
    pub store: Store,
    /// Registries of which published events are missing: they answer nothing.
    pub holds: Holds,
    /// What security officers deny.
    pub breakglass: Breakglass,
    register: Arc<Register>,
    clock: Arc<dyn Clock>,
    tenants: HashMap<RegistryId, Tenant>,
    by_authority: HashMap<AuthorityId, RegistryId>,
    by_slug: HashMap<String, RegistryId>,
    by_host: HashMap<String, RegistryId>,
    /// Logs that showed two histories.
    pub quarantine: Quarantine,
    /// What is known of subordinates by their feeds.
    pub rosters: Rosters,
    /// Authorities of EBSI that stand above somebody, as these registries are configured.
    pub ebsi_parents: Parents,
    /// How far the log of each has come; of commands, which have no logs, nothing.
    logs: OnceLock<HashMap<RegistryId, watch::Receiver<Position>>>,
    /// Documents are renewed without an event, so a view is read again well before they can expire.
    view_age: Duration,
}

impl Hosted {
    /// Opens every configured registry: rows, first event, key, configuration document.
    pub async fn open(
        config: &Config,
        store: Store,
        vault: Arc<dyn KeyStore>,
        register: Arc<Register>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Startup> {
        let (known, moved) = (store.registries().await?, store.moved().await?);
        let now = clock.now();
        let opening = config.registries.iter().map(|own| {
            let found = known.iter().find(|r| r.authority == own.authority_id).cloned();
            let (store, vault, authority) = (&store, &vault, own.authority_id.to_string());
            let fenced = found.as_ref().is_some_and(|registry| moved.contains(&registry.id));
            async move {
                let opened = open_one(config, (own, fenced), found, store, vault, now).await;
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
        let holds = Holds::default();
        for registry in &moved {
            holds.set_moved(*registry, true);
        }
        let index = |f: fn(&Tenant) -> String| tenants.iter().map(|(id, t)| (f(t), *id)).collect();
        Ok(Self {
            by_authority: tenants.iter().map(|(id, t)| (t.registry.authority.clone(), *id)).collect(),
            by_slug: index(|t| t.registry.slug.clone()),
            by_host: index(|t| host_of(t.registry.entity_identifier.as_str())),
            view_age: Duration::from_secs(config.documents.lifetime_secs / 10),
            store,
            quarantine: Quarantine::default(),
            rosters: Rosters::new(tenants.iter().map(|(id, t)| (*id, &t.registry.authority))),
            ebsi_parents: Parents::new(tenants.values(), config.limits.deadline())?,
            logs: OnceLock::new(),
            breakglass: Breakglass::new(Arc::clone(&clock)),
            holds,
            register,
            clock,
            tenants,
        })
    }

    /// Looks from now on how far the logs have come; those that were given first stay.
    pub fn follow(&self, logs: &Logs) {
        let positions = self.tenants.keys().filter_map(|id| Some((*id, logs.follow(*id)?)));
        self.logs.get_or_init(|| positions.collect());
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
    /// Announced and active keys of a registry.
    pub async fn keys(&self, registry: RegistryId) -> Result<JwkSet, Error> {
        self.view(registry).await?;
        let tenant =
            self.tenants.get(&registry).ok_or_else(|| Error::UnknownRegistry(registry.to_string()))?;
        tenant.ring().listed(self.clock.now()).map_err(Error::Internal)
    }
    /// What a registry's own records have about a question.
    async fn facts(&self, registry: RegistryId, query: &Query) -> Result<Facts, charter_store::Error> {
        let known_at = query.context.known_at;
        let strangers = self.tenants.get(&registry).map(|tenant| &tenant.strangers);
        let strangers = strangers.filter(|_| known_at.is_none());
        // The lease first: see `Register`.
        let now = if self.register.usable() { self.register.watched(registry) } else { None };
        if let Some(known) = strangers.zip(now).and_then(|(strangers, now)| strangers.facts(query, now)) {
            return Ok(known);
        }
        let (kind, entity) = (query.kind, query.entity.as_str());
        let (action, resource) = (query.action.as_str(), query.resource.as_str());
        let question = Question { registry, kind, entity, action, resource, known_at };
        let found = self.store.facts(question).await?;
        if let Some(strangers) = strangers.filter(|_| !found.known_entity) {
            // What was found counts, whether or not this can be had.
            if strangers.is_open(found.epoch)
                && let Ok((epoch, nobody)) = self.store.has_nobody(registry).await
            {
                strangers.learn(epoch, nobody);
            }
            strangers.put(query, &found);
        }
        Ok(found)
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
    (own, fenced): (&RegistryConfig, bool),
    found: Option<Registry>,
    store: &Store,
    vault: &Arc<dyn KeyStore>,
    now: Timestamp,
) -> Result<(Tenant, i64), String> {
    let registry = match found {
        Some(registry) => registry,
        None => store.ensure_registry(new_registry(own)?).await.map_err(|e| text(&e))?,
    };
    let mut opening = store.opening(registry.id).await.map_err(|e| text(&e))?;
    if opening.keys.is_empty() {
        make_key(config, &registry, store, vault.as_ref()).await?;
        opening = store.opening(registry.id).await.map_err(|e| text(&e))?;
    }
    let ring = Keyring::load(&opening, vault.as_ref(), None, now)?;
    let kept = std::mem::take(&mut opening.log_keys);
    let mirrors = own.witness.logs.iter().any(|log| log.mirror);
    let log_keys = match fenced {
        true => kept,
        false => keys::ensure(store, &registry, (kept, mirrors), vault.as_ref(), now).await?,
    };
    let anchors = match &own.anchors.dir {
        Some(dir) => Some(Published::open(dir).await?),
        None => None,
    };
    let superiors = store.superiors(registry.id).await.map_err(|e| text(&e))?;
    let tenant = Tenant {
        registry,
        anchors,
        officers: breakglass::officers(&own.emergency)?,
        config: own.clone(),
        log: std::sync::RwLock::new(document::announced(&own.public_url, &log_keys)),
        log_keys: keys::open(&log_keys, vault.as_ref())?,
        vault: Arc::clone(vault),
        ring: std::sync::RwLock::new(Arc::new(ring)),
        above: std::sync::RwLock::new(Arc::new(Above::of(own, &superiors))),
        types: std::sync::RwLock::default(),
        upward: std::sync::RwLock::default(),
        view: Mutex::new(None),
        strangers: Strangers::default(),
        loading: tenant::Loading::default(),
    };
    tenant.fresh_types(store).await.map_err(|e| text(&e))?;
    let issuing = Issuing::new(&tenant, config.documents.lifetime_secs);
    // Nothing is signed of a registry that is not served from here.
    if !fenced && !issuing.configuration_holds(opening.configuration.as_deref(), now) {
        let put = move |tx: &mut Tx<'_>| issuing.sign_configuration(tx);
        match store.write("document.configuration", tenant.registry.id, put).await {
            // It is renewed well before it ends: whoever starts while nothing can be written goes on with it.
            Err(error @ (Unavailable(_) | NotPrimary | Unknown(_))) if opening.configuration.is_some() => {
                tracing::warn!(error = text(&error), "the configuration document is not renewed now");
            }
            Err(error) => return Err(text(&error)),
            Ok(_) => {}
        }
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
async fn make_key(
    config: &Config,
    registry: &Registry,
    store: &Store,
    vault: &dyn KeyStore,
) -> Result<(), String> {
    let algorithm: Algorithm =
        config.keys.algorithm.parse().map_err(|_| "keys.algorithm is not supported")?;
    let made = vault.generate(algorithm).map_err(|e| e.to_string())?;
    let public: PublicKey = made.signer.key().clone();
    let permit = permit::<Open>(&Caller::System, registry.id, registry.phase).map_err(|e| e.to_string())?;
    let (opened, kept) = (registry.clone(), made.kept.clone());
    let written = store.write("registry.open", registry.id, move |tx| {
        tx.open(&permit, &opened)?;
        tx.add_first_key(&permit, public.kid(), &public.to_jwk(), &kept)
    });
    let first = written.await.map_err(|e| text(&e))?.value;
    if first { Ok(()) } else { vault.discard(&made.kept).map_err(|e| e.to_string()) }
}

/// Nobody below or beside may believe what a held registry has.
fn free(hosted: &Hosted, registry: RegistryId) -> Result<(), Error> {
    let held = hosted.holds.get(registry);
    held.map_or(Ok(()), |held| Err(Error::Unavailable(held.why.to_string())))
}

/// While the database is away every question fails alike.
static UNREAD: Seldom = Seldom::new();

fn federation_error(e: charter_store::Error) -> Error {
    match e {
        charter_store::Error::Unavailable(source) => {
            if UNREAD.is_due() {
                tracing::warn!(error = %source, "own records cannot be read");
            }
            Error::Unavailable("the database is unavailable".to_owned())
        }
        other => Error::Internal(other.source_text().map_or_else(|| other.to_string(), str::to_owned)),
    }
}

#[async_trait]
impl LocalAuthority for Hosted {
    async fn decide(&self, registry: RegistryId, query: &Query, at: Timestamp) -> Result<Decision, Error> {
        free(self, registry)?;
        let facts = self.facts(registry, query).await.map_err(federation_error)?;
        Ok(self.breakglass.decided(query, decide(query, &facts, at)))
    }

    async fn epoch(&self, registry: RegistryId) -> Result<i64, Error> {
        match self.register.watched(registry).filter(|_| self.register.usable()) {
            Some(epoch) => Ok(epoch),
            // The lease is lost: Postgres itself is asked.
            None => self.store.epoch(registry).await.map_err(federation_error),
        }
    }

    async fn view(&self, registry: RegistryId) -> Result<Arc<RegistryView>, Error> {
        free(self, registry)?;
        let tenant =
            self.tenants.get(&registry).ok_or_else(|| Error::UnknownRegistry(registry.to_string()))?;
        let mut slot = tenant.view.lock().await;
        let now = self.clock.now();
        // The lease first: see `Register`. What is read from here on is as new as what was noted by now.
        let turns = self.register.turns_now(registry);
        if let Some(read) = slot.as_ref()
            && turns.is_some_and(|turns| read.turns == Some(turns))
            && now.since(read.at) < self.view_age
        {
            return Ok(Arc::clone(&read.view));
        }
        let epoch = self.epoch(registry).await?;
        let ring = tenant.fresh_ring(&self.store).await.map_err(federation_error)?;
        tenant.fresh_above(&self.store).await.map_err(federation_error)?;
        let delegations = self.store.delegations(registry).await.map_err(federation_error)?;
        let configuration = self.store.document(registry, "configuration").await.map_err(federation_error)?;
        let view = Arc::new(RegistryView {
            registry: tenant.registry.clone(),
            epoch,
            delegations,
            keys: ring.listed(now).map_err(Error::Internal)?,
            configuration: configuration.unwrap_or_default(),
        });
        *slot = Some(Read { view: Arc::clone(&view), at: now, turns });
        Ok(view)
    }

    fn hosted(&self, authority: &AuthorityId) -> Option<RegistryId> {
        self.by_authority(authority.as_str()).filter(|registry| !self.holds.has_moved(*registry))
    }

    async fn recognitions(
        &self,
        registry: RegistryId,
        query: &Query,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let (what, most) =
            ((query.action.clone(), query.resource.clone()), most.try_into().unwrap_or(i64::MAX));
        self.store.recognitions_for(registry, what, most).await.map_err(federation_error)
    }

    fn doubts(&self, registry: RegistryId, subordinate: &HttpsId) -> bool {
        self.quarantine.of(registry, subordinate)
    }

    fn lacking(&self, registry: RegistryId, entity: &EntityId) -> Option<Lacking> {
        self.rosters.lacking(registry, entity.as_str())
    }

    async fn accredited(
        &self,
        registry: RegistryId,
        authority: &AuthorityId,
        at: Option<Timestamp>,
    ) -> Option<Accredited> {
        self.ebsi_parents.accredited(registry, authority, at, self.clock.now()).await
    }

    fn published(&self, registry: RegistryId) -> i64 {
        let position = self.logs.get().and_then(|logs| logs.get(&registry));
        position.map_or(0, |position| i64::try_from(position.borrow().published).unwrap_or(i64::MAX))
    }

    async fn deny(&self, registry: RegistryId, denial: Denial) -> Result<String, Error> {
        free(self, registry)?;
        let tenant =
            self.tenants.get(&registry).ok_or_else(|| Error::UnknownRegistry(registry.to_string()))?;
        let (ring, now) = (tenant.ring(), self.clock.now());
        // A token takes milliseconds for a signature.
        let sign = move || denial.sign(ring.signer(now)?).map_err(|e| e.to_string());
        let signed = tokio::task::spawn_blocking(sign).await.map_err(|e| Error::Internal(e.to_string()))?;
        signed.map_err(Error::Internal)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
