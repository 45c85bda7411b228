//! A private Postgres cluster from Debian's binaries: for the demo and for tests. Never for keeps.
//!
//! Postgres refuses to run as root, so root drops to `postgres` or `nobody`. The cluster listens on a socket in its
//! own directory only.

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
const LONGEST_DIR: usize = 85;
const PORT: u16 = 5432;

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
struct User {
    uid: u32,
    gid: u32,
    dropped: bool,
}

/// A running cluster; stopped and removed when dropped.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    user: User,
}

impl Cluster {
    /// Starts one in `wish`, or where Postgres' user cannot reach that, in a fresh temporary directory. With
    /// `durable` false a crash of the machine may lose it: for tests.
    pub fn start(wish: &Path, durable: bool) -> Result<Self, Error> {
        let bin = binaries()?;
        let user = user()?;
        let dir = place(wish, user)?;
        let cluster = Self { dir, bin, user };
        cluster.clear();
        cluster.create()?;
        cluster.launch(durable)?;
        Ok(cluster)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// libpq keywords for a database and role of this cluster.
    pub fn url(&self, database: &str, role: &str) -> String {
        format!("host={} port={PORT} dbname={database} user={role}", self.dir.display())
    }

    pub fn admin_url(&self, database: &str) -> String {
        self.url(database, "charter_admin")
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C");
        if self.user.dropped {
            command.uid(self.user.uid).gid(self.user.gid);
        }
        command
    }

    fn run(&self, what: &'static str, command: &mut Command) -> Result<(), Error> {
        let output = command.output().map_err(|e| Error::Io(what.to_owned(), e))?;
        if output.status.success() {
            return Ok(());
        }
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let tail: String =
            log.lines().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(Error::Failed(what, format!("{}{tail}", String::from_utf8_lossy(&output.stderr))))
    }

    /// Ends and removes what an earlier run left behind (it may have been killed).
    fn clear(&self) {
        if self.data().join("postmaster.pid").exists() {
            let _ = self.run(
                "pg_ctl",
                self.command("pg_ctl").args(["-m", "immediate", "-w", "stop", "-D"]).arg(self.data()),
            );
        }
        let _ = fs::remove_dir_all(self.data());
    }

    fn create(&self) -> Result<(), Error> {
        let args = ["-U", "charter_admin", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync", "-D"];
        self.run("initdb", self.command("initdb").args(args).arg(self.data()))
    }

    fn launch(&self, durable: bool) -> Result<(), Error> {
        let fsync =
            if durable { "" } else { "-c fsync=off -c synchronous_commit=off -c full_page_writes=off" };
        let options = format!(
            "-p {PORT} -k {} -c listen_addresses='' -c max_connections=300 -c shared_buffers=128MB \
             -c unix_socket_permissions=0700 -c lc_messages=C {fsync}",
            self.dir.display()
        );
        let log = self.dir.join("log");
        let mut command = self.command("pg_ctl");
        command.args(["-w", "-t", "30", "start", "-o", &options, "-l"]).arg(log).arg("-D").arg(self.data());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().map_err(|e| Error::Io("pg_ctl".to_owned(), e))?;
        if status.success() { Ok(()) } else { self.run("pg_ctl start", &mut self.command("false")) }
    }

    pub fn stop(&self) {
        let mut command = self.command("pg_ctl");
        command.args(["-m", "immediate", "-w", "stop", "-D"]).arg(self.data());
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(self.data());
        if self.dir.starts_with(std::env::temp_dir()) {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

fn binaries() -> Result<PathBuf, Error> {
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

fn user() -> Result<User, Error> {
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
fn place(wish: &Path, user: User) -> Result<PathBuf, Error> {
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
    if user.dropped {
        chown(&dir, Some(user.uid), Some(user.gid)).map_err(io(&dir))?;
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(io(&dir))?;
    Ok(dir)
}

/// Every parent may be entered by the user.
fn reachable(dir: &Path, user: User) -> bool {
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
