//! `charterd doctor`: what would keep this server from serving, checked one by one.

mod backup;
pub mod explain;
mod log;
mod peers;
mod registries;
mod site;

use std::path::Path;

use charter_domain::time::Clock as _;
use charter_signing::{Kek, TokenStore};
use charter_store::{Store, preflight::Report};

pub use self::backup::backup;
use crate::{Config, anchors::Published, clock::WallClock, context::read_secret};

/// One check and how it went.
pub struct Finding {
    pub check: &'static str,
    pub fault: Option<String>,
    /// What keeps nobody from serving, and is to be looked at.
    pub remark: Option<String>,
    /// What is good to know.
    pub note: Option<String>,
}

impl Finding {
    const fn new(check: &'static str, fault: Option<String>, remark: Option<String>) -> Self {
        Self { check, fault, remark, note: None }
    }

    /// In words, for a terminal.
    pub fn text(&self) -> String {
        match (&self.fault, &self.remark, &self.note) {
            (Some(fault), ..) => fault.clone(),
            (None, Some(remark), _) => format!("ok, but {remark}"),
            (None, None, Some(note)) => format!("ok: {note}"),
            (None, None, None) => "ok".to_owned(),
        }
    }
}

pub async fn examine(config: &Config) -> Vec<Finding> {
    let about = format!("charterd {}", env!("CARGO_PKG_VERSION"));
    let mut findings = vec![Finding { note: Some(about), ..Finding::new("configuration", None, None) }];
    findings.extend(databases(config).await);
    findings.extend([site::certificates(config), site::room(config)]);
    findings.extend(site::redis(config).await);
    findings.extend(peers::above(config).await);
    let mut add = |check, result: Result<(), String>| {
        findings.push(Finding::new(check, result.err(), None));
    };
    if !config.database.owner_url.is_empty() {
        let url = config.database.owner_url.clone();
        let current = tokio::task::spawn_blocking(move || charter_store::migrate::is_current(&url)).await;
        add(
            "migrations",
            match current {
                Ok(Ok(true)) => Ok(()),
                Ok(Ok(false)) => Err("some are pending; run `charterd migrate`".to_owned()),
                Ok(Err(e)) => Err(e.source_text().map_or_else(|| e.to_string(), str::to_owned)),
                Err(e) => Err(e.to_string()),
            },
        );
    }
    let kek = Path::new(&config.keys.kek_file);
    add(
        "key-encryption key",
        if kek.exists() { Kek::load(kek).map(drop).map_err(|e| e.to_string()) } else { Ok(()) },
    );
    if let Some(settings) = config.keys.token() {
        let opened = tokio::task::spawn_blocking(move || TokenStore::open(&settings).map(drop)).await;
        let result = opened.map_err(|e| e.to_string()).and_then(|opened| opened.map_err(|e| e.to_string()));
        add("PKCS#11 token", result);
    }
    let token = Path::new(&config.bootstrap.token_file);
    add("bootstrap token", if token.exists() { read_secret(token).map(drop) } else { Ok(()) });
    for registry in &config.registries {
        let origins = crate::witness::quarantine::listed(&config.log_store.dir, registry);
        let text = format!("{}: two histories were shown; see /witness/evidence", origins.join(", "));
        add("witnessed logs", if origins.is_empty() { Ok(()) } else { Err(text) });
    }
    for dir in config.registries.iter().filter_map(|registry| registry.anchors.dir.as_deref()) {
        add("anchor set", anchors(dir).await);
    }
    for listener in &config.listeners {
        findings.push(site::listener(listener.address).await);
    }
    findings
}

/// That what is published follows from version 1 and has not expired.
async fn anchors(dir: &Path) -> Result<(), String> {
    let published = Published::open(dir).await?;
    published.check(WallClock.now()).await
}

/// That it is there and fit to be served from, and that what is written is kept elsewhere too.
async fn databases(config: &Config) -> Vec<Finding> {
    let joined = |list: Vec<String>| (!list.is_empty()).then(|| list.join("; "));
    match look(config).await {
        Ok((store, report)) => {
            let note = Some(format!("PostgreSQL {}", report.version));
            let found =
                Finding { note, ..Finding::new("database", joined(report.faults), joined(report.remarks)) };
            let mut all = vec![found, site::archive(&store).await, registries::clock(&store).await];
            all.extend(registries::keys(&store, config).await);
            all.extend(log::logs(&store, config).await);
            all.extend(peers::below(&store, config).await);
            all
        }
        Err(error) => {
            let text = error.source_text().map_or_else(|| error.to_string(), str::to_owned);
            vec![Finding::new("database", Some(text), None)]
        }
    }
}

async fn look(config: &Config) -> Result<(Store, Report), charter_store::Error> {
    let settings = charter_store::Settings {
        pool_size: 1,
        hot_connections: 1,
        ..crate::context::store_settings(config)
    };
    let store = Store::new(settings, std::sync::Arc::new(WallClock))?;
    store.check_nodes().await?;
    let report = store.preflight().await?;
    Ok((store, report))
}
