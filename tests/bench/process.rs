//! Child processes that are measured: started, waited for, their CPU time and memory read, ended by id.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

use crate::client::Connection;

/// USER_HZ, in which Linux reports CPU time on every platform that we know of.
const TICKS: f64 = 100.0;
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A server under test. It stops when its standard input closes, and is killed when dropped.
pub struct Process {
    pub address: SocketAddr,
    child: Child,
    pid: u32,
    /// From spawning it to its first good answer.
    pub ready_after: Duration,
}

/// A binary of the same build as this one.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    bail!("`{}` is missing: `make bench` builds it", path.display())
}

/// Addresses that nobody listens on.
pub fn addresses<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let sockets = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let found = sockets.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    found.try_into().map_err(|_| anyhow::anyhow!("no addresses"))
}

impl Process {
    /// Starts one; `ready` is the path that must answer 200, or none where a connection is enough.
    pub async fn start(
        name: &str,
        args: &[&str],
        address: SocketAddr,
        ready: Option<&str>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        Self::start_with(name, args, address, ready, (log, &[])).await
    }

    /// The same with variables of its own.
    pub async fn start_with(
        name: &str,
        args: &[&str],
        address: SocketAddr,
        ready: Option<&str>,
        (log, variables): (&Path, &[(&str, String)]),
    ) -> anyhow::Result<Self> {
        let ours = |name: &str| name.starts_with("CHARTER_") || name.starts_with("OTEL_");
        let mut command = Command::new(binary(name)?);
        command.args(args).env_clear().envs(std::env::vars().filter(|(k, _)| !ours(k)));
        command.envs(variables.iter().map(|(name, value)| (*name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(fs::File::create(log)?);
        let started = Instant::now();
        let child = command.kill_on_drop(true).spawn()?;
        let pid = child.id().context("it ended at once")?;
        let mut process = Self { address, child, pid, ready_after: Duration::ZERO };
        while !answers(address, ready).await {
            if process.child.try_wait()?.is_some() || started.elapsed() > READY_WITHIN {
                let said = fs::read_to_string(log).unwrap_or_default();
                let tail: Vec<&str> = said.lines().rev().take(5).collect();
                bail!("`{name}` did not become ready:\n{}", tail.join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        process.ready_after = started.elapsed();
        Ok(process)
    }

    /// CPU time used so far, in seconds.
    pub fn cpu(&self) -> anyhow::Result<f64> {
        cpu(self.pid, 2)
    }

    /// Resident memory now, in MB (10^6 bytes).
    pub fn resident(&self) -> anyhow::Result<f64> {
        memory(self.pid, "status", "VmRSS:")
    }

    /// The same with what is shared counted once over all who share it.
    pub fn proportional(&self) -> anyhow::Result<f64> {
        memory(self.pid, "smaps_rollup", "Pss:")
    }

    /// Asks it to stop, and ends it when it does not.
    pub async fn stop(mut self) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// CPU time of a process in seconds: of its own (utime and stime: two fields), with that of children that have ended (four).
fn cpu(pid: u32, fields: usize) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Fields are counted from after the name, which may hold anything.
    let (_, all) = stat.rsplit_once(')').context("no stat")?;
    let ticks = all.split_whitespace().skip(11).take(fields).filter_map(|f| f.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / TICKS)
}

fn memory(pid: u32, file: &str, field: &str) -> anyhow::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}"))?;
    let line = text.lines().find_map(|l| l.strip_prefix(field)).with_context(|| format!("no {field}"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// Memory of a process and its children, what is shared counted once, in MB. A child that ends meanwhile is left out.
pub fn family(parent: u32) -> anyhow::Result<f64> {
    let of = |pid| memory(pid, "smaps_rollup", "Pss:");
    Ok(of(parent)? + children(parent)?.into_iter().filter_map(|pid| of(pid).ok()).sum::<f64>())
}

/// CPU time of a process and its children so far, in seconds: of those that have ended, too.
pub fn family_cpu(parent: u32) -> anyhow::Result<f64> {
    Ok(cpu(parent, 4)? + children(parent)?.into_iter().filter_map(|pid| cpu(pid, 2).ok()).sum::<f64>())
}

fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the name: the state, then the parent.
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
        let above: Option<u32> =
            fields.and_then(|f| f.split_whitespace().nth(1)).and_then(|p| p.parse().ok());
        if above == Some(parent) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Stops them in this order.
pub async fn stop(running: Vec<Process>) {
    for process in running {
        process.stop().await;
    }
}

async fn answers(address: SocketAddr, ready: Option<&str>) -> bool {
    let Ok(mut connection) = Connection::open(address).await else { return false };
    match ready {
        Some(path) => connection.get(path).await.is_ok_and(|(status, _)| status == 200),
        None => true,
    }
}
