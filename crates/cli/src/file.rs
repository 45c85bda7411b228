//! Files of this verifier that are replaced as a whole, for their owner alone.

use std::{
    fs::File,
    io::{Error, ErrorKind, Result, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Whoever reads meanwhile, or after a crash, has the old contents or the new; the new are on the disk when this returns.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let name = path.file_name().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "it names no file"))?;
    // Beside it, under a name that is no other's.
    let mut beside = name.to_owned();
    beside.push(".new");
    let new = dir.join(beside);
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    // What was believed must not be forgotten by a power cut: somebody could lead back behind it.
    File::open(dir)?.sync_all()
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
}
