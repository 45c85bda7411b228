//! A log of very many entries: how long it takes to make it, to start with it, to check it, and to restore it.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::process::Command;

use super::{GB, bytes, restore};
use crate::{
    log::large::made,
    process::binary,
    site::{Server, Site},
};

pub async fn run(site: &Site, entries: i64) -> anyhow::Result<()> {
    let made = made(site, entries).await?;
    let server = made.server;
    say(&format!("{entries} entries put into the tree"), made.took);
    made.process.stop().await;
    let log = bytes(&site.dir.join(server.name).join("transparency")).await?;
    let data = bytes(&site.cluster()?.data()).await?;
    println!("the log's files {:.1} GB, the cluster with its write-ahead log {:.1} GB", log / GB, data / GB);
    starts(site, &server, "start-up").await?;
    say("fsck", fsck(site, &server).await?);
    let backup = restore::run(site).await?;
    say(&format!("backup, encrypted, {:.1} GB", backup.bytes / GB), backup.made);
    say("restore", backup.restored);
    starts(site, &server, "start-up after the restore").await?;
    say("fsck after the restore", fsck(site, &server).await?);
    Ok(())
}

fn say(what: &str, took: Duration) {
    println!("{what}: {:.1} s", took.as_secs_f64());
}

async fn starts(site: &Site, server: &Server, what: &str) -> anyhow::Result<()> {
    let process = site.serve(server).await?;
    say(what, process.ready_after);
    println!("resident then: {:.0} MB", process.resident()?);
    process.stop().await;
    Ok(())
}

/// `charterd log fsck`: every event against its leaf, the tree and the published checkpoint.
async fn fsck(site: &Site, server: &Server) -> anyhow::Result<Duration> {
    let mut command = Command::new(binary("charterd")?);
    command.args(["log", "fsck", "--config"]).arg(site.config_file(server));
    let began = Instant::now();
    let output = command.output().await?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(began.elapsed())
}
