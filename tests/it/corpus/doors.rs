//! A case put through the doors: TRQP over both bindings, gRPC `Resolve`, and `POST /api/v1/resolve`.

use charter_domain::{Kind, Outcome};
use charter_proto::charter::federation::v1::{
    self as pb, QueryKind, federation_service_client::FederationServiceClient,
};
use charter_tests::Asking;
use serde_json::Value;

use super::{
    build::Servers,
    spec::{Case, Expect, did},
};

/// What a native door says, in one comparable form.
pub struct Given {
    decision: String,
    reason: String,
    basis: String,
    decided_by: String,
    message: String,
    unstated: Vec<String>,
    failing: Option<(u64, String)>,
    pub chain: Vec<String>,
}

impl Given {
    /// What is not as expected.
    pub fn faults(&self, door: &str, expect: &Expect) -> Vec<String> {
        let mut faults = Vec::new();
        let mut same = |what: &str, given: &str, expected: &str| {
            if given != expected {
                faults.push(format!("{door}: {what} is `{given}`, expected `{expected}`: {}", self.message));
            }
        };
        same("the decision", &self.decision, &expect.decision);
        same("the reason", &self.reason, &expect.reason);
        if let Some(basis) = &expect.basis {
            same("the basis", &self.basis, basis);
        }
        if let Some(by) = &expect.decided_by {
            same("who decided", &self.decided_by, &did(by));
        }
        same("what is left open", &self.unstated.join(","), &expect.unstated.join(","));
        faults.extend(unsaid(door, &self.message, expect));
        faults.extend(elsewhere(door, self.failing.as_ref(), expect));
        faults
    }
}

/// Whether the way down ends elsewhere than expected. Those cases that name no link may have one.
fn elsewhere(door: &str, failing: Option<&(u64, String)>, expect: &Expect) -> Option<String> {
    let link = expect.link.as_ref()?;
    let expected = (u64::from(link.index), did(&link.authority));
    (failing != Some(&expected))
        .then(|| format!("{door}: the failing link is {failing:?}, expected {expected:?}"))
}

fn unsaid(door: &str, message: &str, expect: &Expect) -> Vec<String> {
    let missing = expect.said().filter(|part| !message.contains(part.as_str()));
    missing.map(|part| format!("{door}: `{message}` does not name `{part}`")).collect()
}

fn asking<'a>(servers: &'a Servers, case: &Case) -> Asking<'a> {
    let ask = &case.ask;
    let mut asking = servers.app(ask.server).anonymous().asks(&did(&ask.entity), &ask.action, &ask.resource);
    asking.kind = ask.kind;
    asking.context.clone_from(&ask.context);
    match &ask.authority {
        Some(authority) => asking.of(&did(authority)),
        None => asking,
    }
}

pub async fn trqp(servers: &Servers, case: &Case) -> Vec<String> {
    let (asking, expect) = (asking(servers, case), &case.expect);
    let said = if expect.outcome() == Outcome::Indeterminate || case.ask.authority.is_some() {
        // Why somebody could not be asked may be put otherwise the second time; and over gRPC an authority below that
        // is served here answers itself, over REST through the registry whose address was asked.
        vec![asking.rest().await, asking.grpc().await]
    } else {
        vec![asking.both().await]
    };
    let mut faults = Vec::new();
    for said in said {
        if said.line() != expect.line() {
            faults.push(format!("TRQP: `{}`, expected `{}`: {}", said.line(), expect.line(), said.message));
        }
        faults.extend(unsaid("TRQP", &said.message, expect));
        faults.extend(elsewhere("TRQP", said.failing.as_ref(), expect));
        let by = expect.decided_by.as_deref().map(did).filter(|_| said.status == 200);
        if by.is_some_and(|by| by != said.decided_by) {
            faults.push(format!("TRQP: `{}` decided", said.decided_by));
        }
    }
    faults
}

pub async fn grpc(servers: &Servers, case: &Case) -> Given {
    let asking = asking(servers, case).with("evidence", "chain");
    let kind = match asking.kind {
        Kind::Authorization => QueryKind::Authorization,
        Kind::Recognition => QueryKind::Recognition,
    };
    let request = pb::ResolveRequest {
        kind: kind.into(),
        authority_id: asking.authority.clone(),
        entity_id: asking.entity.clone(),
        action: asking.action.clone(),
        resource: asking.resource.clone(),
        context: asking.context.clone().into_iter().collect(),
        ..pb::ResolveRequest::default()
    };
    let reply = FederationServiceClient::new(asking.app.channel()).resolve(request).await;
    let reply = reply.expect("a decision is never an error").into_inner();
    let decision = match reply.outcome() {
        pb::Outcome::Yes => "yes",
        pb::Outcome::No => "no",
        pb::Outcome::Indeterminate => "indeterminate",
        pb::Outcome::Unspecified => "unspecified",
    };
    Given {
        decision: decision.to_owned(),
        reason: reply.reason,
        basis: reply.basis,
        decided_by: reply.decided_by,
        message: reply.detail,
        unstated: reply.unstated_conditions,
        failing: reply.failing_link.map(|link| (link.index.into(), link.authority_id)),
        chain: reply.chain,
    }
}

pub async fn rest(servers: &Servers, case: &Case) -> Given {
    let asking = asking(servers, case).with("evidence", "chain");
    let mut question = asking.json();
    question["kind"] = asking.kind.as_str().into();
    let reply = asking.app.rest().post("/api/v1/resolve", &question).await;
    assert_eq!(reply.status, 200, "{}: {}", case.name, reply.text());
    let body = reply.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let list = |name: &str| -> Vec<String> {
        body[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Given {
        decision: text("outcome"),
        reason: text("reason"),
        basis: text("basis"),
        decided_by: text("decided_by"),
        message: text("message"),
        unstated: list("unstated_conditions"),
        failing: body["failing_link"]["index"]
            .as_u64()
            .zip(body["failing_link"]["authority_id"].as_str().map(str::to_owned)),
        chain: list("chain"),
    }
}
