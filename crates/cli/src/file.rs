//! Files of this verifier that are replaced as a whole, for their owner alone.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Error, ErrorKind, Result, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Whoever reads meanwhile, or after a crash, has the old contents or the new; the new are on the disk when this returns.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let new = beside(path, ".new")?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    // What was believed must not be forgotten by a power cut: somebody could lead back behind it.
    File::open(folder(path))?.sync_all()
}

/// From reading a file to replacing it, for one at a time: it is held as long as the handle. `waits` is called where
/// somebody else has it now.
pub async fn alone(path: &Path, waits: impl FnOnce()) -> Result<File> {
    let lock = beside(path, ".lock")?;
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => waits(),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await?
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The name of a file and an ending, which is no other's name, in its folder, which is made.
fn beside(path: &Path, ending: &str) -> Result<PathBuf> {
    let dir = folder(path);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let name = path.file_name().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "it names no file"))?;
    let mut beside = name.to_owned();
    beside.push(ending);
    Ok(dir.join(beside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_no_other_is_touched() {
        let home = tempfile::tempdir().expect("a directory");
        let [set, other] = ["below/set.json", "below/set.new"].map(|name| home.path().join(name));
        replace(&set, b"1").expect("made, with its folder");
        std::fs::write(&other, "mine").expect("written");
        replace(&set, b"2").expect("replaced");
        let read = |path| std::fs::read_to_string(path).expect("a file");
        assert_eq!((read(&set).as_str(), read(&other).as_str()), ("2", "mine"));
        let names = std::fs::read_dir(home.path().join("below")).expect("a folder").count();
        assert_eq!(names, 2, "nothing else is left");
    }

    #[tokio::test]
    async fn who_comes_second_waits_for_the_first() {
        let home = tempfile::tempdir().expect("a directory");
        let set = home.path().join("set.json");
        let first = alone(&set, || unreachable!("it is the first")).await.expect("nobody has it");
        let (waits, waiting) = tokio::sync::oneshot::channel();
        let second = tokio::spawn(async move { alone(&set, || waits.send(()).expect("told")).await });
        waiting.await.expect("it is told that it waits");
        assert!(!second.is_finished());
        drop(first);
        second.await.expect("it ends").expect("its turn");
    }
}
