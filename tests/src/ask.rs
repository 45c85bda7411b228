//! The two doors of TRQP, and what they say in one comparable form.

use std::collections::BTreeMap;

use charter_domain::{Kind, Timestamp};
use charter_federation::protocol::Failure;
use charter_proto::trqp::v2::{
    self as pb, trust_registry_query_service_client::TrustRegistryQueryServiceClient,
};
use charter_server::error::Code;
use serde_json::Value;
use tonic_types::StatusExt;

use crate::Asking;

/// An answer or an error, without what may differ between two askings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// HTTP status; for gRPC that of the same row of the error table.
    pub status: u16,
    /// Reason of an answer, code of an error.
    pub reason: String,
    pub yes: bool,
    pub basis: String,
    pub decided_by: String,
    pub message: String,
    pub unstated: Vec<String>,
    pub context: BTreeMap<String, String>,
    pub evaluated: String,
    pub requested: Option<String>,
    pub expires: String,
    pub epoch: i64,
    pub chain: Vec<String>,
    /// Field that an error names.
    pub field: String,
    /// Where the way down ends: links below the asked registry, and who is there.
    pub failing: Option<(u64, String)>,
    /// Seconds since a stale answer was confirmed.
    pub age: Option<u64>,
}

impl Said {
    /// `200 yes ACTIVE`, `200 no REVOKED`, `404 UNKNOWN_ENTITY`.
    pub fn line(&self) -> String {
        let answer = match (self.status, self.yes) {
            (200, true) => "yes ",
            (200, false) => "no ",
            _ => "",
        };
        format!("{} {answer}{}", self.status, self.reason)
    }

    /// Nothing was decided, since a registry on the way did not answer in time, or rests because it did not.
    pub fn is_late(&self) -> bool {
        self.status == 503 && self.message.contains(&Failure::Late.to_string())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn failing(value: &Value) -> Option<(u64, String)> {
    Some((value["index"].as_u64()?, value["authority_id"].as_str()?.to_owned()))
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

pub async fn rest(q: &Asking<'_>) -> Said {
    let (path, word) = match q.kind {
        Kind::Authorization => ("/authorization", "authorized"),
        Kind::Recognition => ("/recognition", "recognized"),
    };
    let reply = q.app.rest().post(path, &q.json()).await;
    let body = reply.json();
    if reply.status != 200 {
        let (status, reason) = reply.problem();
        let field = text(&body["errors"][0]["pointer"]).trim_start_matches('/').replace('/', ".");
        let message = text(&body["detail"]);
        let failing = failing(&body["failing_link"]);
        return Said { status, reason, field, message, failing, ..Said::default() };
    }
    for name in ["authority_id", "entity_id", "action", "resource"] {
        assert_eq!(body[name], q.json()[name], "the echo of {name}");
    }
    let meta = &body["meta"];
    Said {
        status: 200,
        reason: text(&meta["reason"]),
        yes: body[word].as_bool().expect("a boolean"),
        basis: text(&meta["basis"]),
        decided_by: text(&meta["decided_by"]),
        message: text(&body["message"]),
        unstated: list(&meta["unstated_conditions"]),
        context: serde_json::from_value(body["context"].clone()).unwrap_or_default(),
        evaluated: text(&body["time_evaluated"]),
        requested: body.get("time_requested").map(text),
        expires: text(&meta["expires_at"]),
        epoch: meta["epoch"].as_i64().expect("an epoch"),
        chain: list(&body["evidence"]["chain"]),
        field: String::new(),
        failing: failing(&meta["failing_link"]),
        age: meta["stale"].as_bool().filter(|stale| *stale).and(meta["age_secs"].as_u64()),
    }
}

fn time(t: prost_types::Timestamp) -> String {
    Timestamp::from_micros(t.seconds * 1_000_000 + i64::from(t.nanos) / 1_000).to_string()
}

/// An error of gRPC in the words of REST.
pub fn error(status: &tonic::Status) -> Said {
    let info = status.get_details_error_info();
    let named = |name: &str| info.as_ref().and_then(|info| info.metadata.get(name));
    let index = named("failing_link_index").and_then(|index| index.parse().ok());
    let failing = index.zip(named("failing_link_authority_id").cloned());
    let reason = info.map(|info| info.reason).unwrap_or_default();
    let Some(code) = Code::ALL.iter().find(|c| c.as_str() == reason) else {
        return Said { reason: format!("{:?}", status.code()), ..Said::default() };
    };
    assert_eq!(code.grpc(), status.code(), "{reason}");
    let violations = status.get_details_bad_request().map(|b| b.field_violations).unwrap_or_default();
    Said {
        status: code.http(),
        reason,
        message: status.message().to_owned(),
        field: violations.into_iter().next().map(|v| v.field).unwrap_or_default(),
        failing,
        ..Said::default()
    }
}

type Parts = (bool, pb::Meta, [Option<prost_types::Timestamp>; 2], String);

fn answer((yes, meta, [evaluated, requested], message): Parts) -> Said {
    Said {
        status: 200,
        reason: meta.reason,
        yes,
        basis: meta.basis,
        decided_by: meta.decided_by,
        message,
        unstated: meta.unstated_conditions,
        evaluated: evaluated.map(time).unwrap_or_default(),
        requested: requested.map(time),
        expires: meta.expires_at.map(time).unwrap_or_default(),
        epoch: meta.epoch,
        failing: meta.failing_link.map(|link| (link.index.into(), link.authority_id)),
        age: meta.stale.then_some(meta.age_secs),
        ..Said::default()
    }
}

pub fn request(q: &Asking<'_>) -> pb::AuthorizationRequest {
    pb::AuthorizationRequest {
        entity_id: q.entity.clone(),
        authority_id: q.authority.clone(),
        action: q.action.clone(),
        resource: q.resource.clone(),
        context: q.context.clone().into_iter().collect(),
    }
}

pub fn authorized(r: pb::AuthorizationResponse) -> Said {
    let times = [r.time_evaluated, r.time_requested];
    Said {
        context: r.context.into_iter().collect(),
        chain: r.evidence.map(|e| e.chain).unwrap_or_default(),
        ..answer((r.authorized, r.meta.expect("meta"), times, r.message))
    }
}

pub async fn grpc(q: &Asking<'_>) -> Said {
    let mut client = TrustRegistryQueryServiceClient::new(q.app.channel());
    let r = request(q);
    match q.kind {
        Kind::Authorization => match client.authorization(r).await {
            Ok(r) => authorized(r.into_inner()),
            Err(status) => error(&status),
        },
        Kind::Recognition => {
            let pb::AuthorizationRequest { entity_id, authority_id, action, resource, context } = r;
            let request = pb::RecognitionRequest { entity_id, authority_id, action, resource, context };
            match client.recognition(request).await {
                Ok(r) => {
                    let r = r.into_inner();
                    let times = [r.time_evaluated, r.time_requested];
                    Said {
                        context: r.context.into_iter().collect(),
                        chain: r.evidence.map(|e| e.chain).unwrap_or_default(),
                        ..answer((r.recognized, r.meta.expect("meta"), times, r.message))
                    }
                }
                Err(status) => error(&status),
            }
        }
    }
}
