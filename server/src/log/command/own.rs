//! What is done with a registry's own log: computing it again, and giving up its key.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    sync::Arc,
};

use charter_domain::Registry;
use charter_store::{
    Store,
    log_key::{LogKey, LogPurpose},
};

use crate::{
    Config,
    clock::WallClock,
    context::{self, Startup},
    log::{file, fsck, keys},
};

/// The registries that are configured and were opened; one of them, where it is named.
async fn opened(config: &Config, store: &Store, only: Option<&str>) -> Result<Vec<Registry>, Startup> {
    let mut known = store.registries().await?;
    known.retain(|registry| {
        config.registries.iter().any(|own| own.authority_id == registry.authority)
            && only.is_none_or(|only| registry.authority.as_str() == only)
    });
    match only {
        Some(only) if known.is_empty() => {
            let why = "is not configured here, or has not been opened yet: start `charterd serve` once";
            Err(Startup::Registry(only.to_owned(), why.to_owned()))
        }
        _ => Ok(known),
    }
}

async fn log_key(store: &Store, registry: &Registry) -> Result<LogKey, Startup> {
    let known = store.log_keys(registry.id).await?;
    let used = known.into_iter().find(|key| key.purpose == LogPurpose::Log && key.retired_at.is_none());
    let none = || {
        Startup::Registry(
            registry.authority.to_string(),
            "has no log yet: start `charterd serve` once".to_owned(),
        )
    };
    used.ok_or_else(none)
}

pub(super) async fn fsck(config: &Config, only: Option<&str>) -> Result<ExitCode, Startup> {
    let store = Store::new(context::store_settings(config), Arc::new(WallClock))?;
    let mut bad = false;
    for registry in opened(config, &store, only).await? {
        let found = examine(config, &store, &registry).await?;
        let verdict = if found.differences.is_empty() { "good" } else { "DIFFERS" };
        println!(
            "{}: {} leaves, {} published, {} events: {verdict}",
            registry.authority, found.size, found.published, found.events
        );
        if found.fileless {
            println!("  no file of what was published: another server publishes, or its folder was lost");
        }
        for difference in &found.differences {
            println!("  {difference}");
        }
        if found.differences.len() >= fsck::MAX_DIFFERENCES {
            println!("  and maybe more: it ended at {}", fsck::MAX_DIFFERENCES);
        }
        bad |= !found.differences.is_empty();
    }
    Ok(ExitCode::from(u8::from(bad)))
}

/// What is wrong with one registry's log.
pub async fn examine(config: &Config, store: &Store, registry: &Registry) -> Result<fsck::Found, Startup> {
    let key = log_key(store, registry).await?;
    let wrong = |why: String| Startup::Registry(registry.authority.to_string(), why);
    let vkey = key.vkey.parse().map_err(|e| wrong(format!("its log's key is recorded wrongly: {e}")))?;
    let path = file::path(&config.log_store.dir, &registry.slug);
    let file = match file::read(&path, &vkey) {
        Ok(None) if path.exists() => Err("it is of another log".to_owned()),
        read => read.map_err(|e| e.to_string()),
    };
    let subject = fsck::Subject { store, registry: registry.id, key: &vkey, file };
    let shown = std::io::stderr().is_terminal();
    let found = fsck::check(&subject, |done, all| {
        if shown {
            let _ = write!(std::io::stderr(), "\r{} {done} of {all} events", registry.authority);
        }
    })
    .await?;
    if shown {
        let _ = writeln!(std::io::stderr());
    }
    Ok(found)
}

pub(super) async fn retire(config: &Config, authority: &str, yes: bool) -> Result<ExitCode, Startup> {
    let clock = Arc::new(WallClock);
    let store = Store::new(context::store_settings(config), clock.clone())?;
    let registries = opened(config, &store, Some(authority)).await?;
    let Some(registry) = registries.first() else { return Ok(ExitCode::FAILURE) };
    let key = log_key(&store, registry).await?;
    let wrong = |why: String| Startup::Registry(authority.to_owned(), why);
    let (purpose, next) = (LogPurpose::Log, key.generation + 1);
    let name = keys::name_of(&registry.entity_identifier, purpose, next).map_err(wrong)?;
    if !yes {
        println!(
            "the log `{}` would end, and with it every proof from it; `{name}` would begin with the events in the \
             database; add --yes to do it",
            key.name
        );
        return Ok(ExitCode::FAILURE);
    }
    let hosted = context::open_hosted(config, &store, clock).await?;
    let vault = hosted.tenant(registry.id).map(|tenant| Arc::clone(&tenant.vault));
    let vault = vault.ok_or_else(|| wrong("is not configured here".to_owned()))?;
    let made = keys::make(vault.as_ref(), &registry.entity_identifier, (purpose, next), store.now());
    let made = made.map_err(wrong)?;
    let vkey = made.vkey.clone();
    store.retire_log_key(registry.id, made).await?;
    println!(
        "the log `{}` has ended; restart the server, and give the new key to witnesses and mirrors:\n  log {vkey}",
        key.name
    );
    Ok(ExitCode::SUCCESS)
}
