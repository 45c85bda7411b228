//! The three-level answer: the EU root asks Finland, which asks its education registry, each a process of its own.

use std::time::Instant;

use anyhow::{Context, ensure};

use crate::{
    client::{self, Connection},
    question::Asking,
    report::{Samples, median},
    rounds::Field,
};

/// Entities that are asked for the first time.
const COLD: usize = 50;

pub async fn round(field: &Field<'_>, samples: &mut Samples) -> anyhow::Result<()> {
    let education = field.site.serve(&field.education).await?;
    let finland = field.site.serve(&field.finland).await?;
    let eu = field.site.serve(&field.eu).await?;
    let cold = cold(field, &eu).await?;
    samples.add("cold_first", cold[0]);
    samples.add("cold", median(&cold));

    client::ask_all(education.address, &field.near, Asking::Plain, 32).await?;
    let local = field.wrk(&education, &field.plain_near).await?;
    client::ask_all(eu.address, &field.remote, Asking::Plain, 32).await?;
    let remote = field.wrk(&eu, &field.plain_remote).await?;
    samples.pair("federated", local, remote);
    // Still the right answers, after as many of them.
    client::ask_all(eu.address, &field.remote, Asking::Plain, 32).await?;
    for process in [eu, finland, education] {
        process.stop().await;
    }
    Ok(())
}

/// Milliseconds of the first question about each of some entities, one after the other; nothing is cached anywhere.
async fn cold(field: &Field<'_>, eu: &crate::process::Process) -> anyhow::Result<Vec<f64>> {
    let mut connection = Connection::open(eu.address).await?;
    let mut seen = std::collections::BTreeSet::new();
    let fresh = field.remote.iter().filter(|q| seen.insert(&q.entity));
    let mut latencies = Vec::new();
    for question in fresh.take(COLD) {
        let asked = Instant::now();
        let (status, answer) = connection.post(&question.path, question.body(Asking::Plain)).await?;
        latencies.push(asked.elapsed().as_secs_f64() * 1e3);
        question
            .check(Asking::Plain, status, &answer)
            .with_context(|| format!("{status} {}", String::from_utf8_lossy(&answer)))?;
    }
    ensure!(latencies.len() == COLD, "too few entities");
    Ok(latencies)
}
