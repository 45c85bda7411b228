//! Four levels whose feeds die under kept answers: how soon a revocation at the bottom is seen at the top, when from that
//! moment on epochs are polled. Each registry reaches the one below over a wire; when the wires are cut, somebody else
//! takes the only place for a watcher, and the wires carry again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use charter_proto::charter::federation::v1::{
    WatchRequest, WatchResponse, federation_service_client::FederationServiceClient,
};
use charter_server::demo::ask;
use charter_tests::wire::Wire;
use tonic::{Code, Streaming};

use super::stack::{Level, Stack};
use crate::{
    Pace,
    client::ask_all,
    load,
    process::stop,
    question::{Asking, sequence},
    report::Samples,
    site::{Server, Site},
};

const LEVELS: [Level; 4] = [
    ("cut_root", ROOT, "root", None),
    ("cut_nation", "did:web:nation.cut.example", "nation", Some(0)),
    ("cut_sector", "did:web:sector.cut.example", "sector", Some(1)),
    ("cut_office", OFFICE, "office", Some(2)),
];
const ROOT: &str = "did:web:root.cut.example";
const OFFICE: &str = "did:web:office.sector.cut.example";
/// Entities whose answers are kept at all levels; those after them are revoked.
const ENTITIES: usize = 100;
/// The superior has the only place.
const LIMITS: &str = "max_watchers = 1\n";
/// All feeds are open by then, or something is wrong.
const HEARD_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks for it: rarely, since whoever looks has the place for a moment.
const LOOK: Duration = Duration::from_millis(250);
/// A superior tries again after a second.
const FREED_WITHIN: Duration = Duration::from_millis(800);

pub async fn run(site: &Site, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    let rounds = pace.rounds as usize;
    let stack = Stack::prepare(site, &LEVELS, LIMITS)?;
    let mut wires = Vec::new();
    for server in &stack.servers {
        wires.push(Wire::to(server.address).await);
    }
    let running = stack.start().await?;
    let office = stack.servers.last().context("an office")?;
    let records = [(OFFICE.to_owned(), load::synthetic(ENTITIES + rounds))].into();
    load::records(site, office, records).await?;
    stack.delegate(&wires.iter().map(|wire| wire.address).collect::<Vec<_>>()).await?;
    stop(running).await;
    for round in 0..rounds {
        println!("four levels, feeds cut, round {} of {rounds}", round + 1);
        let running = stack.start().await?;
        let seen = measured(&stack, &wires, ENTITIES + round).await?;
        samples.add("revoked_cut", seen);
        stop(running).await;
    }
    Ok(())
}

async fn measured(stack: &Stack<'_>, wires: &[Wire], number: usize) -> anyhow::Result<f64> {
    // The top is nobody's subordinate.
    let followed: Vec<(&Server, &Wire)> = stack.servers.iter().zip(wires).skip(1).collect();
    for (server, _) in &followed {
        has_a_feed(server).await?;
    }
    let questions = Arc::new(sequence(ROOT, OFFICE, ENTITIES));
    ask_all(stack.server(0)?.address, &questions, Asking::Plain, 8).await?;
    stack.holds(number).await?;
    let mut taken = Vec::new();
    for (server, wire) in followed {
        wire.cut();
        let place = takes_the_place(server).await;
        wire.mend();
        let mut place = place?;
        // Whoever leaves a feed unread loses it.
        taken.push(tokio::spawn(async move { while let Ok(Some(_)) = place.message().await {} }));
    }
    let seen = stack.revoked(number).await?;
    ensure!(taken.iter().all(|place| !place.is_finished()), "a place was lost, and a feed may be open again");
    taken.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(seen)
}

/// The place for a watcher, if it is free.
async fn place(server: &Server) -> anyhow::Result<Option<Streaming<WatchResponse>>> {
    let authority = &server.registries.first().context("no registry")?.authority;
    let mut client = FederationServiceClient::new(ask::channel(&server.url())?);
    let request = WatchRequest { registry_id: authority.clone(), from_index: 0 };
    match client.watch(request).await {
        Ok(stream) => Ok(Some(stream.into_inner())),
        Err(status) if status.code() == Code::Unavailable => Ok(None),
        Err(status) => bail!("{}: {status}", server.name),
    }
}

/// Waits until the superior has the place.
async fn has_a_feed(server: &Server) -> anyhow::Result<()> {
    let begun = Instant::now();
    while place(server).await?.is_some() {
        ensure!(begun.elapsed() < HEARD_WITHIN, "nobody follows {}", server.name);
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Takes the place as soon as the superior has lost it.
async fn takes_the_place(server: &Server) -> anyhow::Result<Streaming<WatchResponse>> {
    let begun = Instant::now();
    loop {
        if let Some(place) = place(server).await? {
            return Ok(place);
        }
        ensure!(begun.elapsed() < FREED_WITHIN, "the feed of {} was not cut", server.name);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
