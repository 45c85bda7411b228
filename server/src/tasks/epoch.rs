//! The epoch poll: keeps the lease, and drops what has changed before the register moves on.

use std::{collections::HashMap, sync::Arc, time::Duration};

use charter_cache::{BootInstant, Change};
use charter_domain::RegistryId;
use charter_store::{epoch::EpochReader, nodes::Begun};
use tokio::time::MissedTickBehavior;

use crate::{App, Error, telemetry::Seldom};

/// Longest run of events read at once; a registry further behind is emptied whole.
const MANY: i64 = 20_000;

/// While the database is away every poll fails alike.
static FAILED: Seldom = Seldom::new();

pub async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(app.config.cache.poll());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reader = None;
    loop {
        tick.tick().await;
        let limit = app.config.cache.lease();
        match tokio::time::timeout(limit, poll(&app, &mut reader)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                forget(&mut reader);
                if FAILED.is_due() {
                    tracing::warn!(error = error.source_text().unwrap_or("?"), "the epoch poll failed");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(_) => {
                forget(&mut reader);
                if FAILED.is_due() {
                    tracing::warn!("the epoch poll took longer than a lease");
                }
            }
        }
    }
}

/// One that is of no use after an error is made anew.
fn forget(reader: &mut Option<EpochReader>) {
    if !reader.as_ref().is_some_and(EpochReader::lasts) {
        *reader = None;
    }
}

/// One poll of all registries. The lease counts from before the question was sent.
pub async fn poll(app: &App, reader: &mut Option<EpochReader>) -> Result<(), charter_store::Error> {
    if reader.is_none() {
        *reader = Some(app.store.epoch_reader().await?);
    }
    let Some(reader) = reader.as_mut() else {
        return Ok(());
    };
    let before = BootInstant::now();
    // Read before the query: a change of our own may move the register while the query runs.
    let watched = |t: &crate::hosted::Tenant| Some((t.registry.id, app.register.watched(t.registry.id)?));
    let floors: HashMap<RegistryId, i64> = app.hosted.tenants().filter_map(watched).collect();
    let found = reader.epochs(&floors).await;
    if reader.lasts() && matches!(found, Err(charter_store::Error::Internal(_))) {
        // Two histories, or an event that is missing in one: nothing kept may be served, not even for a lease.
        app.register.drop_lease();
    }
    for (registry, epoch, moved) in found? {
        app.hosted.holds.set_moved(registry, moved);
        let (Some(known), Some(floor)) = (app.register.watched(registry), floors.get(&registry)) else {
            continue;
        };
        if epoch < *floor {
            // Only a restored database counts backwards: nothing kept may be served again.
            tracing::error!(
                registry = registry.0,
                epoch,
                known,
                "an epoch went back; stopping to serve from memory"
            );
            app.register.drop_lease();
            return Err(charter_store::Error::Internal(
                "an epoch went back; restart this process".to_owned(),
            ));
        }
        if epoch > known {
            let near = epoch - known <= MANY;
            let changes = if near { Some(reader.changes_since(registry, known).await?) } else { None };
            advance(app, registry, epoch, changes);
        }
    }
    if !app.store.heed(reader.astray(app.clock.now())) {
        app.register.drop_lease();
        return Err(charter_store::Error::Unavailable("the clock of this machine is wrong".to_owned()));
    }
    if let Some(begun) = reader.take_begun() {
        begin_anew(app, &begun);
    }
    app.register.polled(before);
    Ok(())
}

/// The primary before this one may have shown what nobody has acknowledged: nothing made of that is served any more. Answers
/// from up to where both have the same events go on: a new primary is not to look up everything anew at once.
fn begin_anew(app: &App, begun: &Begun) {
    app.answers.begin_history(begun.timeline, &begun.kept);
    for registry in app.hosted.tenants().map(|tenant| tenant.registry.id) {
        app.peer_keys.moved(registry);
    }
    app.ebsi.forget();
    app.lists.forget();
    app.news.moved();
}

/// Moves the register; without a list of changes everything of the registry is taken as changed.
/// INVARIANT: entries go before the register moves, so nobody accepts what is about to be dropped.
fn advance(app: &App, registry: RegistryId, epoch: i64, changes: Option<Vec<charter_store::epoch::Change>>) {
    let convert = |c: charter_store::epoch::Change| Change { seq: c.seq, identifiers: c.identifiers };
    let changes = changes.map_or_else(
        || vec![Change { seq: epoch, identifiers: None }],
        |list| list.into_iter().map(convert).collect(),
    );
    app.register.note(registry, &changes);
    app.register.advance(registry, epoch);
    if changes.iter().any(|change| change.identifiers.is_none()) {
        app.peer_keys.moved(registry);
    }
    app.peer_keys.changed(registry);
    app.news.moved();
}

/// After a change of our own: what lies between the register and the new epoch is noted, others' changes too.
pub async fn catch_up(app: &App, registry: RegistryId, epoch: i64) -> Result<(), Error> {
    app.store.acknowledged(registry, epoch);
    let Some(tenant) = app.hosted.tenant(registry) else { return Ok(()) };
    while app.register.watched(registry).is_some_and(|known| known < epoch) {
        // Of many who have changed something one reads what has changed, for all who had changed it by then.
        tenant.catch_up(read_changes(app, registry, epoch)).await?;
    }
    Ok(())
}

async fn read_changes(app: &App, registry: RegistryId, epoch: i64) -> Result<(), charter_store::Error> {
    let Some(known) = app.register.watched(registry) else { return Ok(()) };
    let near = epoch - known <= MANY;
    // Before the changes are read, so that all up to there are among them. INVARIANT: of several nodes, the register is never
    // ahead of what every read holds. The primary shows what others have not: an answer of theirs would pass for newer.
    let floor = app.store.floor_known(registry);
    let changes = if near { Some(app.store.changes_since(registry, known).await?) } else { None };
    let newest = || changes.iter().flatten().map(|change| change.seq).max();
    let reached = floor.or_else(newest).map_or(epoch, |reached| reached.max(epoch));
    advance(app, registry, reached, changes);
    Ok(())
}
