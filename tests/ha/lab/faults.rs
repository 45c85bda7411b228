//! What goes wrong at a site: processes killed or frozen, lines cut.

use std::fs;

use anyhow::Context as _;
use rustix::process::Signal;

use super::{
    Lab, RedisControl, Role, Site, WitnessControl, net,
    process::{end, family, postmaster, signal},
};

impl WitnessControl {
    pub fn freeze(&self) {
        signal(self.pid, Signal::STOP);
    }
    pub fn thaw(&self) {
        signal(self.pid, Signal::CONT);
    }
}

impl Lab {
    pub(super) fn pid(&self, site: Site, role: &Role) -> Option<u32> {
        self.running.get(&(site, role.clone())).map(std::process::Child::id)
    }

    /// Patroni, Postgres, and all that they started.
    fn node(&self, site: Site) -> Vec<u32> {
        let roots = [self.pid(site, &Role::Patroni), postmaster(&self.files.data(site))];
        family(&roots.into_iter().flatten().collect::<Vec<_>>())
    }

    fn everything(&self, site: Site) -> Vec<u32> {
        let mut pids = self.node(site);
        let own = self.running.iter().filter(|((at, _), _)| *at == site).map(|(_, child)| child.id());
        pids.extend(own);
        pids.extend(self.net.namespace(site).iter().flat_map(|name| net::processes(name)));
        pids
    }

    pub(super) fn kill(&mut self, site: Site, role: &Role) {
        if let Some(mut child) = self.running.remove(&(site, role.clone())) {
            end(&mut child);
        }
    }

    /// The first process of a node's Postgres; the others end by themselves.
    pub fn kill_postmaster(&self, site: Site) {
        if let Some(pid) = postmaster(&self.files.data(site)) {
            signal(pid, Signal::KILL);
        }
    }

    /// Patroni and Postgres.
    pub fn kill_node(&mut self, site: Site) {
        self.freeze_node(site); // So that nobody notices and tidies up.
        for pid in self.node(site) {
            signal(pid, Signal::KILL);
        }
        self.kill(site, &Role::Patroni);
    }

    /// Puts a dead node's files where nothing looks for them.
    pub fn take_data(&self, site: Site) -> anyhow::Result<()> {
        let data = self.files.data(site);
        Ok(fs::rename(&data, data.with_extension("taken"))?)
    }

    pub fn give_data(&self, site: Site) -> anyhow::Result<()> {
        let data = self.files.data(site);
        Ok(fs::rename(data.with_extension("taken"), &data)?)
    }

    /// All that runs there.
    pub fn kill_site(&mut self, site: Site) {
        self.freeze_node(site);
        for pid in self.everything(site) {
            signal(pid, Signal::KILL);
        }
        let roles = self.running.keys().filter(|(at, _)| *at == site).cloned().collect::<Vec<_>>();
        for (site, role) in roles {
            self.kill(site, &role);
        }
    }

    /// Patroni and all processes of Postgres.
    pub fn freeze_node(&self, site: Site) {
        // Twice: first what starts others, after which there are no new ones.
        for _ in 0..2 {
            for pid in self.node(site) {
                signal(pid, Signal::STOP);
            }
        }
    }

    pub fn thaw_node(&self, site: Site) {
        for pid in self.node(site) {
            signal(pid, Signal::CONT);
        }
    }

    pub fn freeze_patroni(&self, site: Site) {
        self.tell(site, &Role::Patroni, Signal::STOP);
    }

    pub fn thaw_patroni(&self, site: Site) {
        self.tell(site, &Role::Patroni, Signal::CONT);
    }

    pub fn freeze_etcd(&self, sites: &[Site]) {
        for site in sites {
            self.tell(*site, &Role::Etcd, Signal::STOP);
        }
    }

    pub fn thaw_etcd(&self, sites: &[Site]) {
        for site in sites {
            self.tell(*site, &Role::Etcd, Signal::CONT);
        }
    }

    fn tell(&self, site: Site, role: &Role, what: Signal) {
        if let Some(pid) = self.pid(site, role) {
            signal(pid, what);
        }
    }

    /// Parts a site from others, both ways. Clients still reach it.
    pub fn cut(&self, site: Site, from: &[Site]) -> anyhow::Result<()> {
        from.iter().try_for_each(|other| self.net.cut(site, *other))
    }

    /// Parts a site from the etcd of others and others from its etcd; the databases go on reaching each other.
    pub fn cut_etcd_only(&self, site: Site, from: &[Site]) -> anyhow::Result<()> {
        from.iter().try_for_each(|other| self.net.cut_etcd(site, *other))
    }

    /// Ends all cuts.
    pub fn join(&self) -> anyhow::Result<()> {
        self.net.join()
    }

    /// The Redis of site A or B.
    pub fn redis(&self, site: Site) -> anyhow::Result<RedisControl> {
        self.pid(site, &Role::Redis).with_context(|| format!("no Redis runs at site {site}"))?;
        Ok(RedisControl { url: self.redis_url(site) })
    }

    pub fn kill_redis(&mut self, site: Site) {
        self.kill(site, &Role::Redis);
    }

    pub fn freeze_redis(&self, site: Site) {
        self.tell(site, &Role::Redis, Signal::STOP);
    }

    pub fn thaw_redis(&self, site: Site) {
        self.tell(site, &Role::Redis, Signal::CONT);
    }

    /// At site C.
    pub fn witness(&self) -> anyhow::Result<WitnessControl> {
        let pid = self.pid(Site::C, &Role::Witness).context("the witness does not run")?;
        Ok(WitnessControl { pid, address: self.witness_address() })
    }

    /// Lets everything go on that was frozen, at all sites.
    pub(super) fn thaw_all(&self) {
        for pid in Site::ALL.into_iter().flat_map(|site| self.everything(site)) {
            signal(pid, Signal::CONT);
        }
    }
}
