//! A database for one test, copied from the template that the harness migrated.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};
use tokio_postgres::{Client, NoTls};

/// The socket directory of the harness' cluster.
pub const CLUSTER: &str = "CHARTER_TEST_PG";
/// The URL of the harness' Redis.
pub const REDIS: &str = "CHARTER_TEST_REDIS";
pub const TEMPLATE: &str = "charter_template";

const PORT: &str = "5432";
/// Before the number of the process that made it.
const PREFIX: &str = "test_";

static MADE: AtomicU32 = AtomicU32::new(0);

/// What the harness told its tests.
pub fn told(name: &str) -> String {
    std::env::var(name).expect("this test needs the harness: run `make test`")
}

/// Left behind when the test ends: its name says of which process it is, and the harness drops it.
#[derive(Debug, Clone)]
pub struct Database {
    /// The folders of the sockets and their ports, one or several of each.
    dir: String,
    ports: String,
    pub name: String,
}

impl Database {
    pub async fn create() -> Self {
        let dir = told(CLUSTER);
        let database = Self { dir, ports: PORT.to_owned(), name: next_name() };
        let sql = format!(
            "create database {} template {TEMPLATE} owner charter_owner strategy wal_log",
            database.name
        );
        database.admin("postgres").await.batch_execute(&sql).await.expect("a database");
        database
    }

    /// A copy of it as it is now: what a backup would bring back. Everybody else is cut off for a moment.
    pub async fn copied(&self) -> Self {
        let copy = Self { dir: self.dir.clone(), ports: self.ports.clone(), name: next_name() };
        self.open(false).await;
        self.end_connections().await;
        let sql = format!(
            "create database {} template {} owner charter_owner strategy wal_log",
            copy.name, self.name
        );
        self.admin("postgres").await.batch_execute(&sql).await.expect("a copy");
        self.open(true).await;
        copy
    }

    /// One that is there, on a cluster with its socket in this directory.
    pub fn at(dir: &Path, name: &str) -> Self {
        Self { dir: dir.display().to_string(), ports: PORT.to_owned(), name: name.to_owned() }
    }

    /// One of several nodes: the folder and the port of each socket.
    pub fn of(sockets: &[(String, String)], name: &str) -> Self {
        let (dirs, ports): (Vec<_>, Vec<_>) = sockets.iter().cloned().unzip();
        Self { dir: dirs.join(","), ports: ports.join(","), name: name.to_owned() }
    }

    pub fn url(&self, role: &str) -> String {
        url((&self.dir, &self.ports), &self.name, role)
    }

    /// A connection that may do anything, to one database of the cluster.
    pub async fn admin(&self, database: &str) -> Client {
        connect(&url((&self.dir, &self.ports), database, "charter_admin")).await
    }

    /// Ends every connection that others have to this database; returns how many.
    pub async fn end_connections(&self) -> i64 {
        let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                   where datname = $1 and pid <> pg_backend_pid()";
        let row = self.admin("postgres").await.query_one(sql, &[&self.name]).await;
        row.expect("connections ended").get(0)
    }

    /// Takes no new connections, or takes them again.
    pub async fn open(&self, open: bool) {
        let sql = format!("alter database {} allow_connections {open}", self.name);
        let done = self.admin("postgres").await.batch_execute(&sql).await;
        done.expect("the database altered");
    }
}

fn next_name() -> String {
    format!("{PREFIX}{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

/// Whether a database is one of a test whose process is gone.
pub fn is_left(name: &str) -> bool {
    let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'));
    let pid = process.and_then(|(pid, _)| pid.parse().ok()).and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

fn url((dir, ports): (&str, &str), database: &str, role: &str) -> String {
    format!("host={dir} port={ports} dbname={database} user={role}")
}

pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the cluster answers");
    tokio::spawn(connection);
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_left_when_the_process_that_made_it_is_gone() {
        let mut child = std::process::Command::new("true").spawn().expect("a process");
        let of_child = format!("{PREFIX}{}_0", child.id());
        assert!(!is_left(&of_child), "nobody has waited for it: it still has its number");
        child.wait().expect("its end");
        assert!(is_left(&of_child));
        for kept in [next_name().as_str(), TEMPLATE, "postgres", "test_", "test_0_0", "test_x_0", ""] {
            assert!(!is_left(kept), "{kept}");
        }
    }
}
