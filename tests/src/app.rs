//! A server in this process: real doors on real sockets, a database of its own, secrets in a temporary directory.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use charter_domain::time::Clock;
use charter_federation::protocol::address::{Lookup, system_lookup};
use charter_server::{App, Config, serve};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use crate::{
    AUTHORITY, TestClock,
    actor::{Anonymous, Registry},
    database::{self, Database},
    program::free_address,
    rest::Rest,
};

/// Fast leases make acknowledgements fast; limits are out of the way unless a test wants them, and so is the usual deadline:
/// a busy machine is no reason to fail.
pub const SETTINGS: &str = "
cache = { lease_ms = 200, poll_ms = 50 }
limits = { per_address_rps = 100000, per_address_burst = 100000, global_rps = 100000, deadline_ms = 10000 }
webhooks = { allow_loopback = true }
";

/// What a server is to be; `start` makes it.
pub struct Build {
    registries: Vec<(String, Option<String>)>,
    /// More settings of each registry.
    details: Vec<String>,
    settings: String,
    /// More settings of its listener.
    listener: String,
    clock: Arc<TestClock>,
    redis: bool,
    /// Where its files stay when it stops.
    at: Option<PathBuf>,
    /// It may work as the owner of its database.
    owner: bool,
    address: SocketAddr,
    /// How it looks up the names of others.
    lookup: Lookup,
}

/// [`SETTINGS`] with the deadline that sites have by default: for tests of those who are late.
pub fn hurried() -> String {
    SETTINGS.replace(", deadline_ms = 10000", "")
}

pub struct TestApp {
    pub app: Arc<App>,
    pub address: SocketAddr,
    /// Of all listeners.
    pub addresses: Vec<SocketAddr>,
    pub clock: Arc<TestClock>,
    pub database: Database,
    pub token: String,
    running: serve::Running,
    path: PathBuf,
    /// Removed with the server.
    _dir: TempDir,
}

