//! Governance; each change is only tried out, so that both doors meet the same state.

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_tests::governed::{ISSUER, status};
use serde_json::json;

use super::{Case, posts, reads};

/// What the answers to changes name anew each time.
const ANEW: &[&str] = &["proposal_id", "hash", "bytes", "etag"];

pub(super) fn cases(draft: &pb::Proposal, entity_etag: &str) -> Vec<Case> {
    let id = draft.proposal_id.as_str();
    let suspend = || Some(status(ISSUER, "SUSPENDED"));
    let wish = json!({ "change_status": { "entity_id": ISSUER, "state": "SUSPENDED", "code": "TESTED",
        "hearing_waived": "URGENT", "legal_basis": "Act 1, 1" } });
    let propose = |etag: &str, change: Option<Change>| pb::ProposeRequest {
        reason: "why".to_owned(),
        validate_only: true,
        etag: etag.to_owned(),
        change,
        ..Default::default()
    };
    let proposed = json!({ "reason": "why", "validate_only": true, "change": wish });
    let etag = draft.etag.clone();
    let approve = pb::ApproveProposalRequest {
        proposal_id: id.to_owned(),
        hash: draft.hash.clone(),
        etag: etag.clone(),
        validate_only: true,
        ..Default::default()
    };
    let approved = json!({ "hash": draft.hash, "validate_only": true });
    let refuse = pb::RefuseProposalRequest {
        proposal_id: id.to_owned(),
        reason: "no".to_owned(),
        etag: etag.clone(),
        validate_only: true,
        ..Default::default()
    };
    let withdraw = pb::WithdrawProposalRequest {
        proposal_id: id.to_owned(),
        etag: etag.clone(),
        validate_only: true,
        ..Default::default()
    };
    let amend = pb::AmendProposalRequest {
        proposal_id: id.to_owned(),
        proposal: Some(propose("", suspend())),
        etag: etag.clone(),
        ..Default::default()
    };
    let emergency = pb::SuspendInEmergencyRequest {
        entity_id: ISSUER.to_owned(),
        code: "KEY_STOLEN".to_owned(),
        validate_only: true,
        ..Default::default()
    };
    let suspended = json!({ "entity_id": ISSUER, "code": "KEY_STOLEN", "validate_only": true });
    let at = |verb: &str| format!("/api/v1/proposals/{id}:{verb}");
    let get = |id: &str| pb::GetProposalRequest { proposal_id: id.to_owned(), ..Default::default() };
    let list = |filter: &str| pb::ListProposalsRequest { filter: filter.to_owned(), ..Default::default() };
    let held =
        |subject: &str| pb::ShowPersonalDataRequest { subject: subject.to_owned(), ..Default::default() };
    let refused = || json!({ "reason": "no", "validate_only": true });
    vec![
        reads("GovernanceService/GetProposal", "anna", &get(id), format!("/api/v1/proposals/{id}")),
        reads("GovernanceService/GetProposal", "", &get(id), format!("/api/v1/proposals/{id}")),
        reads("GovernanceService/GetProposal", "anna", &get("7"), "/api/v1/proposals/7"),
        reads("GovernanceService/GetProposal", "stranger", &get(id), format!("/api/v1/proposals/{id}")),
        reads("GovernanceService/ListProposals", "anna", &list(""), "/api/v1/proposals"),
        reads(
            "GovernanceService/ListProposals",
            "anna",
            &list("state = OPEN"),
            "/api/v1/proposals?filter=state%20%3D%20OPEN",
        ),
        reads("GovernanceService/ListProposals", "anna", &list("state"), "/api/v1/proposals?filter=state"),
        posts(
            "GovernanceService/Propose",
            "olga",
            &propose(entity_etag, suspend()),
            ("/api/v1/proposals", proposed.clone(), entity_etag),
        )
        .but(ANEW),
        posts(
            "GovernanceService/Propose",
            "olga",
            &propose("", suspend()),
            ("/api/v1/proposals", proposed.clone(), ""),
        ),
        posts(
            "GovernanceService/Propose",
            "olga",
            &propose("W/\"0\"", suspend()),
            ("/api/v1/proposals", proposed.clone(), "W/\"0\""),
        ),
        posts(
            "GovernanceService/Propose",
            "aino",
            &propose(entity_etag, suspend()),
            ("/api/v1/proposals", proposed.clone(), entity_etag),
        ),
        posts(
            "GovernanceService/ApproveProposal",
            "anna",
            &approve,
            (at("approve"), approved.clone(), &etag),
        ),
        posts("GovernanceService/ApproveProposal", "olga", &approve, (at("approve"), approved, &etag)),
        posts("GovernanceService/AmendProposal", "olga", &amend, (at("amend"), proposed, &etag)).but(ANEW),
        posts("GovernanceService/RefuseProposal", "anna", &refuse, (at("refuse"), refused(), &etag)),
        posts("GovernanceService/RefuseProposal", "olga", &refuse, (at("refuse"), refused(), &etag)),
        posts(
            "GovernanceService/WithdrawProposal",
            "olga",
            &withdraw,
            (at("withdraw"), json!({ "validate_only": true }), &etag),
        ),
        posts(
            "GovernanceService/SuspendInEmergency",
            "olga",
            &emergency,
            ("/api/v1/emergency-suspensions", suspended.clone(), ""),
        ),
        posts(
            "GovernanceService/SuspendInEmergency",
            "aino",
            &emergency,
            ("/api/v1/emergency-suspensions", suspended, ""),
        ),
        reads("GovernanceService/ListStaff", "alice", &pb::ListStaffRequest::default(), "/api/v1/staff"),
        reads("GovernanceService/ListEvents", "aino", &pb::ListEventsRequest::default(), "/api/v1/events"),
        reads(
            "PrivacyService/ShowPersonalData",
            "alice",
            &held(&format!("entity:{ISSUER}")),
            format!("/api/v1/privacy/records?subject=entity:{ISSUER}"),
        ),
        reads(
            "PrivacyService/ShowPersonalData",
            "olga",
            &held("staff:1"),
            "/api/v1/privacy/records?subject=staff:1",
        ),
    ]
}
