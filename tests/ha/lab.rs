//! Three sites: A and B with a database node, etcd, Redis and two servers each; C with the third node, and with the
//! witness and mirror of the log, outside of the cluster. All are real programs; the sites have networks of their own.

mod cluster;
pub mod console;
mod desk;
mod disk;
mod faults;
mod files;
mod net;
mod node;
mod process;
mod servers;
pub mod sweep;
mod whole;

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Child,
    time::Duration,
};

use anyhow::Context as _;

use self::{
    files::{Files, Secrets},
    net::{Net, Part},
    process::Spawner,
};

/// A first leader, and a whole cluster after it; it takes ten seconds where the machine has nothing else to do.
const FOUNDED_WITHIN: Duration = Duration::from_secs(90);
const WHOLE_WITHIN: Duration = Duration::from_secs(120);

/// A place with its own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum Site {
    A,
    B,
    C,
}

impl Site {
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
        })
    }
}

/// What runs at a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Etcd,
    Patroni,
    Redis,
    WitnessDatabase,
    Witness,
    Server(String),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Etcd => "etcd",
            Self::Patroni => "patroni",
            Self::Redis => "redis",
            Self::WitnessDatabase => "witness-database",
            Self::Witness => "witness",
            Self::Server(name) => name,
        })
    }
}

/// A `charterd serve` of site A or B.
#[derive(Debug, Clone)]
pub struct Server {
    pub name: String,
    pub site: Site,
    /// In plaintext: for clients.
    pub address: SocketAddr,
    /// Through TLS: for other registries and servers.
    pub secure: SocketAddr,
}

/// How a server is started that is not just the one of this build.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Another `charterd`.
    pub binary: Option<PathBuf>,
    /// More variables of its environment.
    pub env: Vec<(String, String)>,
}

/// A Redis.
#[derive(Debug, Clone)]
pub struct RedisControl {
    pub url: String,
}

/// The witness at site C.
#[derive(Debug, Clone)]
pub struct WitnessControl {
    pub pid: u32,
    pub address: SocketAddr,
}

/// Where and how the sites are.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// For all files, and kept; a fresh folder that goes where there is none.
    pub dir: Option<PathBuf>,
    /// Each site in a network namespace, so that they can be parted: root only. Else all is on loopback.
    pub namespaces: bool,
    /// The node of this site has a small disk of its own that `fill_disk` fills: root only.
    pub small_disk: Option<Site>,
}

/// The sites, running; all ends and goes when it is dropped.
pub struct Lab {
    net: Net,
    files: Files,
    secrets: Secrets,
    running: BTreeMap<(Site, Role), Child>,
    spawner: Spawner,
    keep: bool,
    /// Waits for our end, in case that nothing here is run any more.
    sweeper: Child,
}

impl Options {
    /// Namespaces where they can be had, everything in a fresh folder.
    pub fn usual() -> Self {
        Self { dir: None, namespaces: net::can_part(), small_disk: None }
    }
}

impl Lab {
    /// Starts all sites; returns when they are whole, with the leader at site A.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        sweep::earlier();
        let (run, keep) = (std::process::id(), options.dir.is_some());
        let files = Files::create(options, run)?;
        let sweeper = sweep::watch(run, &files.dir, keep)?;
        let net =
            Net::create(run, options.namespaces).inspect_err(|_| sweep::clear(run, &files.dir, keep))?;
        let (secrets, spawner) = (Secrets::new(), Spawner::new());
        let mut lab = Self { net, files, secrets, running: BTreeMap::new(), spawner, keep, sweeper };
        lab.found().await.with_context(|| lab.last_words())?;
        lab.whole(WHOLE_WITHIN).await.with_context(|| lab.last_words())?;
        Ok(lab)
    }

    /// The cluster, its first backups, what servers need.
    async fn found(&mut self) -> anyhow::Result<()> {
        for site in Site::ALL {
            node::configure(&self.net, &self.files, &self.secrets, site)?;
            self.launch(site, &Role::Etcd)?;
        }
        self.launch(Site::A, &Role::Patroni)?;
        self.wait_leader(None, FOUNDED_WITHIN).await.context("the first node")?;
        self.launch(Site::B, &Role::Patroni)?;
        self.launch(Site::C, &Role::Patroni)?;
        self.backups(Site::A, &["stanza-create"]).await?;
        self.wait_cluster(FOUNDED_WITHIN).await?;
        self.provision().await?;
        self.prepare_servers().await
    }

    /// Starts a program of a site.
    fn launch(&mut self, site: Site, role: &Role) -> anyhow::Result<()> {
        self.launch_as(site, role, &Start::default())
    }

    fn launch_as(&mut self, site: Site, role: &Role, how: &Start) -> anyhow::Result<()> {
        self.kill(site, role);
        let log = self.files.log(site, &role.to_string());
        let child = self.spawner.start(&self.program(site, role, how, &log)?)?;
        self.running.insert((site, role.clone()), child);
        Ok(())
    }

    /// The folder with all files, each site's in `a`, `b` and `c`, with the logs of its programs.
    pub fn dir(&self) -> &Path {
        &self.files.dir
    }

    /// The bootstrap token, of all servers.
    pub fn token(&self) -> &str {
        &self.secrets.token
    }

    /// Of the registry that all servers serve.
    pub fn authority(&self) -> &str {
        servers::AUTHORITY
    }

    /// The owner's connection, all hosts.
    pub fn url(&self) -> String {
        self.owner(&Site::ALL)
    }

    /// The owner's connection, one host.
    pub fn node_url(&self, site: Site) -> String {
        self.owner(&[site])
    }

    fn owner(&self, sites: &[Site]) -> String {
        self.database(sites, cluster::DATABASE, ("charter_owner", &self.secrets.owner))
    }

    /// Patroni's address of a site.
    pub fn patroni(&self, site: Site) -> SocketAddr {
        self.net.address(site, Part::Node, node::PATRONI)
    }

    /// The ends of the logs that are not empty, for the error of a start.
    fn last_words(&self) -> String {
        let logs =
            self.running.keys().map(|(site, role)| (site, role, self.files.log(*site, &role.to_string())));
        let said = logs.map(|(site, role, log)| (site, role, files::tail(&log)));
        let said = said.filter(|(_, _, tail)| !tail.is_empty());
        said.map(|(site, role, tail)| format!("--- site {site}, {role}\n{tail}\n")).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            process::end(child);
        }
        sweep::clear(std::process::id(), &self.files.dir, self.keep);
        drop(self.sweeper.stdin.take());
        let _ = self.sweeper.wait();
    }
}
