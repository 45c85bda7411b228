//! What is looked at in a restored database: that it is of this site, its schema, its rows against its events, its logs.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{anyhow, bail};
use charter_domain::Registry;
use charter_store::{Store, migrate, rebuild};

use super::{
    report::{Recovered, Steps},
    rule,
};
use crate::{
    App, Config,
    clock::WallClock,
    context,
    log::{command::examine, fsck::Difference},
};

/// The registries in the backup: those that the configuration names, no more and no fewer.
pub async fn registries(private: &Config) -> anyhow::Result<Vec<Registry>> {
    let store = Store::new(context::store_settings(private), Arc::new(WallClock)).map_err(|e| text(&e))?;
    let found = store.registries().await.map_err(|e| {
        anyhow!("a backup of another registry, or of another database than database.url names: {}", text(&e))
    })?;
    let of_backup: BTreeSet<&str> = found.iter().map(|r| r.authority.as_str()).collect();
    let of_site: BTreeSet<&str> = private.registries.iter().map(|r| r.authority_id.as_str()).collect();
    if of_backup != of_site {
        let listed = |set: &BTreeSet<&str>| set.iter().copied().collect::<Vec<_>>().join(", ");
        bail!(
            "a backup of another registry: it has `{}`, and the configuration names `{}`",
            listed(&of_backup),
            listed(&of_site)
        );
    }
    Ok(found)
}

/// Brings the schema up to date, as after a real restore, and rebuilds the tables from the events to compare them.
pub async fn database(private: &Config, steps: &mut Steps) -> anyhow::Result<()> {
    let owner = private.database.owner_url.clone();
    let work = move || -> Result<_, charter_store::Error> {
        Ok((migrate::run(&owner)?, rebuild::run(&owner, true)?))
    };
    let (applied, rebuilt) = tokio::task::spawn_blocking(work).await?.map_err(|e| text(&e))?;
    steps.done("migrations", format!("{} were pending", applied.len()));
    let mut good = true;
    let lines: Vec<String> = rebuilt
        .iter()
        .map(|one| {
            good &= one.fault.is_none() && one.differing.is_empty();
            match &one.fault {
                Some(fault) => format!("{}: {fault}", one.authority),
                None if one.differing.is_empty() => format!("{}: {} events, same", one.authority, one.events),
                None => format!("{}: {} differ", one.authority, one.differing.join(", ")),
            }
        })
        .collect();
    steps.judged("rebuild --verify", lines.join("; "), good);
    Ok(())
}

/// Each registry's log: computed again, and held against what others remember of it.
pub async fn registries_of(app: &App, refill: bool, steps: &mut Steps) -> anyhow::Result<Vec<Recovered>> {
    let mut all = Vec::new();
    for tenant in app.hosted.tenants() {
        let authority = &tenant.registry.authority;
        let found = examine(&app.config, &app.store, &tenant.registry).await?;
        // The file beside the database may be newer than a backup: the start-up rule is for that.
        let of_tree = found.differences.iter().filter(|d| !matches!(d, Difference::File(_)));
        let faults: Vec<String> = of_tree.map(ToString::to_string).collect();
        let (good, said) = (faults.is_empty(), faults.join("; "));
        let said = if good { format!("{} leaves, good", found.size) } else { said };
        steps.judged("log fsck", format!("{authority}: {said}"), good);
        let recovered = rule::hold(app, tenant, refill).await?;
        steps.judged("start-up rule", format!("{authority}: {}", recovered.verdict), recovered.whole);
        all.push(recovered);
    }
    Ok(all)
}

/// For an operator, who may see what the database says.
pub fn text(error: &charter_store::Error) -> anyhow::Error {
    anyhow!("{}", error.source_text().map_or_else(|| error.to_string(), str::to_owned))
}
