//! The servers: two at site A and two at site B over one database, and at site C the witness and mirror of their log,
//! with a database of its own. Servers reach each other and the witness through TLS of an authority of the run.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use charter_server::{Config, log::command::verifiers};
use charter_store::migrate;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::time::sleep;

use super::{
    Lab, Role, Server, Site, Start,
    cluster::{DATABASE, explain},
    files::{private, secret},
    net::Part,
    node,
    process::{Program, done},
};

pub const AUTHORITY: &str = "did:web:education.ha.example";
const WITNESS: &str = "did:web:witness.ha.example";
const REDIS: u16 = 6379;
/// Of the first server of a site; the second has the next.
const PLAIN: u16 = 8001;
const TLS: u16 = 8443;
const STARTED_WITHIN: Duration = Duration::from_secs(20);
const EACH: Duration = Duration::from_millis(50);
const SHIFT: &str = "libfaketime.so.1";

/// What servers need to know of each other.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    log: String,
    witness: String,
}

impl Start {
    /// Its wall clock is off by so much (libfaketime: `+1h`, `-30s`); its monotonic clock is not.
    pub fn shifted(by: &str) -> anyhow::Result<Self> {
        let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let mut files = folders.map(|folder| folder.path().join("faketime").join(SHIFT));
        let library = files.find(|file| file.is_file());
        let library = library.context("libfaketime is missing: run `scripts/setup ha`")?;
        let env = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME", by.to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Self { binary: None, env })
    }
}

impl Lab {
    /// `a1`, `a2`, `b1`, `b2`.
    pub fn servers(&self) -> Vec<Server> {
        let server = |site: Site, n: u16| Server {
            name: format!("{site}{}", n + 1),
            site,
            address: self.net.address(site, Part::Door, PLAIN + n),
            secure: self.net.address(site, Part::Door, TLS + n),
        };
        [Site::A, Site::B].into_iter().flat_map(|site| [0, 1].map(|n| server(site, n))).collect()
    }

    pub fn server(&self, name: &str) -> anyhow::Result<Server> {
        let found = self.servers().into_iter().find(|server| server.name == name);
        found.with_context(|| format!("there is no server `{name}`: they are a1, a2, b1 and b2"))
    }

    /// The configuration file of a server, for its other commands.
    pub fn config(&self, name: &str) -> PathBuf {
        self.files.dir.join(name.get(..1).unwrap_or_default()).join(format!("{name}.toml"))
    }

    fn witness_config(&self) -> PathBuf {
        self.files.site(Site::C).join("witness.toml")
    }

    pub(super) fn redis_url(&self, site: Site) -> String {
        format!("redis://{}/", self.net.address(site, Part::Door, REDIS))
    }

    pub(super) fn witness_address(&self) -> SocketAddr {
        self.net.address(Site::C, Part::Door, PLAIN)
    }

    fn authority_file(&self) -> PathBuf {
        self.files.dir.join("ca.pem")
    }

    /// What has to be there before a server starts: keys, secrets, certificates, the witness' database, configurations.
    pub(super) async fn prepare_servers(&mut self) -> anyhow::Result<()> {
        self.certify().context("certificates")?;
        self.appoint_officers().context("the security officers")?;
        let kek = self.files.dir.join("kek");
        let servers = self.servers();
        for site in Site::ALL {
            private(&self.files.site(site).join("redis-secret"), &secret())?;
            private(&self.files.site(site).join("token"), &self.secrets.token)?;
        }
        // The keys are made by whoever asks first; each site has the same to open them with.
        for server in &servers {
            fs::write(self.config(&server.name), self.server_toml(server, None))?;
        }
        fs::write(self.witness_config(), self.witness_toml(None))?;
        self.make_witness_database().await?;
        let first = servers.first().context("no server")?;
        let log = keys_of(&self.config(&first.name)).await.context("the keys of the log")?.0;
        fs::rename(self.files.site(first.site).join("kek"), &kek)?;
        for site in [Site::A, Site::B] {
            let text = fs::read_to_string(&kek)?;
            private(&self.files.site(site).join("kek"), &text)?;
        }
        let witness = keys_of(&self.witness_config()).await.context("the keys of the witness")?.1;
        let keys = Keys { log, witness };
        for server in &servers {
            fs::write(self.config(&server.name), self.server_toml(server, Some(&keys)))?;
        }
        fs::write(self.witness_config(), self.witness_toml(Some(&keys)))?;
        Ok(())
    }

