//! Our own gRPC client: every answer checked, or as many as possible with 128 in flight on one connection.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use charter_proto::trqp::v2::trust_registry_query_service_client::TrustRegistryQueryServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::question::Question;

type Client = TrustRegistryQueryServiceClient<Channel>;

/// As many as one connection to Charter may have open.
pub const IN_FLIGHT: usize = 128;

async fn connect(address: SocketAddr) -> anyhow::Result<Client> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    Ok(TrustRegistryQueryServiceClient::new(channel))
}

/// Asks every question once, so many at once, and checks each answer.
pub async fn ask_all(
    address: SocketAddr,
    questions: &Arc<Vec<Question>>,
    at_once: usize,
) -> anyhow::Result<()> {
    let client = connect(address).await?;
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..at_once {
        let (mut client, questions) = (client.clone(), Arc::clone(questions));
        workers.spawn(async move {
            for question in questions.iter().skip(worker).step_by(at_once) {
                let said = client.authorization(question.message()).await?.into_inner();
                question.check_message(&said).with_context(|| format!("{said:?}"))?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(())
}

/// Closed loop, spread over all questions, so many at once; returns how many were answered. Any failure ends it.
pub async fn closed_loop(
    address: SocketAddr,
    (questions, at_once): (&Arc<Vec<Question>>, usize),
    lasting: Duration,
) -> anyhow::Result<usize> {
    let client = connect(address).await?;
    let next = Arc::new(AtomicUsize::new(0));
    let end = Instant::now() + lasting;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (mut client, questions, next) = (client.clone(), Arc::clone(questions), Arc::clone(&next));
        workers.spawn(async move {
            while Instant::now() < end {
                let n = next.fetch_add(1, Ordering::Relaxed);
                client.authorization(questions[n % questions.len()].message()).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(next.load(Ordering::Relaxed))
}
