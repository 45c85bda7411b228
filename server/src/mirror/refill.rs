//! An older database was restored: what was published and is missing comes back from a mirror, before anything of the
//! registry is answered, changed or signed.

use charter_domain::RegistryId;
use charter_store::{log::MAX_LEAVES, refill::Refilled};
use charter_tlog::{Hash, checkpoint::SignedCheckpoint, tree::Frontier};
use futures::future::join_all;
use tokio::runtime::Handle;

use super::{remote::Remote, upload::places};
use crate::{App, Error, app::document::Issuing, error::Code, hosted::Tenant, log::file, witness::client};

/// Looks at every registry before anything is served: whether its events are those that were published.
pub async fn at_start(app: &App) {
    join_all(app.hosted.tenants().map(|tenant| async move {
        let least = published(app, tenant).await.size;
        if let Err(why) = ensure(app, tenant, least).await {
            tracing::error!(registry = %tenant.registry.authority, %why, "the registry is held");
        }
    }))
    .await;
}

/// Puts back what was published and is missing, whoever remembers it: the file, witnesses, or mirrors. Where that
/// cannot be, the registry is held, and the error says what to do.
pub async fn refill(app: &App, registry: RegistryId) -> Result<(), Error> {
    let tenant = app.tenant(registry)?;
    let least = known(app, tenant).await.size;
    ensure(app, tenant, least).await.map(drop).map_err(|why| Error::new(Code::Stale, why))
}

/// What was published, as far as anybody tells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    pub size: u64,
    /// Somebody who would know has answered: the file, a witness or a mirror; or nobody is there who could.
    pub told: bool,
}

impl Known {
    fn and(self, other: Self) -> Self {
        Self { size: self.size.max(other.size), told: self.told || other.told }
    }
}

/// As the file beside the database, witnesses and mirrors tell.
pub async fn known(app: &App, tenant: &Tenant) -> Known {
    let (registry, log) = (tenant.registry.id, &tenant.config.log);
    let latest = client::latest(app, registry).await;
    let witnessed = latest.checkpoints.iter().map(|c| c.checkpoint().size()).max().unwrap_or(0);
    let ahead = app.logs.known_ahead(registry).map_or(0, |ahead| ahead.size);
    let alone = log.witnesses.is_empty() && log.mirrors.is_empty();
    let others = Known { size: witnessed.max(ahead), told: latest.answered || alone };
    published(app, tenant).await.and(others)
}

/// As the file beside the database and the mirrors tell.
async fn published(app: &App, tenant: &Tenant) -> Known {
    let size = |checkpoint: SignedCheckpoint| checkpoint.checkpoint().size();
    let filed = filed(app, tenant);
    let own = Known { told: filed.is_some(), size: filed.map_or(0, size) };
    mirrored(app, tenant).await.and(own)
}

/// As mirrors tell. One that is down now holds nobody up where others know.
pub async fn mirrored(app: &App, tenant: &Tenant) -> Known {
    let log = &tenant.log_keys.log().vkey;
    let asked = tenant.config.log.mirrors.iter().map(|mirror| async move {
        match Remote::new(&app.mirrors.http, mirror, log).checkpoint().await {
            Ok(found) => Known { size: found.map_or(0, |c| c.checkpoint().size()), told: true },
            Err(_) => Known::default(),
        }
    });
    join_all(asked).await.into_iter().fold(Known::default(), Known::and)
}

/// What this site last published, by the file that is no part of the database.
fn filed(app: &App, tenant: &Tenant) -> Option<SignedCheckpoint> {
    let path = file::path(&app.config.log_store.dir, &tenant.registry.slug);
    file::read(&path, &tenant.log_keys.log().vkey).ok().flatten()
}

