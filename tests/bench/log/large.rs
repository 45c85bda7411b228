//! A log of very many events, made as the server makes them: put into the tree, then verified by `charter log verify`.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use charter_domain::{
    AuthorityId, Timestamp,
    event::{self, Change, EvidenceRecorded, Header},
    time::Clock,
};
use charter_server::clock::WallClock;
use futures::SinkExt;
use tokio::process::Command;
use tokio_postgres::{Client, NoTls};

use super::{Observer, keys};
use crate::{
    process::{self, Process, addresses},
    report::Samples,
    site::{Registry, Server, Site},
};

const AUTHORITY: &str = "did:web:large.trust.fi.example";
const EVENTS: i64 = 1_000_000;
/// Rows sent to Postgres at once.
const RUN: i64 = 10_000;
/// It is given up after this.
const LIMIT: Duration = Duration::from_secs(3_600);

pub async fn run(site: &Site, samples: &mut Samples) -> anyhow::Result<()> {
    let made = made(site, EVENTS).await?;
    let leaves = EVENTS as f64 / made.took.as_secs_f64();
    samples.add("log_leaves", leaves);
    println!("log: {EVENTS} leaves in {:.1} s", made.took.as_secs_f64());
    let took = verify(site, &made.server, &made.vkey).await?;
    samples.add("log_verify", took.as_secs_f64());
    println!("log: {EVENTS} entries verified in {:.1} s", took.as_secs_f64());
    made.process.stop().await;
    Ok(())
}

/// A log that is whole, and the server that has made it.
pub struct Made {
    pub server: Server,
    pub process: Process,
    vkey: String,
    /// From the start of the server until all is published.
    pub took: Duration,
}

/// A registry of so many events, and its log.
pub async fn made(site: &Site, events: i64) -> anyhow::Result<Made> {
    let [address] = addresses()?;
    let registries = vec![Registry::new(AUTHORITY, "large", "FI", None)];
    let server = Server { name: "large", address, registries, sequence: true, limits: "" };
    site.prepare(&server)?;
    let (vkey, _) = keys(site, &server).await?;
    fill(site, &server, events).await?;
    site.analyze(&server).await?;
    let process = site.serve(&server).await?;
    let seen = Observer::start(&server).await?;
    let all = seen.until(u64::try_from(events)?);
    let took = tokio::time::timeout(LIMIT, all).await.context("not sequenced")??;
    Ok(Made { server, process, vkey, took })
}

async fn admin(site: &Site, server: &Server) -> anyhow::Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(&site.database(server.name, "charter_admin")?, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("set session_replication_role = replica").await?;
    Ok(client)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Appends to the registry's events until there are as many: each hashes to its leaf and names the one before.
async fn fill(site: &Site, server: &Server, events: i64) -> anyhow::Result<()> {
    let client = admin(site, server).await?;
    let row = client.query_one("select registry_id, epoch, head from registry_epochs", &[]).await?;
    let (registry, epoch, head): (i32, i64, Option<Vec<u8>>) = (row.get(0), row.get(1), row.get(2));
    let (mut head, authority) = (head.map(|head| hex(&head)), AuthorityId::parse(AUTHORITY)?);
    let now = WallClock.now();
    let columns = "registry_id, seq, kind, subject, body, leaf_hash, actor, origin, recorded_at";
    let sink = client.copy_in(&format!("copy events ({columns}) from stdin")).await?;
    futures::pin_mut!(sink);
    let mut seq = epoch;
    while seq < events {
        let mut rows = String::new();
        for _ in 0..RUN.min(events - seq) {
            seq += 1;
            let (row, leaf) = line(registry, seq, (&authority, now), head.as_deref())?;
            rows += &row;
            head = Some(leaf);
        }
        sink.send(Bytes::from(rows)).await?;
    }
    sink.finish().await?;
    let sql =
        format!("update registry_epochs set epoch = $1, head = decode($2, 'hex'), recorded_at = '{now}'");
    client.execute(&sql, &[&seq, &head]).await?;
    Ok(())
}

/// One row, as COPY reads it, and its leaf hash.
fn line(
    registry: i32,
    seq: i64,
    (authority, now): (&AuthorityId, Timestamp),
    prev: Option<&str>,
) -> anyhow::Result<(String, String)> {
    let header = Header {
        registry: authority,
        seq,
        actor: "0",
        origin: "governance",
        recorded_at: now,
        approvals: &[],
        prev,
        restricted: None,
    };
    let change = Change::EvidenceRecorded(EvidenceRecorded { sha256: format!("{seq:064x}"), about: None });
    let body = event::body(&header, &change)?;
    let leaf = hex(&event::leaf_hash(&body));
    let (kind, subject, body) = (change.kind(), change.subject(), hex(&body));
    let row =
        format!("{registry}\t{seq}\t{kind}\t{subject}\t\\\\x{body}\t\\\\x{leaf}\t0\tgovernance\t{now}\n");
    Ok((row, leaf))
}

async fn verify(site: &Site, server: &Server, vkey: &str) -> anyhow::Result<Duration> {
    let dir = site.dir.join(server.name);
    let mut command = Command::new(process::binary("charter")?);
    command.current_dir(&dir).env("HOME", &dir).args(["log", "verify", "--from-scratch", "--vkey", vkey]);
    command.args(["--log", &format!("http://{}/log", server.address)]);
    command.arg("--state").arg(dir.join("verified"));
    let began = Instant::now();
    let output = command.output().await?;
    ensure!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(began.elapsed())
}
