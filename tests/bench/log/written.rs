//! Writes of one entity each: one after the other, of many clients at once, evenly, and in bursts.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use charter_proto::charter::registry::v1 as pb;
use charter_server::demo::ask;
use tokio::task::JoinSet;

use super::Observer;
use crate::{
    load,
    site::{Server, Site},
};

fn chunk(server: &Server, identifier: &str) -> pb::ImportRecordsRequest {
    pb::ImportRecordsRequest {
        registry_id: server.registries[0].authority.clone(),
        records: vec![load::record(1, identifier, "Written", "FI", false)],
        ..Default::default()
    }
}

/// One client, each write after the answer to the one before.
pub async fn write(site: &Site, server: &Server, identifiers: &[String]) -> anyhow::Result<()> {
    let mut client = ask::importer(&format!("http://{}", server.address), &site.token(server)?)?;
    for identifier in identifiers {
        let chunk = futures::stream::iter([chunk(server, identifier)]);
        let mut replies = client.import_records(chunk).await?.into_inner();
        let reply = replies.message().await?.context("no answer")?;
        ensure!(reply.accepted == 1, "{:?}", reply.errors);
    }
    Ok(())
}

/// So many clients at once, each write of theirs after the answer to the one before: writes a second.
pub async fn together(
    site: &Site,
    server: &Server,
    (clients, each): (u32, u32),
    name: &str,
) -> anyhow::Result<f64> {
    let own = |client| (0..each).map(|n| format!("did:web:{name}-{client}-{n}.example")).collect();
    let all: Vec<Vec<String>> = (0..clients).map(own).collect();
    let began = Instant::now();
    futures::future::try_join_all(all.iter().map(|identifiers| write(site, server, identifiers))).await?;
    Ok(f64::from(clients * each) / began.elapsed().as_secs_f64())
}

/// At a fixed rate: how long each takes from its acknowledgement until it is published.
pub async fn evenly(
    site: &Site,
    server: &Server,
    (rate, lasting): (u32, Duration),
    seen: &Observer,
    name: &str,
) -> anyhow::Result<Vec<Duration>> {
    let start = tokio::time::Instant::now();
    let count = (lasting.as_secs_f64() * f64::from(rate)) as u32;
    let due = (0..count).map(|n| start + Duration::from_secs(1) / rate * n);
    at(site, server, due.collect(), seen, &format!("e{name}")).await
}

/// So many at once, once a second.
pub async fn bursts(
    site: &Site,
    server: &Server,
    (size, seconds): (usize, u32),
    seen: &Observer,
    name: &str,
) -> anyhow::Result<Vec<Duration>> {
    let start = tokio::time::Instant::now();
    let burst = |second: u32| std::iter::repeat_n(start + Duration::from_secs(1) * second, size);
    at(site, server, (0..seconds).flat_map(burst).collect(), seen, &format!("b{name}")).await
}

async fn at(
    site: &Site,
    server: &Server,
    due: Vec<tokio::time::Instant>,
    seen: &Observer,
    name: &str,
) -> anyhow::Result<Vec<Duration>> {
    let token = site.token(server)?;
    let client = ask::importer(&format!("http://{}", server.address), &token)?;
    let (count, mut under_way) = (due.len(), JoinSet::new());
    for (n, due) in due.into_iter().enumerate() {
        tokio::time::sleep_until(due).await;
        let chunk = chunk(server, &format!("did:web:{name}-{n}.example"));
        let (mut client, mut size) = (client.clone(), seen.size.clone());
        under_way.spawn(async move {
            let mut replies = client.import_records(futures::stream::iter([chunk])).await?.into_inner();
            let reply = replies.message().await?.context("no answer")?;
            let acknowledged = Instant::now();
            let wanted = u64::try_from(reply.epoch)?;
            let waited =
                tokio::time::timeout(Duration::from_secs(30), size.wait_for(|known| *known >= wanted));
            waited.await.context("not published")??;
            anyhow::Ok(acknowledged.elapsed())
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = under_way.join_next().await {
        latencies.push(done??);
    }
    ensure!(latencies.len() == count, "writes were lost");
    Ok(latencies)
}
