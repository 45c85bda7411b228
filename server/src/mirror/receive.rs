//! What a log uploads, taken up (C2SP tlog-mirror, add-entries, Processing). Packages are kept one by one: an upload
//! that breaks off goes on where it was.

use std::path::PathBuf;

use axum::body::Body;
use charter_domain::RegistryId;
use charter_tlog::{checkpoint::SignedCheckpoint, note::SignatureLine, tile::TilePath};

use super::{
    copy::{Fault, Have, LogCopy},
    upload::{Ended, Header, MAX_PACKAGES, Upload, places},
};
use crate::{App, Error, error::Code, hosted::Tenant, witness::state};

/// Entries that are here already and may be sent again, at most: as many as one request has.
const MAX_EXCESS: u64 = MAX_PACKAGES as u64 * super::subtree::WIDTH;

/// What the log does next: `text/x.tlog.mirror-info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Size of a checkpoint that entries may be uploaded up to.
    pub size: u64,
    /// Index of the first entry that is not here.
    pub next: u64,
}

pub enum Received {
    /// 200: all of it is here and shown.
    Signed(SignatureLine),
    /// 202: some of it is here.
    Partly(Info),
    /// 409: from here on, or up to there.
    Conflict(Info),
}

/// One copy and where its pending checkpoint is.
#[derive(Clone)]
struct Target {
    copy: LogCopy,
    witness: PathBuf,
}

/// Takes up entries of a log that this registry mirrors.
pub async fn add_entries(app: &App, registry: RegistryId, body: Body) -> Result<Received, Error> {
    let tenant = app.tenant(registry)?;
    let mut upload = Upload::new(body);
    let header = upload.header().await.map_err(|Ended| malformed("the header is too short or too long"))?;
    if header.start > header.end {
        return Err(malformed("upload_start is beyond upload_end"));
    }
    let target = target(app, tenant, &header.origin)?;
    let have = target.have().await?;
    let under = match agreed(&header, &have)? {
        Ok(under) => under,
        Err(info) => return Ok(Received::Conflict(info)),
    };
    let (mut taken, mut next) = (0, header.start);
    for place in places(header.start, header.end).take(MAX_PACKAGES) {
        let Ok(package) = upload.package(place).await else { break };
        let (copy, under) = (target.copy.clone(), under.clone());
        blocking(move || copy.take(place, &package, &under)).await?;
        (taken, next) = (taken + 1, place.end);
    }
    if next < header.end {
        let info = Info { size: header.end, next: next.max(have.next) };
        return if taken > 0 {
            Ok(Received::Partly(info))
        } else {
            Err(malformed("no whole package was sent"))
        };
    }
    let key = tenant.log_keys.mirror().map(std::sync::Arc::clone);
    let key = key.ok_or_else(|| ours(&"the mirror has no key"))?;
    let now = u64::try_from(app.clock.now().secs()).unwrap_or(0);
    let line = blocking(move || target.copy.sign(&under, now, &key.signer())).await?;
    let later = Info { size: have.size(), next: have.next };
    Ok(line.map_or(Received::Conflict(later), Received::Signed))
}

/// The checkpoint that the upload is up to, if the upload fits what is here.
fn agreed(header: &Header, have: &Have) -> Result<Result<SignedCheckpoint, Info>, Error> {
    let Some(pending) = &have.pending else {
        return Err(Error::new(Code::Inconsistent, "submit a checkpoint first: add-checkpoint"));
    };
    let info = |size| Info { size, next: have.next };
    let Some(under) = have.known(header.end).filter(|_| header.end >= have.size()) else {
        return Ok(Err(info(pending.checkpoint().size())));
    };
    let excess = header.end.min(have.next).saturating_sub(header.start);
    if header.start > have.next || excess > MAX_EXCESS {
        return Ok(Err(info(header.end)));
    }
    Ok(Ok(under.clone()))
}

fn target(app: &App, tenant: &Tenant, origin: &str) -> Result<Target, Error> {
    let log = tenant.config.witness.logs.iter().find(|log| log.mirror && log.origin == origin);
    let log = log.ok_or_else(|| Error::new(Code::NotFound, "this log is not mirrored here"))?;
    let (dir, slug) = (&app.config.log_store.dir, &tenant.registry.slug);
    Ok(Target { copy: LogCopy::new(dir, slug, &log.vkey), witness: state::folder(dir, slug) })
}

impl Target {
    async fn have(&self) -> Result<Have, Error> {
        let this = self.clone();
        blocking(move || this.copy.have(&this.witness)).await
    }
}

/// Files and keys may block.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Fault::Proof(e))) => Err(Error::new(Code::Inconsistent, Fault::Proof(e).to_string())),
        Ok(Err(fault @ Fault::Io(_))) => {
            tracing::error!(error = %fault, "the mirror of a log cannot keep or read its files");
            Err(Error::new(Code::Unavailable, "this mirror cannot keep entries now; its operator must look"))
        }
        Ok(Err(fault)) => Err(ours(&fault)),
        Err(e) => Err(ours(&e)),
    }
}

fn ours(error: &dyn std::fmt::Display) -> Error {
    tracing::error!(%error, "the mirror of a log cannot go on");
    Error::new(Code::Internal, "an error of ours; it was logged")
}

fn malformed(why: &str) -> Error {
    Error::new(Code::Invalid, format!("no upload of entries: {why}"))
}

/// A tile of a copy, or its checkpoint; `hash` is the SHA-256 of the origin in lower-case hexadecimal.
pub async fn shown(
    app: &App,
    registry: RegistryId,
    hash: &str,
    tile: Option<TilePath>,
) -> Result<Vec<u8>, Error> {
    let tenant = app.tenant(registry)?;
    let mut logs = tenant.config.witness.logs.iter();
    let log = logs.find(|log| log.mirror && state::hash(&log.origin) == hash);
    let log = log.ok_or_else(|| Error::new(Code::NotFound, "this log is not mirrored here"))?;
    let copy = LogCopy::new(&app.config.log_store.dir, &tenant.registry.slug, &log.vkey);
    let found = blocking(move || tile.map_or_else(|| copy.checkpoint(), |tile| copy.shown(tile))).await?;
    found.ok_or_else(|| Error::new(Code::NotFound, "the copy of this log has no such thing"))
}
