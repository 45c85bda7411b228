//! What staff do besides proposing and deciding.

use charter_proto::charter::registry::v1::{self as pb, sign_application_request::What};
use serde_json::json;

use super::{Case, posts, reads};

/// Nothing has this id.
const NONE: &str = "00000000-0000-0000-0000-000000000001";
const ETAG: &str = "W/\"0123456789abcdef\"";

pub(super) fn cases() -> Vec<Case> {
    vec![
        reads(
            "WebhookService/ListWebhooks",
            "oskar",
            &pb::ListWebhooksRequest::default(),
            "/api/v1/webhooks",
        ),
        posts(
            "WebhookService/CreateWebhook",
            "oskar",
            &pb::CreateWebhookRequest { url: "ftp://a".to_owned(), ..Default::default() },
            ("/api/v1/webhooks", json!({ "url": "ftp://a" }), ""),
        ),
        reads(
            "WebhookService/GetWebhook",
            "oskar",
            &pb::GetWebhookRequest { webhook_id: NONE.to_owned(), ..Default::default() },
            format!("/api/v1/webhooks/{NONE}"),
        ),
        Case {
            method: http::Method::DELETE,
            ..reads(
                "WebhookService/DeleteWebhook",
                "oskar",
                &pb::DeleteWebhookRequest { webhook_id: NONE.to_owned(), ..Default::default() },
                format!("/api/v1/webhooks/{NONE}"),
            )
        },
        posts(
            "WebhookService/UpdateWebhook",
            "oskar",
            &pb::UpdateWebhookRequest {
                webhook_id: NONE.to_owned(),
                etag: ETAG.to_owned(),
                ..Default::default()
            },
            (format!("/api/v1/webhooks/{NONE}:update"), json!({}), ETAG),
        ),
        posts(
            "WebhookService/TestWebhook",
            "oskar",
            &pb::TestWebhookRequest { webhook_id: NONE.to_owned(), ..Default::default() },
            (format!("/api/v1/webhooks/{NONE}:test"), json!({}), ""),
        ),
        posts(
            "WebhookService/ReplayWebhook",
            "oskar",
            &pb::ReplayWebhookRequest { webhook_id: NONE.to_owned(), ..Default::default() },
            (format!("/api/v1/webhooks/{NONE}:replay"), json!({}), ""),
        ),
        posts(
            "WebhookService/RotateWebhookSecret",
            "oskar",
            &pb::RotateWebhookSecretRequest {
                webhook_id: NONE.to_owned(),
                etag: ETAG.to_owned(),
                ..Default::default()
            },
            (format!("/api/v1/webhooks/{NONE}:rotateSecret"), json!({}), ETAG),
        ),
        reads(
            "WebhookService/ListDeliveries",
            "oskar",
            &pb::ListDeliveriesRequest { webhook_id: NONE.to_owned(), ..Default::default() },
            format!("/api/v1/webhooks/{NONE}/deliveries"),
        ),
        // Reading them is one: those before the first are none.
        reads(
            "AuditService/ListAccesses",
            "aino",
            &pb::ListAccessesRequest { before: 1, ..Default::default() },
            "/api/v1/accesses?before=1",
        ),
        reads("AuditService/ListAccesses", "olga", &pb::ListAccessesRequest::default(), "/api/v1/accesses"),
        reads(
            "CredentialService/ListCredentials",
            "aino",
            &pb::ListCredentialsRequest::default(),
            "/api/v1/credentials",
        ),
        posts(
            "CredentialService/RevokeCredential",
            "bob",
            &pb::RevokeCredentialRequest {
                credential_id: NONE.to_owned(),
                code: "LEAKED".to_owned(),
                ..Default::default()
            },
            (format!("/api/v1/credentials/{NONE}:revoke"), json!({ "code": "LEAKED" }), ""),
        ),
        reads(
            "WitnessService/ListWitnessedLogs",
            "olga",
            &pb::ListWitnessedLogsRequest::default(),
            "/api/v1/witnessed-logs",
        ),
        reads(
            "JoiningService/ListApplications",
            "otto",
            &pb::ListApplicationsRequest::default(),
            "/api/v1/applications",
        ),
        reads(
            "JoiningService/GetApplication",
            "aino",
            &pb::GetApplicationRequest { application_id: NONE.to_owned(), ..Default::default() },
            format!("/api/v1/applications/{NONE}"),
        ),
        posts(
            "JoiningService/SignApplication",
            "otto",
            &pb::SignApplicationRequest {
                superior: "root".to_owned(),
                what: Some(What::Inquire(NONE.to_owned())),
                ..Default::default()
            },
            ("/api/v1/applications:sign", json!({ "superior": "root", "inquire": NONE }), ""),
        ),
        posts(
            "JoiningService/AcceptApplication",
            "otto",
            &pb::AcceptApplicationRequest { application_id: NONE.to_owned(), ..Default::default() },
            (format!("/api/v1/applications/{NONE}:accept"), json!({}), ""),
        ),
        posts(
            "JoiningService/RefuseApplication",
            "otto",
            &pb::RefuseApplicationRequest {
                application_id: NONE.to_owned(),
                reason: "unknown".to_owned(),
                ..Default::default()
            },
            (format!("/api/v1/applications/{NONE}:refuse"), json!({ "reason": "unknown" }), ""),
        ),
        posts(
            "ApplicationService/SubmitApplication",
            "",
            &pb::SubmitApplicationRequest { application: "a.b.c".to_owned(), ..Default::default() },
            ("/api/v1/applications:submit", json!({ "application": "a.b.c" }), ""),
        ),
        posts(
            "ApplicationService/InquireApplication",
            "",
            &pb::InquireApplicationRequest { inquiry: "a.b.c".to_owned(), ..Default::default() },
            ("/api/v1/applications:inquire", json!({ "inquiry": "a.b.c" }), ""),
        ),
        reads("PolicyService/GetPolicy", "", &pb::GetPolicyRequest::default(), "/api/v1/policy"),
        reads(
            "ProcedureService/ListProcedures",
            "aino",
            &pb::ListProceduresRequest::default(),
            "/api/v1/procedures",
        ),
        reads(
            "ProcedureService/ListProcedures",
            "",
            &pb::ListProceduresRequest::default(),
            "/api/v1/procedures",
        ),
        reads(
            "ProcedureService/GetProcedure",
            "aino",
            &pb::GetProcedureRequest { procedure_id: 999_999, ..Default::default() },
            "/api/v1/procedures/999999",
        ),
    ]
}
