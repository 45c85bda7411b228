//! Where the nodes of the database are: one connection string with several hosts, taken apart.

use std::time::Duration;

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use crate::{
    Error,
    way::{Tls, Way},
};

/// More copies than this are no longer one cluster that answers as one.
const MOST: usize = 5;
const PORT: u16 = 5432;
/// A host that is gone is noticed within seconds. libpq counts `tcp_user_timeout` in milliseconds.
const HURRY: &str =
    "connect_timeout=2 tcp_user_timeout=3000 keepalives=1 keepalives_idle=2 keepalives_interval=1";

/// One node of the database.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// Host and port, for people; empty where the connection string is used as it is written.
    pub(crate) name: String,
    /// Without options, where it is one of several.
    base: String,
    /// What the site has written itself, where it is one of several.
    several: Option<String>,
    /// Writes wait until standbys have applied them.
    replicated: bool,
    tls: Option<Tls>,
}

impl Address {
    /// For libpq, with a limit for statements; none is 0.
    pub(crate) fn url(&self, statement: Duration) -> String {
        let url = self.bare(statement);
        match &self.tls {
            None => url,
            Some(tls) if url.contains("://") => {
                format!("{url}&sslmode=verify-full&sslrootcert={}", escaped(tls.ca_file()))
            }
            Some(tls) => format!("{url} sslmode=verify-full {}", keyword("sslrootcert", tls.ca_file())),
        }
    }

    /// For the driver that pipelines.
    pub(crate) fn way(&self, statement: Duration) -> Result<Way, Error> {
        Way::new(&self.bare(statement), self.tls.clone())
    }

    fn bare(&self, statement: Duration) -> String {
        let Some(options) = &self.several else {
            return with_options(&self.base, statement);
        };
        let limits = options_of(statement);
        let own = if options.is_empty() { &limits } else { options };
        let replicated = if self.replicated { " -c synchronous_commit=remote_apply" } else { "" };
        format!("{} {}", self.base, keyword("options", &format!("{own}{replicated}")))
    }
}

/// Hosts and standbys of a connection string, settled: how many nodes there are, and how many standbys confirm a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub nodes: usize,
    pub standbys: usize,
}

/// What `database.url` and `database.synchronous_standbys` say together. One that cannot be read counts as one host: whoever
/// connects says why.
pub fn settle(url: &str, standbys: Option<usize>) -> Result<Settled, String> {
    let config: Config = url.parse().unwrap_or_default();
    let hosts = hosts(&config)?;
    let nodes = hosts.len().max(1);
    if nodes > MOST {
        return Err(format!("database.url names {nodes} hosts: name at most {MOST}"));
    }
    if let Some((host, port)) =
        hosts.iter().enumerate().find(|(n, host)| hosts[..*n].contains(host)).map(|(_, h)| h)
    {
        return Err(format!("database.url names `{host}:{port}` twice"));
    }
    if nodes > 1 && !config.get_hostaddrs().is_empty() {
        return Err("database.url has several hosts and `hostaddr`: name each by `host` alone".to_owned());
    }
    let standbys = standbys.unwrap_or(usize::from(nodes > 1));
    if standbys >= nodes {
        return Err(format!(
            "database.synchronous_standbys is {standbys}, with {nodes} host(s) in database.url: it must be less than the hosts"
        ));
    }
    Ok(Settled { nodes, standbys })
}

/// Each host by itself, in the order in which they are named; a single one as it is written.
pub(crate) fn split(url: &str, standbys: usize, tls: Option<&Tls>) -> Result<Vec<Address>, String> {
    settle(url, Some(standbys))?;
    let config: Config = url.parse().map_err(|_| "database.url is no connection string".to_owned())?;
    let hosts = hosts(&config)?;
    if hosts.len() < 2 {
        let base = url.to_owned();
        let tls = tls.cloned();
        return Ok(vec![Address { name: String::new(), base, several: None, replicated: false, tls }]);
    }
    let rest = rest(&config);
    let several = config.get_options().unwrap_or_default();
    Ok(hosts
        .into_iter()
        .map(|(host, port)| Address {
            base: format!("{} port={port}{rest} {HURRY}", keyword("host", &host)),
            name: format!("{host}:{port}"),
            several: Some(several.to_owned()),
            replicated: standbys > 0,
            tls: tls.cloned(),
        })
        .collect())
}

fn hosts(config: &Config) -> Result<Vec<(String, u16)>, String> {
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err(format!("database.url has {} hosts and {} ports", hosts.len(), ports.len()));
    }
    let port = |n: usize| ports.get(n).or(ports.first()).copied().unwrap_or(PORT);
    let name = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    };
    Ok(hosts.iter().enumerate().map(|(n, host)| (name(host), port(n))).collect())
}

