//! Three sites: A and B with PostgreSQL under Patroni, etcd, Redis and two servers each; C with the third node, and a
//! witness outside of the cluster.

pub mod console;
pub mod sweep;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::bail;

pub use self::console::Arguments;

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

/// A `charterd serve` of site A or B.
#[derive(Debug, Clone)]
pub struct Server {
    pub name: String,
    pub site: Site,
    pub address: SocketAddr,
}

/// How a server is started that is not just the one of this build.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Another `charterd`.
    pub binary: Option<PathBuf>,
    /// More variables of its environment.
    pub env: Vec<(String, String)>,
}

impl Start {
    /// Its wall clock is off by so much (libfaketime: `+1h`, `-30s`); its monotonic clock is not.
    pub fn shifted(_by: &str) -> anyhow::Result<Self> {
        bail!("not there")
    }
}

/// A Redis.
#[derive(Debug, Clone)]
pub struct RedisControl {
    pub pid: u32,
    pub url: String,
}

/// The witness at site C.
#[derive(Debug, Clone)]
pub struct WitnessControl {
    pub pid: u32,
    pub address: SocketAddr,
}

impl WitnessControl {
    pub fn freeze(&self) {}
    pub fn thaw(&self) {}
}

/// Where and how the sites are.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// For all files; a fresh folder where there is none.
    pub dir: Option<PathBuf>,
    /// Each site in a network namespace, so that they can be parted: root only. Else all is on loopback.
    pub namespaces: bool,
    /// The node of this site has a small disk of its own that `fill_disk` fills: root only.
    pub small_disk: Option<Site>,
}

/// The sites, running; all ends and goes when it is dropped.
pub struct Lab;

impl Lab {
    pub async fn start(_options: &Options) -> anyhow::Result<Self> {
        bail!("not there")
    }
    /// The folder with all files, each site's in `a`, `b` and `c`.
    pub fn dir(&self) -> &Path {
        Path::new("")
    }
    /// `a1`, `a2`, `b1`, `b2`.
    pub fn servers(&self) -> Vec<Server> {
        Vec::new()
    }
    /// The process of a server, where it runs.
    pub fn server_pid(&self, _name: &str) -> Option<u32> {
        None
    }
    /// The configuration file of a server, for its other commands.
    pub fn config(&self, _name: &str) -> PathBuf {
        PathBuf::new()
    }
    /// The bootstrap token, of all servers.
    pub fn token(&self) -> &str {
        ""
    }
    pub fn authority(&self) -> &str {
        ""
    }
    /// The owner's connection, all hosts.
    pub fn url(&self) -> String {
        String::new()
    }
    /// The owner's connection, one host.
    pub fn node_url(&self, _site: Site) -> String {
        String::new()
    }
    /// Patroni's address of a site.
    pub fn patroni(&self, _site: Site) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }
    pub async fn leader(&self) -> anyhow::Result<Site> {
        bail!("not there")
    }
    pub async fn wait_leader(&self, _other_than: Option<Site>, _within: Duration) -> anyhow::Result<Site> {
        bail!("not there")
    }
    /// Starts what is dead, thaws, joins, and waits until there are one leader, two standbys in its synchronous set and
    /// four servers that are ready.
    pub async fn whole(&mut self, _within: Duration) -> anyhow::Result<()> {
        bail!("not there")
    }
    pub fn kill_postmaster(&self, _site: Site) {}
    /// Patroni and Postgres.
    pub fn kill_node(&mut self, _site: Site) {}
    /// All that runs there.
    pub fn kill_site(&mut self, _site: Site) {}
    /// Patroni and all processes of Postgres.
    pub fn freeze_node(&self, _site: Site) {}
    pub fn thaw_node(&self, _site: Site) {}
    pub fn freeze_patroni(&self, _site: Site) {}
    pub fn thaw_patroni(&self, _site: Site) {}
    /// A planned one, by Patroni.
    pub async fn switchover(&self, _to: Option<Site>) -> anyhow::Result<()> {
        bail!("not there")
    }
    pub fn freeze_etcd(&self, _sites: &[Site]) {}
    pub fn thaw_etcd(&self, _sites: &[Site]) {}
    /// Parts a site from others, both ways. Clients still reach it.
    pub fn cut(&self, _site: Site, _from: &[Site]) -> anyhow::Result<()> {
        bail!("not there")
    }
    /// Parts a site from the etcd of others and others from its etcd; the databases go on reaching each other.
    pub fn cut_etcd_only(&self, _site: Site, _from: &[Site]) -> anyhow::Result<()> {
        bail!("not there")
    }
    /// Ends all cuts.
    pub fn join(&self) -> anyhow::Result<()> {
        bail!("not there")
    }
    pub fn kill_server(&mut self, _name: &str) {}
    /// Lets it drain.
    pub async fn stop_server(&mut self, _name: &str) -> anyhow::Result<()> {
        bail!("not there")
    }
    /// With another program than that of this build; returns when it is ready.
    pub async fn start_server_with(&mut self, _name: &str, _binary: &Path) -> anyhow::Result<()> {
        bail!("not there")
    }
    pub async fn start_server_as(&mut self, _name: &str, _how: &Start) -> anyhow::Result<()> {
        bail!("not there")
    }
    /// Lets it drain, and starts it again.
    pub async fn restart_server(&mut self, _name: &str) -> anyhow::Result<()> {
        bail!("not there")
    }
    pub fn freeze_server(&self, _name: &str) {}
    pub fn thaw_server(&self, _name: &str) {}
    pub fn redis(&self, _site: Site) -> anyhow::Result<RedisControl> {
        bail!("not there")
    }
    pub fn kill_redis(&mut self, _site: Site) {}
    pub fn freeze_redis(&self, _site: Site) {}
    pub fn thaw_redis(&self, _site: Site) {}
    pub fn witness(&self) -> anyhow::Result<WitnessControl> {
        bail!("not there")
    }
    /// A full backup, taken at the leader.
    pub async fn backup(&self) -> anyhow::Result<()> {
        bail!("not there")
    }
    /// `pgbackrest` with the configuration of a site, to be run as `postgres`.
    pub fn pgbackrest(&self, _site: Site) -> Vec<String> {
        Vec::new()
    }
    /// Fills the small disk (see `Options`).
    pub fn fill_disk(&self) -> anyhow::Result<()> {
        bail!("not there")
    }
    pub fn free_disk(&self) -> anyhow::Result<()> {
        bail!("not there")
    }
}
