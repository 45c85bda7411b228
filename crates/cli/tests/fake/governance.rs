//! Governance of one proposal and two events. A proposal that is not `GOOD` has its bytes, or worse.

use charter_domain::event::exported;
use charter_proto::charter::registry::v1::{
    self as reg, audit_service_server::AuditService, governance_service_server::GovernanceService,
};
use futures::stream;
use tonic::{Code, Request, Response};

use super::{Fake, Reply, permit, status};

pub const GOOD: &str = "0190c5a4-7c1e-7000-8000-000000000001";
/// Its bytes are of another hash.
pub const FORGED: &str = "0190c5a4-7c1e-7000-8000-000000000002";
/// Its bytes are those of `GOOD`.
pub const OTHER: &str = "0190c5a4-7c1e-7000-8000-000000000003";
/// The caller's own.
pub const OWN: &str = "0190c5a4-7c1e-7000-8000-000000000004";

pub const BYTES: &str = concat!(
    r#"{"base":3,"created_at":"2026-11-21T09:00:00Z","data":{"effective_from":"2026-11-22T00:00:00Z","#,
    r#""reason":"FRAUD","state":"REVOKED","target":"entity","target_id":"0190c5a4-7c1e-7000-8000-0000000000ee"},"#,
    r#""expires_at":"2026-12-05T09:00:00Z","kind":"StatusChanged","#,
    r#""proposal":"0190c5a4-7c1e-7000-8000-000000000001","proposer":4,"quorum":2,"#,
    r#""registry":"did:web:root.example","revision":1,"v":1}"#,
);
/// By `sha256sum`.
pub const HASH: &str = "d8cdb9cb283f6079162846886208e0d8d03969fc204a1eccb72184d0575a8dca";
const CHANGE: &str = concat!(
    r#"{"kind":"StatusChanged","data":{"target":"entity","target_id":"0190c5a4-7c1e-7000-8000-0000000000ee","#,
    r#""state":"REVOKED","effective_from":"2026-11-22T00:00:00Z","reason":"FRAUD"}}"#,
);
pub const EVENTS: [&str; 2] = [
    r#"{"actor":"0","approvals":[],"kind":"RegistrySealed","origin":"bootstrap","recorded_at":"2026-11-20T00:00:00Z","seq":1,"subject":"*"}"#,
    r#"{"actor":"4","approvals":[{"by":"6","over":"ab","role":"APPROVER"}],"kind":"StaffDismissed","origin":"proposal","recorded_at":"2026-11-21T00:00:00Z","seq":2,"subject":"staff"}"#,
];

/// An event of those, as a line of an export.
pub fn line(n: usize) -> String {
    String::from_utf8(exported(EVENTS[n].as_bytes()).expect("an event")).expect("UTF-8")
}

