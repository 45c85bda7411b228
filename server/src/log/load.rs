//! Taking up a log: at start-up, and again whenever it is open what was written. What was published decides, whoever
//! remembers it; the database must lead to it, or nothing is signed.

use std::sync::{Arc, RwLock};

use charter_domain::RegistryId;
use charter_store::log::{LogHead, Published as Row};
use charter_tlog::{Hash, checkpoint::SignedCheckpoint};
use tokio::sync::{Mutex, Semaphore};

use super::{
    Published,
    fault::Point,
    file,
    halt::Halt,
    held::{Head, Held},
    keys::NoteKey,
    tree,
};
use crate::{App, hosted::Tenant, mirror, witness::client};

/// Checkpoints that this log's key has signed.
#[derive(Default)]
struct Remembered {
    /// As the database has it.
    row: Option<Published>,
    file: Option<SignedCheckpoint>,
    /// What witnesses have; it may never have been published.
    witnessed: Vec<SignedCheckpoint>,
    /// The largest size that mirrors, and witnesses that refused, speak of.
    told: u64,
}

impl Remembered {
    fn all(&self) -> impl Iterator<Item = &SignedCheckpoint> {
        self.row.iter().map(|row| &row.checkpoint).chain(&self.file).chain(&self.witnessed)
    }
}

fn own(app: &App, registry: RegistryId) -> Result<&Tenant, Halt> {
    let gone = || Halt::Stop("the registry is not served here".to_owned());
    app.hosted.tenant(registry).ok_or_else(gone)
}

/// Takes up the log of a registry whose lock this process has: all committed events are in the tree when it returns,
/// and what was published is known to be of that tree.
pub async fn load(
    app: &Arc<App>,
    registry: RegistryId,
    term: i64,
    turns: &Arc<Semaphore>,
) -> Result<Held, Halt> {
    let turn = turns.acquire().await.map_err(|e| Halt::Later(e.to_string()))?;
    let faults = &app.logs.faults;
    let stored =
        faults.at(Point::LoadHead, async { Ok::<_, Halt>(app.log_store.log_head(registry).await?) }).await?;
    let key = Arc::clone(own(app, registry)?.log_keys.log());
    if stored.generation != key.generation {
        return Err(Halt::Stop(
            "the key of this log was retired: restart this process to go on with the next".to_owned(),
        ));
    }
    if stored.term != term {
        return Err(Halt::Over);
    }
    let remembered = remember(app, registry, &stored, &key).await?;
    let published = remembered.all().map(|c| c.checkpoint().size()).fold(remembered.told, u64::max);
    let epoch = u64::try_from(app.log_store.epoch(registry).await?).unwrap_or(0);
    if published > epoch {
        return Err(refill(app, registry, published, epoch).await);
    }
    let reading = async { Ok::<_, Halt>(tree::edge(&app.log_store, registry, stored.size).await?) };
    let edge = faults.at(Point::ReadEdge, reading).await?;
    if edge.root() != Hash::new(stored.root) {
        let why = "the tiles in the database do not lead to the root: run `charterd log fsck`";
        return Err(Halt::Stop(why.to_owned()));
    }
    drop(turn);
    let held = Held {
        app: Arc::clone(app),
        registry,
        term,
        key,
        turns: Arc::clone(turns),
        head: RwLock::new(Head { size: stored.size, root: edge.root() }),
        edge: Mutex::new(edge),
        at: RwLock::new(stored.at),
    };
    app.logs.set_sequenced(registry, stored.size);
    held.sequence().await?;
    held.compare(&remembered).await?;
    held.restore(remembered).await?;
    Ok(held)
}

