//! PostgreSQL's own programs for private clusters: where they are, the user that they run as, a folder that it can use.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Longest socket path that Postgres takes is 107 bytes; `.s.PGSQL.5432` and a margin are kept free.
pub const LONGEST_DIR: usize = 85;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no Postgres binaries found: run `scripts/setup run`, or point PG_BINDIR at the folder with initdb"
    )]
    NoBinaries,
    #[error("running as root, and neither user `postgres` nor `nobody` exists to drop to")]
    NoUser,
    #[error("{0}: {1}")]
    Io(String, io::Error),
    #[error("{0} failed:\n{1}")]
    Failed(&'static str, String),
}

/// The user that Postgres runs as; the same as ours unless we are root.
#[derive(Debug, Clone, Copy)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    /// From root.
    pub dropped: bool,
}

impl User {
    /// A program as this user, without input and in no folder of ours.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C");
        if self.dropped {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives a folder to this user alone.
    pub fn owns(&self, dir: &Path) -> Result<(), Error> {
        let io = |e| Error::Io(dir.display().to_string(), e);
        if self.dropped {
            chown(dir, Some(self.uid), Some(self.gid)).map_err(io)?;
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(io)
    }
}

/// The folder with `initdb` and `postgres`.
pub fn binaries() -> Result<PathBuf, Error> {
    let has = |dir: &Path| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    if let Some(dir) = std::env::var_os("PG_BINDIR").map(PathBuf::from) {
        return if has(&dir) { Ok(dir) } else { Err(Error::NoBinaries) };
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path().join("bin"))))
        .filter(|(_, dir)| has(dir))
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found
        .pop()
        .map(|(_, dir)| dir)
        .or_else(|| std::env::split_paths(&path).find(|d| has(d)))
        .ok_or(Error::NoBinaries)
}

/// Ours, or where that is root the one to drop to.
pub fn user() -> Result<User, Error> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    if uid != 0 {
        return Ok(User { uid, gid, dropped: false });
    }
    let passwd = fs::read_to_string("/etc/passwd").map_err(|e| Error::Io("/etc/passwd".to_owned(), e))?;
    let find = |name: &str| {
        let line = passwd.lines().find(|l| l.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()?, dropped: true })
    };
    find("postgres").or_else(|| find("nobody")).ok_or(Error::NoUser)
}

/// `wish` where the user can reach it and the socket's path is short enough; else a temporary directory.
pub fn place(wish: &Path, user: User) -> Result<PathBuf, Error> {
    let io = |p: &Path| {
        let p = p.display().to_string();
        move |e| Error::Io(p, e)
    };
    fs::create_dir_all(wish).map_err(io(wish))?;
    let wish = wish.canonicalize().map_err(io(wish))?;
    let dir = if wish.as_os_str().len() <= LONGEST_DIR && reachable(&wish, user) {
        wish
    } else {
        let name = format!("charter-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).map_err(io(&dir))?;
        eprintln!("Postgres cannot use {}; its cluster is in {}", wish.display(), dir.display());
        dir
    };
    user.owns(&dir)?;
    Ok(dir)
}

/// Every parent may be entered by the user.
pub fn reachable(dir: &Path, user: User) -> bool {
    dir.ancestors().skip(1).all(|parent| {
        fs::metadata(parent).is_ok_and(|m| {
            let bit = if m.uid() == user.uid {
                0o100
            } else if m.gid() == user.gid {
                0o010
            } else {
                0o001
            };
            m.mode() & bit != 0
        })
    })
}
