//! Configuration: read whole, validated whole, before a port is opened. Every fault is named, not just the first.

pub mod dids;
pub mod ebsi;
pub mod emergency;
pub mod keys;
pub mod listener;
pub mod log;
pub(crate) mod oidc;
pub mod peer_tls;
mod registry;
pub mod standby;
mod trail;

use std::{path::Path, time::Duration};

use charter_store::{Tls, nodes};
use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use serde::Deserialize;

pub use self::{
    dids::Dids, keys::Keys, listener::Listener, log::LogStore, oidc::Oidc, peer_tls::PeerTls,
    registry::RegistryConfig, standby::Standby, trail::Trail,
};

use crate::tls;

const DEFAULTS: &str = include_str!("config.default.toml");
/// Variables of the same prefix that are for `charter`, for the tests, or name the file.
const NOT_SETTINGS: [&str; 12] = [
    "acr_values",
    "ca_file",
    "client_cert",
    "client_id",
    "client_key",
    "config_file",
    "issuer",
    "profile",
    "scope",
    "server",
    "shared",
    "token_file",
];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub database: Database,
    pub redis: Redis,
    pub keys: Keys,
    pub bootstrap: Bootstrap,
    pub cache: Cache,
    pub answers: Answers,
    pub documents: Documents,
    pub limits: Limits,
    pub retention: Retention,
    pub webhooks: Webhooks,
    pub dids: Dids,
    pub peer_tls: PeerTls,
    pub log_store: LogStore,
    pub log: Log,
    pub standby: Standby,
    pub trail: Trail,
    /// The providers whose tokens staff authenticate with.
    pub oidc: Vec<Oidc>,
    /// Where requests are taken, and for which registry when nothing else says.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// The registries served here.
    #[serde(default)]
    pub registries: Vec<RegistryConfig>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
    pub owner_url: String,
    pub migrate_at_start: bool,
    pub pool_size: usize,
    pub hot_connections: usize,
    pub statement_timeout_ms: u64,
    /// Absent: none with one host in `url`, else one.
    #[serde(default)]
    pub synchronous_standbys: Option<usize>,
    pub ca_file: String,
}

impl Database {
    /// What is encrypted with, where authorities are named.
    pub fn tls(&self) -> Result<Option<Tls>, String> {
        if self.ca_file.is_empty() {
            return Ok(None);
        }
        let trusted = tls::client(Some(&self.ca_file)).map_err(|why| format!("database.ca_file: {why}"))?;
        Ok(Some(Tls::new(self.ca_file.clone(), trusted)))
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("url", &"[redacted]").field("pool_size", &self.pool_size).finish()
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    pub url: String,
    pub secret_file: String,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.url.is_empty() { "Redis(none)" } else { "Redis([redacted])" })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    pub token_file: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    pub capacity: u64,
    pub lease_ms: u64,
    pub poll_ms: u64,
    pub peer_poll_ms: u64,
}

impl Cache {
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }
    pub fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
    /// Of registries below.
    pub fn peer_poll(&self) -> Duration {
        Duration::from_millis(self.peer_poll_ms)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    NotFound,
    False,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    pub max_age_secs: u64,
    pub unknown: Unknown,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    pub lifetime_secs: u64,
    pub renew_every_secs: u64,
    pub renew_batch: i64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub per_address_rps: u32,
    pub per_address_burst: u32,
    pub global_rps: u32,
    pub per_peer_rps: u32,
    pub per_peer_burst: u32,
    pub max_connections: usize,
    pub max_handshakes_per_address: usize,
    pub max_watchers: usize,
    pub max_watchers_per_address: usize,
    pub first_bytes_ms: u64,
    pub deadline_ms: u64,
    pub drain_secs: u64,
}

impl Limits {
    /// Of a request whose caller names none.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

/// How long personal data is kept, in days; 0 is for ever.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub every_secs: u64,
    pub proposal_reasons_days: u64,
    pub closed_proposals_days: u64,
    pub restricted_parts_days: u64,
    pub accesses_days: u64,
}

impl Retention {
    fn periods(&self) -> [u64; 4] {
        [
            self.proposal_reasons_days,
            self.closed_proposals_days,
            self.restricted_parts_days,
            self.accesses_days,
        ]
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    pub ca_file: String,
    pub allow_loopback: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub filter: String,
    pub format: String,
}

/// A configuration that cannot be used, fault by fault.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} fault(s):\n{}", .0.len(), .0.iter().map(|f| format!("  - {f}")).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub Vec<String>);

impl Config {
    /// Defaults, then the file, then the environment.
    pub fn load(file: Option<&Path>) -> Result<Self, Faults> {
        Self::check(&Self::sources(file)?)
    }

    /// The owner's connection, from the same places: what changes the schema needs no other setting.
    pub fn owner_url(file: Option<&Path>) -> Result<String, Faults> {
        let config = Self::extract(&Self::sources(file)?)?;
        if config.database.owner_url.is_empty() {
            return Err(Faults(vec!["database.owner_url is empty: name the owner's connection".to_owned()]));
        }
        Ok(config.database.owner_url)
    }

    fn sources(file: Option<&Path>) -> Result<Figment, Faults> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(Faults(vec![format!("file `{}` does not exist", file.display())]));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let env = Env::prefixed("CHARTER_").split("__").ignore(&NOT_SETTINGS);
        Ok(figment.merge(env))
    }

