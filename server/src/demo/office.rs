//! The staff of Finland's education registry, the provider where they sign in, and the sealing of that registry.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use charter_issuer::{Issuer, Person, Settings};
use charter_proto::charter::registry::v1::{self as pb, change_status::Target, propose_request::Change};

use super::{
    ask,
    plan::{EDUCATION, Plan, STEP_UP},
    process::Federation,
};
use crate::clock::WallClock;

/// Subject at the provider, name, and what they are.
const STAFF: [(&str, &str, &str); 4] = [
    ("aino", "Aino", "officer: proposes"),
    ("bjorn", "Björn", "approver"),
    ("carita", "Carita", "security officer"),
    ("daavid", "Daavid", "security officer"),
];

pub struct Office {
    issuer: Arc<Issuer>,
    education: String,
}

impl Office {
    /// The provider, served by this process until it ends.
    pub async fn open(plan: &Plan) -> anyhow::Result<Self> {
        let person = |(subject, name, office): (&str, &str, &str)| Person {
            subject: subject.to_owned(),
            name: name.to_owned(),
            office: office.to_owned(),
        };
        let settings = Settings {
            url: plan.issuer_url(),
            audience: "charter".to_owned(),
            step_up: STEP_UP.to_owned(),
            client_id: "charter-cli".to_owned(),
            interval: Duration::from_secs(2),
            persons: STAFF.map(person).to_vec(),
            services: Vec::new(),
        };
        let issuer = Issuer::new(settings, Arc::new(WallClock))?;
        let port = plan.issuer_port;
        let bound = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
        let socket = bound.with_context(|| format!("port {port} is taken: `--base-port` moves all"))?;
        let router = issuer.router();
        tokio::spawn(async move { axum::serve(socket, router).await });
        let education = plan.member(EDUCATION).context("no education registry")?.url();
        Ok(Self { issuer, education })
    }

    /// Carita and Daavid seal the registry, then appoint Aino and Björn.
    pub async fn seal(&self, federation: &Federation) -> anyhow::Result<()> {
        let issuer = self.issuer.settings().url.clone();
        let administrator =
            |subject: &str| pb::Administrator { issuer: issuer.clone(), subject: subject.to_owned() };
        let request = pb::SealRegistryRequest {
            registry_id: EDUCATION.to_owned(),
            administrators: ["carita", "daavid"].map(administrator).to_vec(),
            ..Default::default()
        };
        ask::importer(&self.education, federation.token(EDUCATION))?.seal_registry(request).await?;
        for (subject, role) in [("aino", "OFFICER"), ("bjorn", "APPROVER")] {
            let appoint = pb::AppointStaff {
                issuer: issuer.clone(),
                subject: subject.to_owned(),
                roles: vec![role.to_owned()],
                service: false,
                ..Default::default()
            };
            let proposal = self.propose("carita", Change::Appoint(appoint), "the demonstration").await?;
            self.approve("daavid", &proposal).await??;
        }
        Ok(())
    }

    /// What a member proposes, as it is kept.
    pub async fn propose(&self, who: &str, change: Change, why: &str) -> anyhow::Result<pb::Proposal> {
        let request = pb::ProposeRequest {
            registry_id: EDUCATION.to_owned(),
            reason: why.to_owned(),
            etag: self.etag(&change).await?,
            change: Some(change),
            ..Default::default()
        };
        let answer = self.desk(who)?.propose(request).await?.into_inner();
        answer.proposal.context("an answer without a proposal")
    }

    /// That of the entity whose status is to change; empty for what is new.
    async fn etag(&self, change: &Change) -> anyhow::Result<String> {
        let Change::ChangeStatus(pb::ChangeStatus { target: Some(Target::EntityId(id)), .. }) = change else {
            return Ok(String::new());
        };
        let request = pb::GetEntityRequest {
            registry_id: EDUCATION.to_owned(),
            entity_id: id.clone(),
            ..Default::default()
        };
        let found = ask::records(&self.education)?.get_entity(request).await?.into_inner();
        Ok(found.entity.context("an answer without an entity")?.etag)
    }

    /// A member approves what it says now; or the code of the refusal.
    pub async fn approve(
        &self,
        who: &str,
        proposal: &pb::Proposal,
    ) -> anyhow::Result<Result<pb::Proposal, Refused>> {
        let request = pb::ApproveProposalRequest {
            registry_id: EDUCATION.to_owned(),
            proposal_id: proposal.proposal_id.clone(),
            hash: proposal.hash.clone(),
            etag: proposal.etag.clone(),
            ..Default::default()
        };
        match self.desk(who)?.approve_proposal(request).await {
            Ok(answer) => Ok(Ok(answer.into_inner().proposal.context("an answer without a proposal")?)),
            Err(status) => Ok(Err(Refused(ask::code_of(&status)?))),
        }
    }

    fn desk(&self, who: &str) -> anyhow::Result<ask::Desk> {
        ask::desk(&self.education, &self.issuer.token(who, true)?)
    }
}

/// The public code with which a change was refused.
#[derive(Debug, thiserror::Error)]
#[error("refused: {0}")]
pub struct Refused(pub String);
