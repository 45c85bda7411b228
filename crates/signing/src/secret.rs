//! Files with a secret: one line that nobody but its owner can read.

use std::{fs::File, io::Read as _, os::unix::fs::MetadataExt as _, path::Path};

use crate::Error;

/// Read and write for the owner, nothing for anybody else.
pub(crate) const OWNER_ONLY: u32 = 0o600;

/// The text of a file of mode 0600 or stricter, without the line's end; at most `max` bytes of it.
pub(crate) fn read(path: &Path, max: u64) -> Result<String, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    // The opened file is asked, not the path: what is checked is what is read.
    let meta = file.metadata().map_err(|e| Error::io(path, &e))?;
    if !meta.is_file() {
        return Err(Error::io(path, &"must be a regular file"));
    }
    let mode = meta.mode() & 0o7777;
    if mode & !OWNER_ONLY != 0 {
        let reason = format!("has mode {mode:04o}; others could read the secret: `chmod 600` it");
        return Err(Error::io(path, &reason));
    }
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