    /// Defaults overlaid with TOML text: what the demo and the tests use.
    pub fn from_toml(text: &str) -> Result<Self, Faults> {
        Self::check(&Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(text)))
    }

    fn extract(figment: &Figment) -> Result<Self, Faults> {
        figment.extract().map_err(|e| Faults(e.into_iter().map(|e| e.to_string()).collect()))
    }

    fn check(figment: &Figment) -> Result<Self, Faults> {
        let config = Self::extract(figment)?;
        let faults = config.faults();
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut demand = |good: bool, text: String| {
            if !good {
                faults.push(text);
            }
        };
        demand(
            !self.database.url.is_empty(),
            "database.url is empty: name the runtime role's connection".into(),
        );
        demand(
            !self.database.migrate_at_start || !self.database.owner_url.is_empty(),
            "database.migrate_at_start needs database.owner_url".into(),
        );
        demand((1..=64).contains(&self.database.pool_size), "database.pool_size must be 1 to 64".into());
        demand(
            (1..=64).contains(&self.database.hot_connections),
            "database.hot_connections must be 1 to 64".into(),
        );
        demand(
            self.redis.url.is_empty() || !self.redis.secret_file.is_empty(),
            "redis.url needs redis.secret_file: without a secret Redis is not used".into(),
        );
        demand(
            self.cache.poll_ms > 0 && self.cache.poll_ms * 2 <= self.cache.lease_ms,
            "cache.poll_ms must be at most half of cache.lease_ms".into(),
        );
        demand(
            (100..=60_000).contains(&self.cache.peer_poll_ms),
            "cache.peer_poll_ms must be 100 to 60000".into(),
        );
        demand(
            (60..=7 * 86_400).contains(&self.documents.lifetime_secs),
            "documents.lifetime_secs must be 60 to 604800".into(),
        );
        demand(
            (1..=5_000).contains(&self.documents.renew_batch),
            "documents.renew_batch must be 1 to 5000".into(),
        );
        demand(self.documents.renew_every_secs > 0, "documents.renew_every_secs must be at least 1".into());
        demand(
            self.limits.per_address_rps > 0
                && self.limits.per_address_burst > 0
                && self.limits.global_rps > 0
                && self.limits.per_peer_rps > 0
                && self.limits.per_peer_burst > 0,
            "limits must be at least 1 request a second".into(),
        );
        demand(self.retention.every_secs > 0, "retention.every_secs must be at least 1".into());
        demand(
            self.retention.periods().iter().all(|days| *days == 0 || (31..=36_500).contains(days)),
            "retention.*_days must be 0 (for ever) or 31 to 36500".into(),
        );
        demand(self.limits.max_connections > 0, "limits.max_connections must be at least 1".into());
        demand(
            self.limits.max_handshakes_per_address > 0,
            "limits.max_handshakes_per_address must be at least 1".into(),
        );
        demand(
            self.limits.max_watchers_per_address > 0,
            "limits.max_watchers_per_address must be at least 1".into(),
        );
        demand(
            (100..=10_000).contains(&self.limits.deadline_ms),
            "limits.deadline_ms must be 100 to 10000".into(),
        );
        demand(
            matches!(self.log.format.as_str(), "json" | "text"),
            format!("log.format `{}` must be json or text", self.log.format),
        );
        demand(!self.registries.is_empty(), "no [[registries]]: name at least one".into());
        demand(!self.listeners.is_empty(), "no [[listeners]]: name at least one".into());
        faults.extend(self.database.tls().err());
        faults.extend(nodes::settle(&self.database.url, self.database.synchronous_standbys).err());
        faults.extend(keys::faults(&self.keys));
        faults.extend(dids::faults(&self.dids));
        faults.extend(oidc::faults(&self.oidc));
        faults.extend(peer_tls::faults(&self.peer_tls));
        faults.extend(registry::faults(&self.registries));
        faults.extend(standby::faults(&self.standby));
        faults.extend(self.trail.faults());
        faults.extend(ebsi::faults(&self.registries));
        faults.extend(emergency::faults(&self.registries));
        faults.extend(log::faults(&self.log_store, &self.registries));
        faults.extend(listener::faults(&self.listeners, &self.registries));
        faults.extend(peer_tls::announced(&self.peer_tls, &self.listeners, &self.registries));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [database]
        url = "host=/tmp dbname=x"
        [[registries]]
        authority_id = "did:web:a.example"
        slug = "a"
        name = "A"
        jurisdiction = "FI"
        public_url = "http://127.0.0.1:7100"
        [[listeners]]
        address = "127.0.0.1:7100"
        registry = "did:web:a.example"
    "#;

    #[test]
    fn a_good_one_loads_and_every_fault_is_named() {
        Config::from_toml(GOOD).expect("valid");
        let bad = GOOD
            .replace("url = \"host=/tmp dbname=x\"", "url = \"\"\npool_size = 0")
            .replace("registry = \"did:web:a.example\"", "registry = \"did:web:b.example\"");
        let faults = Config::from_toml(&bad).expect_err("faulty").0;
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(Config::from_toml(&format!("{GOOD}\nsurprise = 1")).is_err(), "unknown settings are faults");
    }
}