/// Who remembers what was published: the database, the file beside it, and the witnesses.
async fn remember(
    app: &App,
    registry: RegistryId,
    stored: &LogHead,
    key: &Arc<NoteKey>,
) -> Result<Remembered, Halt> {
    let tenant = own(app, registry)?;
    let row = stored.published.as_ref().map(|row| Published::parse(&row.checkpoint, row.at)).transpose();
    let damaged = |why: &dyn std::fmt::Display| {
        Halt::Stop(format!(
            "the published checkpoint in the database is damaged: {why}; run `charterd log fsck`"
        ))
    };
    let row = row.map_err(|e| damaged(&e))?;
    if let Some(row) = &row {
        row.checkpoint.verify_log(&key.vkey).map_err(|e| damaged(&e))?;
    }
    let (path, vkey) = (file::path(app.logs.dir(), &tenant.registry.slug), key.vkey.clone());
    let reading =
        async { Ok::<_, Halt>(tokio::task::spawn_blocking(move || file::read(&path, &vkey)).await??) };
    let file = app.logs.faults.at(Point::ReadFile, reading).await?;
    let witnessed = client::latest(app, registry).await;
    let ahead = app.logs.known_ahead(registry).map_or(0, |ahead| ahead.size);
    let mirrored = mirror::refill::mirrored(app, tenant).await;
    let told = file.is_some() || witnessed.answered || mirrored.told;
    let alone = tenant.config.log.witnesses.is_empty() && tenant.config.log.mirrors.is_empty();
    if !told && !alone && stored.size > 0 {
        // A database that was restored, at a site that lost its files: what it would sign may be another history.
        let why =
            "nobody tells what was published: there is no file, and no witness or mirror answers; reach one";
        return Err(Halt::Stop(why.to_owned()));
    }
    let told = ahead.max(mirrored.size);
    Ok(Remembered { row, file, witnessed: witnessed.checkpoints, told })
}

/// An older database was restored: what is missing comes from a mirror, or a person decides.
async fn refill(app: &App, registry: RegistryId, published: u64, epoch: u64) -> Halt {
    let tenant = match own(app, registry) {
        Ok(tenant) => tenant,
        Err(halt) => return halt,
    };
    let authority = &tenant.registry.authority;
    tracing::error!(registry = %authority, published, epoch, "the database is older than what was published");
    match mirror::refill::ensure(app, tenant, published).await {
        Ok(_) => Halt::Reload("what was missing came from a mirror".to_owned()),
        Err(why) => Halt::Stop(format!(
            "{published} events were published and the database has {epoch}: nothing is signed; restore a database \
             that has them, or name a mirror that has ({why}); if they are lost, give up the log's key and begin \
             another: `charterd log retire --registry {authority} --yes`"
        )),
    }
}

impl Held {
    /// Every checkpoint that was signed is of this tree. If one is not, the database is not the one that was published.
    async fn compare(&self, remembered: &Remembered) -> Result<(), Halt> {
        for signed in remembered.all() {
            let _turn = self.turn().await?;
            let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
            if tree::root(&self.app.log_store, self.registry, size).await? != root {
                let authority = &self.tenant()?.registry.authority;
                return Err(Halt::Stop(format!(
                    "the first {size} events in the database are not those that were published: nothing is signed; \
                     restore the right database, or give up the log's key and begin another: \
                     `charterd log retire --registry {authority} --yes`"
                )));
            }
        }
        Ok(())
    }

    /// Tells what is published: the file may know more than the row, where a process ended between the two.
    async fn restore(&self, remembered: Remembered) -> Result<(), Halt> {
        let Remembered { row, file, .. } = remembered;
        let known = row.as_ref().map_or(0, |row| row.size);
        let newer = file.filter(|file| file.checkpoint().size() > known);
        let published = match newer {
            None => row,
            Some(file) => {
                let at = self.next_time()?;
                let found = Published::parse(&file.to_string(), at).map_err(|e| Halt::Stop(e.to_string()))?;
                let row = Row { size: found.size, checkpoint: found.text.clone(), at };
                let writing = self.app.log_store.publish_log(self.registry, self.term, row);
                let faults = &self.app.logs.faults;
                if !faults.at(Point::PublishRow, async { writing.await.map_err(Halt::from) }).await? {
                    return Err(Halt::Over);
                }
                self.signed_at(at);
                Some(found)
            }
        };
        if let Some(published) = published {
            self.app.logs.set_published(self.registry, published);
        }
        Ok(())
    }
}