impl Build {
    pub fn registry(mut self, authority: &str) -> Self {
        self.registries.push((authority.to_owned(), None));
        self.details.push(String::new());
        self
    }
    /// A registry whose superior is an authority, here or elsewhere.
    pub fn under(mut self, authority: &str, superior: &str) -> Self {
        let https = superior.replacen("did:web:", "https://", 1);
        self.registries.push((authority.to_owned(), Some(https)));
        self.details.push(String::new());
        self
    }
    /// More settings of the registry that was named last, in TOML.
    pub fn details(mut self, toml: &str) -> Self {
        self.details.pop();
        self.details.push(toml.to_owned());
        self
    }
    /// Settings in TOML, instead of the usual ones of the tests.
    pub fn settings(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.settings);
        self
    }
    /// More settings of its listener, in TOML.
    pub fn listener(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.listener);
        self
    }
    pub fn clock(mut self, clock: &Arc<TestClock>) -> Self {
        self.clock = Arc::clone(clock);
        self
    }
    /// Keeps its files in a directory of the test, so that another can go on with them.
    pub fn at(mut self, dir: &Path) -> Self {
        self.at = Some(dir.to_owned());
        self
    }
    /// Knows the connection of its database's owner.
    pub fn owner(mut self) -> Self {
        self.owner = true;
        self
    }
    /// At a port that is known before, so that its configuration says where it answers.
    pub fn reachable(mut self) -> Self {
        self.address = free_address();
        self
    }
    /// Looks up the names of others as the test says.
    pub fn lookup(mut self, lookup: Lookup) -> Self {
        self.lookup = lookup;
        self
    }
    pub fn redis(mut self) -> Self {
        self.redis = true;
        self
    }

    /// The whole configuration, as a file would have it.
    pub fn toml(&self, database: &Database, dir: &std::path::Path, address: SocketAddr) -> String {
        let owner = if self.owner { database.url("charter_owner") } else { String::new() };
        let mut toml = format!(
            "{}\ndatabase = {{ url = \"{}\", owner_url = \"{owner}\", pool_size = 4, hot_connections = 1, \
             statement_timeout_ms = 10000 }}\n\
             keys = {{ kek_file = \"{}\" }}\nbootstrap = {{ token_file = \"{}\" }}\n\
             log = {{ filter = \"warn\", format = \"text\" }}\n",
            self.settings,
            database.url("charter_runtime"),
            dir.join("kek").display(),
            dir.join("token").display(),
        );
        if !self.settings.contains("log_store") {
            let _ = writeln!(toml, "log_store = {{ dir = \"{}\" }}", dir.join("log").display());
        }
        if self.redis {
            let url = database::told(database::REDIS);
            let secret = dir.join("secret");
            let _ = writeln!(toml, "redis = {{ url = \"{url}\", secret_file = \"{}\" }}", secret.display());
        }
        for (n, (authority, superior)) in self.registries.iter().enumerate() {
            let details = self.details.get(n).map_or("", String::as_str);
            let superiors = superior.iter().map(|s| format!("\"{s}\"")).collect::<String>();
            let _ = write!(
                toml,
                "[[registries]]\nauthority_id = \"{authority}\"\nslug = \"r{n}\"\nname = \"{authority}\"\n\
                 jurisdiction = \"FI\"\npublic_url = \"http://{address}\"\nsuperiors = [{superiors}]\n{details}\n"
            );
        }
        let first = self.registries.first().map_or(AUTHORITY, |(a, _)| a.as_str());
        let more = &self.listener;
        let _ = write!(toml, "[[listeners]]\naddress = \"{address}\"\nregistry = \"{first}\"\n{more}\n");
        toml
    }

    pub async fn start(self) -> TestApp {
        let database = Database::create().await;
        let address = self.address;
        self.start_on(database, address).await.expect("a server")
    }

    pub async fn start_on(
        mut self,
        database: Database,
        address: SocketAddr,
    ) -> Result<TestApp, charter_server::context::Startup> {
        if self.registries.is_empty() {
            self = self.registry(AUTHORITY);
        }
        let dir = tempfile::tempdir().expect("a directory");
        let path = self.at.clone().unwrap_or_else(|| dir.path().to_owned());
        secret(&path.join("secret"));
        let toml = self.toml(&database, &path, address);
        let config = Config::from_toml(&toml).expect("a valid configuration");
        charter_server::telemetry::init_logs(&config.log);
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let running = serve::start_with(config, clock, self.lookup).await?;
        let token = std::fs::read_to_string(path.join("token")).expect("a token");
        Ok(TestApp {
            app: Arc::clone(&running.app),
            address: running.addresses[0],
            addresses: running.addresses.clone(),
            clock: self.clock,
            token: token.trim().to_owned(),
            database,
            running,
            path,
            _dir: dir,
        })
    }
}

/// Which cache the servers of the tests have, `memory` or `redis`. `make test` runs the doors' tests with each.
pub const CACHE: &str = "TEST_CACHE";

fn everywhere() -> bool {
    std::env::var(CACHE).is_ok_and(|kind| kind == "redis")
}

/// A secret of this server alone: others' entries in the shared Redis are none for it.
fn secret(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let text = format!("{:032}{:032}", std::process::id(), path.display().to_string().len());
    std::fs::write(path, format!("{text}{}", path.display())).expect("a secret");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
}

impl TestApp {
    pub fn build() -> Build {
        Build {
            registries: Vec::new(),
            details: Vec::new(),
            settings: SETTINGS.to_owned(),
            listener: String::new(),
            clock: Arc::default(),
            redis: everywhere(),
            at: None,
            owner: false,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            lookup: system_lookup(),
        }
    }

    /// One registry, [`AUTHORITY`], on one listener.
    pub async fn start() -> Self {
        Self::build().start().await
    }

    pub fn registry(&self, authority: &str) -> Registry<'_> {
        Registry::new(self, authority)
    }

    pub fn anonymous(&self) -> Anonymous<'_> {
        Anonymous::new(self)
    }

    pub fn rest(&self) -> Rest {
        Rest::new(self.address)
    }

    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url()).expect("a URL").connect_lazy()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn directory(&self) -> &Path {
        &self.path
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}
