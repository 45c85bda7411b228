//! One registry: its index, verified, and those of its files that are not there yet. A round that was broken off goes on
//! with the files that it has kept.

use charter_domain::{AuthorityId, Timestamp};
use charter_proof::{
    AnchorSet, Fault, Issuer, SnapshotIndex,
    document::{File, MAX_FILE},
    verify_anchor, verify_snapshot,
};
use indicatif::ProgressBar;

use super::{
    MAX_BYTES,
    copy::apply,
    folder::{Folder, Head, is_it},
    registry::Entries,
};
use crate::{
    args::Connection,
    exit::{Exit, Failure},
    log::http::Http,
};

/// Longest signed document in bytes.
const MAX_TOKEN: usize = 256 * 1024;

/// What one run has in common.
pub struct Round<'a> {
    pub to: &'a Connection,
    pub folder: &'a Folder,
    pub anchors: &'a AnchorSet,
    pub now: Timestamp,
    pub bar: &'a ProgressBar,
}

/// A registry that is to be copied, by what its superior says of it.
pub struct Wanted {
    pub endpoint: String,
    pub issuer: Issuer,
    pub ways: Vec<Vec<String>>,
    /// Absent at the top, which answers at its address for nobody else.
    pub superior: Option<AuthorityId>,
}

/// A registry that was copied: verified, and every file of it is kept.
pub struct Found {
    pub head: Head,
    pub issuer: Issuer,
    pub entries: Entries,
    /// Bytes that were fetched.
    pub fetched: u64,
}

pub fn refused(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::CannotVerify, what.to_string())
}

/// The registry at the address of the server, which must be a pinned anchor.
pub async fn top(round: &Round<'_>) -> Result<Wanted, Failure> {
    let endpoint = round.to.server.clone();
    let configuration = token(&Http::new(round.to, &endpoint)?, ".well-known/openid-federation").await?;
    let issuer = verify_anchor(&configuration, round.anchors, round.now).map_err(|fault: Fault| {
        refused(format!("`{endpoint}`: {fault}"))
            .hint("--server is the registry at the top of the copy: an anchor of the set")
    })?;
    Ok(Wanted { endpoint, issuer, ways: vec![vec![configuration]], superior: None })
}

/// Fetches what is new of a registry; nothing of the copy changes by that.
pub async fn registry(round: &Round<'_>, wanted: Wanted, held: Option<&Head>) -> Result<Found, Failure> {
    let Wanted { endpoint, issuer, ways, superior } = wanted;
    let mut http = Http::new(round.to, &endpoint)?;
    if superior.is_some() {
        http = http.of(issuer.authority_id.to_string());
    }
    let jws = token(&http, "snapshot").await?;
    let index = verify_snapshot(&jws, &issuer, round.now)
        .map_err(|fault| refused(format!("`{endpoint}/snapshot`: {fault}")))?;
    goes_on(&index, held)?;
    let size: u64 = index.contents.files().map(|f| f.size).sum();
    if size > MAX_BYTES {
        return Err(refused(format!("`{endpoint}`: its files are {size} bytes, more than {MAX_BYTES}")));
    }
    let (mut entries, mut fetched) = (Entries::new(), 0);
    for file in index.contents.files() {
        let bytes = match round.folder.file(file)? {
            Some(bytes) => bytes,
            None => {
                fetched += file.size;
                fetch(round, &http, file).await?
            }
        };
        apply(&mut entries, &bytes)?;
    }
    let authority_id = issuer.authority_id.clone();
    let head = Head { authority_id, superior, ways, index: jws, verified_at: round.now };
    Ok(Found { head, issuer, entries, fetched })
}

async fn token(http: &Http, path: &str) -> Result<String, Failure> {
    let found = http.get(path, MAX_TOKEN).await?;
    let bytes = found.ok_or_else(|| refused(format!("the registry does not have `{path}`")))?;
    String::from_utf8(bytes).map_err(|_| refused(format!("`{path}` is no signed document")))
}

/// What was verified before must not be taken back, and no serial may stand for two sets.
fn goes_on(index: &SnapshotIndex, held: Option<&Head>) -> Result<(), Failure> {
    let Some(held) = held.and_then(|head| SnapshotIndex::peek(&head.index)) else { return Ok(()) };
    let (was, is) = (&held.contents, &index.contents);
    let named = |what: &str, was: i64, is: i64| {
        let text = format!(
            "`{}` has gone back from {what} {was} to {is}; the copy stays as it is",
            index.authority_id
        );
        Err(refused(text)
            .hint("where the registry was restored from a backup, remove the directory and begin anew"))
    };
    if is.epoch < was.epoch {
        return named("epoch", was.epoch, is.epoch);
    }
    if is.serial < was.serial {
        return named("serial", was.serial, is.serial);
    }
    if index.iat < held.iat {
        return named("time", held.iat, index.iat);
    }
    if is.serial == was.serial && (&is.snapshot, &is.deltas) != (&was.snapshot, &was.deltas) {
        let text = format!("`{}` shows two sets of files under serial {}", index.authority_id, is.serial);
        return Err(refused(text).hint("keep the copy, and tell the authority above"));
    }
    Ok(())
}

async fn fetch(round: &Round<'_>, http: &Http, file: &File) -> Result<Vec<u8>, Failure> {
    round.bar.inc_length(file.size);
    let path = format!("snapshot/{}", file.sha256);
    let limit = usize::try_from(file.size.min(MAX_FILE)).unwrap_or(usize::MAX);
    let found = http.get(&path, limit).await?;
    let bytes = found.ok_or_else(|| refused(format!("the registry does not have `{path}`")))?;
    if !is_it(file, &bytes) {
        return Err(refused(format!("`{path}` is not what its digest says; the copy stays as it is")));
    }
    round.folder.put(file, &bytes)?;
    round.bar.inc(file.size);
    Ok(bytes)
}
