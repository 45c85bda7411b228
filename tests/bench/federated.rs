//! The three-level answer: the EU root asks Finland, which asks its education registry, each a process of its own.

use crate::{
    client, facades,
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
    let cold = client::firsts(eu.address, &field.remote, COLD).await?;
    let cold: Vec<f64> = cold.iter().map(|latency| latency.as_secs_f64() * 1e3).collect();
    samples.add("cold_first", cold[0]);
    samples.add("cold", median(&cold));

    client::ask_all(education.address, &field.near, Asking::Plain, 32).await?;
    let local = field.wrk(&education, &field.plain_near).await?;
    client::ask_all(eu.address, &field.remote, Asking::Plain, 32).await?;
    let remote = field.wrk(&eu, &field.plain_remote).await?;
    samples.pair("federated", local, remote);
    facades::fetch(field, &finland, local, samples).await?;
    // Still the right answers, after as many of them.
    client::ask_all(eu.address, &field.remote, Asking::Plain, 32).await?;
    for process in [eu, finland, education] {
        process.stop().await;
    }
    Ok(())
}
