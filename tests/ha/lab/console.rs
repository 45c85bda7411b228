//! `ha lab`: starts the sites, prints where everything is, takes commands.

use std::{path::PathBuf, time::Instant};

use clap::Parser;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{
    Lab, Options, Site, Start,
    net::Part,
    node,
    node::{ADMIN, POSTGRES},
};

/// What `ha lab` was asked to do.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Folder for all files, which is kept; else a fresh one that goes in the end.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// No network namespaces, all on loopback: sites cannot be parted.
    #[arg(long)]
    loopback: bool,
    /// This site's node has a small disk, which can be filled.
    #[arg(long)]
    small_disk: Option<Site>,
    /// Stop as soon as all are there: shows that it works.
    #[arg(long)]
    check: bool,
}

#[derive(Parser)]
#[command(multicall = true, disable_help_flag = true)]
struct Line {
    #[command(subcommand)]
    order: Order,
}

/// What can be done to the sites.
#[derive(Debug, Clone, clap::Subcommand)]
enum Order {
    /// Where everything is, and who leads.
    Status,
    /// A planned change of the leader.
    Switchover {
        to: Option<Site>,
    },
    /// Kill the first process of a node's Postgres.
    KillPostmaster {
        site: Site,
    },
    /// Kill Patroni and Postgres.
    KillNode {
        site: Site,
    },
    /// Kill all that runs there.
    KillSite {
        site: Site,
    },
    /// Stop Patroni and Postgres where they are; `thaw-node` lets them go on.
    FreezeNode {
        site: Site,
    },
    ThawNode {
        site: Site,
    },
    FreezePatroni {
        site: Site,
    },
    ThawPatroni {
        site: Site,
    },
    FreezeEtcd {
        sites: Vec<Site>,
    },
    ThawEtcd {
        sites: Vec<Site>,
    },
    KillRedis {
        site: Site,
    },
    FreezeRedis {
        site: Site,
    },
    ThawRedis {
        site: Site,
    },
    FreezeWitness,
    ThawWitness,
    /// Part a site from others.
    Cut {
        site: Site,
        from: Vec<Site>,
    },
    /// Part a site from the etcd of others.
    CutEtcd {
        site: Site,
        from: Vec<Site>,
    },
    /// End all cuts.
    Join,
    KillServer {
        name: String,
    },
    StopServer {
        name: String,
    },
    RestartServer {
        name: String,
    },
    FreezeServer {
        name: String,
    },
    ThawServer {
        name: String,
    },
    /// Start a server with another program, or with a clock that is off by so much (`+1h`).
    StartServer {
        name: String,
        #[arg(long)]
        with: Option<PathBuf>,
        #[arg(long)]
        shifted: Option<String>,
    },
    FillDisk,
    FreeDisk,
    /// A full backup.
    Backup,
    /// Make everything whole again.
    Heal,
    /// Stop all and go.
    Quit,
}

/// Runs until Ctrl-C, `quit`, or with `--check` until all are there.
pub async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let begun = Instant::now();
    let usual = Options::usual();
    let options = Options {
        dir: arguments.dir.clone(),
        namespaces: usual.namespaces && !arguments.loopback,
        small_disk: arguments.small_disk,
    };
    if !options.namespaces {
        println!("sites are on loopback and cannot be parted (namespaces need root)");
    }
    let mut lab = Lab::start(&options).await?;
    println!(
        "three sites are up after {:.1} s; files are in {}",
        begun.elapsed().as_secs_f64(),
        lab.dir().display()
    );
    show(&lab).await;
    if arguments.check {
        lab.backup().await?;
        return Ok(true);
    }
    println!("{}", examples(&lab));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if !take(&mut lab, &line).await {
            return Ok(true);
        }
    }
    std::future::pending().await // Nobody types: until Ctrl-C.
}

/// Does one line; false when it is time to go.
async fn take(lab: &mut Lab, line: &str) -> bool {
    let words = line.split_whitespace();
    if words.clone().next().is_none() {
        return true;
    }
    let order = match Line::try_parse_from(words) {
        Ok(Line { order: Order::Quit }) => return false,
        Ok(line) => line.order,
        Err(error) => {
            println!("{error}");
            return true;
        }
    };
    let begun = Instant::now();
    match perform(lab, order).await {
        Ok(()) => println!("done in {:.1} s", begun.elapsed().as_secs_f64()),
        Err(error) => println!("not done: {error:#}"),
    }
    true
}

