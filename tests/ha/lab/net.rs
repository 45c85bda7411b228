//! The networks of the sites: a namespace each on one bridge; or addresses on loopback, which cannot be parted.
//!
//! A cut drops what arrives, without a word, so that callers run into their deadlines as they do when a line is dead.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::MetadataExt as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};

use super::Site;

/// Rules of cuts, before the table of own addresses, which is looked at after them.
const CUT: &str = "50";
const OWN: &str = "100";
/// More than the rules of all cuts together.
const MOST_RULES: usize = 200;

/// The addresses of a site: cuts tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Postgres and Patroni. What the site asks of others comes from here.
    Node,
    Etcd,
    /// Redis, servers, the witness.
    Door,
}

impl Part {
    const ALL: [Self; 3] = [Self::Node, Self::Etcd, Self::Door];
}

/// Which addresses and namespaces are those of a run.
#[derive(Debug, Clone, Copy)]
pub struct Net {
    /// The run's process, by which its namespaces are named.
    run: u32,
    prefix: [u8; 3],
    pub namespaces: bool,
}

impl Net {
    /// Makes the namespaces, or finds free addresses on loopback.
    pub fn create(run: u32, namespaces: bool) -> anyhow::Result<Self> {
        let third = (0..200_u32).filter_map(|n| u8::try_from(1 + (run + n) % 250).ok());
        let mut tried = third.map(|third| match namespaces {
            true => Self { run, prefix: [10, 77, third], namespaces },
            false => Self { run, prefix: [127, 77, third], namespaces },
        });
        let net = tried.find(Self::is_free).context("no free addresses for three sites")?;
        if namespaces {
            net.bridge().context("the sites' networks cannot be made; `--loopback` does without them")?;
            for site in Site::ALL {
                net.join_bridge(site).with_context(|| format!("the network of site {site}"))?;
            }
        }
        Ok(net)
    }

    fn is_free(&self) -> bool {
        if self.namespaces {
            let [a, b, c] = self.prefix;
            let used = ip(&["-o", "-4", "address", "show"]).unwrap_or_default();
            return !used.contains(&format!(" {a}.{b}.{c}."));
        }
        let site = Site::A;
        let ports = [(Part::Node, 5432), (Part::Node, 8008), (Part::Etcd, 2379), (Part::Door, 6379)];
        ports.iter().all(|(part, port)| TcpListener::bind((self.ip(site, *part), *port)).is_ok())
    }

    fn bridge(&self) -> anyhow::Result<()> {
        let [a, b, c] = self.prefix;
        let name = bridge(self.run);
        ip(&["link", "add", &name, "type", "bridge"])?;
        ip(&["address", "add", &format!("{a}.{b}.{c}.1/24"), "dev", &name])?;
        ip(&["link", "set", &name, "up"]).map(drop)
    }

    fn join_bridge(&self, site: Site) -> anyhow::Result<()> {
        let (name, outer) = (namespace(self.run, site), format!("ch{}{site}", self.run));
        ip(&["netns", "add", &name])?;
        ip(&["link", "add", &outer, "type", "veth", "peer", "name", "eth0", "netns", &name])?;
        ip(&["link", "set", &outer, "master", &bridge(self.run), "up"])?;
        for part in Part::ALL {
            ip(&["-n", &name, "address", "add", &format!("{}/24", self.ip(site, part)), "dev", "eth0"])?;
        }
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        ip(&["-n", &name, "link", "set", "eth0", "up"])?;
        ip(&["-n", &name, "rule", "add", "pref", OWN, "lookup", "local"])?;
        ip(&["-n", &name, "rule", "delete", "pref", "0"]).map(drop)
    }

    pub fn ip(&self, site: Site, part: Part) -> Ipv4Addr {
        let [a, b, c] = self.prefix;
        let tens = match site {
            Site::A => 10,
            Site::B => 20,
            Site::C => 30,
        };
        let ones = match part {
            Part::Node => 1,
            Part::Etcd => 2,
            Part::Door => 3,
        };
        Ipv4Addr::new(a, b, c, tens + ones)
    }

