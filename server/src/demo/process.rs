//! The demo's server processes: real `charterd serve` children, each with a configuration, a database and a log.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::{
    ask,
    cluster::Cluster,
    plan::Plan,
    witnesses::{self, Known},
};

/// A process must be ready within this; it takes well under a second where the machine has nothing else to do.
const READY_WITHIN: Duration = Duration::from_secs(60);

pub struct Federation {
    pub dir: PathBuf,
    cluster: Cluster,
    children: Vec<(&'static str, Child)>,
    tokens: HashMap<&'static str, String>,
    /// The verifier keys of every registry.
    pub keys: Known,
}

impl Federation {
    pub async fn start(plan: &Plan, dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
        let dir = dir.canonicalize()?;
        ports_free(plan).await?;
        let (wish, names) = (dir.join("postgres"), names(plan));
        let cluster = tokio::task::spawn_blocking(move || prepare(&wish, &names)).await??;
        let mut federation =
            Self { dir, cluster, children: Vec::new(), tokens: HashMap::new(), keys: Known::new() };
        // Who witnesses a log must know its key before it is served: keys first, then whole configurations.
        for process in &plan.processes {
            let config = federation.configure(plan, process, true)?;
            federation.keys.extend(witnesses::keys(&config).await?);
        }
        for process in &plan.processes {
            federation.spawn(plan, process)?;
        }
        for process in &plan.processes {
            for member in &process.members {
                federation.wait_ready(process.name, member.port).await?;
            }
            let token = fs::read_to_string(federation.dir.join(process.name).join("bootstrap-token"))?;
            federation.tokens.extend(process.members.iter().map(|m| (m.authority, token.trim().to_owned())));
        }
        Ok(federation)
    }

    /// Writes the configuration of a process, with the keys that are known.
    fn configure(&self, plan: &Plan, process: &super::plan::Process, anew: bool) -> anyhow::Result<PathBuf> {
        let dir = self.dir.join(process.name);
        if anew {
            let _ = fs::remove_dir_all(&dir); // Keys and tokens belong to the database, which is new.
        }
        fs::create_dir_all(&dir)?;
        let url = self.cluster.url(&database(process.name), "charter_runtime");
        let config = dir.join("charterd.toml");
        fs::write(&config, process.config(&url, &dir, plan, &self.keys))?;
        Ok(config)
    }

    fn spawn(&mut self, plan: &Plan, process: &super::plan::Process) -> anyhow::Result<()> {
        let config = self.configure(plan, process, false)?;
        let log = fs::File::create(self.dir.join(process.name).join("log.json"))?;
        let child = Command::new(std::env::current_exe()?)
            .args(["serve", "--with-parent", "--config"])
            .arg(&config)
            .env_clear()
            .envs(std::env::vars().filter(|(k, _)| !k.starts_with("CHARTER_")))
            // The child stops when this pipe closes: nothing is left behind, however we end.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.children.push((process.name, child));
        Ok(())
    }

    async fn wait_ready(&mut self, name: &str, port: u16) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if ask::get(&format!("http://127.0.0.1:{port}/readyz")).await.is_ok_and(|r| r.status == 200) {
                return Ok(());
            }
            let child = self.children.iter_mut().find(|(n, _)| *n == name);
            let ended = child.and_then(|(_, c)| c.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.dir.join(name).join("log.json")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                bail!("process `{name}` did not become ready:\n{}", tail.join("\n"));
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    /// The bootstrap token of the process that serves an authority.
    pub fn token(&self, authority: &str) -> &str {
        self.tokens.get(authority).map_or("", String::as_str)
    }

    /// Asks every process to stop, waits, then stops Postgres.
    pub async fn stop(mut self) {
        for (_, child) in &mut self.children {
            drop(child.stdin.take());
        }
        for (name, child) in &mut self.children {
            if tokio::time::timeout(Duration::from_secs(5), child.wait()).await.is_err() {
                eprintln!("process `{name}` did not stop by itself and is ended");
                let _ = child.kill().await;
            }
        }
        let cluster = self.cluster;
        let _ = tokio::task::spawn_blocking(move || drop(cluster)).await;
    }
}

fn database(process: &str) -> String {
    process.replace('-', "_")
}

fn names(plan: &Plan) -> Vec<String> {
    plan.processes.iter().map(|p| database(p.name)).collect()
}

/// One cluster, two roles, one migrated database that the others are copies of.
fn prepare(dir: &Path, databases: &[String]) -> anyhow::Result<Cluster> {
    let cluster = Cluster::start(dir, true)?;
    let explain = |e: charter_store::Error| {
        anyhow::anyhow!(e.source_text().map_or_else(|| e.to_string(), str::to_owned))
    };
    let admin = cluster.admin_url("postgres");
    charter_store::migrate::provision(&admin, "template").map_err(explain)?;
    charter_store::migrate::run(&cluster.url("template", "charter_owner")).map_err(explain)?;
    for name in databases {
        charter_store::migrate::copy_database(&admin, "template", name).map_err(explain)?;
    }
    Ok(cluster)
}

/// A port that is taken is named before anything starts; an earlier demo that was just killed is given time to go.
async fn ports_free(plan: &Plan) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    for port in plan.registries().map(|member| member.port) {
        while let Err(error) = std::net::TcpListener::bind(("127.0.0.1", port)) {
            if Instant::now() > deadline {
                bail!("port {port} is taken ({error}): is a demo running? `--base-port` moves all");
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}
