//! The private directory of a drill: fresh, of PostgreSQL's user alone, and never that of another cluster.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};

use crate::postgres::{self, LONGEST_DIR, User};

/// Removed with what is in it, unless the operator named it.
#[derive(Debug)]
pub struct Home {
    dir: PathBuf,
    bin: PathBuf,
    user: User,
    kept: bool,
}

impl Home {
    /// In the directory that was named, which must be empty, or in a temporary one.
    pub fn make(wish: Option<&Path>) -> anyhow::Result<Self> {
        let (bin, user) = (postgres::binaries()?, postgres::user()?);
        let dir = match wish {
            Some(dir) => named(dir)?,
            None => temporary()?,
        };
        let home = Self { dir, bin, user, kept: wish.is_some() };
        let shown = home.dir.display();
        ensure!(
            home.dir.as_os_str().len() <= LONGEST_DIR,
            "`{shown}` is longer than {LONGEST_DIR} bytes: a socket cannot be in it"
        );
        ensure!(
            postgres::reachable(&home.dir, user),
            "PostgreSQL's user cannot enter `{shown}`: name a directory that it can reach, such as one in /tmp"
        );
        user.owns(&home.dir)?;
        home.folder("data")?;
        Ok(home)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Of the restored cluster.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A program of PostgreSQL's, as its user.
    pub fn postgres(&self, program: &str) -> Command {
        self.user.command(&self.bin.join(program))
    }

    /// Another program, as PostgreSQL's user.
    pub fn program(&self, program: &str) -> Command {
        self.user.command(Path::new(program))
    }

    fn folder(&self, name: &str) -> anyhow::Result<()> {
        let path = self.dir.join(name);
        fs::create_dir(&path).with_context(|| format!("`{}` cannot be made", path.display()))?;
        Ok(self.user.owns(&path)?)
    }

    /// Bytes of the files that were restored.
    pub fn restored_bytes(&self) -> u64 {
        let (mut folders, mut bytes) = (vec![self.data()], 0);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(found) if found.is_dir() => folders.push(entry.path()),
                    Ok(found) => bytes += found.len(),
                    Err(_) => {}
                }
            }
        }
        bytes
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// New or empty. Where a cluster is, nothing is restored: it may run.
fn named(dir: &Path) -> anyhow::Result<PathBuf> {
    let shown = dir.display();
    fs::create_dir_all(dir).with_context(|| format!("`{shown}` cannot be made"))?;
    let dir = dir.canonicalize().with_context(|| format!("`{shown}` cannot be read"))?;
    if dir.join("postmaster.pid").exists() {
        bail!(
            "`{shown}` is the data directory of a cluster that runs: a drill never touches it; name an empty one"
        );
    }
    if dir.join("PG_VERSION").exists() {
        bail!("`{shown}` is the data directory of a cluster: a drill never touches it; name an empty one");
    }
    let mut entries = fs::read_dir(&dir).with_context(|| format!("`{shown}` cannot be read"))?;
    ensure!(entries.next().is_none(), "`{shown}` is not empty: name a directory that is");
    Ok(dir)
}

/// A name that nobody has: one that is there already is never taken over.
fn temporary() -> anyhow::Result<PathBuf> {
    let parent = std::env::temp_dir().canonicalize().context("the temporary directory")?;
    for _ in 0..16 {
        let dir = parent.join(format!("charter-drill-{:08x}", rand::random::<u32>()));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e).with_context(|| format!("`{}` cannot be made", dir.display())),
        }
    }
    bail!("no free name in `{}`", parent.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_directory_is_taken() {
        let parent = tempfile::tempdir().expect("a directory");
        named(&parent.path().join("new/er")).expect("made");
        for (file, word) in [("postmaster.pid", "runs"), ("PG_VERSION", "cluster"), ("anything", "not empty")]
        {
            let dir = parent.path().join(file);
            fs::create_dir(&dir).expect("made");
            named(&dir).expect("empty");
            fs::write(dir.join(file), "15\n").expect("written");
            let why = named(&dir).expect_err(file).to_string();
            assert!(why.contains(word), "{why}");
            assert!(dir.join(file).is_file());
        }
    }
}
