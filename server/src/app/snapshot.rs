//! The snapshot of a registry: what is signed as files that never change, and a signed index of them, for who keeps a
//! copy. It is made when it is asked for, so that a registry of which nobody keeps a copy pays nothing.

use std::time::Duration;

use charter_domain::RegistryId;
use charter_proof::{
    document::{Contents, Delta, File, MAX_DELTAS, MAX_FILES, Snapshot},
    snapshot::{Entry, Subordinate},
};
use charter_store::{
    Error as StoreError,
    snapshot::{Changed, Mark, Publishing},
};
use sha2::{Digest, Sha256};

use super::document::{Issuing, internal};
use crate::{App, Error, error::Code};

/// How long an index is served before it is looked for changes again.
pub const FRESH: Duration = Duration::from_secs(2);
/// A file that no index names is kept for who is still reading by an older one.
const GRACE: Duration = Duration::from_secs(3_600);
/// A file ends with the line that reaches this many bytes; no document is longer than the rest of `MAX_FILE`.
const FILE_BYTES: usize = 4 * 1024 * 1024;
/// Documents read at once.
const PAGE: i64 = 2_000;
/// Deltas with more bytes than the snapshot and this are not worth following.
const SPARE_BYTES: u64 = 1024 * 1024;

/// The newest index, looked for changes at most `FRESH` ago.
pub async fn index(app: &App, registry: RegistryId) -> Result<String, Error> {
    if app.hosted.holds.get(registry).is_some() {
        return Err(Error::new(Code::Unavailable, "published events are missing from the database"));
    }
    let tenant = app.tenant(registry)?;
    let (held, now) = (app.store.snapshot(registry).await?, app.clock.now());
    if let Some(head) = held.as_ref().filter(|h| h.iat <= now && now.since(h.iat) < FRESH) {
        return Ok(head.jws.clone());
    }
    tenant.fresh_ring(&app.store).await?;
    let (store, issuing) = (app.store.clone(), Issuing::new(tenant, app.config.documents.lifetime_secs));
    // Whoever asked may leave: a first snapshot is made to its end.
    let making =
        tokio::spawn(async move { store.publish_snapshot(registry, move |tx| make(tx, &issuing)).await });
    let made = making.await.map_err(|e| StoreError::Internal(e.to_string()))??;
    let newest = made.or_else(|| held.map(|head| head.jws));
    newest.ok_or_else(|| Error::new(Code::Unavailable, "the snapshot is being made; ask again"))
}

/// A file by its digest.
pub async fn file(app: &App, registry: RegistryId, sha256: &str) -> Result<Vec<u8>, Error> {
    let digest = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let missing = || Error::not_found("file", sha256.chars().take(64).collect::<String>());
    if sha256.len() != 64 || !sha256.bytes().all(digest) {
        return Err(missing());
    }
    app.store.snapshot_file(registry, sha256).await?.ok_or_else(missing)
}

/// Looks what has changed, and signs what the set is now.
fn make(tx: &mut Publishing<'_>, issuing: &Issuing) -> Result<String, StoreError> {
    let (held, mark) = (tx.head()?, tx.mark()?);
    let before =
        held.and_then(|head| Some((serde_json::from_value::<Contents>(head.contents).ok()?, head.seen)));
    let contents = match before {
        Some((before, Some(since))) => grown(tx, before, &since, &mark)?,
        before => whole(tx, before.map_or(0, |(c, _)| c.serial), &mark)?,
    };
    let jws = issuing.index(contents.clone(), tx.now)?;
    tx.put_head(&serde_json::to_value(&contents).map_err(internal)?, &mark.seen, &jws)?;
    let named: Vec<&str> = contents.files().map(|f| f.sha256.as_str()).collect();
    tx.prune(&named, tx.now.minus(GRACE))?;
    Ok(jws)
}

/// The set with what was written since; whole again where the deltas have become many.
fn grown(
    tx: &mut Publishing<'_>,
    before: Contents,
    since: &str,
    mark: &Mark,
) -> Result<Contents, StoreError> {
    let files = files(tx, Some(since))?;
    let mut after = Contents { epoch: mark.epoch.max(before.epoch), ..before };
    if files.is_empty() {
        return Ok(after);
    }
    let from_epoch = after.deltas.last().map_or(after.snapshot.epoch, |d| d.epoch);
    after.serial += 1;
    after.deltas.push(Delta { serial: after.serial, from_epoch, epoch: after.epoch, files });
    if is_long(&after) { whole(tx, after.serial - 1, mark) } else { Ok(after) }
}

fn is_long(contents: &Contents) -> bool {
    let bytes = |files: &[File]| files.iter().map(|f| f.size).sum::<u64>();
    let deltas: u64 = contents.deltas.iter().map(|d| bytes(&d.files)).sum();
    contents.deltas.len() > MAX_DELTAS
        || contents.files().count() > MAX_FILES
        || deltas > bytes(&contents.snapshot.files) + SPARE_BYTES
}

/// A serial is no less than the time in seconds: where the head is lost, as when the registry moves to another database, who
/// keeps a copy is not led back. Deltas are too rare to overtake it.
fn whole(tx: &mut Publishing<'_>, serial: i64, mark: &Mark) -> Result<Contents, StoreError> {
    let (serial, epoch) = ((serial + 1).max(tx.now.secs()), mark.epoch);
    let snapshot = Snapshot { serial, epoch, files: files(tx, None)? };
    Ok(Contents { serial, epoch, snapshot, deltas: Vec::new() })
}

/// Writes what was written after what was seen, or all of it, into files.
fn files(tx: &mut Publishing<'_>, since: Option<&str>) -> Result<Vec<File>, StoreError> {
    let (mut files, mut lines, mut after) = (Vec::new(), String::new(), String::new());
    loop {
        let page = tx.page(since, &after, PAGE)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.target);
        for changed in page {
            // What is gone is not in a whole snapshot at all.
            if since.is_none() && changed.document.is_none() {
                continue;
            }
            lines.push_str(&entry(changed).to_line().map_err(internal)?);
            if lines.len() >= FILE_BYTES {
                files.push(put(tx, &std::mem::take(&mut lines))?);
            }
        }
    }
    if !lines.is_empty() {
        files.push(put(tx, &lines)?);
    }
    Ok(files)
}

fn put(tx: &mut Publishing<'_>, lines: &str) -> Result<File, StoreError> {
    let sha256 = format!("{:x}", Sha256::digest(lines));
    tx.put_file(&sha256, lines.as_bytes())?;
    Ok(File { sha256, size: u64::try_from(lines.len()).map_err(internal)? })
}

fn entry(changed: Changed) -> Entry {
    let Changed { target, document } = changed;
    let Some(document) = document else {
        return Entry { target, jws: None, statuses: Vec::new(), subordinate: None };
    };
    let subordinate =
        document.delegation.map(|d| Subordinate { endpoint: d.endpoint, answers_as_own: d.answers_as_own });
    Entry { target, jws: Some(document.jws), statuses: document.statuses, subordinate }
}
