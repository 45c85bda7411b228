//! Copies of one database for a test: a primary and two standbys of which one confirms each write. Each can be frozen,
//! crashed, promoted and turned into a standby of another.

use std::{fs, net::IpAddr, path::PathBuf, time::Duration};

use charter_server::postgres::{User, binaries, user};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::Command;
use tokio_postgres::Client;

use crate::{
    database::{self, Database},
    pki::Pki,
};

pub const NODES: usize = 3;
const FIRST_PORT: usize = 5432;
const ADMIN: &str = "charter_admin";

/// Stopped and removed when dropped.
pub struct Replicas {
    dir: TempDir,
    bin: PathBuf,
    user: User,
    name: String,
}

impl Replicas {
    /// Three nodes with a migrated database of this name; the first is the primary.
    pub async fn start(name: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("nodes").tempdir().expect("a folder");
        let (bin, user) = (binaries().expect("Postgres"), user().expect("a user"));
        user.owns(dir.path()).expect("its folder");
        let replicas = Self { dir, bin, user, name: name.to_owned() };
        let create = ["-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync", "-D"];
        replicas.run("initdb", &[&create[..], &[&replicas.data(0)]].concat()).await;
        replicas.launch(0).await;
        replicas.fill().await;
        for node in 1..NODES {
            let (from, to) = (format!("--dbname={}", replicas.upstream(0, node)), replicas.data(node));
            let copy = ["-X", "stream", "-c", "fast", "--no-sync", "-R", from.as_str(), "-D", to.as_str()];
            replicas.run("pg_basebackup", &copy).await;
            replicas.launch(node).await;
            replicas.follow(node, 0).await;
        }
        for node in 0..NODES {
            replicas.sets(node, "synchronous_standby_names", "ANY 1 (n0, n1, n2)").await;
        }
        replicas.confirmed().await;
        replicas
    }

    /// Roles, and a migrated database.
    async fn fill(&self) {
        let admin = self.admin_of(0, "postgres").await;
        admin.batch_execute(charter_store::migrate::ROLES).await.expect("the roles");
        let sql = format!("create database {} owner charter_owner", self.name);
        admin.batch_execute(&sql).await.expect("a database");
        let owner = self.url(0, &self.name, "charter_owner");
        let migrated = tokio::task::spawn_blocking(move || charter_store::migrate::run(&owner)).await;
        migrated.expect("a task").expect("migrated");
    }

