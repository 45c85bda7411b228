//! A private Postgres, and `charterd serve` processes with a database and a configuration file each.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use charter_server::demo::cluster::Cluster;
use charter_store::migrate;

use crate::process::{Process, family, family_cpu};

const TEMPLATE: &str = "template";

pub struct Site {
    pub dir: PathBuf,
    cluster: Option<Cluster>,
}

/// A registry that a process serves.
#[derive(Debug, Clone)]
pub struct Registry {
    pub authority: String,
    pub slug: String,
    pub country: String,
    pub superior: Option<String>,
    /// More settings, in TOML.
    pub details: String,
}

impl Registry {
    pub fn new(authority: &str, slug: &str, country: &str, superior: Option<&str>) -> Self {
        Self {
            authority: authority.to_owned(),
            slug: slug.to_owned(),
            country: country.to_owned(),
            superior: superior.map(str::to_owned),
            details: String::new(),
        }
    }
}

/// A server's name, address and registries; the first registry is the listener's.
#[derive(Debug, Clone)]
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    pub registries: Vec<Registry>,
    /// Whether it puts events into the transparency logs.
    pub sequence: bool,
    /// More settings of its limits, in TOML.
    pub limits: &'static str,
}

impl Server {
    pub fn registry(&self, authority: &str) -> anyhow::Result<&Registry> {
        self.registries.iter().find(|r| r.authority == authority).context("no such registry")
    }
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn explain(e: charter_store::Error) -> anyhow::Error {
    let source = e.source_text().map(str::to_owned);
    source.map_or_else(|| e.into(), anyhow::Error::msg)
}

impl Site {
    /// Starts Postgres, durable as in earnest, with a migrated database to copy.
    pub async fn start(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let wish = dir.join("postgres");
        let cluster = tokio::task::spawn_blocking(move || {
            let cluster = Cluster::start(&wish, true)?;
            migrate::provision(&cluster.admin_url("postgres"), TEMPLATE).map_err(explain)?;
            migrate::run(&cluster.url(TEMPLATE, "charter_owner")).map_err(explain)?;
            anyhow::Ok(cluster)
        });
        Ok(Self { cluster: Some(cluster.await??), dir })
    }

    pub fn cluster(&self) -> anyhow::Result<&Cluster> {
        self.cluster.as_ref().context("stopped")
    }

    /// A database of its own, for what needs no server.
    pub fn copy(&self, name: &str) -> anyhow::Result<()> {
        migrate::copy_database(&self.cluster()?.admin_url("postgres"), TEMPLATE, name).map_err(explain)
    }

    pub fn database(&self, name: &str, role: &str) -> anyhow::Result<String> {
        Ok(self.cluster()?.url(name, role))
    }

    pub fn postgres(&self) -> anyhow::Result<&Path> {
        Ok(self.cluster()?.dir())
    }

    /// Memory of Postgres and its processes, what they share counted once, in MB.
    pub fn postgres_memory(&self) -> anyhow::Result<f64> {
        family(self.postmaster()?)
    }

    /// CPU time of Postgres and its processes so far, in seconds.
    pub fn postgres_cpu(&self) -> anyhow::Result<f64> {
        family_cpu(self.postmaster()?)
    }

    fn postmaster(&self) -> anyhow::Result<u32> {
        let file = fs::read_to_string(self.cluster()?.data().join("postmaster.pid"))?;
        Ok(file.lines().next().context("no process")?.trim().parse()?)
    }

    /// Makes a server's database, directory and configuration.
    pub fn prepare(&self, server: &Server) -> anyhow::Result<()> {
        self.prepare_with(server, "")
    }

    /// The same with further settings, which stand before all sections.
    pub fn prepare_with(&self, server: &Server, settings: &str) -> anyhow::Result<()> {
        let cluster = self.cluster()?;
        migrate::copy_database(&cluster.admin_url("postgres"), TEMPLATE, server.name).map_err(explain)?;
        let dir = self.dir.join(server.name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir)?;
        self.configure(server, settings)
    }

