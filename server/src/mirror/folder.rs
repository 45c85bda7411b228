//! A log as files, in the layout of its tiles (C2SP tlog-tiles, APIs): each written whole and once, and on the disk
//! before anything is said about it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use charter_tlog::tile::{Level, TilePath, WIDTH};

use crate::durable;

/// A copy of one log. Blocks.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// Held by who adds to the copy; other processes wait too.
pub struct Held {
    /// Unlocked when it is closed.
    _lock: File,
}

impl Folder {
    /// Where a registry keeps its copy of a log, by the SHA-256 of the origin in lower-case hexadecimal.
    pub fn new(dir: &Path, slug: &str, hash: &str) -> Self {
        Self(dir.join("mirror").join(slug).join(hash))
    }

    pub fn hold(&self) -> io::Result<Held> {
        durable::folder(&self.0)?;
        let lock = File::create(self.0.join("lock"))?;
        lock.lock()?;
        Ok(Held { _lock: lock })
    }

    pub fn checkpoint(&self) -> io::Result<Option<Vec<u8>>> {
        durable::read(&self.0.join("checkpoint"))
    }

    pub fn put_checkpoint(&self, note: &str) -> io::Result<()> {
        durable::replace(&self.0.join("checkpoint"), note.as_bytes())
    }

    /// The hashes or entries of a tile, as many as the path says; `None` if fewer are here.
    pub fn read(&self, path: TilePath) -> io::Result<Option<Vec<u8>>> {
        let Some(held) = self.widest(path.level(), path.index())?.filter(|held| *held >= path.width()) else {
            return Ok(None);
        };
        let Some(bytes) = durable::read(&self.file(path.level(), path.index(), held))? else {
            return Ok(None);
        };
        Ok(first(bytes, path))
    }

    pub fn write(&self, path: TilePath, bytes: &[u8]) -> io::Result<()> {
        let file = self.0.join(path.to_string());
        if let Some(parent) = file.parent() {
            durable::folder(parent)?;
        }
        durable::replace(&file, bytes)
    }

    /// How many hashes or entries of a tile are here; `None` without any.
    pub fn widest(&self, level: Level, index: u64) -> io::Result<Option<u16>> {
        if self.file(level, index, WIDTH).is_file() {
            return Ok(Some(WIDTH));
        }
        Ok(self.partial(level, index)?.into_iter().max())
    }

    /// Removes what a wider file of the same tile holds too.
    pub fn tidy(&self, path: TilePath) -> io::Result<()> {
        for width in self.partial(path.level(), path.index())?.into_iter().filter(|w| *w < path.width()) {
            fs::remove_file(self.file(path.level(), path.index(), width))?;
        }
        Ok(())
    }

    fn partial(&self, level: Level, index: u64) -> io::Result<Vec<u16>> {
        let one = self.file(level, index, 1);
        let entries = match one.parent().map(fs::read_dir) {
            None => return Ok(Vec::new()),
            Some(Err(e)) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Some(entries) => entries?,
        };
        // A file on its way has another kind of name.
        let width =
            |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_str().and_then(|n| n.parse().ok()));
        Ok(entries.map(width).collect::<io::Result<Vec<Option<u16>>>>()?.into_iter().flatten().collect())
    }

    /// Level, index and width are those of a tile.
    fn file(&self, level: Level, index: u64, width: u16) -> PathBuf {
        let name = TilePath::new(level, index, width).map(|path| path.to_string());
        self.0.join(name.unwrap_or_default())
    }
}

/// As many hashes or entries as the path says, of a file that has as many or more.
fn first(mut bytes: Vec<u8>, path: TilePath) -> Option<Vec<u8>> {
    let mut end = 0;
    for _ in 0..path.width() {
        end += match path.level() {
            Level::Hashes(_) => 32,
            Level::Entries => 2 + usize::from(u16::from_be_bytes([*bytes.get(end)?, *bytes.get(end + 1)?])),
        };
    }
    if end > bytes.len() {
        return None;
    }
    bytes.truncate(end);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TilePath {
        text.parse().expect("a path")
    }

    #[test]
    fn a_narrower_tile_is_read_from_a_wider_one() {
        let dir = std::env::temp_dir().join(format!("charter-folder-{}", std::process::id()));
        let folder = Folder::new(&dir, "a", "00");
        let (entries, hashes) = (path("tile/entries/000.p/2"), path("tile/0/000.p/2"));
        assert_eq!(folder.read(entries).expect("read"), None);
        folder.write(entries, b"\0\x01a\0\x02bc").expect("written");
        folder.write(hashes, &[5; 64]).expect("written");
        assert_eq!(folder.widest(Level::Entries, 0).expect("read"), Some(2));
        assert_eq!(folder.read(path("tile/entries/000.p/1")).expect("read"), Some(b"\0\x01a".to_vec()));
        assert_eq!(folder.read(path("tile/entries/000.p/3")).expect("read"), None);
        assert_eq!(folder.read(path("tile/0/000.p/1")).expect("read"), Some(vec![5; 32]));
        folder.write(path("tile/0/000"), &[6; 32 * 256]).expect("written");
        folder.tidy(path("tile/0/000")).expect("tidied");
        assert_eq!(folder.read(hashes).expect("read"), Some(vec![6; 64]), "of the full one");
        assert_eq!(folder.widest(Level::Entries, 0).expect("read"), Some(2), "others are left");
        fs::remove_dir_all(&dir).expect("removed");
    }
}
