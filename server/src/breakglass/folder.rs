//! Folders with denials: people drop files there, and what was taken is kept there, so that a restart finds it.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use charter_proof::breakglass::{EmergencyDenial, MAX_BYTES};

use super::{Held, MOST, take};
use crate::{App, durable};

/// Ends of the names of files that are looked at.
const END: &str = ".json";
/// Longest name.
const LONGEST: usize = 128;

/// Files by what tells that they were replaced.
type Seen = HashMap<PathBuf, (u64, Option<SystemTime>)>;

/// What was looked at already, and is not looked at again until it is replaced; or for a while, where it was not taken:
/// whose signatures count below may be learned later.
#[derive(Default)]
pub struct Folders {
    seen: Seen,
    /// Why files were not taken, as it was logged.
    refused: HashMap<PathBuf, String>,
    looks: u32,
}

/// So many looks go by before what was not taken is looked at again.
const AGAIN: u32 = 10;

/// All folders of this process' registries.
fn folders(app: &App) -> BTreeSet<PathBuf> {
    app.hosted.tenants().filter_map(|tenant| tenant.config.emergency.dir.clone()).collect()
}

/// That of the registry to which a denial belongs, else any.
fn folder(app: &App, held: &Held) -> Option<PathBuf> {
    let own = app.hosted.tenant(held.registry).and_then(|tenant| tenant.config.emergency.dir.clone());
    own.or_else(|| folders(app).into_iter().next())
}

fn named(dir: &Path, jti: &str) -> PathBuf {
    dir.join(format!("{jti}{END}"))
}

/// Keeps what was taken. Where that fails it counts all the same, until this process ends.
pub async fn keep(app: &App, held: &Held) {
    let Some(dir) = folder(app, held) else {
        tracing::warn!("no emergency.dir: the denial is lost when this process ends");
        return;
    };
    let (path, bytes) = (named(&dir, &held.terms().jti), held.denial.to_bytes().to_vec());
    let write = move || match durable::read(&path) {
        Ok(Some(there)) if there == bytes => Ok(()),
        _ => durable::folder(&dir).and_then(|()| durable::replace(&path, &bytes)),
    };
    let written = tokio::task::spawn_blocking(write).await;
    if !matches!(written, Ok(Ok(()))) {
        tracing::error!(
            ?written,
            "a denial could not be written to emergency.dir: it is lost when this process ends"
        );
    }
}

/// Removes the files of denials that are over.
pub async fn forget(app: &App, gone: Vec<String>) {
    let folders = folders(app);
    let remove = move || {
        let mut failed = None;
        for path in folders.iter().flat_map(|dir| gone.iter().map(|jti| named(dir, jti))) {
            failed = durable::remove(&path).err().or(failed);
        }
        failed
    };
    if let Ok(Some(error)) = tokio::task::spawn_blocking(remove).await {
        tracing::warn!(%error, "a denial that is over could not be removed from emergency.dir");
    }
}

impl Folders {
    /// Takes what is new in the folders. What does not count is logged once and stays where it is.
    pub async fn look(&mut self, app: &App) {
        let (folders, mut seen) = (folders(app), std::mem::take(&mut self.seen));
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(AGAIN) {
            seen.retain(|path, _| !self.refused.contains_key(path));
        }
        let read = tokio::task::spawn_blocking(move || read(&folders, &seen)).await;
        let Ok((found, seen)) = read else { return };
        self.refused.retain(|path, _| seen.contains_key(path));
        self.seen = seen;
        for (path, bytes) in found {
            match taken(app, &bytes).await {
                Ok(()) => drop(self.refused.remove(&path)),
                Err(why) => self.refuse(path, why),
            }
        }
    }

    fn refuse(&mut self, path: PathBuf, why: String) {
        if self.refused.get(&path) != Some(&why) {
            tracing::error!(file = %path.display(), %why, "a file in emergency.dir is not taken");
            self.refused.insert(path, why);
        }
    }
}

async fn taken(app: &App, bytes: &[u8]) -> Result<(), String> {
    let denial = EmergencyDenial::parse(bytes).map_err(|e| e.to_string())?;
    take(app, denial).await.map(drop).map_err(|e| e.detail)
}

type Found = Vec<(PathBuf, Vec<u8>)>;

/// New and replaced files, and all that were seen by now.
fn read(folders: &BTreeSet<PathBuf>, before: &Seen) -> (Found, Seen) {
    let (mut found, mut seen) = (Vec::new(), Seen::new());
    for path in folders.iter().flat_map(|dir| listed(dir)) {
        // Not followed: a link could lead to a file of the system.
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if !meta.is_file() {
            continue;
        }
        let stamp = (meta.len(), meta.modified().ok());
        if before.get(&path) != Some(&stamp)
            && let Ok(bytes) = bounded(&path)
        {
            found.push((path.clone(), bytes));
        }
        seen.insert(path, stamp);
    }
    (found, seen)
}

/// The files of a folder whose names are those of denials, in their order; no more than can be held.
fn listed(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| is_name(name)).collect();
    names.sort_unstable();
    names.truncate(MOST);
    names.into_iter().map(|name| dir.join(name)).collect()
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    name.len() <= LONGEST && name.ends_with(END) && !name.starts_with('.') && name.bytes().all(plain)
}

/// A little more than a denial may have: what is longer is refused as such.
fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_files_are_looked_at_once() {
        for (name, good) in [
            ("deny.json", true),
            ("018f4f4e-0000-7000-8000-000000000001.json", true),
            (".json", false),
            ("deny.json.new", false),
            ("a b.json", false),
            ("..json", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("a.json"), b"one").expect("written");
        fs::write(dir.path().join("a.txt"), b"other").expect("written");
        fs::create_dir(dir.path().join("b.json")).expect("made");
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("c.json")).expect("linked");
        let folders = BTreeSet::from([dir.path().to_owned(), dir.path().join("missing")]);
        let (found, seen) = read(&folders, &Seen::new());
        assert_eq!(found, [(dir.path().join("a.json"), b"one".to_vec())]);
        let (again, seen) = read(&folders, &seen);
        assert_eq!(again, []);
        fs::write(dir.path().join("a.json"), b"longer").expect("written");
        assert_eq!(read(&folders, &seen).0.len(), 1);
    }
}
