//! Making everything whole again, and servers started and stopped one by one.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use charter_server::demo::ask;
use tokio::time::{sleep, timeout};

use super::{
    Lab, Role, Server, Site, Start, disk, files,
    process::{self, runs},
};

const EACH: Duration = Duration::from_millis(100);
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// For one server to be ready, with a cluster that is whole.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A server that is asked to stop lets requests finish.
const STOPPED_WITHIN: Duration = Duration::from_secs(35);

impl Lab {
    /// Starts what is dead, lets go on what is frozen, ends cuts, and waits until there are one leader, two standbys in
    /// its synchronous set, and servers and a witness that are ready.
    pub async fn whole(&mut self, within: Duration) -> anyhow::Result<()> {
        self.join()?;
        disk::free(&self.files.dir)?;
        self.thaw_all();
        let until = Instant::now() + within;
        loop {
            self.start_missing()?;
            let Some(fault) = self.fault().await else { return Ok(()) };
            if Instant::now() > until {
                bail!("not whole again within {} s: {fault}", within.as_secs());
            }
            sleep(EACH).await;
        }
    }

    /// What should run, in the order in which it is started.
    fn roles(&self) -> Vec<(Site, Role)> {
        let sites = |role: &Role| Site::ALL.map(|site| (site, role.clone()));
        let mut roles: Vec<(Site, Role)> =
            sites(&Role::Etcd).into_iter().chain(sites(&Role::Patroni)).collect();
        roles.extend([Site::A, Site::B].map(|site| (site, Role::Redis)));
        roles.extend([Role::WitnessDatabase, Role::Witness].map(|role| (Site::C, role)));
        roles.extend(self.servers().into_iter().map(|server| (server.site, Role::Server(server.name))));
        roles
    }

    fn start_missing(&mut self) -> anyhow::Result<()> {
        for (site, role) in self.roles() {
            let key = (site, role);
            if !self.running.get_mut(&key).is_some_and(runs) {
                self.launch(key.0, &key.1)?;
            }
        }
        Ok(())
    }

    /// Servers, and the witness, that have ended though nobody ended them, with their last words. What faults kill or stop is
    /// not among what should run.
    pub fn ended(&mut self) -> Vec<String> {
        let own = |role: &Role| matches!(role, Role::Server(_) | Role::Witness);
        let running = self.running.iter_mut().filter(|((_, role), _)| own(role));
        let gone = running.filter_map(|(key, child)| Some((key.clone(), child.try_wait().ok()??)));
        let gone: Vec<_> = gone.collect();
        let words = |(site, role): &(Site, Role)| files::tail(&self.files.log(*site, &role.to_string()));
        gone.iter()
            .map(|(key, status)| format!("{} ended by itself: {status}\n{}", key.1, words(key)))
            .collect()
    }

    /// What is not as it should be, the first thing.
    async fn fault(&self) -> Option<String> {
        if let Some(fault) = self.cluster_fault().await {
            return Some(fault);
        }
        let servers = self.servers().into_iter().map(|server| (server.name, server.address));
        for (name, address) in servers.chain([("the witness".to_owned(), self.witness_address())]) {
            if let Err(why) = ready(address).await {
                return Some(format!("{name} is not ready: {why}"));
            }
        }
        None
    }

    /// As `whole` for the nodes alone, and starts nothing.
    pub(super) async fn wait_cluster(&self, within: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + within;
        while let Some(fault) = self.cluster_fault().await {
            ensure!(Instant::now() < until, "no whole cluster within {} s: {fault}", within.as_secs());
            sleep(EACH).await;
        }
        Ok(())
    }

    /// The process of a server, where it runs.
    pub fn server_pid(&self, name: &str) -> Option<u32> {
        let server = self.server(name).ok()?;
        self.pid(server.site, &Role::Server(server.name))
    }

    pub fn kill_server(&mut self, name: &str) {
        if let Ok(server) = self.server(name) {
            self.kill(server.site, &Role::Server(server.name));
        }
    }

    /// Lets it drain.
    pub async fn stop_server(&mut self, name: &str) -> anyhow::Result<()> {
        let server = self.server(name)?;
        let Some(mut child) = self.running.remove(&(server.site, Role::Server(server.name))) else {
            return Ok(());
        };
        drop(child.stdin.take());
        let until = Instant::now() + STOPPED_WITHIN;
        while runs(&mut child) {
            if Instant::now() > until {
                process::end(&mut child);
                bail!("`{name}` did not stop within {} s and was ended", STOPPED_WITHIN.as_secs());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// With another program than that of this build; returns when it is ready.
    pub async fn start_server_with(&mut self, name: &str, binary: &Path) -> anyhow::Result<()> {
        let how = Start { binary: Some(binary.to_path_buf()), env: Vec::new() };
        self.start_server_as(name, &how).await
    }

    /// Returns when it is ready. One that runs is ended before.
    pub async fn start_server_as(&mut self, name: &str, how: &Start) -> anyhow::Result<()> {
        let server = self.server(name)?;
        let role = Role::Server(server.name.clone());
        self.launch_as(server.site, &role, how)?;
        let until = Instant::now() + READY_WITHIN;
        while let Err(why) = ready(server.address).await {
            let ended = !self.running.get_mut(&(server.site, role.clone())).is_some_and(runs);
            if ended || Instant::now() > until {
                bail!("`{name}` did not become ready: {why}\n{}", self.words_of(&server));
            }
            sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    fn words_of(&self, server: &Server) -> String {
        files::tail(&self.files.log(server.site, &server.name))
    }

    /// Lets it drain, and starts it again.
    pub async fn restart_server(&mut self, name: &str) -> anyhow::Result<()> {
        self.stop_server(name).await?;
        self.start_server_as(name, &Start::default()).await
    }

    pub fn freeze_server(&self, name: &str) {
        if let Some(pid) = self.server_pid(name) {
            process::signal(pid, rustix::process::Signal::STOP);
        }
    }

    pub fn thaw_server(&self, name: &str) {
        if let Some(pid) = self.server_pid(name) {
            process::signal(pid, rustix::process::Signal::CONT);
        }
    }

    /// Fills the small disk (see `Options`).
    pub fn fill_disk(&self) -> anyhow::Result<()> {
        disk::fill(&self.files.dir)
    }

    pub fn free_disk(&self) -> anyhow::Result<()> {
        disk::free(&self.files.dir)
    }
}

/// Whether a server says that it is ready, or what it says.
async fn ready(address: SocketAddr) -> Result<(), String> {
    let url = format!("http://{address}/readyz");
    let asked = timeout(ANSWERS_WITHIN, async { ask::get(&url).await }).await;
    match asked.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())? {
        answer if answer.status == 200 => Ok(()),
        answer => Err(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body).trim())),
    }
}
