//! `App`: store, caches, keys, registries, resolver. Built once, passed down.

use std::{collections::HashSet, sync::Arc};

use charter_cache::{Answers, Dependencies, RedisTier, Register};
use charter_credential::Resolver as Dids;
use charter_domain::{RegistryId, time::Clock};
use charter_federation::{Native, Resolver};
use charter_signing::{Algorithm, Kek, KeyStore, MacKey, TokenStore, Vault, secret};
use charter_store::{Store, credential, nodes};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, Semaphore};

use crate::{
    Config,
    app::{
        answer::Kept,
        credential::Uses,
        ebsi,
        import::Together,
        lists::Lists,
        oidf::{below::Below, memory::Memory, resolve::kept::Resolutions},
        peer_epoch::Turns,
        peers::{Announced, Contacts, tree::Trees},
        query::SPARE,
        watch::News,
    },
    caller,
    config::{keys::Place, listener::ClientAuth},
    error::Error,
    hosted::{Hosted, Tenant},
    limit::Limiter,
    log::Logs,
    mirror::push,
    oidc::Oidc,
    outbox::{Lookup, Outbox},
    peer_keys::PeerKeys,
    tasks::outbox::Told,
    telemetry::Decisions,
    tls::life::{self, Life},
    trail::notes::Notes,
    witness::Witnesses,
};

/// Connections for the logs of all registries of this process: each step of a log takes one and is short.
pub const LOG_CONNECTIONS: usize = 3;

pub struct App {
    pub config: Config,
    pub store: Store,
    /// For the transparency logs: what is published does not stand in line behind what is written.
    pub log_store: Store,
    pub clock: Arc<dyn Clock>,
    pub register: Arc<Register>,
    pub dependencies: Arc<Dependencies>,
    pub answers: Answers<Kept>,
    pub hosted: Arc<Hosted>,
    pub resolver: Resolver<Hosted>,
    pub protocol: Arc<Native>,
    /// When subordinates were asked for epochs on behalf of others.
    pub turns: Turns,
    /// Which subordinates could not be asked lately.
    pub contacts: Contacts,
    /// Keys of TLS that subordinates announce.
    pub announced: Announced,
    /// Woken when what stands above a registry here was changed by this process.
    pub risen: Notify,
    /// Accreditations as EBSI's readers get them, signed a moment ago.
    pub ebsi: ebsi::Kept,
    /// What is below each registry, as it was drawn last.
    pub trees: Trees,
    /// Trust marks and their status, as they were signed last.
    pub marks: Memory,
    /// Lists that were signed, as long as they hold.
    pub lists: Lists,
    /// What stands below on other servers, as documents.
    pub below: Below,
    /// Small loads that wait for each other.
    pub together: Together,
    /// Entities that were resolved.
    pub resolved: Resolutions,
    pub limiter: Limiter,
    /// Answers from own records alone, beside those that wait for other registries.
    pub spare: Semaphore,
    /// Until when what this server shows in TLS is good.
    pub certificates: Vec<Life>,
    /// Registries that are known by their TLS keys.
    pub peer_keys: Arc<PeerKeys>,
    /// Seals secrets that are kept.
    pub kek: Kek,
    /// How far the transparency logs are.
    pub logs: Logs,
    /// As a witness of other logs, and towards the witnesses of these.
    pub witness: Witnesses,
    /// The way to the mirrors of these logs.
    pub mirrors: push::Client,
    /// The way out to webhooks, and which registries have any.
    pub outbox: Outbox,
    /// The way to DID documents.
    pub dids: Dids,
    pub told: Told,
    /// Security events that are not on record yet.
    pub notes: Notes,
    /// For those who watch this process' registries.
    pub news: News,
    /// The identity providers of staff.
    pub oidc: Oidc,
    /// Makes what is left of a member of staff whose data was erased.
    pub erased: MacKey,
    /// Makes what stands for a person whatever their accounts.
    pub persons: MacKey,
    /// Which uses of credentials are written down.
    pub uses: Uses,
    /// SHA-256 of the tokens that may load records.
    pub bootstrap_tokens: HashSet<[u8; 32]>,
    pub decisions: Decisions,
    /// Seals page tokens; the same in every process that has the key-encryption key.
    pub page_secret: [u8; 32],
}

/// Why a server cannot start; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Startup {
    #[error("the database cannot be used: {0}; is Postgres running, and is database.url right?")]
    Database(String),
    /// It is there, and nothing may be served from it.
    #[error("the database is not fit to be served from: {0}")]
    Unfit(String),
    /// It was served from, and what was read of it is not what it holds now.
    #[error("the database has two histories: {0}; start again, and look at the nodes that are named")]
    Parted(String),
    #[error("keys.kek_file: {0}")]
    Kek(String),
    #[error("keys.pkcs11: {0}")]
    Pkcs11(String),
    #[error("redis: {0}")]
    Redis(String),
    #[error("webhooks.ca_file: {0}")]
    Webhooks(String),
    #[error("dids.ca_file: {0}")]
    Dids(String),
    #[error("witnesses: {0}")]
    Witnesses(String),
    #[error("peer_tls: {0}")]
    PeerTls(String),
    #[error("a certificate that this server shows is no longer good: {0}")]
    Expired(String),
    #[error("the way to mirrors: {0}")]
    Mirrors(String),
    #[error("bootstrap.token_file: {0}")]
    Token(String),
    #[error("registry `{0}`: {1}")]
    Registry(String, String),
    #[error("listener {0}: tls {1}")]
    Tls(std::net::SocketAddr, String),
    #[error("cannot listen on {0}: {1}")]
    Listen(std::net::SocketAddr, std::io::Error),
}

