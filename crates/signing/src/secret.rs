//! Files with a secret: one line that nobody but its owner can read.

use std::{
    fs::{self, File, Metadata},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use crate::Error;

/// Read and write for the owner, nothing for anybody else.
pub(crate) const OWNER_ONLY: u32 = 0o600;

/// The same, and read for the group, of a file of root's that another process reads: a Secret that Kubernetes mounts.
const OF_ROOT: u32 = 0o640;

/// That nobody but who is meant can read a file with a secret: mode 0600 or stricter, or 0640 where root owns it and we are
/// not root (the rule of PostgreSQL 15 for its key, 19.9).
pub fn guarded(meta: &Metadata) -> Result<(), String> {
    let ours = || fs::metadata("/proc/self").map_or(true, |own| own.uid() == meta.uid());
    let allowed = if meta.uid() == 0 && !ours() { OF_ROOT } else { OWNER_ONLY };
    let mode = meta.mode() & 0o7777;
    if mode & !allowed == 0 {
        return Ok(());
    }
    Err(format!("has mode {mode:04o}; others could read the secret: `chmod 600` it"))
}

/// The text of a file of mode 0600 or stricter, without the line's end; at most `max` bytes of it.
pub(crate) fn read(path: &Path, max: u64) -> Result<String, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    // The opened file is asked, not the path: what is checked is what is read.
    let meta = file.metadata().map_err(|e| Error::io(path, &e))?;
    if !meta.is_file() {
        return Err(Error::io(path, &"must be a regular file"));
    }
    guarded(&meta).map_err(|reason| Error::io(path, &reason))?;
    let mut text = String::new();
    file.take(max).read_to_string(&mut text).map_err(|e| Error::io(path, &e))?;
    if text.ends_with('\n') {
        text.pop();
    }
    if text.is_empty() {
        return Err(Error::io(path, &"is empty; it must hold a secret"));
    }
    Ok(text)
}
