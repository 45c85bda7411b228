//! `make test`: one private Postgres cluster and one Redis for a run of all tests; everything is gone afterwards, and
//! the database of each test soon after it.
//!
//! Arguments are passed on to nextest; with `-p` they choose the packages.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use charter_server::demo::cluster::Cluster;
use charter_tests::{
    app::CACHE,
    database::{CLUSTER, REDIS, TEMPLATE, connect, is_left},
};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};
use tokio_postgres::Client;

/// Tests whose answers may come from a cache.
const DOORS: [&str; 2] = [
    "-E",
    "binary(it) & test(/^(trqp|batch|issuer|walks|federation|evidence|kept|registry|import|lying|bad_input)::/)",
];

/// Runs that may go on beside each other in one working copy.
const SLOTS: usize = 4;
/// How often databases are looked for whose tests have ended.
const LOOK: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("harness: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<ExitCode> {
    demand("redis-server", &["--version"]).await?;
    demand("cargo", &["nextest", "--version"]).await?;
    let mut stop = Stop::new()?;
    let tests = async {
        // Tests start `charterd` and `charter` themselves. Of the whole workspace, as the tests are: another choice of
        // packages has other features, and everything would be built twice.
        let build = ["build", "--locked", "--workspace", "--bins"];
        let built = Command::new("cargo").args(build).kill_on_drop(true).status().await?;
        if !built.success() {
            return Ok(built);
        }
        let (dir, _slot) = slot()?;
        let started = tokio::task::spawn_blocking(move || Cluster::start(&dir, false));
        let cluster = started.await?.context("Postgres")?;
        template(&cluster).await?;
        let files = tempfile::tempdir()?;
        let (_redis, url) = redis(files.path()).await?;
        let args: Vec<String> = std::env::args().skip(1).collect();
        let wish = std::env::var(CACHE).ok();
        let runs = async {
            let cache = wish.as_deref().unwrap_or("memory");
            let all = nextest(cluster.dir(), &url, cache, &args, &mut stop).await?;
            if !args.is_empty() || wish.is_some() || !all.success() {
                return Ok(all);
            }
            println!("once more with Redis behind the in-process cache: what goes through the doors");
            nextest(cluster.dir(), &url, "redis", &DOORS.map(str::to_owned), &mut stop).await
        };
        let left = tokio::spawn(drop_left(connect(&cluster.admin_url("postgres")).await));
        let status = runs.await;
        left.abort();
        status
    };
    Ok(code(tests.await?))
}

fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|c| u8::try_from(c).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

async fn demand(program: &str, args: &[&str]) -> anyhow::Result<()> {
    let found = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if found.is_ok_and(|s| s.success()) {
        return Ok(());
    }
    bail!("`{program} {}` does not run; `scripts/setup test` installs it", args.join(" "))
}

/// A directory for the cluster that no other run is using; the lock lasts as long as the file.
fn slot() -> anyhow::Result<(PathBuf, File)> {
    std::fs::create_dir_all(".run")?;
    for n in 1..=SLOTS {
        let dir = PathBuf::from(format!(".run/test{}", if n == 1 { String::new() } else { format!("-{n}") }));
        let lock = File::create(dir.with_extension("lock"))?;
        match lock.try_lock() {
            Ok(()) => return Ok((dir, lock)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
    }
    bail!("{SLOTS} test runs are going on in this folder already")
}

/// The roles, and a migrated database that each test copies.
async fn template(cluster: &Cluster) -> anyhow::Result<()> {
    let admin = connect(&cluster.admin_url("postgres")).await;
    admin.batch_execute(charter_store::migrate::ROLES).await?;
    admin.batch_execute(&format!("create database {TEMPLATE} owner charter_owner")).await?;
    let owner = cluster.url(TEMPLATE, "charter_owner");
    let migrated = tokio::task::spawn_blocking(move || charter_store::migrate::run(&owner)).await?;
    let text = |e: charter_store::Error| anyhow::anyhow!("{}", e.source_text().unwrap_or("migration failed"));
    migrated.map_err(text)?;
    Ok(())
}

/// Drops what ended tests left, one database at a time. A database has some 500 files. Soon after it was
/// made they are in memory only, and dropping it takes 25 ms; at the end of a run of all tests there would be half a
/// million on the disk, and deleting them takes minutes.
async fn drop_left(admin: Client) {
    while !admin.is_closed() {
        tokio::time::sleep(LOOK).await;
        let rows = admin.query("select datname from pg_database", &[]).await.unwrap_or_default();
        let names = rows.iter().map(|row| row.get::<_, String>(0));
        for name in names.filter(|name| is_left(name)) {
            // A process that the test started may be on its way out: the next look finds the database again.
            let _ = admin.batch_execute(&format!("drop database if exists {name} with (force)")).await;
        }
    }
}

/// A Redis in memory only, out of reach of a Ctrl-C meant for the tests; killed when dropped.
async fn redis(dir: &Path) -> anyhow::Result<(Child, String)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(dir)
        .stdout(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok((child, format!("redis://127.0.0.1:{port}")));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("redis-server did not answer within 5 s")
}

async fn nextest(
    cluster: &Path,
    redis: &str,
    cache: &str,
    args: &[String],
    stop: &mut Stop,
) -> anyhow::Result<ExitStatus> {
    let chosen = args.iter().any(|a| a.starts_with("-p") || a.starts_with("--package"));
    let mut command = Command::new("cargo");
    command.args(["nextest", "run", "--locked", "--no-fail-fast"]);
    if !chosen {
        command.arg("--workspace");
    }
    let mut child = command.args(args).env(CLUSTER, cluster).env(REDIS, redis).env(CACHE, cache).spawn()?;
    tokio::select! {
        status = child.wait() => Ok(status?),
        () = stop.asked() => {
            // A Ctrl-C has reached nextest already; asking again does no harm.
            if let Some(pid) = child.id().and_then(|p| i32::try_from(p).ok()).and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
            Ok(child.wait().await?)
        }
    }
}

/// SIGINT and SIGTERM, taken over from the start, so that what was started is also ended.
struct Stop([tokio::signal::unix::Signal; 2]);

impl Stop {
    fn new() -> anyhow::Result<Self> {
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]))
    }
    async fn asked(&mut self) {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
    }
}
