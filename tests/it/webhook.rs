//! Webhooks: what happens reaches them signed, in order, at least once; and who may say where to.

mod change;
mod receiver;

use std::time::{Duration, Instant};

use charter_proto::charter::registry::v1::{
    self as pb, change_status::Target, event_service_client::EventServiceClient,
    webhook_service_client::WebhookServiceClient,
};
use charter_tests::{
    AUTHORITY, TestApp,
    governed::{Governed, ISSUER, Person, status, waived},
};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tonic::{Status, Streaming, transport::Channel};

use self::{
    change::sends_seen,
    receiver::{LATEST, Receiver, SOON},
};
use crate::{governance::said, kept::beside};

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn with_operator() -> Governed {
    let g = Governed::start().await;
    g.appoints("otso", &["OPERATOR"], false).await;
    g
}

fn client(g: &Governed) -> WebhookServiceClient<Channel> {
    WebhookServiceClient::new(g.app.channel())
}

/// A webhook of Otso's, and its secret.
async fn created(
    g: &Governed,
    url: &str,
    kinds: &[&str],
    entity: &str,
) -> Result<(pb::Webhook, String), Status> {
    let request = pb::CreateWebhookRequest {
        url: url.to_owned(),
        kinds: kinds.iter().map(|k| (*k).to_owned()).collect(),
        entity_id: entity.to_owned(),
        ..Default::default()
    };
    let made = client(g).create_webhook(g.person("otso").signed(request)).await?.into_inner();
    Ok((made.webhook.expect("a webhook"), made.secret))
}

/// Suspends it as two persons do; how long the approval took.
async fn suspends(g: &Governed, entity: &str) -> Duration {
    let draft = g.person("olga").proposes(status(entity, "SUSPENDED")).await.expect("proposed");
    let called = Instant::now();
    g.person("anna").approves(&draft).await.expect("approved");
    called.elapsed()
}

async fn reinstates(g: &Governed, entity: &str) {
    let draft = g.person("olga").proposes(status(entity, "ACTIVE")).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved");
}

