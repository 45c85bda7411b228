//! Patroni's cluster: who leads, whether all are there, a planned change; roles, schema, backups.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use charter_server::demo::ask;
use charter_store::migrate;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{Lab, Site, node, process::done, servers::built};
use crate::check::found::connect;

/// For one question to Patroni.
const ANSWERS_WITHIN: Duration = Duration::from_millis(800);
const EACH: Duration = Duration::from_millis(100);
pub const DATABASE: &str = "charter";

/// A member as Patroni sees it.
#[derive(Debug, Clone)]
pub struct Member {
    pub site: Site,
    pub role: String,
    pub state: String,
    pub timeline: Option<u64>,
}

impl Member {
    fn parse(json: &Value) -> Option<Self> {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let name = text("name")?;
        let site = Site::ALL.into_iter().find(|site| site.to_string() == name)?;
        Some(Self { site, role: text("role")?, state: text("state")?, timeline: json["timeline"].as_u64() })
    }

    pub fn leads(&self) -> bool {
        self.role == "leader" && self.state == "running"
    }

    /// A standby whose word counts for a write.
    pub fn confirms(&self) -> bool {
        self.role == "quorum_standby" && self.state == "streaming"
    }
}

impl Lab {
    fn rest(&self, site: Site, path: &str) -> String {
        format!("http://{}{path}", self.patroni(site))
    }

    /// Who takes writes. Two that claim it are an error, as is none.
    pub async fn leader(&self) -> anyhow::Result<Site> {
        let leads = |site: Site| async move {
            let asked = timeout(ANSWERS_WITHIN, async { ask::get(&self.rest(site, "/primary")).await });
            matches!(asked.await, Ok(Ok(answer)) if answer.status == 200)
        };
        let said = futures::future::join_all(Site::ALL.map(leads)).await;
        let leaders: Vec<Site> =
            Site::ALL.into_iter().zip(said).filter(|(_, leads)| *leads).map(|(site, _)| site).collect();
        match leaders.as_slice() {
            [site] => Ok(*site),
            [] => bail!("no node leads"),
            many => bail!("{} nodes say that they lead", many.len()),
        }
    }

    /// As soon as there is one (another one).
    pub async fn wait_leader(&self, other_than: Option<Site>, within: Duration) -> anyhow::Result<Site> {
        let until = Instant::now() + within;
        loop {
            match self.leader().await {
                Ok(site) if Some(site) != other_than => return Ok(site),
                found if Instant::now() > until => {
                    let why = found.map_or_else(|e| e.to_string(), |site| format!("site {site} still leads"));
                    bail!("no new leader within {} s: {why}", within.as_secs());
                }
                _ => sleep(EACH).await,
            }
        }
    }

    /// All members, as the first Patroni says that answers.
    pub async fn members(&self) -> anyhow::Result<Vec<Member>> {
        for site in Site::ALL {
            let asked = timeout(ANSWERS_WITHIN, async { ask::get(&self.rest(site, "/cluster")).await });
            if let Ok(Ok(answer)) = asked.await {
                let json = answer.json()?;
                return Ok(json["members"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Member::parse)
                    .collect());
            }
        }
        bail!("no Patroni answers")
    }

    /// One leads and the others confirm its writes.
    pub(super) async fn cluster_fault(&self) -> Option<String> {
        let members = match self.members().await {
            Ok(members) => members,
            Err(error) => return Some(error.to_string()),
        };
        let leading = members.iter().filter(|member| member.leads()).count();
        let confirming = members.iter().filter(|member| member.confirms()).count();
        let whole = leading == 1 && confirming == Site::ALL.len() - 1;
        let words = members.iter().map(|m| format!("{} {} {}", m.site, m.role, m.state));
        (!whole).then(|| format!("the nodes are {}", words.collect::<Vec<_>>().join(", ")))
    }

    /// A planned change of the leader, as its operators ask for it; returns when it has happened.
    pub async fn switchover(&self, to: Option<Site>) -> anyhow::Result<()> {
        let leader = self.leader().await?;
        ensure!(to != Some(leader), "site {leader} leads already");
        let server = self.servers().into_iter().next().context("no server")?;
        let mut command = Command::new(built()?);
        command.args(["standby", "switchover", "--yes", "--config"]).arg(self.config(&server.name));
        if let Some(to) = to {
            command.args(["--to", &to.to_string()]);
        }
        tokio::task::spawn_blocking(move || done(&mut command)).await??;
        self.wait_leader(Some(leader), Duration::from_secs(20)).await.map(drop)
    }

    /// Roles, the database and its schema.
    pub(super) async fn provision(&self) -> anyhow::Result<()> {
        let leader = self.leader().await?;
        let (making, at) = (self.admin_url(leader), self.node_url(leader));
        let passwords = format!(
            "alter role charter_owner password '{}'; alter role charter_runtime password '{}'",
            self.secrets.owner, self.secrets.runtime
        );
        let made = tokio::task::spawn_blocking(move || migrate::provision(&making, DATABASE));
        made.await?.map_err(explain).context("the roles and the database")?;
        self.as_admin(leader, &passwords).await?;
        let migrated = tokio::task::spawn_blocking(move || migrate::run(&at)).await?;
        migrated.map(drop).map_err(explain).context("the schema")
    }

    fn admin_url(&self, site: Site) -> String {
        self.database(&[site], "postgres", (node::ADMIN, &self.secrets.admin))
    }

    async fn as_admin(&self, site: Site, sql: &str) -> anyhow::Result<()> {
        let (client, connection) =
            tokio_postgres::connect(&self.admin_url(site), tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await?;
        drop(client);
        Ok(connection.await??)
    }

    /// `pgbackrest` with the configuration of a site, to be run as Postgres' user.
    pub fn pgbackrest(&self, site: Site) -> Vec<String> {
        node::pgbackrest(&self.files, site)
    }

    /// A full backup, taken at the leader.
    pub async fn backup(&self) -> anyhow::Result<()> {
        let leader = self.leader().await?;
        // pgBackRest refuses a leader whose control file does not know its timeline yet.
        self.as_admin(leader, "checkpoint").await?;
        self.backups(leader, &["--type=full", "backup"]).await.map(drop)
    }

    /// Postgres' own check of all tables and indexes of a node, against each other and against what they should be.
    pub async fn amcheck(&self, site: Site) -> anyhow::Result<()> {
        let admin = |site| self.database(&[site], DATABASE, (node::ADMIN, &self.secrets.admin));
        let client = connect(&admin(self.leader().await?)).await?;
        client.batch_execute("create extension if not exists amcheck").await?;
        let mut command = self.files.user.command(&self.files.bin.join("pg_amcheck"));
        command.arg("--heapallindexed").arg(admin(site));
        tokio::task::spawn_blocking(move || done(&mut command)).await?.map(drop)
    }

    /// Runs one of pgBackRest's commands at a site.
    pub(super) async fn backups(&self, site: Site, args: &[&str]) -> anyhow::Result<String> {
        let line = self.pgbackrest(site);
        let (program, before) = line.split_first().context("no program")?;
        let mut command = self.files.user.command(Path::new(program));
        command.args(before).args(args);
        tokio::task::spawn_blocking(move || done(&mut command)).await?
    }
}

/// The database's own words.
pub fn explain(error: charter_store::Error) -> anyhow::Error {
    let source = error.source_text().map(str::to_owned);
    source.map_or_else(|| error.into(), anyhow::Error::msg)
}
