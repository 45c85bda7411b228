//! A database for one test, copied from the template that the harness migrated.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls};

/// The socket directory of the harness' cluster.
pub const CLUSTER: &str = "CHARTER_TEST_PG";
/// The URL of the harness' Redis.
pub const REDIS: &str = "CHARTER_TEST_REDIS";
pub const TEMPLATE: &str = "charter_template";

static MADE: AtomicU32 = AtomicU32::new(0);

/// What the harness told its tests.
pub fn told(name: &str) -> String {
    std::env::var(name).expect("this test needs the harness: run `make test`")
}

/// Left behind at the end: the cluster goes away as a whole.
#[derive(Debug)]
pub struct Database {
    dir: String,
    pub name: String,
}

impl Database {
    pub async fn create() -> Self {
        let dir = told(CLUSTER);
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{count}", std::process::id());
        let database = Self { dir, name };
        let sql = format!(
            "create database {} template {TEMPLATE} owner charter_owner strategy wal_log",
            database.name
        );
        database.admin("postgres").await.batch_execute(&sql).await.expect("a database");
        database
    }

    /// A copy of it as it is now: what a backup would bring back. Everybody else is cut off for a moment.
    pub async fn copied(&self) -> Self {
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let copy = Self { dir: self.dir.clone(), name: format!("test_{}_{count}", std::process::id()) };
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

    pub fn url(&self, role: &str) -> String {
        url(&self.dir, &self.name, role)
    }

    /// A connection that may do anything, to one database of the cluster.
    pub async fn admin(&self, database: &str) -> Client {
        connect(&url(&self.dir, database, "charter_admin")).await
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

fn url(dir: &str, database: &str, role: &str) -> String {
    format!("host={dir} port=5432 dbname={database} user={role}")
}

pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the cluster answers");
    tokio::spawn(connection);
    client
}