fn proposal(id: &str) -> reg::Proposal {
    let bytes = if id == FORGED { BYTES.replace("FRAUD", "LAPSE") } else { BYTES.to_owned() };
    reg::Proposal {
        proposal_id: id.to_owned(),
        revision: 1,
        measure: "REVOKE".to_owned(),
        change_json: CHANGE.to_owned(),
        bytes: bytes.into_bytes(),
        hash: HASH.to_owned(),
        proposer: 4,
        reason: "a forged\u{7} diploma".to_owned(),
        quorum: 2,
        state: "OPEN".to_owned(),
        diff_json: r#"{"state":{"from":"ACTIVE","to":"REVOKED"}}"#.to_owned(),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl GovernanceService for Fake {
    /// Says what it was asked for, so that a test can look at it.
    async fn propose(&self, request: Request<reg::ProposeRequest>) -> Reply<reg::ProposeResponse> {
        permit(&request)?;
        let asked = request.into_inner();
        let change_json = format!("{:?}", asked.change);
        let proposal = reg::Proposal { reason: asked.reason, change_json, ..proposal(GOOD) };
        Ok(Response::new(reg::ProposeResponse { proposal: Some(proposal) }))
    }
    async fn get_proposal(
        &self,
        request: Request<reg::GetProposalRequest>,
    ) -> Reply<reg::GetProposalResponse> {
        permit(&request)?;
        let id = request.into_inner().proposal_id;
        if ![GOOD, FORGED, OTHER, OWN].contains(&id.as_str()) {
            return Err(status(Code::NotFound, "NOT_FOUND", "no such proposal"));
        }
        Ok(Response::new(reg::GetProposalResponse { proposal: Some(proposal(&id)) }))
    }
    async fn list_proposals(
        &self,
        request: Request<reg::ListProposalsRequest>,
    ) -> Reply<reg::ListProposalsResponse> {
        permit(&request)?;
        let first = request.get_ref().page_token.is_empty();
        let (id, next) = if first { (GOOD, "2") } else { (OWN, "") };
        let proposals = vec![proposal(id)];
        Ok(Response::new(reg::ListProposalsResponse { proposals, next_page_token: next.to_owned() }))
    }
    async fn approve_proposal(
        &self,
        request: Request<reg::ApproveProposalRequest>,
    ) -> Reply<reg::ApproveProposalResponse> {
        permit(&request)?;
        let asked = request.into_inner();
        if asked.proposal_id == OWN {
            return Err(status(
                Code::PermissionDenied,
                "SELF_APPROVAL_FORBIDDEN",
                "another must decide this",
            ));
        }
        if asked.hash != HASH {
            return Err(status(Code::Aborted, "PROPOSAL_CHANGED", "read it again"));
        }
        let executed = reg::Proposal { state: "EXECUTED".to_owned(), seq: 12, ..proposal(GOOD) };
        Ok(Response::new(reg::ApproveProposalResponse { proposal: Some(executed), epoch: 12 }))
    }
    async fn amend_proposal(
        &self,
        request: Request<reg::AmendProposalRequest>,
    ) -> Reply<reg::AmendProposalResponse> {
        permit(&request)?;
        let asked = request.into_inner();
        let change_json = format!("{:?}", asked.proposal.and_then(|p| p.change));
        let proposal = reg::Proposal { revision: 2, change_json, ..proposal(&asked.proposal_id) };
        Ok(Response::new(reg::AmendProposalResponse { proposal: Some(proposal) }))
    }
    async fn refuse_proposal(
        &self,
        request: Request<reg::RefuseProposalRequest>,
    ) -> Reply<reg::RefuseProposalResponse> {
        permit(&request)?;
        let closed_why = request.into_inner().reason;
        let refused = reg::Proposal { state: "REFUSED".to_owned(), closed_why, ..proposal(GOOD) };
        Ok(Response::new(reg::RefuseProposalResponse { proposal: Some(refused) }))
    }
    async fn withdraw_proposal(
        &self,
        _: Request<reg::WithdrawProposalRequest>,
    ) -> Reply<reg::WithdrawProposalResponse> {
        Err(status(Code::FailedPrecondition, "STEP_UP_REQUIRED", "sign in again"))
    }
    async fn suspend_in_emergency(
        &self,
        request: Request<reg::SuspendInEmergencyRequest>,
    ) -> Reply<reg::SuspendInEmergencyResponse> {
        permit(&request)?;
        let lapses_at = Some(prost_types::Timestamp { seconds: 86_400, nanos: 0 });
        Ok(Response::new(reg::SuspendInEmergencyResponse { epoch: 13, lapses_at }))
    }
    async fn list_staff(&self, request: Request<reg::ListStaffRequest>) -> Reply<reg::ListStaffResponse> {
        permit(&request)?;
        let roles = vec!["OFFICER".to_owned(), "AUDITOR".to_owned()];
        let staff = vec![reg::StaffMember { staff_id: 4, roles, you: true, ..Default::default() }];
        Ok(Response::new(reg::ListStaffResponse { staff }))
    }
    /// One event a page. A page for `loop` leads to itself.
    async fn list_events(&self, request: Request<reg::ListEventsRequest>) -> Reply<reg::ListEventsResponse> {
        permit(&request)?;
        let asked = request.into_inner();
        let (event, next) = if asked.after == 0 { (EVENTS[0], 1) } else { (EVENTS[1], 0) };
        let next_after = if asked.subject == "loop" { 1 } else { next };
        Ok(Response::new(reg::ListEventsResponse {
            events: vec![event.as_bytes().to_vec()],
            next_after,
            ..Default::default()
        }))
    }
}

#[tonic::async_trait]
impl AuditService for Fake {
    type ExportEventsStream =
        stream::Iter<std::vec::IntoIter<Result<reg::ExportEventsResponse, tonic::Status>>>;

    async fn export_events(
        &self,
        request: Request<reg::ExportEventsRequest>,
    ) -> Reply<Self::ExportEventsStream> {
        permit(&request)?;
        let lines = [(1, line(0)), (2, line(1))];
        let each =
            |(seq, line): (i64, String)| Ok(reg::ExportEventsResponse { seq, line: line.into_bytes() });
        Ok(Response::new(stream::iter(lines.map(each).to_vec())))
    }
    async fn list_accesses(
        &self,
        request: Request<reg::ListAccessesRequest>,
    ) -> Reply<reg::ListAccessesResponse> {
        permit(&request)?;
        let access = reg::Access {
            access_id: 9,
            by: 4,
            what: "LIST_EVENTS".to_owned(),
            filter_json: r#"{"subject":"staff"}"#.to_owned(),
            ..Default::default()
        };
        Ok(Response::new(reg::ListAccessesResponse { accesses: vec![access], next_before: 9 }))
    }
}
