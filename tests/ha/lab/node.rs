//! A database node: Postgres under Patroni, the site's etcd, and its backups by pgBackRest.

use super::{
    Lab, Site,
    files::{Files, Secrets},
    net::{Net, Part},
};

pub const POSTGRES: u16 = 5432;
pub const PATRONI: u16 = 8008;
const CLIENTS: u16 = 2379;
const PEERS: u16 = 2380;
/// pgBackRest's name of the cluster.
pub const STANZA: &str = "charter";
/// May do anything; with a password, or through the socket of its node without.
pub const ADMIN: &str = "charter_admin";

/// What an etcd member is started with.
pub fn etcd(net: &Net, files: &Files, site: Site) -> Vec<String> {
    let url = |site: Site, port: u16| format!("http://{}", net.address(site, Part::Etcd, port));
    let members = Site::ALL.map(|site| format!("{site}={}", url(site, PEERS))).join(",");
    let pairs = [
        ("--name", site.to_string()),
        ("--data-dir", files.site(site).join("etcd").display().to_string()),
        ("--listen-peer-urls", url(site, PEERS)),
        ("--initial-advertise-peer-urls", url(site, PEERS)),
        ("--listen-client-urls", url(site, CLIENTS)),
        ("--advertise-client-urls", url(site, CLIENTS)),
        ("--initial-cluster", members),
        ("--initial-cluster-state", "new".to_owned()),
        ("--heartbeat-interval", "100".to_owned()),
        ("--election-timeout", "1000".to_owned()),
    ];
    let pairs = pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
    std::iter::once("etcd".to_owned()).chain(pairs).collect()
}

/// `pgbackrest` of a site.
pub fn pgbackrest(files: &Files, site: Site) -> Vec<String> {
    let config = files.site(site).join("pgbackrest.conf");
    vec!["pgbackrest".to_owned(), format!("--config={}", config.display()), format!("--stanza={STANZA}")]
}

/// Writes the configuration of a node's programs.
pub fn configure(net: &Net, files: &Files, secrets: &Secrets, site: Site) -> anyhow::Result<()> {
    let folder = files.site(site);
    files.give(&folder.join("patroni.yml"), &patroni(net, files, secrets, site))?;
    files.give(&folder.join("pgbackrest.conf"), &backups(files, secrets, site))
}

/// The repository is one for all nodes: only the primary archives.
fn backups(files: &Files, secrets: &Secrets, site: Site) -> String {
    let (folder, data, repository) = (files.site(site), files.data(site), files.repository());
    let (folder, data, repository) = (folder.display(), data.display(), repository.display());
    let passphrase = &secrets.backups;
    format!(
        "[global]\nrepo1-path={repository}\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass={passphrase}\n\
         repo1-retention-full=2\nlog-path={folder}\nlock-path={folder}/lock\nspool-path={folder}/spool\n\
         log-level-console=warn\nlog-level-file=info\nstart-fast=y\ncompress-type=lz4\n\
         [{STANZA}]\npg1-path={data}\npg1-socket-path={folder}\npg1-port={POSTGRES}\npg1-user={ADMIN}\n"
    )
}

/// Site C is small: it leads where nobody else can.
fn priority(site: Site) -> u8 {
    if site == Site::C { 1 } else { 2 }
}

/// Each acknowledged write is on two of three nodes, whoever leads.
fn patroni(net: &Net, files: &Files, secrets: &Secrets, site: Site) -> String {
    let (folder, data, bin) = (files.site(site), files.data(site), &files.bin);
    let (folder, data, bin) = (folder.display(), data.display(), bin.display());
    let rest = net.address(site, Part::Node, PATRONI);
    let postgres = net.address(site, Part::Node, POSTGRES);
    let etcd = Site::ALL.map(|site| format!("\"{}\"", net.address(site, Part::Etcd, CLIENTS))).join(", ");
    let (range, archive) = (net.range(), pgbackrest(files, site).join(" "));
    let (admin, replicator) = (&secrets.admin, &secrets.replicator);
    let priority = priority(site);
    format!(
        r#"scope: {STANZA}
name: {site}
restapi:
  listen: "{rest}"
  connect_address: "{rest}"
etcd3:
  hosts: [{etcd}]
watchdog:
  mode: "off"
tags:
  failover_priority: {priority}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 1
    retry_timeout: 5
    maximum_lag_on_failover: 0
    check_timeline: true
    primary_start_timeout: 0
    synchronous_mode: quorum
    synchronous_mode_strict: true
    synchronous_node_count: 1
    failsafe_mode: true
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        synchronous_commit: remote_apply
        wal_level: replica
        hot_standby: "on"
        wal_log_hints: "on"
        max_connections: 200
        max_wal_senders: 10
        max_replication_slots: 10
        wal_keep_size: 64MB
        max_wal_size: 256MB
        max_slot_wal_keep_size: 1GB
        wal_sender_timeout: 5s
        wal_receiver_timeout: 5s
        wal_retrieve_retry_interval: 500ms
        tcp_user_timeout: 5000
        archive_mode: "on"
        archive_timeout: 60
        shared_buffers: 64MB
        lc_messages: C
  initdb:
    - encoding: UTF8
    - locale: C
    - data-checksums
postgresql:
  listen: "{postgres}"
  connect_address: "{postgres}"
  data_dir: "{data}"
  bin_dir: "{bin}"
  pgpass: "{folder}/pgpass"
  authentication:
    superuser:
      username: {ADMIN}
      password: "{admin}"
    replication:
      username: replicator
      password: "{replicator}"
  parameters:
    unix_socket_directories: "{folder}"
    archive_command: '{archive} archive-push %p'
  recovery_conf:
    restore_command: '{archive} archive-get %f "%p"'
  pg_hba:
    - local all all trust
    - host all all {range} scram-sha-256
    - host replication replicator {range} scram-sha-256
"#
    )
}

impl Lab {
    /// libpq keywords for one or several nodes, in this order.
    pub(super) fn database(&self, sites: &[Site], database: &str, role: (&str, &str)) -> String {
        let hosts: Vec<String> =
            sites.iter().map(|site| self.net.ip(*site, Part::Node).to_string()).collect();
        let ports = vec![POSTGRES.to_string(); sites.len()];
        let (user, password) = role;
        format!(
            "host={} port={} dbname={database} user={user} password={password}",
            hosts.join(","),
            ports.join(",")
        )
    }
}
