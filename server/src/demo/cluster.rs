//! A private Postgres cluster from Debian's binaries: for the demo and for tests. Never for keeps.
//!
//! Postgres refuses to run as root, so root drops to `postgres` or `nobody`. The cluster listens on a socket in its
//! own directory only.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub use crate::postgres::Error;
use crate::postgres::{User, binaries, place, user};

const PORT: u16 = 5432;

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

    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Postgres' user, whom its data belong to.
    pub const fn user(&self) -> User {
        self.user
    }

    fn command(&self, program: &str) -> Command {
        self.user.command(&self.bin.join(program))
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

    /// Starts it with the data that it has.
    pub fn launch(&self, durable: bool) -> Result<(), Error> {
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
        let _ = self.stop_by("immediate");
    }

    /// Stops it in one of `pg_ctl`'s modes: `fast` leaves nothing to recover.
    pub fn stop_by(&self, mode: &str) -> Result<(), Error> {
        let args = ["-m", mode, "-w", "-t", "600", "stop", "-D"];
        self.run("pg_ctl stop", self.command("pg_ctl").args(args).arg(self.data()))
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
