//! The folder of a run, who owns what in it, and the secrets of its sites.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use charter_server::postgres::{self, User};
use charter_tests::program::root;

use super::{Options, Site, disk, sweep};

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Files {
    /// `a`, `b` and `c` for the sites, `w` for the witness' database, `repository` for backups.
    pub dir: PathBuf,
    /// Of Postgres, Patroni, etcd and Redis.
    pub user: User,
    /// Postgres' programs.
    pub bin: PathBuf,
    pub patroni: PathBuf,
    small_disk: Option<Site>,
}

/// Made anew for each run.
#[derive(Clone)]
pub struct Secrets {
    pub admin: String,
    pub replicator: String,
    pub owner: String,
    pub runtime: String,
    pub backups: String,
    pub token: String,
}

impl Secrets {
    pub fn new() -> Self {
        let [admin, replicator, owner, runtime, backups, token] = std::array::from_fn(|_| secret());
        Self { admin, replicator, owner, runtime, backups, token }
    }
}

/// 256 bits in hexadecimal.
pub fn secret() -> String {
    rand::random::<[u8; 32]>().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Files {
    /// Makes the folders. One that is named must be empty, and stays.
    pub fn create(options: &Options, run: u32) -> anyhow::Result<Self> {
        let (bin, user) = (postgres::binaries()?, postgres::user()?);
        let patroni = root().join(".tools/patroni/bin/patroni");
        ensure!(patroni.is_file(), "Patroni is missing: run `scripts/setup ha`");
        ensure!(
            postgres::reachable(&patroni, user),
            "Postgres' user cannot reach `{}`: keep this working copy where all may enter",
            patroni.display()
        );
        let wish = options.dir.clone().unwrap_or_else(|| sweep::folder(run));
        let empty = fs::read_dir(&wish).map_or(true, |mut entries| entries.next().is_none());
        ensure!(empty, "`{}` is not empty: name another folder", wish.display());
        let dir = postgres::place(&wish, user)?;
        let files = Self { dir, user, bin, patroni, small_disk: options.small_disk };
        for site in Site::ALL {
            files.folder(&files.site(site))?;
        }
        files.folder(&files.witness())?;
        files.folder(&files.repository())?;
        if files.small_disk.is_some() {
            files.owned(&disk::mount(&files.dir)?, 0o700)?;
        }
        Ok(files)
    }

    pub fn site(&self, site: Site) -> PathBuf {
        self.dir.join(site.to_string())
    }

    /// A node's database.
    pub fn data(&self, site: Site) -> PathBuf {
        let own = self.small_disk == Some(site);
        if own { disk::folder(&self.dir).join("data") } else { self.site(site).join("data") }
    }

    pub fn witness(&self) -> PathBuf {
        self.dir.join("w")
    }

    pub fn repository(&self) -> PathBuf {
        self.dir.join("repository")
    }

    pub fn log(&self, site: Site, of: &str) -> PathBuf {
        self.site(site).join(format!("{of}.log"))
    }

    /// For Postgres' user alone.
    pub fn folder(&self, path: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(path).with_context(|| format!("`{}`", path.display()))?;
        self.owned(path, 0o700)
    }

    /// A file for Postgres' user alone.
    pub fn give(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        private(path, text)?;
        self.owned(path, 0o600)
    }

    fn owned(&self, path: &Path, mode: u32) -> anyhow::Result<()> {
        if self.user.dropped {
            chown(path, Some(self.user.uid), Some(self.user.gid))?;
        }
        Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
    }
}

/// A file for us alone.
pub fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("`{}`", path.display()))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}

/// Wherever a site's databases may be in the folder of a run.
pub fn data_folders(dir: &Path, site: Site) -> Vec<PathBuf> {
    vec![dir.join(site.to_string()).join("data"), disk::folder(dir).join("data"), dir.join("w").join("data")]
}

/// The end of a file, for people.
pub fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