/// What all hosts have in common.
fn rest(config: &Config) -> String {
    let password = config.get_password().map(String::from_utf8_lossy);
    let mode = match config.get_ssl_mode() {
        SslMode::Disable => Some("disable"),
        SslMode::Require => Some("require"),
        _ => None,
    };
    [
        ("dbname", config.get_dbname()),
        ("user", config.get_user()),
        ("password", password.as_deref()),
        ("application_name", config.get_application_name()),
        ("sslmode", mode),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|value| format!(" {}", keyword(name, value))))
    .collect()
}

/// A path in a query of a URL.
fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn keyword(name: &str, value: &str) -> String {
    format!("{name}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Server-side limits, on every connection: a statement, a lock wait and an idle transaction all end. Compiling
/// a plan (`jit`) costs half a second and more, and no statement here runs long enough to earn it back.
fn options_of(statement: Duration) -> String {
    format!(
        "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout=10000 -c jit=off",
        statement.as_millis(),
        statement.as_millis()
    )
}

fn with_options(url: &str, statement: Duration) -> String {
    let options = options_of(statement);
    if url.contains("options=") {
        url.to_owned()
    } else if url.contains("://") {
        let joint = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joint}options={}", options.replace(' ', "%20").replace('=', "%3D"))
    } else {
        format!("{url} options='{options}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "host=a,b,/run/c port=1,2,3 dbname=x user='a b' password='it\\'s'";

    fn urls(url: &str, standbys: usize) -> Vec<String> {
        let split = split(url, standbys, None).expect("readable");
        split.iter().map(|address| address.url(Duration::from_millis(800))).collect()
    }

    #[test]
    fn one_host_is_left_as_it_is_written() {
        let found = urls("host=a dbname=x", 0);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("host=a dbname=x options='-c statement_timeout=800 "), "{found:?}");
        assert!(!found[0].contains("synchronous_commit"), "{found:?}");
        assert_eq!(urls("postgres://u@a/x?options=-cjit=off", 0), ["postgres://u@a/x?options=-cjit=off"]);
    }

    #[test]
    fn several_are_taken_apart_and_read_back_the_same() {
        for (n, url) in urls(THREE, 1).iter().enumerate() {
            let config: Config = url.parse().expect("a connection string");
            assert_eq!(config.get_hosts().len(), 1, "{url}");
            assert_eq!(config.get_ports(), [u16::try_from(n).expect("small") + 1]);
            assert_eq!(config.get_user(), Some("a b"));
            assert_eq!(config.get_password(), Some(b"it's".as_slice()));
            let options = config.get_options().expect("options");
            assert!(options.ends_with(" -c synchronous_commit=remote_apply"), "{options}");
            assert!(options.contains("statement_timeout=800"), "{options}");
        }
        let urls = urls("postgres://u:p@a,b:5433/x?options=-c%20work_mem%3D1MB", 1);
        let config: Config = urls[1].parse().expect("a connection string");
        assert_eq!(config.get_ports(), [5433]);
        assert_eq!(config.get_options(), Some("-c work_mem=1MB -c synchronous_commit=remote_apply"));
    }

    #[test]
    fn without_a_standby_that_confirms_nothing_waits_for_one() {
        assert!(urls(THREE, 0).iter().all(|url| !url.contains("synchronous_commit")));
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(settle("host=a", None), Ok(Settled { nodes: 1, standbys: 0 }));
        assert_eq!(settle("host=a,b", None), Ok(Settled { nodes: 2, standbys: 1 }));
        assert_eq!(settle("host=a,b,c", Some(2)), Ok(Settled { nodes: 3, standbys: 2 }));
        let table = [
            ("host=a", Some(1), "less than the hosts"),
            ("host=a,b", Some(2), "less than the hosts"),
            ("host=a,b,a", None, "`a:5432` twice"),
            ("host=a,b,c,d,e,f", None, "at most 5"),
            ("host=a,b,c port=1,2", None, "3 hosts and 2 ports"),
        ];
        for (url, standbys, text) in table {
            let fault = settle(url, standbys).expect_err(url);
            assert!(fault.contains(text), "{fault}");
        }
        assert!(settle("host=a,a port=1,2", None).is_ok(), "two ports of one machine are two nodes");
        assert!(settle("host=a,b hostaddr=127.0.0.1,127.0.0.2", None).is_err());
    }
}