impl From<charter_store::Error> for Startup {
    fn from(e: charter_store::Error) -> Self {
        let source = e.source_text().map(str::to_owned);
        Self::Database(source.unwrap_or_else(|| e.to_string()))
    }
}

impl App {
    /// Connects, opens what the configuration names, loads keys. Nothing is served yet. Names of peers and of webhooks
    /// are looked up by `lookup`.
    pub async fn start(config: Config, clock: Arc<dyn Clock>, lookup: Lookup) -> Result<Arc<Self>, Startup> {
        let certificates = life::of(&config);
        if let Some(why) = life::fault(&certificates, clock.now()) {
            return Err(Startup::Expired(why));
        }
        let store = Store::new(store_settings(&config), Arc::clone(&clock))?;
        store.check_nodes().await?;
        fit(&store).await?;
        let log_store = store.apart(LOG_CONNECTIONS)?;
        let kek = Kek::load_or_create(&config.keys.kek_file).map_err(|e| Startup::Kek(e.to_string()))?;
        let erased = kek.mac_key("erased staff").map_err(|e| Startup::Kek(e.to_string()))?;
        let persons = kek.mac_key("person").map_err(|e| Startup::Kek(e.to_string()))?;
        let pages = kek.mac_key("page tokens").and_then(|key| key.hex(&["1"]));
        let page_secret = Sha256::digest(pages.map_err(|e| Startup::Kek(e.to_string()))?).into();
        let vault = vault(&config, kek.clone()).await?;
        let register = Arc::new(Register::new(config.cache.lease()));
        let lease = Arc::clone(&register);
        store.follow(move || lease.usable());
        let hosted = Arc::new(
            Hosted::open(&config, store.clone(), vault, Arc::clone(&register), Arc::clone(&clock)).await?,
        );
        let to_peers = crate::tls::to_peers(&config.peer_tls, &clock).map_err(Startup::PeerTls)?;
        let protocol = Native::new(to_peers, Arc::clone(&lookup), Arc::clone(&clock));
        let protocol = Arc::new(protocol.map_err(Startup::PeerTls)?);
        let resolver = Resolver::new(Arc::clone(&hosted), protocol.clone());
        let redis = redis(&config).await?;
        let answers = Answers::new(Arc::clone(&register), config.cache.capacity, redis);
        let bootstrap_tokens = tokens(&config, &store).await?;
        let logs = Logs::new(&config.log_store.dir, hosted.tenants().map(|tenant| tenant.registry.id));
        hosted.follow(&logs);
        Ok(Arc::new(Self {
            certificates,
            limiter: Limiter::new(&config.limits),
            spare: Semaphore::new(SPARE),
            peer_keys: Arc::new(PeerKeys::new(
                config.listeners.iter().any(|l| l.client_auth() != ClientAuth::None),
            )),
            news: News::new(&config.limits),
            outbox: Outbox::new(&config.webhooks, Arc::clone(&lookup)).map_err(Startup::Webhooks)?,
            dids: crate::dids::resolver(&config.dids, lookup).map_err(Startup::Dids)?,
            told: Told::default(),
            notes: Notes::new(!config.trail.receivers().is_empty()),
            logs,
            witness: Witnesses::new().map_err(Startup::Witnesses)?,
            mirrors: push::Client::new().map_err(Startup::Mirrors)?,
            kek,
            oidc: Oidc::new(&config.oidc),
            store,
            log_store,
            clock,
            register,
            dependencies: Arc::new(Dependencies::new()),
            answers,
            hosted,
            resolver,
            protocol,
            turns: Turns::default(),
            contacts: Contacts::default(),
            announced: Announced::default(),
            risen: Notify::new(),
            ebsi: ebsi::Kept::default(),
            trees: Trees::default(),
            marks: Memory::default(),
            lists: Lists::default(),
            below: Below::default(),
            together: Together::default(),
            resolved: Resolutions::default(),
            uses: Uses::default(),
            bootstrap_tokens,
            erased,
            persons,
            page_secret,
            decisions: Decisions::default(),
            config,
        }))
    }

    /// Tells this process' register of a change before the change is acknowledged.
    pub async fn changed(&self, registry: RegistryId, epoch: i64) -> Result<(), Error> {
        crate::tasks::epoch::catch_up(self, registry, epoch).await
    }

    /// A registry of this process.
    pub fn tenant(&self, registry: RegistryId) -> Result<&Tenant, Error> {
        self.hosted.tenant(registry).ok_or_else(|| Error::not_found("registry", registry))
    }