    /// Writes a server's configuration anew.
    pub fn configure(&self, server: &Server, settings: &str) -> anyhow::Result<()> {
        let quiet = if settings.contains("log = ") { "" } else { "log = { filter = \"warn\" }\n" };
        let text = format!("{quiet}{settings}{}", self.config(server)?);
        Ok(fs::write(self.config_file(server), text)?)
    }

    pub fn config_file(&self, server: &Server) -> PathBuf {
        self.dir.join(server.name).join("charterd.toml")
    }

    /// Defaults, with limits that are checked but never reached.
    fn config(&self, server: &Server) -> anyhow::Result<String> {
        let (dir, url) = (self.dir.join(server.name), self.cluster()?.url(server.name, "charter_runtime"));
        let (dir, sequence) = (dir.display(), server.sequence);
        let mut text = format!(
            "[database]\nurl = \"{url}\"\n[keys]\nkek_file = \"{dir}/kek\"\n[bootstrap]\ntoken_file = \"{dir}/token\"\n\
             [log_store]\ndir = \"{dir}/transparency\"\nsequence = {sequence}\n[limits]\nper_address_rps = 1000000\nper_address_burst = 1000000\n\
             global_rps = 1000000\n{}\n",
            server.limits
        );
        for r in &server.registries {
            let superiors = r.superior.iter().map(|s| format!("\"{s}\"")).collect::<String>();
            let _ = write!(
                text,
                "[[registries]]\nauthority_id = \"{}\"\nslug = \"{slug}\"\nname = \"{slug}\"\njurisdiction = \"{}\"\n\
                 public_url = \"http://{}\"\nsuperiors = [{superiors}]\n{}\n",
                r.authority,
                r.country,
                server.address,
                r.details,
                slug = r.slug,
            );
        }
        let first = server.registries.first().context("no registry")?;
        let _ = write!(
            text,
            "[[listeners]]\naddress = \"{}\"\nregistry = \"{}\"\n",
            server.address, first.authority
        );
        Ok(text)
    }

    pub async fn serve(&self, server: &Server) -> anyhow::Result<Process> {
        self.serve_with(server, &[]).await
    }

    /// The same with variables of its own.
    pub async fn serve_with(&self, server: &Server, variables: &[(&str, String)]) -> anyhow::Result<Process> {
        let log = self.dir.join(server.name).join("log.json");
        let config = self.config_file(server);
        let config = config.to_str().context("a path that is not UTF-8")?;
        let args = ["serve", "--with-parent", "--config", config];
        Process::start_with("charterd", &args, server.address, Some("/readyz"), (&log, variables)).await
    }

    /// A limit: a bare server with no configuration.
    pub async fn limit(&self, name: &str, address: SocketAddr) -> anyhow::Result<Process> {
        let log = self.dir.join(format!("{name}.log"));
        Process::start(name, &[&address.to_string()], address, None, &log).await
    }

    pub fn token(&self, server: &Server) -> anyhow::Result<String> {
        let text = fs::read_to_string(self.dir.join(server.name).join("token"))?;
        Ok(text.trim().to_owned())
    }

    /// That the SQL function which `pgbench` runs finds what Charter finds.
    pub async fn check_facts(&self, server: &Server, entity: &str) -> anyhow::Result<()> {
        let url = self.cluster()?.url(server.name, "charter_runtime");
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        let sql = "select facts(1, 0::smallint, $1, 'issue', 'UniversityDegreeCredential', null)";
        let facts: String = client.query_one(sql, &[&entity]).await?.try_get(0)?;
        let facts: serde_json::Value = serde_json::from_str(&facts)?;
        anyhow::ensure!(facts["e"] == true && facts["st"][0]["d"].is_string(), "facts: {facts}");
        drop(client);
        connection.await??;
        Ok(())
    }

    /// Statistics for the planner, which autovacuum would gather a minute later.
    pub async fn analyze(&self, server: &Server) -> anyhow::Result<()> {
        let url = self.cluster()?.admin_url(server.name);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute("vacuum analyze").await?;
        drop(client);
        connection.await??;
        Ok(())
    }

    /// Stops Postgres and removes its data.
    pub async fn stop(mut self) {
        let cluster = self.cluster.take();
        let _ = tokio::task::spawn_blocking(move || drop(cluster)).await;
    }
}
