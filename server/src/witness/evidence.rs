//! Evidence of logs that showed two histories: kept for good, public, and verified by whoever has the log's key.

use std::{
    io,
    path::{Path, PathBuf},
};

use charter_tlog::witness::Equivocation;
use sha2::{Digest as _, Sha256};

use crate::durable;

/// Most pieces that are listed; one is enough to know.
const LISTED: usize = 100;

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of the text, in lower-case hexadecimal.
    pub id: String,
    pub text: String,
}

fn folder(dir: &Path) -> PathBuf {
    dir.join("evidence")
}

/// Keeps it; on the disk when this returns. The same piece is kept once.
pub fn keep(dir: &Path, evidence: &Equivocation) -> io::Result<String> {
    let (text, folder) = (evidence.to_string(), folder(dir));
    let id: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    durable::folder(&folder)?;
    durable::replace(&folder.join(format!("{id}.txt")), text.as_bytes())?;
    Ok(id)
}

/// What is kept, in the order of ids.
pub fn list(dir: &Path) -> io::Result<Vec<Kept>> {
    let entries = match std::fs::read_dir(folder(dir)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let read = |path: &PathBuf| {
        let id = path.file_stem()?.to_str()?.to_owned();
        Some(std::fs::read_to_string(path).map(|text| Kept { id, text }))
    };
    paths.iter().take(LISTED).filter_map(read).collect()
}