    /// One authority, and a certificate for each site's servers.
    fn certify(&self) -> anyhow::Result<()> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(self.authority_file(), params.self_signed(&key)?.pem())?;
        let authority = Issuer::new(params, key);
        for site in Site::ALL {
            let (folder, own) = (self.files.site(site), KeyPair::generate()?);
            let names = vec![self.net.ip(site, Part::Door).to_string()];
            let certificate = CertificateParams::new(names)?.signed_by(&own, &authority)?;
            fs::write(folder.join("tls.pem"), certificate.pem())?;
            private(&folder.join("tls.key"), &own.serialize_pem())?;
        }
        Ok(())
    }

    async fn make_witness_database(&mut self) -> anyhow::Result<()> {
        let (folder, initdb) = (self.files.witness(), self.files.bin.join("initdb"));
        let mut command = self.files.user.command(&initdb);
        command.args(["-U", node::ADMIN, "-A", "trust", "-E", "UTF8", "--locale", "C", "-k", "-D"]);
        command.arg(folder.join("data"));
        tokio::task::spawn_blocking(move || done(&mut command)).await??;
        self.launch(Site::C, &Role::WitnessDatabase)?;
        let admin = self.witness_database("postgres", node::ADMIN);
        let owner = self.witness_database(DATABASE, "charter_owner");
        let until = Instant::now() + STARTED_WITHIN;
        loop {
            let at = admin.clone();
            match tokio::task::spawn_blocking(move || migrate::provision(&at, DATABASE))
                .await?
                .map_err(explain)
            {
                Err(error) if is_starting(&error) && Instant::now() < until => sleep(EACH).await,
                made => break made?,
            }
        }
        let made = tokio::task::spawn_blocking(move || migrate::run(&owner)).await?;
        made.map(drop).map_err(explain).context("the database of the witness")
    }

    fn witness_database(&self, database: &str, role: &str) -> String {
        let folder = self.files.witness();
        format!("host={} port={} dbname={database} user={role}", folder.display(), node::POSTGRES)
    }

    fn server_toml(&self, server: &Server, keys: Option<&Keys>) -> String {
        let site = self.files.site(server.site);
        let hosts = [Site::A, Site::B, Site::C];
        let url = self.database(&hosts, DATABASE, ("charter_runtime", &self.secrets.runtime));
        let owner = self.database(&hosts, DATABASE, ("charter_owner", &self.secrets.owner));
        let database = format!("url = \"{url}\"\nowner_url = \"{owner}\"");
        let redis = format!(
            "[redis]\nurl = \"{}\"\nsecret_file = \"{}\"\n",
            self.redis_url(server.site),
            site.join("redis-secret").display()
        );
        let witness = self.net.address(Site::C, Part::Door, TLS);
        let log = keys.map_or_else(String::new, |keys| {
            format!(
                "log = {{ quorum = 1, witnesses = [{{ url = \"https://{witness}/witness\", vkey = \"{}\" }}], \
                 mirrors = [{{ url = \"https://{witness}/witness\" }}] }}\n",
                keys.witness
            )
        });
        // The same at all servers: one registry with one configuration.
        let [here, there] = [Site::A, Site::B].map(|site| self.net.address(site, Part::Door, TLS));
        let emergency = self.emergency(server);
        let more = format!("sites = [\"https://{there}\"]\n{log}{emergency}");
        let registry = Registry { authority: AUTHORITY, slug: "education", at: here, more };
        let sections = format!("{database}\n{redis}{}", self.standby());
        toml(&site, &sections, &registry, (server.address, server.secure))
    }

    fn witness_toml(&self, keys: Option<&Keys>) -> String {
        let site = self.files.site(Site::C);
        let url = self.witness_database(DATABASE, "charter_runtime");
        let logs = keys.map_or_else(String::new, |keys| {
            let origin = keys.log.split('+').next().unwrap_or_default();
            format!(
                "witness = {{ logs = [{{ origin = \"{origin}\", vkey = \"{}\", mirror = true }}] }}\n",
                keys.log
            )
        });
        let secure = self.net.address(Site::C, Part::Door, TLS);
        let registry = Registry { authority: WITNESS, slug: "witness", at: secure, more: logs };
        toml(&site, &format!("url = \"{url}\"\n"), &registry, (self.witness_address(), secure))
    }

    /// What is started for a role. `how` is of servers only.
    pub(super) fn program<'a>(
        &self,
        site: Site,
        role: &Role,
        how: &Start,
        log: &'a Path,
    ) -> anyhow::Result<Program<'a>> {
        let (user, folder) = (Some(self.files.user), self.files.site(site));
        let (user, argv, env) = match role {
            Role::Etcd => (user, node::etcd(&self.net, &self.files, site), Vec::new()),
            Role::Patroni => {
                let config = folder.join("patroni.yml").display().to_string();
                (user, vec![self.files.patroni.display().to_string(), config], Vec::new())
            }
            Role::Redis => (user, self.redis_argv(site), Vec::new()),
            Role::WitnessDatabase => (user, self.witness_argv(), Vec::new()),
            Role::Witness => (None, charterd(&self.witness_config(), how)?, self.server_env(how)),
            Role::Server(name) => {
                let config = self.config(&self.server(name)?.name);
                (None, charterd(&config, how)?, self.server_env(how))
            }
        };
        let namespace = self.net.namespace(site);
        let urgent = namespace.is_some() && matches!(role, Role::Etcd | Role::Patroni);
        Ok(Program { namespace, user, argv, env, log, urgent })
    }

    fn server_env(&self, how: &Start) -> Vec<(String, String)> {
        let trusted = ("SSL_CERT_FILE".to_owned(), self.authority_file().display().to_string());
        std::iter::once(trusted).chain(how.env.iter().cloned()).collect()
    }

    fn redis_argv(&self, site: Site) -> Vec<String> {
        let (address, folder) = (self.net.ip(site, Part::Door).to_string(), self.files.site(site));
        let (port, folder) = (REDIS.to_string(), folder.display().to_string());
        let words = ["redis-server", "--bind", &address, "--port", &port, "--dir", &folder];
        let rest = ["--save", "", "--appendonly", "no", "--protected-mode", "no"];
        words.into_iter().chain(rest).map(str::to_owned).collect()
    }

    fn witness_argv(&self) -> Vec<String> {
        let (folder, program) = (self.files.witness(), self.files.bin.join("postgres"));
        let (data, folder) = (folder.join("data").display().to_string(), folder.display().to_string());
        let words = ["-D", &data, "-k", &folder, "-c", "listen_addresses=", "-c", "lc_messages=C"];
        let program = program.display().to_string();
        std::iter::once(program).chain(words.into_iter().map(str::to_owned)).collect()
    }
}