    /// A write goes through once a standby is there to confirm it, and both have then seen something of the stream.
    async fn confirmed(&self) {
        let admin = self.admin(0).await;
        let sql = "select count(*) from pg_stat_replication where state = 'streaming'";
        loop {
            let row = admin.query_one(sql, &[]).await.expect("its standbys");
            if row.get::<_, i64>(0) == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        admin.batch_execute("create table confirmed (at timestamptz)").await.expect("a write");
    }

    /// Of all nodes, in this order.
    pub fn database(&self, order: &[usize]) -> Database {
        let sockets: Vec<_> = order.iter().map(|node| self.socket(*node)).collect();
        Database::of(&sockets, &self.name)
    }

    /// The folder and the port of a node's socket.
    pub fn socket(&self, node: usize) -> (String, String) {
        (self.dir.path().display().to_string(), (FIRST_PORT + node).to_string())
    }

    /// A connection that may do anything.
    pub async fn admin(&self, node: usize) -> Client {
        self.admin_of(node, &self.name).await
    }

    /// Replays nothing any more, as a standby that is far behind.
    pub async fn pauses(&self, node: usize) {
        let admin = self.admin(node).await;
        admin.batch_execute("select pg_wal_replay_pause()").await.expect("asked for");
        loop {
            let row =
                admin.query_one("select pg_get_wal_replay_pause_state()", &[]).await.expect("its state");
            if row.get::<_, String>(0) == "paused" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn admin_of(&self, node: usize, database: &str) -> Client {
        database::connect(&self.url(node, database, ADMIN)).await
    }

    /// Sets a parameter of a node that needs no restart.
    pub async fn sets(&self, node: usize, name: &str, value: &str) {
        let admin = self.admin(node).await;
        let quoted = value.replace('\'', "''");
        admin.batch_execute(&format!("alter system set {name} = '{quoted}'")).await.expect("set");
        admin.batch_execute("select pg_reload_conf()").await.expect("read again");
    }

    /// A standby streams from another node from now on.
    pub async fn follow(&self, node: usize, primary: usize) {
        self.sets(node, "primary_conninfo", &self.upstream(primary, node)).await;
    }

    /// Of two standbys the one that has had more of the stream, and the other: that can follow it, and not the reverse.
    pub async fn ahead(&self, one: usize, other: usize) -> (usize, usize) {
        let had = async |node| {
            let sql = "select (pg_last_wal_receive_lsn() - '0/0')::bigint";
            let row = self.admin(node).await.query_one(sql, &[]).await.expect("its position");
            row.get::<_, i64>(0)
        };
        if had(other).await > had(one).await { (other, one) } else { (one, other) }
    }

    pub async fn promote(&self, node: usize) {
        self.control(node, &["-w", "promote"]).await;
    }

    /// Ends a node without a word to anybody.
    pub async fn crash(&self, node: usize) {
        self.control(node, &["-m", "immediate", "-w", "stop"]).await;
    }

    /// Starts a node that was crashed.
    pub async fn launch(&self, node: usize) {
        self.launch_with(node, "").await;
    }

    /// Starts a node anew that listens at an address and shows the certificate of `server`; the way to it, by the name
    /// `localhost`.
    pub async fn encrypt(&self, node: usize, pki: &Pki, address: IpAddr) -> String {
        self.crash(node).await;
        let own = |file: &str| {
            let copy = self.dir.path().join(file);
            fs::copy(pki.file(file), &copy).expect("a copy");
            self.user.owns(&copy).expect("its file");
            copy.display().to_string()
        };
        let (certificate, key) = (own("server.pem"), own("server.key"));
        let more = format!(
            " -c ssl=on -c ssl_cert_file={certificate} -c ssl_key_file={key} -c listen_addresses={address}"
        );
        self.launch_with(node, &more).await;
        let (port, name) = (FIRST_PORT + node, &self.name);
        format!("host=localhost hostaddr={address} port={port} dbname={name} user=charter_runtime")
    }

    async fn launch_with(&self, node: usize, more: &str) {
        let options = format!(
            "-p {} -k {} -c listen_addresses='' -c max_connections=100 -c shared_buffers=32MB -c lc_messages=C \
             -c unix_socket_permissions=0700 -c fsync=off -c full_page_writes=off -c wal_log_hints=on \
             -c synchronous_commit=remote_apply -c wal_retrieve_retry_interval=200ms{more}",
            FIRST_PORT + node,
            self.dir.path().display()
        );
        let log = self.dir.path().join(format!("log{node}")).display().to_string();
        self.control(node, &["-w", "-t", "60", "start", "-o", &options, "-l", &log]).await;
    }

    /// Starts a node that was a primary as a standby of another.
    pub async fn launch_under(&self, node: usize, primary: usize) {
        let data = PathBuf::from(self.data(node));
        fs::write(data.join("standby.signal"), "").expect("a signal");
        let settings = data.join("postgresql.auto.conf");
        let mut text = fs::read_to_string(&settings).expect("settings");
        text.push_str(&format!("primary_conninfo = '{}'\n", self.upstream(primary, node)));
        fs::write(&settings, text).expect("settings");
        self.launch(node).await;
    }

    /// Stops all processes of a node where they are: its connections stay open, and nothing answers.
    pub fn freeze(&self, node: usize) {
        self.signal(node, Signal::STOP);
    }

    pub fn thaw(&self, node: usize) {
        self.signal(node, Signal::CONT);
    }

    fn signal(&self, node: usize, signal: Signal) {
        let Some(postmaster) = self.postmaster(node) else { return };
        // The postmaster first: nobody is born meanwhile.
        let _ = kill_process(postmaster, signal);
        for child in children(postmaster) {
            let _ = kill_process(child, signal);
        }
    }

    fn postmaster(&self, node: usize) -> Option<Pid> {
        let file = fs::read_to_string(PathBuf::from(self.data(node)).join("postmaster.pid")).ok()?;
        Pid::from_raw(file.lines().next()?.trim().parse().ok()?)
    }

    fn data(&self, node: usize) -> String {
        self.dir.path().join(format!("data{node}")).display().to_string()
    }

    fn url(&self, node: usize, database: &str, role: &str) -> String {
        let (dir, port) = self.socket(node);
        format!("host={dir} port={port} dbname={database} user={role}")
    }

    /// How a standby reaches its primary.
    fn upstream(&self, primary: usize, standby: usize) -> String {
        let (dir, port) = self.socket(primary);
        format!("host={dir} port={port} user={ADMIN} application_name=n{standby}")
    }

    async fn control(&self, node: usize, args: &[&str]) {
        self.run("pg_ctl", &[args, &["-D", &self.data(node)]].concat()).await;
    }

    async fn run(&self, program: &str, args: &[&str]) {
        let mut command = self.user.command(&self.bin.join(program));
        // Not to pipes: a server that is started would keep them.
        let errors = self.dir.path().join("errors");
        command.args(args).stdout(std::process::Stdio::null());
        command.stderr(fs::File::create(&errors).expect("a file"));
        let status = Command::from(command).status().await.expect(program);
        let text = || fs::read_to_string(&errors).unwrap_or_default();
        assert!(status.success(), "{program} {args:?}: {}", text());
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        for node in 0..NODES {
            self.thaw(node);
            let mut stop = self.user.command(&self.bin.join("pg_ctl"));
            stop.args(["-m", "immediate", "-w", "stop", "-D", &self.data(node)]);
            let _ = stop.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status();
        }
    }
}

/// Processes whose parent this is.
fn children(parent: Pid) -> Vec<Pid> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let of = |number: &i32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        // The name may have anything in it; behind it are the state and the parent.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().nth(1).and_then(|n| n.parse().ok()) == Some(parent.as_raw_nonzero().get())
    };
    numbers.filter(of).filter_map(Pid::from_raw).collect()
}