async fn perform(lab: &mut Lab, order: Order) -> anyhow::Result<()> {
    match order {
        Order::Status => show(lab).await,
        Order::Switchover { to } => lab.switchover(to).await?,
        Order::KillPostmaster { site } => lab.kill_postmaster(site),
        Order::KillNode { site } => lab.kill_node(site),
        Order::KillSite { site } => lab.kill_site(site),
        Order::FreezeNode { site } => lab.freeze_node(site),
        Order::ThawNode { site } => lab.thaw_node(site),
        Order::FreezePatroni { site } => lab.freeze_patroni(site),
        Order::ThawPatroni { site } => lab.thaw_patroni(site),
        Order::FreezeEtcd { sites } => lab.freeze_etcd(&sites),
        Order::ThawEtcd { sites } => lab.thaw_etcd(&sites),
        Order::KillRedis { site } => lab.kill_redis(site),
        Order::FreezeRedis { site } => lab.freeze_redis(site),
        Order::ThawRedis { site } => lab.thaw_redis(site),
        Order::FreezeWitness => lab.witness()?.freeze(),
        Order::ThawWitness => lab.witness()?.thaw(),
        Order::Cut { site, from } => lab.cut(site, &from)?,
        Order::CutEtcd { site, from } => lab.cut_etcd_only(site, &from)?,
        Order::Join => lab.join()?,
        Order::KillServer { name } => lab.kill_server(&name),
        Order::StopServer { name } => lab.stop_server(&name).await?,
        Order::RestartServer { name } => lab.restart_server(&name).await?,
        Order::FreezeServer { name } => lab.freeze_server(&name),
        Order::ThawServer { name } => lab.thaw_server(&name),
        Order::StartServer { name, with: Some(binary), .. } => lab.start_server_with(&name, &binary).await?,
        Order::StartServer { name, with: None, shifted } => {
            let how = shifted.map_or_else(|| Ok(Start::default()), |by| Start::shifted(&by))?;
            lab.start_server_as(&name, &how).await?;
        }
        Order::FillDisk => lab.fill_disk()?,
        Order::FreeDisk => lab.free_disk()?,
        Order::Backup => lab.backup().await?,
        Order::Heal => lab.whole(super::WHOLE_WITHIN).await?,
        Order::Quit => {}
    }
    Ok(())
}

/// A table of what is where.
async fn show(lab: &Lab) {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(["site", "what", "at", "process", "is"]);
    let members = lab.members().await.unwrap_or_default();
    for (site, role) in lab.running.keys() {
        let pid = lab.pid(*site, role).map_or_else(String::new, |pid| pid.to_string());
        let (at, is) = match role {
            super::Role::Patroni => {
                let member = members.iter().find(|member| member.site == *site);
                let is = member.map_or_else(String::new, |m| {
                    let timeline = m.timeline.map_or_else(String::new, |n| format!(", timeline {n}"));
                    format!("{}, {}{timeline}", m.role, m.state)
                });
                (lab.net.address(*site, Part::Node, POSTGRES).to_string(), is)
            }
            super::Role::Etcd => (lab.net.ip(*site, Part::Etcd).to_string(), String::new()),
            super::Role::Redis => {
                (lab.redis(*site).map_or_else(|e| e.to_string(), |redis| redis.url), String::new())
            }
            super::Role::WitnessDatabase => (String::new(), String::new()),
            super::Role::Witness => (
                lab.witness().map_or_else(|e| e.to_string(), |witness| format!("http://{}", witness.address)),
                String::new(),
            ),
            super::Role::Server(name) => {
                let at = lab.server(name).map(|server| format!("http://{}", server.address));
                (at.unwrap_or_default(), String::new())
            }
        };
        table.add_row([site.to_string(), role.to_string(), at, pid, is]);
    }
    println!("{table}");
}

fn examples(lab: &Lab) -> String {
    let first =
        lab.servers().into_iter().next().map_or_else(String::new, |server| server.address.to_string());
    let dir = lab.dir().display();
    let patroni = lab.files.patroni.with_file_name("patronictl");
    format!(
        "try, in another terminal:\n  curl http://{first}/readyz\n  curl http://{}/cluster\n  \
         {} -c {dir}/a/patroni.yml list\n  psql \"{}\"\n  \
         psql \"host={dir}/a port={POSTGRES} dbname=postgres user={ADMIN}\"\n  {} info\n\
         type `help` for what can go wrong here; Ctrl-C ends all",
        lab.patroni(Site::A),
        patroni.display(),
        lab.url(),
        node::pgbackrest(&lab.files, Site::A).join(" "),
    )
}
