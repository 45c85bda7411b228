//! A sealed registry with staff, who sign in at a real OIDC provider.

use std::{sync::Arc, time::Duration};

use charter_proto::charter::registry::v1::{
    self as pb, change_status::Target, governance_service_client::GovernanceServiceClient,
    privacy_service_client::PrivacyServiceClient, propose_request::Change,
    registry_service_client::RegistryServiceClient, renew,
};
use tonic::{Request, Status, transport::Channel};

use crate::{
    AUTHORITY, TestApp, TestClock,
    app::{Build, SETTINGS},
    issuer::Issuer,
};

/// Loaded before the registry was sealed.
pub const ISSUER: &str = "did:web:university.example";

pub struct Governed {
    pub app: TestApp,
    pub issuer: Arc<Issuer>,
}

/// Somebody with a subject at the provider; approvals need `steps_up`.
#[derive(Clone)]
pub struct Person<'a> {
    app: &'a TestApp,
    token: String,
    channel: Option<Channel>,
}

impl Governed {
    /// Alice and Bob administer; Olga and Otto are officers, Anna and Arvo approvers, Aino audits.
    pub async fn start() -> Self {
        Self::start_as(|build| build).await
    }

    /// The same on a server of another shape; the first of its registries is [`AUTHORITY`].
    pub async fn start_as(shape: impl FnOnce(Build) -> Build) -> Self {
        Self::start_of(AUTHORITY, &Arc::default(), shape).await
    }

    /// The same of another registry, by a clock that others go by too.
    pub async fn start_of(
        authority: &str,
        clock: &Arc<TestClock>,
        shape: impl FnOnce(Build) -> Build,
    ) -> Self {
        let issuer = Issuer::start(clock);
        let settings = format!("{SETTINGS}\n{}", issuer.toml());
        let app = shape(TestApp::build().clock(clock).settings(&settings)).start().await;
        let registry = app.registry(authority);
        registry.registers(ISSUER).authorized("issue", "Degree").await;
        let who = |subject: &str| pb::Administrator { issuer: issuer.url(), subject: subject.to_owned() };
        registry.seals_with(vec![who("alice"), who("bob")]).await.expect("sealed");
        let governed = Self { app, issuer };
        for (subject, roles) in [
            ("olga", ["OFFICER"].as_slice()),
            ("otto", &["OFFICER", "SECTOR_ADMIN"]),
            ("anna", &["APPROVER"]),
            ("arvo", &["APPROVER", "OFFICER"]),
            ("aino", &["AUDITOR"]),
        ] {
            governed.appoints(subject, roles, false).await;
        }
        governed
    }

    /// Proposed by Alice, approved by Bob; the number of the new member.
    pub async fn appoints(&self, subject: &str, roles: &[&str], service: bool) -> i64 {
        let appoint = pb::AppointStaff {
            issuer: self.issuer.url(),
            subject: subject.to_owned(),
            roles: roles.iter().map(|r| (*r).to_owned()).collect(),
            service,
            ..Default::default()
        };
        let proposal = self.person("alice").proposes(Change::Appoint(appoint)).await.expect("proposed");
        let done = self.person("bob").approves(&proposal).await.expect("approved");
        assert_eq!(done.state, "EXECUTED");
        done.seq
    }

    /// Olga proposes, Anna approves, and Arvo too where it takes three.
    pub async fn decides(&self, change: Change) -> pb::Proposal {
        let draft = self.person("olga").proposes(change).await.expect("proposed");
        let done = self.person("anna").approves(&draft).await.expect("approved");
        if draft.quorum == 2 { done } else { self.person("arvo").approves(&draft).await.expect("approved") }
    }

    /// Signed in with a second factor.
    pub fn person(&self, subject: &str) -> Person<'_> {
        self.with_token(self.issuer.approver_token(subject))
    }

    pub fn with_token(&self, token: String) -> Person<'_> {
        Person { app: &self.app, token, channel: None }
    }
}

/// A change of state of an entity, from when it is executed on.
pub fn status(entity: &str, state: &str) -> Change {
    Change::ChangeStatus(pb::ChangeStatus {
        target: Some(Target::EntityId(entity.to_owned())),
        state: state.to_owned(),
        code: "TESTED".to_owned(),
        ..waived(state)
    })
}

/// What that exists a change is about.
fn touched(change: &Change) -> Option<Target> {
    match change {
        Change::ChangeStatus(c) => c.target.clone(),
        Change::CorrectEntity(c) => Some(Target::EntityId(c.entity_id.clone())),
        Change::CorrectAccreditation(c) => Some(Target::AccreditationId(c.accreditation_id.clone())),
        Change::CorrectDelegation(c) => Some(Target::SubordinateId(c.subordinate_id.clone())),
        Change::Renew(c) => c.target.clone().map(|target| match target {
            renew::Target::SubordinateId(id) => Target::SubordinateId(id),
            renew::Target::AccreditationId(id) => Target::AccreditationId(id),
            renew::Target::StatementId(number) => Target::StatementId(number),
        }),
        _ => None,
    }
}