struct Registry {
    authority: &'static str,
    slug: &'static str,
    /// Where others reach it first.
    at: SocketAddr,
    /// More settings of it.
    more: String,
}

/// What all have in common. Limits are looked at and never reached: all clients of a test are one address.
/// Answers that a server keeps: those about all that the load asks about. Full soon, so that what grows afterwards is none of it.
const KEPT: u32 = 500;

fn toml(site: &Path, database: &str, registry: &Registry, at: (SocketAddr, SocketAddr)) -> String {
    let (site, (plain, secure)) = (site.display(), at);
    let Registry { authority, slug, at: public, more } = registry;
    format!(
        "[database]\n{database}[keys]\nkek_file = \"{site}/kek\"\n[bootstrap]\ntoken_file = \"{site}/token\"\n\
         [log_store]\ndir = \"{site}/log\"\nsequence = true\n[log]\nfilter = \"info\"\n\
         [cache]\ncapacity = {KEPT}\n[limits]\nper_address_rps = 1000000\nper_address_burst = 1000000\nglobal_rps = 1000000\n\
         [[registries]]\nauthority_id = \"{authority}\"\nslug = \"{slug}\"\nname = \"{slug}\"\n\
         jurisdiction = \"FI\"\npublic_url = \"https://{public}\"\n{more}\
         [[listeners]]\naddress = \"{plain}\"\nregistry = \"{authority}\"\nservices = [\"public\", \"staff\"]\n\
         [[listeners]]\naddress = \"{secure}\"\nregistry = \"{authority}\"\nopen_peers = true\n\
         tls = {{ cert_file = \"{site}/tls.pem\", key_file = \"{site}/tls.key\" }}\n"
    )
}

/// Still coming up; all else is a fault that stays.
fn is_starting(error: &anyhow::Error) -> bool {
    let text = error.to_string();
    ["starting up", "No such file", "Connection refused"].iter().any(|words| text.contains(words))
}

/// The one of this build.
pub fn built() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("charterd");
    ensure!(program.is_file(), "`{}` is missing: `make ha-lab` builds it", program.display());
    Ok(program)
}

fn charterd(config: &Path, how: &Start) -> anyhow::Result<Vec<String>> {
    let program = how.binary.clone().map_or_else(built, Ok)?;
    let words = ["serve", "--with-parent", "--config"].map(str::to_owned);
    let (program, config) = (program.display().to_string(), config.display().to_string());
    Ok(std::iter::once(program).chain(words).chain([config]).collect())
}

/// The verifier keys of a configuration's registry: of its log, of its witness. They are made by this.
async fn keys_of(config: &Path) -> anyhow::Result<(String, String)> {
    let config = Config::from_toml(&fs::read_to_string(config)?)?;
    let keys = verifiers(&config).await?;
    let first = keys.into_iter().next().context("no registry")?;
    Ok((first.log, first.witness))
}
