//! Four accreditations of EBSI, judged up to the root over loopback: keys and connections that were never met.

use std::time::Instant;

use anyhow::ensure;
use charter_tests::ebsi::{Chain, Server};

use crate::report::{Samples, median};

const LINKS: usize = 4;
const TIMES: usize = 50;

pub async fn run(samples: &mut Samples) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let server = Server::start().await;
        let chain = Chain::good(&server.url, LINKS);
        chain.publish(&server);
        let started = Instant::now();
        let judged = chain.judged().await?;
        took.push(started.elapsed().as_secs_f64() * 1e3);
        ensure!(judged.accredited.iter().all(|one| one.links.len() == LINKS), "another chain was judged");
    }
    samples.add("ebsi_chain", median(&took));
    Ok(())
}