/// Makes sure that the database has the first `least` events of a registry: nothing if it has, else from a mirror. The
/// registry is held meanwhile, and stays so with the reason that is returned.
pub async fn ensure(app: &App, tenant: &Tenant, least: u64) -> Result<Option<Refilled>, String> {
    let registry = tenant.registry.id;
    let _one = app.mirrors.refilling.lock().await;
    let done = fill(app, tenant, least).await;
    match &done {
        Ok(None) => app.hosted.holds.release(registry),
        Ok(Some(refilled)) => {
            app.hosted.holds.release(registry);
            let Refilled { from_seq, until_seq, restricted, appointed } = refilled;
            tracing::warn!(
                registry = %tenant.registry.authority, from_seq, until_seq, restricted, appointed,
                "published events were put back; restricted parts, proposals and who was appointed are lost"
            );
        }
        Err(why) => drop(app.hosted.holds.hold(registry, least, why)),
    }
    done
}

async fn fill(app: &App, tenant: &Tenant, least: u64) -> Result<Option<Refilled>, String> {
    let registry = tenant.registry.id;
    let epoch = epoch(app, registry).await?;
    if epoch < least {
        app.hosted.holds.hold(registry, least, "events that were published are being put back");
        let refilled = put_back(app, tenant, epoch, least).await?;
        app.changed(registry, refilled.until_seq).await.map_err(|e| e.to_string())?;
        sign(app, tenant).await?;
        return Ok(Some(refilled));
    }
    let unsigned = app.store.unsigned_refill(registry).await.map_err(|e| e.to_string())?;
    if unsigned.is_some() {
        sign(app, tenant).await?;
    }
    Ok(unsigned)
}

async fn epoch(app: &App, registry: RegistryId) -> Result<u64, String> {
    let epoch = app.store.epoch(registry).await.map_err(|e| e.to_string())?;
    u64::try_from(epoch).map_err(|e| e.to_string())
}

async fn put_back(app: &App, tenant: &Tenant, epoch: u64, least: u64) -> Result<Refilled, String> {
    let (remote, signed) = newest(app, tenant, epoch, least).await?;
    let hashes = missing(app, tenant, epoch, &remote, &signed).await?;
    let owner = app.config.database.owner_url.clone();
    if owner.is_empty() {
        return Err(format!(
            "{least} events were published and the database has {epoch}: run `charterd log refill` with \
             database.owner_url, which puts them back from `{}`, or restore a newer database",
            remote.base
        ));
    }
    let (registry, at) = (tenant.registry.id, app.clock.now());
    let size = signed.checkpoint().size();
    let until = i64::try_from(size).map_err(|e| e.to_string())?;
    let handle = Handle::current();
    // The database's calls block, and fetch a page when they have put the last one back.
    let work = move || {
        charter_store::refill::run(&owner, registry, until, at, |after| {
            let after = u64::try_from(after).unwrap_or(0);
            handle
                .block_on(page(&remote, &hashes, epoch, after, size))
                .map_err(charter_store::Error::Internal)
        })
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())?.map_err(|e| text(&e))
}

fn text(e: &charter_store::Error) -> String {
    e.source_text().map_or_else(|| e.to_string(), str::to_owned)
}

/// Entries of one bundle, after the first `after`; `hashes` are those from index `epoch` on.
async fn page(
    remote: &Remote,
    hashes: &[Hash],
    epoch: u64,
    after: u64,
    size: u64,
) -> Result<Vec<Vec<u8>>, String> {
    let Some(place) = places(after, size).next() else { return Ok(Vec::new()) };
    let own = hashes.get((place.start - epoch) as usize..(place.end - epoch) as usize);
    remote.entries(place, own.ok_or("more was put back than was asked for")?).await
}