async fn shown(g: &Governed, id: &str) -> Value {
    let reply = g.person("otso").sends("GET", &format!("/api/v1/webhooks/{id}"), &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Waits until the webhook is as it should be.
async fn becomes(g: &Governed, id: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + LATEST;
    loop {
        let now = shown(g, id).await;
        if holds(&now) {
            return now;
        }
        assert!(Instant::now() < end, "{what}: {now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn outcomes(g: &Governed, id: &str) -> Vec<(i64, String)> {
    let path = format!("/api/v1/webhooks/{id}/deliveries");
    let list = g.person("otso").sends("GET", &path, &json!({})).await.json();
    let request = pb::ListDeliveriesRequest { webhook_id: id.to_owned(), ..Default::default() };
    let same = client(g).list_deliveries(g.person("otso").signed(request)).await.expect("a list");
    let list = list["deliveries"].as_array().expect("a list").clone();
    assert_eq!(same.into_inner().deliveries.len(), list.len(), "both doors");
    let outcome =
        |d: &Value| (d["seq"].as_i64().unwrap_or(-1), d["outcome"].as_str().unwrap_or("").to_owned());
    list.iter().map(outcome).collect()
}

async fn sse(app: &TestApp, path: &str) -> impl Future<Output = String> + use<> {
    let rest = app.rest();
    let request = rest.request(http::Method::GET, path).body(Full::<bytes::Bytes>::default());
    let mut body = rest.open(request.expect("a request")).await.into_body();
    async move {
        let mut text = String::new();
        while !text.contains("event: change") {
            let frame = tokio::time::timeout(LATEST, body.frame()).await.expect("in time").expect("a frame");
            text += std::str::from_utf8(frame.expect("read").data_ref().expect("data")).expect("UTF-8");
        }
        text
    }
}

async fn streamed(stream: &mut Streaming<pb::WatchResponse>) -> pb::WatchResponse {
    let message = tokio::time::timeout(LATEST, stream.message()).await.expect("in time");
    message.expect("read").expect("an event")
}

/// Suspends the issuer; how long it took until the last of webhook, stream and page had it, which has seen the events up to
/// `after`.
async fn reaches(
    g: &Governed,
    (receiver, secret): (&mut Receiver, &str),
    stream: &mut Streaming<pb::WatchResponse>,
    after: i64,
) -> Duration {
    let path = format!("/api/v1/watch?kinds=StatusChanged&entity_id={ISSUER}&after={after}");
    let page = sse(&g.app, &path).await;
    let called = Instant::now();
    let acknowledged = suspends(g, ISSUER).await;
    let (event, streamed) = (streamed(stream).await, called.elapsed());
    let (text, paged) = (page.await, called.elapsed());
    let hook = receiver.next().await;
    println!(
        "approved in {acknowledged:?}; after the call it was in the stream at {streamed:?}, on the page at \
         {paged:?}, at the webhook at {:?}",
        hook.at.duration_since(called)
    );
    assert_eq!(hook.body, event.event, "the bytes as recorded, at both");
    assert!(text.contains(&format!("id: {}", event.seq)), "{text}");
    hook.verify(secret);
    standardwebhooks::Webhook::new(secret)
        .expect("a secret")
        .verify(&hook.body, &hook.headers)
        .expect("signed as the standard's own library checks it");
    // The last word on what was told by then: the log of deliveries.
    becomes(g, &hook.webhook_id(), "delivered", |w| w["cursor"] == event.seq).await;
    let words = outcomes(g, &hook.webhook_id()).await;
    assert_eq!(words.first(), Some(&(event.seq, "DELIVERED".to_owned())));
    assert_eq!(words.iter().filter(|(seq, _)| *seq == event.seq).count(), 1, "{words:?}");
    streamed.max(paged).max(hook.at.duration_since(called))
}

#[tokio::test]
async fn a_suspension_reaches_a_webhook_a_stream_and_a_page_within_two_seconds() {
    let g = with_operator().await;
    let mut receiver = Receiver::start().await;
    let (_, secret) = created(&g, &receiver.url, &["StatusChanged"], ISSUER).await.expect("created");
    let (kinds, entity_id) = (vec!["StatusChanged".to_owned()], ISSUER.to_owned());
    let request = pb::WatchRequest { kinds, entity_id, ..Default::default() };
    let mut stream =
        EventServiceClient::new(g.app.channel()).watch(request).await.expect("watched").into_inner();
    // The best of three: a busy machine may be late for one.
    let (mut best, mut after) = (Duration::MAX, 0);
    for _ in 0..3 {
        best = best.min(reaches(&g, (&mut receiver, secret.as_str()), &mut stream, after).await);
        reinstates(&g, ISSUER).await;
        let reinstated = streamed(&mut stream).await;
        assert_eq!(receiver.next().await.body, reinstated.event);
        after = reinstated.seq;
    }
    assert!(best < SOON, "{best:?}");
}

#[tokio::test]
async fn events_about_what_an_entity_holds_are_about_the_entity() {
    let g = with_operator().await;
    let mut receiver = Receiver::start().await;
    created(&g, &receiver.url, &[], ISSUER).await.expect("created");
    let events = g.person("aino").reads_events("").await.expect("events");
    let made = events.iter().find(|e| e["kind"] == "StatementMade").expect("a statement");
    let change = pb::ChangeStatus {
        target: Some(Target::StatementId(made["seq"].as_i64().expect("a number"))),
        state: "SUSPENDED".to_owned(),
        code: "TESTED".to_owned(),
        ..waived("SUSPENDED")
    };
    g.appoints("uno", &["AUDITOR"], false).await;
    let draft = g.person("olga").proposes(pb::propose_request::Change::ChangeStatus(change)).await;
    g.person("anna").approves(&draft.expect("proposed")).await.expect("approved");
    let hook = receiver.next().await;
    assert_eq!(
        (&hook.json()["kind"], &hook.json()["data"]["target"]),
        (&json!("StatusChanged"), &json!("statement"))
    );
    suspends(&g, ISSUER).await;
    assert_eq!(
        receiver.next().await.json()["data"]["target"],
        "entity",
        "and the appointment in between is not"
    );
}

#[tokio::test]
async fn what_fails_is_tried_again_in_order_and_can_be_replayed() {
    let g = with_operator().await;
    let mut receiver = Receiver::start().await;
    let (webhook, secret) = created(&g, &receiver.url, &[], "").await.expect("created");
    receiver.answers(500);
    suspends(&g, ISSUER).await;
    reinstates(&g, ISSUER).await;
    let first = receiver.next().await;
    let id = webhook.webhook_id.as_str();
    let failing = becomes(&g, id, "failing", |w| w["failures"] == 1).await;
    assert_eq!((&failing["state"], &failing["cursor"]), (&json!("ACTIVE"), &json!(webhook.cursor)));
    assert!(failing["due_at"].is_string() && failing["failing_since"].is_string(), "{failing}");
    receiver.answers(204);
    g.app.clock.advance(Duration::from_secs(1));
    let again = receiver.next().await;
    assert_eq!((again.id(), &again.body), (first.id(), &first.body), "the same message");
    again.verify(&secret);
    let next = receiver.next().await;
    assert_eq!(next.json()["data"]["state"], "ACTIVE", "and then the one after it");
    let done = becomes(&g, id, "delivered", |w| w["cursor"] == next.json()["seq"]).await;
    assert_eq!((&done["failures"], &done["failing_since"]), (&json!(0), &Value::Null));
    let seq = |hook: &receiver::Hook| hook.json()["seq"].as_i64().expect("a number");
    let words = outcomes(&g, id).await;
    let expected = [(seq(&next), "DELIVERED"), (seq(&first), "DELIVERED"), (seq(&first), "FAILED")];
    assert_eq!(words, expected.map(|(seq, word)| (seq, word.to_owned())));
    let request = pb::ReplayWebhookRequest { webhook_id: id.to_owned(), after: 0, ..Default::default() };
    client(&g).replay_webhook(g.person("otso").signed(request)).await.expect("replayed");
    for expected in 1..=seq(&next) {
        assert_eq!(seq(&receiver.next().await), expected);
    }
    let tested = g.person("otso").sends("POST", &format!("/api/v1/webhooks/{id}:test"), &json!({})).await;
    assert_eq!(tested.json()["outcome"], "DELIVERED", "{}", tested.text());
    assert_eq!(receiver.next().await.json()["type"], "webhook.test");
}

#[tokio::test]
async fn who_fails_for_a_day_or_is_gone_is_told_no_more_until_enabled() {
    let g = with_operator().await;
    let mut receiver = Receiver::start().await;
    let (webhook, _) = created(&g, &receiver.url, &[], "").await.expect("created");
    let id = webhook.webhook_id.as_str();
    receiver.answers(503);
    suspends(&g, ISSUER).await;
    receiver.next().await;
    becomes(&g, id, "failing", |w| w["failures"] == 1).await;
    g.app.clock.advance(DAY);
    let why = |w: &Value| w["disabled_why"].as_str().unwrap_or("").to_owned();
    let disabled = becomes(&g, id, "given up", |w| w["state"] == "DISABLED").await;
    assert!(why(&disabled).starts_with("nothing was delivered since"), "{disabled}");
    receiver.next().await;
    receiver.answers(410);
    let enable = json!({ "enabled": true });
    let path = format!("/api/v1/webhooks/{id}:update");
    let enabled = sends_seen(&g.person("otso"), "POST", &path, &enable).await;
    assert_eq!(enabled.json()["state"], "ACTIVE", "{}", enabled.text());
    let gone = becomes(&g, id, "gone", |w| w["state"] == "DISABLED").await;
    assert!(why(&gone).contains("410"), "{gone}");
    receiver.next().await;
    receiver.answers(200);
    sends_seen(&g.person("otso"), "POST", &path, &enable).await;
    assert_eq!(receiver.next().await.json()["kind"], "StatusChanged", "it goes on where it stopped");
    let what: Vec<Value> = shown(&g, id).await["changes"].as_array().expect("a list").clone();
    let what: Vec<&str> = what.iter().filter_map(|c| c["what"].as_str()).collect();
    assert_eq!(what, ["ENABLED", "ENABLED", "CREATED"]);
}

#[tokio::test]
async fn a_new_secret_and_the_old_one_both_sign_for_a_day() {
    let g = with_operator().await;
    let mut receiver = Receiver::start().await;
    let (webhook, old) = created(&g, &receiver.url, &[], "").await.expect("created");
    let request = pb::RotateWebhookSecretRequest {
        webhook_id: webhook.webhook_id,
        etag: webhook.etag,
        ..Default::default()
    };
    let rotated = client(&g).rotate_webhook_secret(g.person("otso").signed(request)).await.expect("rotated");
    let new = rotated.into_inner().secret;
    assert!(old.starts_with("whsec_") && new.starts_with("whsec_") && old != new);
    suspends(&g, ISSUER).await;
    let hook = receiver.next().await;
    hook.verify(&old);
    hook.verify(&new);
    g.app.clock.advance(DAY);
    reinstates(&g, ISSUER).await;
    let hook = receiver.next().await;
    hook.verify(&new);
    assert!(!hook.is_signed_with(&old));
    let admin = g.app.database.admin(&g.app.database.name).await;
    let row = admin.query_one("select secret, previous from webhooks", &[]).await.expect("one");
    for kept in [row.get::<_, String>(0), row.get(1)] {
        assert!(!kept.contains("whsec_") && kept.starts_with("ey"), "sealed: {kept}");
    }
}

#[tokio::test]
async fn two_servers_share_the_work_and_tell_each_event_once() {
    let g = with_operator().await;
    let mut receiver = Receiver::start().await;
    let (webhook, _) = created(&g, &receiver.url, &[], "").await.expect("created");
    let build = TestApp::build().registry(AUTHORITY).settings(charter_tests::app::SETTINGS);
    let other = beside(&g.app, build).await;
    for _ in 0..5 {
        suspends(&g, ISSUER).await;
        reinstates(&g, ISSUER).await;
    }
    for n in 1..=10 {
        assert_eq!(receiver.next().await.json()["seq"], webhook.cursor + n);
    }
    becomes(&g, &webhook.webhook_id, "idle", |w| w["cursor"] == webhook.cursor + 10).await;
    assert!(receiver.is_empty(), "none came twice");
    other.stop().await;
}

async fn refused(g: &Governed, person: &Person<'_>, body: &Value) -> String {
    let list = |key: &str| -> Vec<String> {
        body[key].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let request = pb::CreateWebhookRequest {
        url: text("url"),
        kinds: list("kinds"),
        entity_id: text("entity_id"),
        ..Default::default()
    };
    let status = client(g).create_webhook(person.signed(request)).await.expect_err("refused");
    let reply = person.sends("POST", "/api/v1/webhooks", body).await;
    let (code, word) = reply.problem();
    assert_eq!(format!("{code} {word}"), said(&status), "both doors: {body}");
    said(&status)
}

#[tokio::test]
async fn only_an_operator_who_stepped_up_says_where_and_never_inside() {
    let g = with_operator().await;
    let good = json!({ "url": "https://93.184.215.14/hook" });
    for person in ["olga", "anna", "alice", "aino"] {
        assert_eq!(refused(&g, &g.person(person), &good).await, "403 DENIED", "{person}");
    }
    let plain = g.with_token(g.issuer.token("otso"));
    assert_eq!(refused(&g, &plain, &good).await, "401 STEP_UP_REQUIRED");
    let otso = g.person("otso");
    for url in [
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:10.0.0.1]/",
        "http://93.184.215.14/",
        "ftp://93.184.215.14/",
        "https://u:p@93.184.215.14/",
        "https://0x7f.1/",
        "nonsense",
        "",
    ] {
        assert_eq!(refused(&g, &otso, &json!({ "url": url })).await, "400 INVALID", "{url}");
    }
    let url = "https://93.184.215.14/hook";
    assert_eq!(refused(&g, &otso, &json!({ "url": url, "kinds": ["Nothing"] })).await, "400 INVALID");
    let stranger = json!({ "url": url, "entity_id": "did:web:nobody.example" });
    assert_eq!(refused(&g, &otso, &stranger).await, "404 UNKNOWN_ENTITY");
    let made = otso.sends("POST", "/api/v1/webhooks", &good).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["webhook"]["webhook_id"].as_str().expect("an id").to_owned();
    let list = otso.sends("GET", "/api/v1/webhooks", &json!({})).await;
    assert!(list.text().contains(&id) && !list.text().contains("whsec_"), "{}", list.text());
    let path = format!("/api/v1/webhooks/{id}");
    let try_out = format!("{path}?validate_only=true");
    assert_eq!(sends_seen(&otso, "DELETE", &try_out, &json!({})).await.status, 200, "tried out");
    let new = json!({ "url": url, "validate_only": true });
    assert_eq!(otso.sends("POST", "/api/v1/webhooks", &new).await.json()["webhook"], Value::Null);
    assert_eq!(sends_seen(&otso, "DELETE", &path, &json!({})).await.status, 200);
    for (method, path) in [("GET", path.clone()), ("POST", format!("{path}:test")), ("DELETE", path)] {
        assert_eq!(otso.sends(method, &path, &json!({})).await.problem().0, 404, "{method} {path}");
    }
}
