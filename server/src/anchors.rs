//! The published versions of an anchor set: `1.json`, `2.json` and so on in a folder, as `charterd ceremony finish`
//! wrote them. Each is believed only as what follows the one before, so a wrong file is not served.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use charter_domain::Timestamp;
use charter_proof::{Believed, Refusal, SignedSet, anchor::signed::MAX_BYTES};
use tokio::{io::AsyncReadExt as _, sync::Mutex};

pub struct Published {
    dir: PathBuf,
    /// In order, from version 1 on.
    versions: RwLock<Vec<Believed>>,
    /// The file that was refused last, and why: it is looked at, and logged, once. The lock makes one request look for
    /// all.
    refused: Mutex<Option<(Vec<u8>, String)>>,
}

impl Published {
    /// Reads what is in the folder; the first version must be, and what does not follow it is left aside.
    pub async fn open(dir: &Path) -> Result<Self, String> {
        let found = Self { dir: dir.to_owned(), versions: RwLock::default(), refused: Mutex::default() };
        match found.look().await {
            Err(why) if found.count() == 0 => return Err(why),
            looked => warn(looked),
        }
        if found.count() == 0 {
            let first = found.path(1);
            return Err(format!(
                "anchors.dir: `{}` is missing; make it with `charterd ceremony`",
                first.display()
            ));
        }
        Ok(found)
    }

    /// A version's file, where it is published.
    pub fn file(&self, version: u32) -> Option<Vec<u8>> {
        let place = usize::try_from(version).ok()?.checked_sub(1)?;
        self.with(|versions| versions.get(place).map(bytes))
    }

    /// The file of the newest version, with what was put into the folder since the last time.
    pub async fn newest(&self) -> Option<Vec<u8>> {
        warn(self.look().await);
        self.with(|versions| versions.last().map(bytes))
    }

    /// That every file is served, and that verifiers still take the newest version.
    pub async fn check(&self, now: Timestamp) -> Result<(), String> {
        if let Some((_, why)) = self.refused.lock().await.as_ref() {
            return Err(why.clone());
        }
        let last = self.with(|versions| versions.last().cloned());
        let last = last.ok_or("anchors.dir: there is no version")?;
        last.anchors(now).map(drop).map_err(|e| format!("anchors.dir: {e}"))
    }

    async fn look(&self) -> Result<(), String> {
        let mut refused = self.refused.lock().await;
        while let Some(file) = self.next().await? {
            if refused.as_ref().is_some_and(|(held, _)| *held == file) {
                break;
            }
            if let Err(why) = self.take_up(&file) {
                *refused = Some((file, why.clone()));
                return Err(why);
            }
            *refused = None;
        }
        Ok(())
    }

    fn with<T>(&self, read: impl FnOnce(&[Believed]) -> T) -> T {
        read(&self.versions.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self) -> usize {
        self.with(<[Believed]>::len)
    }

    fn path(&self, version: usize) -> PathBuf {
        self.dir.join(format!("{version}.json"))
    }

    /// The file after the last, if it is there.
    async fn next(&self) -> Result<Option<Vec<u8>>, String> {
        let path = self.path(self.count() + 1);
        let text = |e: std::io::Error| format!("anchors.dir: `{}`: {e}", path.display());
        let file = match tokio::fs::File::open(&path).await {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(text)?,
        };
        // One byte more than allowed tells a file that is too long.
        let mut bytes = Vec::new();
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).await.map_err(text)?;
        Ok(Some(bytes))
    }

    fn take_up(&self, file: &[u8]) -> Result<(), String> {
        let last = self.with(|versions| versions.last().cloned());
        let path = self.path(self.count() + 1);
        let text = |why: String| format!("anchors.dir: `{}`: {why}", path.display());
        let set = SignedSet::parse(file).map_err(|e| text(e.to_string()))?;
        let believed = match &last {
            None if set.version() == 1 => Believed::kept(set),
            None => Err(Refusal::Skipped { held: 0, offered: set.version() }),
            // The same version again would be found for ever.
            Some(last) if set.version() == last.set().version() => {
                return Err(text(format!("it is version {}, as the file before", set.version())));
            }
            Some(last) => last.follow(set),
        };
        let believed = believed.map_err(|e| text(e.to_string()))?;
        self.versions.write().unwrap_or_else(PoisonError::into_inner).push(believed);
        Ok(())
    }
}

fn warn(looked: Result<(), String>) {
    if let Err(why) = looked {
        tracing::warn!(error = %why, "a version of the anchor set is not served");
    }
}

fn bytes(version: &Believed) -> Vec<u8> {
    version.set().to_bytes().to_vec()
}
