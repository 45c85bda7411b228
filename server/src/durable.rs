//! Files that outlive a crash: each is replaced as a whole, and is on the disk when the call returns.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Replaces a file: a new one is written beside it, flushed, renamed over it, and the folder is flushed. Whoever reads
/// meanwhile, or after a crash at any point, has the old contents or the new. Writers of one path must take turns.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a file has a name and a folder"));
    };
    let mut other = name.to_owned();
    other.push(".new");
    let beside = folder.join(other);
    let mut file = File::create(&beside)?;
    file.write_all(contents)?;
    file.sync_all()?;
    rename(&beside, path)
}

/// Gives a file that is on the disk another name, for good.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    flush(above(to))
}

/// Makes a file that must not be there yet, with these permissions.
pub fn create(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    if let Err(error) = file.write_all(contents).and_then(|()| file.sync_all()) {
        // Half a file would be in the way of the next try.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    flush(above(path))
}

/// Removes a file, for good; that there is none is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(()) => flush(above(path)),
    }
}

/// Makes a folder and those above it; each new one is on the disk under its name.
pub fn folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    folder(above(path))?;
    match fs::create_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    flush(above(path))
}

/// The contents of a file, if it is there.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// The folder that something is in.
fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn flush(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