/// What spares a negative change of state its hearing.
pub fn waived(state: &str) -> pb::ChangeStatus {
    let negative = matches!(state, "SUSPENDED" | "REVOKED");
    let text = |text: &str| if negative { text.to_owned() } else { String::new() };
    pb::ChangeStatus { hearing_waived: text("URGENT"), legal_basis: text("Act 1, 1"), ..Default::default() }
}

impl<'a> Person<'a> {
    /// Without a token, over a channel that says who it is.
    pub fn anonymous(app: &'a TestApp, channel: Channel) -> Self {
        Self { app, token: String::new(), channel: Some(channel) }
    }

    #[must_use]
    pub fn with_token(&self, token: String) -> Self {
        Self { token, ..self.clone() }
    }

    /// The same at another server on the same database.
    pub fn at(mut self, channel: &Channel) -> Self {
        self.channel = Some(channel.clone());
        self
    }

    pub fn client(&self) -> GovernanceServiceClient<Channel> {
        GovernanceServiceClient::new(self.channel.clone().unwrap_or_else(|| self.app.channel()))
    }

    pub fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if !self.token.is_empty() {
            let token = format!("Bearer {}", self.token);
            request.metadata_mut().insert("authorization", token.parse().expect("ASCII"));
        }
        request
    }

    /// With as much time as `charter` gives: a busy machine is no reason to fail.
    fn patient<T>(&self, message: T) -> Request<T> {
        let mut request = self.signed(message);
        request.set_timeout(Duration::from_secs(10));
        request
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    pub async fn proposes(&self, change: Change) -> Result<pb::Proposal, Status> {
        self.asks_for(change, false).await
    }

    pub async fn asks_for(&self, change: Change, validate_only: bool) -> Result<pb::Proposal, Status> {
        let request = pb::ProposeRequest {
            etag: self.etag_of(&change).await?,
            reason: "as tested".to_owned(),
            change: Some(change),
            validate_only,
            ..pb::ProposeRequest::default()
        };
        let reply = self.client().propose(self.patient(request)).await?.into_inner();
        Ok(reply.proposal.expect("a proposal"))
    }

    /// Puts another draft in the place of one.
    pub async fn amends(&self, proposal: &pb::Proposal, change: Change) -> Result<pb::Proposal, Status> {
        let draft = pb::ProposeRequest {
            reason: "better so".to_owned(),
            change: Some(change),
            ..pb::ProposeRequest::default()
        };
        let proposal_id = proposal.proposal_id.clone();
        let etag = proposal.etag.clone();
        let request =
            pb::AmendProposalRequest { proposal_id, proposal: Some(draft), etag, ..Default::default() };
        let reply = self.client().amend_proposal(self.signed(request)).await?.into_inner();
        Ok(reply.proposal.expect("a proposal"))
    }

    /// The proposals in a state; all of them where it is empty.
    pub async fn lists(&self, state: &str) -> Result<Vec<pb::Proposal>, Status> {
        let request = pb::ListProposalsRequest { state: state.to_owned(), ..Default::default() };
        Ok(self.client().list_proposals(self.signed(request)).await?.into_inner().proposals)
    }

    /// A request over REST with their token; the reply.
    pub async fn sends(&self, method: &str, path: &str, body: &serde_json::Value) -> crate::rest::Reply {
        self.sends_text(method, path, body.to_string()).await
    }

    pub async fn sends_text(&self, method: &str, path: &str, body: String) -> crate::rest::Reply {
        self.sends_with(&[], method, path, body).await
    }

    /// With more headers; `if-match` is needed where something that exists changes.
    pub async fn sends_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: String,
    ) -> crate::rest::Reply {
        let rest = self.app.rest();
        let mut request = rest.request(method.parse().expect("a method"), path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {}", self.token));
        rest.send(request.body(body.into()).expect("a request")).await
    }

    /// Of what the change is about, as it is now; empty for something new, or something that is not there.
    pub async fn etag_of(&self, change: &Change) -> Result<String, Status> {
        if let Change::Dismiss(pb::DismissStaff { staff_id })
        | Change::BindCredential(pb::BindCredential { staff_id, .. }) = change
        {
            return Ok(self.etag_of_member(*staff_id).await);
        }
        let Some(target) = touched(change) else { return Ok(String::new()) };
        let mut client =
            RegistryServiceClient::new(self.channel.clone().unwrap_or_else(|| self.app.channel()));
        Ok(match target {
            Target::EntityId(entity_id) => {
                let request = pb::GetEntityRequest { entity_id, ..Default::default() };
                let found = client.get_entity(request).await.ok().and_then(|r| r.into_inner().entity);
                found.map(|e| e.etag)
            }
            Target::AccreditationId(accreditation_id) => {
                let request = pb::GetAccreditationRequest { accreditation_id, ..Default::default() };
                let found = client.get_accreditation(request).await.ok();
                found.and_then(|r| r.into_inner().accreditation).map(|a| a.etag)
            }
            Target::StatementId(statement_id) => {
                let request = pb::GetStatementRequest { statement_id, ..Default::default() };
                let found = client.get_statement(request).await.ok();
                found.and_then(|r| r.into_inner().statement).map(|s| s.etag)
            }
            Target::SubordinateId(subordinate_id) => {
                let request = pb::GetDelegationRequest { subordinate_id, ..Default::default() };
                let found = client.get_delegation(request).await.ok();
                found.and_then(|r| r.into_inner().delegation).map(|d| d.etag)
            }
        }
        .unwrap_or_default())
    }

    async fn etag_of_member(&self, staff_id: i64) -> String {
        let listed = self.client().list_staff(self.signed(pb::ListStaffRequest::default())).await.ok();
        let mut staff = listed.into_iter().flat_map(|reply| reply.into_inner().staff);
        staff.find(|m| m.staff_id == staff_id).map(|m| m.etag).unwrap_or_default()
    }

    /// Approves what the proposal said when it was read.
    pub async fn approves(&self, proposal: &pb::Proposal) -> Result<pb::Proposal, Status> {
        let (proposal_id, hash) = (proposal.proposal_id.clone(), proposal.hash.clone());
        let etag = proposal.etag.clone();
        let request = pb::ApproveProposalRequest { proposal_id, hash, etag, ..Default::default() };
        let reply = self.client().approve_proposal(self.patient(request)).await?.into_inner();
        Ok(reply.proposal.expect("a proposal"))
    }

    pub async fn refuses(&self, proposal: &pb::Proposal, reason: &str) -> Result<pb::Proposal, Status> {
        let (proposal_id, reason) = (proposal.proposal_id.clone(), reason.to_owned());
        let etag = proposal.etag.clone();
        let request = pb::RefuseProposalRequest { proposal_id, reason, etag, ..Default::default() };
        let reply = self.client().refuse_proposal(self.signed(request)).await?.into_inner();
        Ok(reply.proposal.expect("a proposal"))
    }

    pub async fn withdraws(&self, proposal: &pb::Proposal) -> Result<pb::Proposal, Status> {
        let proposal_id = proposal.proposal_id.clone();
        let etag = proposal.etag.clone();
        let request = pb::WithdrawProposalRequest { proposal_id, etag, ..Default::default() };
        let reply = self.client().withdraw_proposal(self.signed(request)).await?.into_inner();
        Ok(reply.proposal.expect("a proposal"))
    }

    /// Proposes that what is held about somebody be erased.
    pub async fn wants_erased(&self, subject: &str) -> Result<pb::Proposal, Status> {
        let (subject, basis) = (subject.to_owned(), "GDPR art. 17".to_owned());
        self.proposes(Change::ErasePersonalData(pb::ErasePersonalData { subject, basis })).await
    }

    pub async fn sees_personal_data(&self, subject: &str) -> Result<Vec<pb::PersonalDataRecord>, Status> {
        let request = pb::ShowPersonalDataRequest { subject: subject.to_owned(), ..Default::default() };
        let mut client = PrivacyServiceClient::new(self.app.channel());
        Ok(client.show_personal_data(self.signed(request)).await?.into_inner().records)
    }

    pub async fn suspends_at_once(&self, entity: &str) -> Result<pb::SuspendInEmergencyResponse, Status> {
        let (entity_id, code) = (entity.to_owned(), "KEY_STOLEN".to_owned());
        let request = pb::SuspendInEmergencyRequest { entity_id, code, ..Default::default() };
        Ok(self.client().suspend_in_emergency(self.signed(request)).await?.into_inner())
    }

    /// Public events after a number.
    pub async fn reads_events(&self, subject: &str) -> Result<Vec<serde_json::Value>, Status> {
        let request = pb::ListEventsRequest { subject: subject.to_owned(), ..Default::default() };
        let reply = self.client().list_events(self.signed(request)).await?.into_inner();
        Ok(reply.events.iter().map(|e| serde_json::from_slice(e).expect("JSON")).collect())
    }
}
