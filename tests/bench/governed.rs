//! Commands under four eyes at a fixed rate: from the last approval to the acknowledged, committed event.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use charter_domain::time::Clock;
use charter_proto::charter::registry::v1::{
    self as pb, governance_service_client::GovernanceServiceClient, propose_request::Change,
};
use charter_server::{clock::WallClock, demo::ask};
use charter_tests::{TestClock, issuer::Issuer};
use tokio::task::JoinSet;
use tonic::{Request, transport::Channel};

use crate::{
    Pace, client, load,
    process::addresses,
    question::entity,
    report::Samples,
    site::{Registry, Server, Site},
};

const AUTHORITY: &str = "did:web:governed.trust.fi.example";
/// Commands a second.
const RATE: u32 = 50;
/// Calls in flight while proposals are made.
const PROPOSING: usize = 4;

/// Somebody signed in, over a connection of their own.
#[derive(Clone)]
struct Person {
    client: GovernanceServiceClient<Channel>,
    token: String,
}

impl Person {
    fn new(server: &Server, issuer: &Issuer, subject: &str) -> anyhow::Result<Self> {
        let client = GovernanceServiceClient::new(ask::channel(&format!("http://{}", server.address))?);
        Ok(Self { client, token: issuer.approver_token(subject) })
    }

    fn signed<T>(&self, message: T) -> anyhow::Result<Request<T>> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse()?);
        Ok(request)
    }

    async fn proposes(&self, change: Change) -> anyhow::Result<pb::Proposal> {
        let request =
            pb::ProposeRequest { reason: "measured".to_owned(), change: Some(change), ..Default::default() };
        let reply = self.client.clone().propose(self.signed(request)?).await?.into_inner();
        reply.proposal.context("no proposal")
    }

    async fn approves(&self, proposal: &pb::Proposal) -> anyhow::Result<i64> {
        let pb::Proposal { proposal_id, hash, etag, .. } = proposal.clone();
        let request = pb::ApproveProposalRequest { proposal_id, hash, etag, ..Default::default() };
        let reply = self.client.clone().approve_proposal(self.signed(request)?).await?.into_inner();
        Ok(reply.epoch)
    }
}

fn appointed(issuer: &Issuer, subject: &str, role: &str) -> Change {
    Change::Appoint(pb::AppointStaff {
        issuer: issuer.url(),
        subject: subject.to_owned(),
        roles: vec![role.to_owned()],
        ..Default::default()
    })
}

fn authorized(n: usize) -> Change {
    Change::MakeStatement(pb::MakeStatement {
        entity_id: entity(n),
        authorization: Some(pb::ImportAuthorization {
            action: "issue".to_owned(),
            resource: "MeasuredCredential".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// One measurement: as many proposals as will be approved are made first, then approved at the rate.
pub async fn run(site: &Site, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    let clock = Arc::<TestClock>::default();
    clock.set(WallClock.now());
    let issuer = Issuer::start(&clock);
    let [address] = addresses()?;
    let registries = vec![Registry::new(AUTHORITY, "governed", "FI", None)];
    let server = Server { name: "governed", address, registries, sequence: true, limits: "" };
    site.prepare_with(&server, &issuer.toml())?;
    let process = site.serve(&server).await?;
    let count = (RATE * pace.seconds * pace.rounds) as usize;
    load::records(site, &server, [(AUTHORITY.to_owned(), load::synthetic(count))].into()).await?;
    let (officer, approver) = govern(site, &server, &issuer).await?;
    let proposals = propose(&officer, count).await?;
    site.analyze(&server).await?;
    let per_round = count / pace.rounds as usize;
    for round in proposals.chunks(per_round) {
        let latencies = approve(&approver, round).await?;
        ensure!(latencies.len() == round.len(), "approvals were lost");
        samples.add("command", client::p99(latencies));
    }
    process.stop().await;
    issuer.stop().await;
    Ok(())
}

/// Seals the registry and appoints an officer and an approver.
async fn govern(site: &Site, server: &Server, issuer: &Issuer) -> anyhow::Result<(Person, Person)> {
    let who = |subject: &str| pb::Administrator { issuer: issuer.url(), subject: subject.to_owned() };
    let administrators = vec![who("alice"), who("bob")];
    let request =
        pb::SealRegistryRequest { registry_id: AUTHORITY.to_owned(), administrators, ..Default::default() };
    ask::importer(&format!("http://{}", server.address), &site.token(server)?)?
        .seal_registry(request)
        .await?;
    let (alice, bob) = (Person::new(server, issuer, "alice")?, Person::new(server, issuer, "bob")?);
    for (subject, role) in [("olga", "OFFICER"), ("anna", "APPROVER")] {
        let proposal = alice.proposes(appointed(issuer, subject, role)).await?;
        bob.approves(&proposal).await?;
    }
    Ok((Person::new(server, issuer, "olga")?, Person::new(server, issuer, "anna")?))
}

async fn propose(officer: &Person, count: usize) -> anyhow::Result<Vec<pb::Proposal>> {
    let mut workers = JoinSet::new();
    for worker in 0..PROPOSING {
        let officer = officer.clone();
        workers.spawn(async move {
            let mut made = Vec::new();
            for n in (worker..count).step_by(PROPOSING) {
                made.push(officer.proposes(authorized(n)).await?);
            }
            anyhow::Ok(made)
        });
    }
    let mut all = Vec::new();
    while let Some(made) = workers.join_next().await {
        all.extend(made??);
    }
    Ok(all)
}

/// Open loop: each latency counts from when its approval was due.
async fn approve(approver: &Person, proposals: &[pb::Proposal]) -> anyhow::Result<Vec<Duration>> {
    let start = tokio::time::Instant::now();
    let mut under_way = JoinSet::new();
    for (n, proposal) in (0..).zip(proposals) {
        let due = start + Duration::from_secs(1) / RATE * n;
        tokio::time::sleep_until(due).await;
        let (approver, proposal) = (approver.clone(), proposal.clone());
        under_way.spawn(async move {
            let epoch = approver.approves(&proposal).await?;
            ensure!(epoch > 0, "a proposal was not executed");
            anyhow::Ok(due.into_std().elapsed())
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = under_way.join_next().await {
        latencies.push(done??);
    }
    Ok(latencies)
}