    pub fn address(&self, site: Site, part: Part, port: u16) -> SocketAddr {
        SocketAddr::from((self.ip(site, part), port))
    }

    /// All addresses that the sites' programs come from.
    pub fn range(&self) -> String {
        let [a, b, c] = self.prefix;
        if self.namespaces { format!("{a}.{b}.{c}.0/24") } else { "127.0.0.0/8".to_owned() }
    }

    /// Where a program of a site runs.
    pub fn namespace(&self, site: Site) -> Option<String> {
        self.namespaces.then(|| namespace(self.run, site))
    }

    /// Parts two sites, both ways.
    pub fn cut(&self, one: Site, other: Site) -> anyhow::Result<()> {
        for (at, from) in [(one, other), (other, one)] {
            for part in Part::ALL {
                self.drop_from(at, self.ip(from, part), None)?;
            }
        }
        Ok(())
    }

    /// Parts each from the other's etcd; all else goes on.
    pub fn cut_etcd(&self, one: Site, other: Site) -> anyhow::Result<()> {
        for (at, from) in [(one, other), (other, one)] {
            for part in Part::ALL {
                self.drop_from(at, self.ip(from, part), Some(self.ip(at, Part::Etcd)))?;
            }
            self.drop_from(at, self.ip(from, Part::Etcd), None)?;
        }
        Ok(())
    }

    fn drop_from(&self, at: Site, from: Ipv4Addr, to: Option<Ipv4Addr>) -> anyhow::Result<()> {
        ensure!(
            self.namespaces,
            "sites on loopback cannot be parted: run this as root, without `--loopback`"
        );
        let (name, from) = (namespace(self.run, at), format!("{from}/32"));
        let to = to.map(|to| format!("{to}/32"));
        let mut args = vec!["-n", &name, "rule", "add", "pref", CUT, "iif", "eth0", "from", &from];
        args.extend(to.iter().flat_map(|to| ["to", to]));
        args.push("blackhole");
        match ip(&args) {
            Err(error) if !error.to_string().contains("exists") => Err(error),
            _ => Ok(()),
        }
    }

    /// Ends all cuts.
    pub fn join(&self) -> anyhow::Result<()> {
        for site in Site::ALL.into_iter().filter(|_| self.namespaces) {
            let name = namespace(self.run, site);
            let gone = || ip(&["-n", &name, "rule", "delete", "pref", CUT]).is_err();
            ensure!((0..MOST_RULES).any(|_| gone()), "the cuts of site {site} do not end");
        }
        Ok(())
    }
}

pub fn namespace(run: u32, site: Site) -> String {
    format!("charter-{run}-{site}")
}

fn bridge(run: u32) -> String {
    format!("chb{run}")
}

/// Every process in a namespace.
pub fn processes(namespace: &str) -> Vec<u32> {
    let Ok(wanted) = fs::metadata(format!("/run/netns/{namespace}")) else { return Vec::new() };
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let inside = |pid: &u32| {
        fs::metadata(format!("/proc/{pid}/ns/net"))
            .is_ok_and(|m| (m.dev(), m.ino()) == (wanted.dev(), wanted.ino()))
    };
    pids.filter(inside).collect()
}

/// Removes a run's networks; nothing runs in them.
pub fn remove(run: u32) {
    for site in Site::ALL {
        let _ = ip(&["netns", "delete", &namespace(run, site)]);
    }
    let _ = ip(&["link", "delete", &bridge(run)]);
}

/// Whether namespaces can be made here at all.
pub fn can_part() -> bool {
    rustix::process::geteuid().is_root() && ip(&["netns", "list"]).is_ok()
}

fn ip(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("ip").args(args).stdin(Stdio::null()).output();
    let output = output.context("`ip` is missing: run `scripts/setup ha`")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    bail!("`ip {}` failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim())
}