/// The mirror that has most of what our own key signed, and that checkpoint.
async fn newest(
    app: &App,
    tenant: &Tenant,
    epoch: u64,
    least: u64,
) -> Result<(Remote, SignedCheckpoint), String> {
    let (mut best, mut why): (Option<(Remote, SignedCheckpoint)>, Vec<String>) = (None, Vec::new());
    for mirror in &tenant.config.log.mirrors {
        let remote = Remote::new(&app.mirrors.http, mirror, &tenant.log_keys.log().vkey);
        match remote.checkpoint().await {
            Ok(Some(found)) if found.checkpoint().size() >= least => {
                let size = found.checkpoint().size();
                if best.as_ref().is_none_or(|(_, best)| best.checkpoint().size() < size) {
                    best = Some((remote, found));
                }
            }
            Ok(Some(found)) => why.push(format!("`{}` has {}", remote.base, found.checkpoint().size())),
            Ok(None) => why.push(format!("`{}` has none", remote.base)),
            Err(e) => why.push(format!("`{}`: {e}", remote.base)),
        }
    }
    best.ok_or_else(|| {
        let mirrors = if why.is_empty() { "no mirror is configured".to_owned() } else { why.join("; ") };
        let authority = &tenant.registry.authority;
        format!(
            "{least} events were published and the database has {epoch} ({mirrors}): restore a newer database, \
             reach a mirror that has them, or give up what was published with \
             `charterd log retire --registry {authority} --yes`"
        )
    })
}

/// Hashes of the leaves that are not here, from a mirror; together with those that are here they lead to the root that
/// our key signed, and past the one that was published.
async fn missing(
    app: &App,
    tenant: &Tenant,
    epoch: u64,
    remote: &Remote,
    signed: &SignedCheckpoint,
) -> Result<Vec<Hash>, String> {
    let mut tree = Tree { frontier: Frontier::new(), filed: filed(app, tenant) };
    let mut from = 0;
    while from < epoch {
        let limit = i64::try_from(epoch - from).unwrap_or(MAX_LEAVES);
        let leaves =
            app.store.leaf_hashes(tenant.registry.id, from, limit).await.map_err(|e| e.to_string())?;
        if leaves.is_empty() {
            return Err(format!("the database says {epoch} events and has {from}"));
        }
        from += leaves.len() as u64;
        leaves.into_iter().try_for_each(|leaf| tree.append(Hash::new(leaf)))?;
    }
    let size = signed.checkpoint().size();
    let mut hashes = Vec::new();
    for place in places(epoch, size) {
        let leaves = remote.leaves(place).await?;
        leaves.iter().try_for_each(|leaf| tree.append(*leaf))?;
        hashes.extend(leaves);
    }
    let whole = tree.frontier.size() == size && tree.frontier.root() == signed.checkpoint().root();
    whole.then_some(hashes).ok_or_else(|| another(size))
}

fn another(size: u64) -> String {
    format!(
        "the events here are not the first of the {size} that were published: the database was changed after it was \
         restored, or is another; restore it again, or a newer one"
    )
}

/// Grows up to what a mirror has, and past what was published.
struct Tree {
    frontier: Frontier,
    filed: Option<SignedCheckpoint>,
}

impl Tree {
    fn append(&mut self, leaf: Hash) -> Result<(), String> {
        self.frontier.append(leaf).map_err(|e| e.to_string())?;
        let filed = self.filed.as_ref().map(SignedCheckpoint::checkpoint);
        match filed.filter(|filed| filed.size() == self.frontier.size()) {
            Some(filed) if filed.root() != self.frontier.root() => Err(another(filed.size())),
            _ => Ok(()),
        }
    }
}

/// Documents say what holds now; those of before the restored copy are gone.
async fn sign(app: &App, tenant: &Tenant) -> Result<(), String> {
    tenant.fresh_ring(&app.store).await.map_err(|e| text(&e))?;
    let issuing = Issuing::new(tenant, app.config.documents.lifetime_secs);
    let signed = app.store.write("refill.sign", tenant.registry.id, move |tx| {
        issuing.sign_everything(tx)?;
        tx.refill_signed()
    });
    signed.await.map(drop).map_err(|e| text(&e))
}