    pub fn caller(&self, headers: &http::HeaderMap) -> Result<charter_domain::policy::Caller, Error> {
        caller::identify(self, headers)
    }
}

/// Whether anything may be served from the database; what else there is to say about it is logged.
async fn fit(store: &Store) -> Result<(), Startup> {
    let report = store.preflight().await?;
    for remark in &report.remarks {
        tracing::warn!(%remark, "about the database");
    }
    if report.faults.is_empty() { Ok(()) } else { Err(Startup::Unfit(report.faults.join("; "))) }
}

/// The registries with their keys, for commands: nothing is served, and nothing polls them.
pub async fn open_hosted(config: &Config, store: &Store, clock: Arc<dyn Clock>) -> Result<Hosted, Startup> {
    let (_, vault) = open_vault(config).await?;
    let register = Arc::new(Register::new(config.cache.lease()));
    Hosted::open(config, store.clone(), vault, register, clock).await
}

/// The key-encryption key of the site, and the places where private keys are.
pub async fn open_vault(config: &Config) -> Result<(Kek, Arc<dyn KeyStore>), Startup> {
    let kek = Kek::load_or_create(&config.keys.kek_file).map_err(|e| Startup::Kek(e.to_string()))?;
    let vault = vault(config, kek.clone()).await?;
    Ok((kek, vault))
}

/// The places where private keys are. A token's module may block.
async fn vault(config: &Config, kek: Kek) -> Result<Arc<dyn KeyStore>, Startup> {
    let sealed = Vault::new(kek);
    let Some(settings) = config.keys.token() else { return Ok(Arc::new(sealed)) };
    let opening = tokio::task::spawn_blocking(move || {
        let token = TokenStore::open(&settings)?;
        token.makes(Algorithm::EdDsa).map(|for_logs| (token, for_logs))
    });
    let opened = opening.await.map_err(|e| Startup::Pkcs11(e.to_string()))?;
    let (token, for_logs) = opened.map_err(|e| Startup::Pkcs11(e.to_string()))?;
    let makes = config.keys.store == Place::Pkcs11;
    if makes && !for_logs {
        tracing::error!(
            "the token makes no Ed25519 keys: new keys of logs, witnesses and mirrors are not in it, but in the \
             database, sealed with keys.kek_file"
        );
    }
    Ok(Arc::new(sealed.with_token(Box::new(token), makes)))
}

/// What the store needs of the configuration.
pub fn store_settings(config: &Config) -> charter_store::Settings {
    let settled = nodes::settle(&config.database.url, config.database.synchronous_standbys);
    charter_store::Settings {
        url: config.database.url.clone(),
        pool_size: config.database.pool_size,
        hot_connections: config.database.hot_connections,
        statement_timeout: std::time::Duration::from_millis(config.database.statement_timeout_ms),
        // What does not fit together was refused with the configuration.
        synchronous_standbys: settled.map_or(0, |settled| settled.standbys),
        tls: config.database.tls().ok().flatten(),
    }
}

pub(crate) async fn redis(config: &Config) -> Result<Option<RedisTier>, Startup> {
    if config.redis.url.is_empty() {
        return Ok(None);
    }
    let path = std::path::Path::new(&config.redis.secret_file);
    let secret = read_secret(path).map_err(Startup::Redis)?;
    RedisTier::connect(&config.redis.url, secret.as_bytes(), charter_cache::DEADLINE)
        .map(Some)
        .map_err(|e| Startup::Redis(e.to_string()))
}

/// A secret file must be readable by its owner alone.
pub fn read_secret(path: &std::path::Path) -> Result<String, String> {
    let describe = |e: std::io::Error| format!("`{}`: {e}", path.display());
    let found = std::fs::metadata(path).map_err(describe)?;
    secret::guarded(&found).map_err(|why| format!("`{}` {why}", path.display()))?;
    let text = std::fs::read_to_string(path).map_err(describe)?.trim().to_owned();
    if text.len() < 32 {
        Err(format!("`{}` must hold at least 32 characters", path.display()))
    } else {
        Ok(text)
    }
}

/// The hashes on record; with none, a token is made, its hash recorded and the file written.
async fn tokens(config: &Config, store: &Store) -> Result<HashSet<[u8; 32]>, Startup> {
    let path = std::path::Path::new(&config.bootstrap.token_file);
    let known = store.credentials("bootstrap").await?;
    let token = if path.exists() {
        Some(read_secret(path).map_err(Startup::Token)?)
    } else if known.is_empty() {
        Some(create_token(path).map_err(|e| Startup::Token(format!("`{}`: {e}", path.display())))?)
    } else {
        None
    };
    // A site whose database takes no writes now starts all the same.
    let Some(token) = token.filter(|token| !known.contains(&credential::hash(token))) else {
        return Ok(known.into_iter().collect());
    };
    store.add_credential("bootstrap", &token).await?;
    Ok(store.credentials("bootstrap").await?.into_iter().collect())
}

fn create_token(path: &std::path::Path) -> std::io::Result<String> {
    use base64::Engine;
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    Ok(token)
}
