//! Registries below each other, a process and a database each.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use charter_proto::charter::registry::v1::{SetStatusRequest, set_status_request::Target};
use charter_server::demo::ask;
use charter_tests::nations::https;
use serde_json::Value;

use crate::{
    client::Connection,
    load,
    process::{Process, addresses},
    question::{Asking, Question, entity},
    site::{Registry, Server, Site},
};

/// A revocation that is not seen by then is a fault.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(5);

/// A registry: names of database, authority and registry, and which of those before it is above.
pub type Level = (&'static str, &'static str, &'static str, Option<usize>);

pub struct Stack<'a> {
    site: &'a Site,
    levels: &'static [Level],
    /// In the order of the levels.
    pub servers: Vec<Server>,
}

impl<'a> Stack<'a> {
    /// Makes databases and configurations.
    pub fn prepare<const N: usize>(
        site: &'a Site,
        levels: &'static [Level; N],
        limits: &'static str,
    ) -> anyhow::Result<Self> {
        let mut servers = Vec::new();
        for ((name, authority, slug, above), address) in levels.iter().copied().zip(addresses::<N>()?) {
            let superior = above.and_then(|n| levels.get(n)).map(|level| https(level.1));
            let registries = vec![Registry::new(authority, slug, "FI", superior.as_deref())];
            let server = Server { name, address, registries, sequence: true, limits };
            site.prepare(&server)?;
            servers.push(server);
        }
        Ok(Self { site, levels, servers })
    }

    pub fn server(&self, n: usize) -> anyhow::Result<&Server> {
        self.servers.get(n).context("no such level")
    }

    /// From the last to the first; the processes are in the order of the servers.
    pub async fn start(&self) -> anyhow::Result<Vec<Process>> {
        let mut running = Vec::new();
        for server in self.servers.iter().rev() {
            running.push(self.site.serve(server).await?);
        }
        running.reverse();
        Ok(running)
    }

    /// Lets each speak for everything as a subordinate of the one above it, which reaches it at `endpoints`, in the order of
    /// the levels.
    pub async fn delegate(&self, endpoints: &[SocketAddr]) -> anyhow::Result<()> {
        for (n, ((_, authority, _, above), endpoint)) in self.levels.iter().zip(endpoints).enumerate().rev() {
            let Some(above) = *above else { continue };
            let superior = self.levels.get(above).context("nobody is above")?.1;
            let reached = Server { address: *endpoint, ..self.server(n)?.clone() };
            let way = ((self.server(above)?, superior), (&reached, *authority));
            load::delegate(self.site, way.0, way.1, (self.below(n), &[])).await?;
        }
        Ok(())
    }

    /// Addresses of the servers themselves.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// How many levels there are below one.
    fn below(&self, n: usize) -> u32 {
        let children = (n + 1..self.levels.len()).filter(|child| self.levels[*child].3 == Some(n));
        children.map(|child| self.below(child) + 1).max().unwrap_or(0)
    }

    /// What the first says of an entity of the last.
    async fn reason(&self, connection: &mut Connection, number: usize) -> anyhow::Result<String> {
        let (first, last) = (self.levels.first(), self.levels.last());
        let (asked, stated) = (first.context("a level")?.1, last.context("a level")?.1);
        let question = Question::new("/authorization", asked, &entity(number), true, stated);
        let (_, answer) = connection.post(&question.path, question.body(Asking::Plain)).await?;
        let said: Value = serde_json::from_slice(&answer)?;
        Ok(said["meta"]["reason"].as_str().unwrap_or_default().to_owned())
    }

    /// That the first answers yes about an entity of the last.
    pub async fn holds(&self, number: usize) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.server(0)?.address).await?;
        let reason = self.reason(&mut connection, number).await?;
        ensure!(reason == "ACTIVE", "before its revocation an entity is {reason}");
        Ok(())
    }

    /// Seconds from asking the last to revoke an entity until the first denies it: more than since the commit, which is a
    /// lease before the acknowledgement.
    pub async fn revoked(&self, number: usize) -> anyhow::Result<f64> {
        let last = self.servers.last().context("a level")?;
        let mut connection = Connection::open(self.server(0)?.address).await?;
        let request = SetStatusRequest {
            registry_id: self.levels.last().context("a level")?.1.to_owned(),
            target: Some(Target::EntityId(entity(number))),
            state: "REVOKED".to_owned(),
            reason: "MEASURED".to_owned(),
            ..SetStatusRequest::default()
        };
        let mut client = ask::importer(&last.url(), &self.site.token(last)?)?;
        let begun = Instant::now();
        let seen = async {
            while self.reason(&mut connection, number).await? != "REVOKED" {
                tokio::time::sleep(LOOK).await;
            }
            anyhow::Ok(begun.elapsed().as_secs_f64())
        };
        let (revoked, seen) =
            tokio::join!(client.set_status(request), tokio::time::timeout(SEEN_WITHIN, seen));
        revoked?;
        seen.context("the revocation was not seen at the top")?
    }
}
