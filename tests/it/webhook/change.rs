//! Changes of webhooks: named, so that they are done once; and of what was read.

use charter_proto::charter::registry::v1 as pb;
use charter_tests::{
    governed::{Governed, ISSUER, Person},
    rest::Reply,
    terminal::Terminal,
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{becomes, client, created, receiver::Receiver, shown, suspends, with_operator};
use crate::governance::said;

const ID: &str = "7d3e0f4a-95cb-4d05-b5e5-4c2f7b6d0c21";
const OTHER: &str = "7d3e0f4a-95cb-4d05-b5e5-4c2f7b6d0c22";
const STALE: &str = "W/\"0123456789abcdef\"";

/// Reads the webhook of the path first, and sends the etag that came.
pub(super) async fn sends_seen(person: &Person<'_>, method: &str, path: &str, body: &Value) -> Reply {
    let of = path.split([':', '?']).next().unwrap_or(path);
    let found = person.sends("GET", of, &json!({})).await;
    assert_eq!(found.status, 200, "{}", found.text());
    let seen = [("if-match", found.header("etag"))];
    person.sends_with(&seen, method, path, body.to_string()).await
}

fn told<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("refused");
    (status.code(), said(&status))
}

#[tokio::test]
async fn nobody_changes_a_webhook_as_they_have_not_seen_it() {
    let g = with_operator().await;
    let mut receiver = Receiver::start().await;
    let (webhook, _) = created(&g, &receiver.url, &[], "").await.expect("created");
    let (otso, id) = (g.person("otso"), webhook.webhook_id.as_str());
    let path = format!("/api/v1/webhooks/{id}");
    let verbs = [
        ("POST", format!("{path}:update"), json!({ "enabled": false })),
        ("POST", format!("{path}:rotateSecret"), json!({})),
        ("POST", format!("{path}:rotateSecret"), json!({ "validate_only": true })),
        ("DELETE", path.clone(), json!({})),
    ];
    for (method, path, body) in &verbs {
        let missing = otso.sends(method, path, body).await;
        assert_eq!(missing.problem(), (428, "ETAG_REQUIRED".to_owned()), "{method} {path}");
        let other = otso.sends_with(&[("if-match", STALE)], method, path, body.to_string()).await;
        assert_eq!(other.problem(), (412, "ETAG_MISMATCH".to_owned()), "{method} {path}");
    }
    for (etag, expected) in [
        ("", (Code::InvalidArgument, "428 ETAG_REQUIRED".to_owned())),
        (STALE, (Code::Aborted, "412 ETAG_MISMATCH".to_owned())),
    ] {
        let (webhook_id, etag) = (id.to_owned(), etag.to_owned());
        let update = pb::UpdateWebhookRequest {
            webhook_id: webhook_id.clone(),
            enabled: Some(false),
            etag: etag.clone(),
            ..Default::default()
        };
        assert_eq!(told(client(&g).update_webhook(otso.signed(update)).await), expected);
        let rotate = pb::RotateWebhookSecretRequest {
            webhook_id: webhook_id.clone(),
            etag: etag.clone(),
            ..Default::default()
        };
        assert_eq!(told(client(&g).rotate_webhook_secret(otso.signed(rotate)).await), expected);
        let delete = pb::DeleteWebhookRequest { webhook_id, etag, ..Default::default() };
        assert_eq!(told(client(&g).delete_webhook(otso.signed(delete)).await), expected);
    }
    assert_eq!(shown(&g, id).await["etag"], json!(webhook.etag), "nothing was changed, and both doors agree");
    let held = [("if-none-match", webhook.etag.as_str())];
    let same = otso.sends_with(&held, "GET", &path, String::new()).await;
    assert_eq!((same.status, same.header("etag"), same.body.len()), (304, webhook.etag.as_str(), 0));
    suspends(&g, ISSUER).await;
    let seq = receiver.next().await.json()["seq"].clone();
    becomes(&g, id, "delivered", |w| w["cursor"] == seq).await;
    let moved = otso.sends_with(&held, "GET", &path, String::new()).await;
    assert_eq!(moved.status, 200, "it is further than the copy");
    let seen = [("if-match", webhook.etag.as_str())];
    let (method, update, disable) = &verbs[0];
    let disabled = otso.sends_with(&seen, method, update, disable.to_string()).await;
    assert_eq!(disabled.json()["state"], "DISABLED", "deliveries are no reason: {}", disabled.text());
    let again = otso.sends_with(&seen, method, update, disable.to_string()).await;
    assert_eq!(again.problem(), (412, "ETAG_MISMATCH".to_owned()), "somebody changed it meanwhile");
    let enabled = sends_seen(&otso, method, update, &json!({ "enabled": true })).await;
    assert_eq!(enabled.json()["state"], "ACTIVE", "{}", enabled.text());
}

/// How many answers are kept; none of them holds a secret, open or sealed.
async fn kept(g: &Governed) -> usize {
    let admin = g.app.database.admin(&g.app.database.name).await;
    let rows = admin.query("select answer from requests where method like '%Webhook%'", &[]).await;
    let rows = rows.expect("read");
    for row in &rows {
        let answer: String = row.get(0);
        assert!(!answer.contains("whsec_") && !answer.contains("secret"), "{answer}");
    }
    rows.len()
}

#[tokio::test]
async fn what_is_sent_again_is_done_once_and_shows_no_secret_again() {
    let g = with_operator().await;
    let mut receiver = Receiver::start().await;
    let otso = g.person("otso");
    let request = pb::CreateWebhookRequest {
        url: receiver.url.clone(),
        request_id: ID.to_owned(),
        ..Default::default()
    };
    let first = client(&g).create_webhook(otso.signed(request.clone())).await.expect("made").into_inner();
    assert!(first.secret.starts_with("whsec_"));
    let again = client(&g).create_webhook(otso.signed(request.clone())).await.expect("again").into_inner();
    assert_eq!((&again.webhook, again.secret.as_str()), (&first.webhook, ""));
    let (named, other) = ([("idempotency-key", ID)], [("idempotency-key", OTHER)]);
    let body = json!({ "url": receiver.url });
    let reply = otso.sends_with(&named, "POST", "/api/v1/webhooks", body.to_string()).await;
    let webhook = first.webhook.expect("a webhook");
    let id = webhook.webhook_id.as_str();
    assert_eq!((&reply.json()["webhook"]["webhook_id"], &reply.json()["secret"]), (&json!(id), &json!("")));
    let request = pb::CreateWebhookRequest { kinds: vec!["StatusChanged".to_owned()], ..request };
    let reused = told(client(&g).create_webhook(otso.signed(request)).await);
    assert_eq!(reused.1, "422 REQUEST_ID_REUSED");
    let path = format!("/api/v1/webhooks/{id}");
    let reply = otso.sends_with(&named, "DELETE", &path, String::new()).await;
    assert_eq!(reply.problem(), (422, "REQUEST_ID_REUSED".to_owned()), "another method");
    assert_eq!(kept(&g).await, 1);

    let test = format!("{path}:test");
    let tried = otso.sends("POST", &test, &json!({ "validate_only": true })).await;
    assert_eq!(tried.problem(), (400, "INVALID".to_owned()), "a test cannot be tried");
    let sent = otso.sends_with(&other, "POST", &test, "{}".to_owned()).await;
    assert_eq!(sent.json()["outcome"], "DELIVERED", "{}", sent.text());
    assert_eq!(otso.sends_with(&other, "POST", &test, "{}".to_owned()).await.body, sent.body);
    receiver.next().await;
    assert!(receiver.is_empty(), "one message");

    let ids: Vec<String> = (30..34).map(|n| format!("{}{n}", &ID[..34])).collect();
    let seen = webhook.etag.as_str();
    let send = async |n: usize, method: &str, path: &str, body: Value| {
        let headers = [("idempotency-key", ids[n].as_str()), ("if-match", seen)];
        otso.sends_with(&headers, method, path, body.to_string()).await
    };
    let rotate = format!("{path}:rotateSecret");
    let rotated = send(0, "POST", &rotate, json!({})).await;
    let secret = rotated.json()["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_") && secret != first.secret);
    let again = send(0, "POST", &rotate, json!({})).await;
    assert_eq!(again.json()["secret"], "", "{}", again.text());
    assert_eq!(again.json()["webhook"], rotated.json()["webhook"]);
    assert_eq!(send(1, "POST", &rotate, json!({})).await.problem().0, 412, "another request");
    let replay = format!("{path}:replay");
    let after = json!({ "after": webhook.cursor });
    for _ in 0..2 {
        let headers = [("idempotency-key", ids[2].as_str())];
        let reply = otso.sends_with(&headers, "POST", &replay, after.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let changes = shown(&g, id).await["changes"].clone();
    let what: Vec<&str> =
        changes.as_array().expect("a list").iter().filter_map(|c| c["what"].as_str()).collect();
    let replayed = format!("REPLAYED AFTER {}", webhook.cursor);
    assert_eq!(what, [replayed.as_str(), "SECRET ROTATED", "CREATED"]);
    let found = shown(&g, id).await;
    for _ in 0..2 {
        let delete = pb::DeleteWebhookRequest {
            webhook_id: id.to_owned(),
            request_id: ids[3].clone(),
            etag: found["etag"].as_str().expect("an etag").to_owned(),
            ..Default::default()
        };
        client(&g).delete_webhook(otso.signed(delete)).await.expect("deleted, and answered again");
    }
    assert_eq!(otso.sends("DELETE", &path, &json!({})).await.problem().0, 404);
    assert_eq!(kept(&g).await, 5);
}

#[tokio::test]
async fn the_command_line_manages_webhooks() {
    let g = with_operator().await;
    let mut receiver = Receiver::start().await;
    let terminal = Terminal::default();
    let token = terminal.home().join("token");
    std::fs::write(&token, g.person("otso").token()).expect("written");
    let (url, token) = (g.app.url(), token.display().to_string());
    let with = ["--server", url.as_str(), "--token-file", token.as_str()];
    let charter = async |args: &[&str]| terminal.charter(&[&["webhook"][..], args, &with[..]].concat()).await;
    let made = charter(&["create", &receiver.url, "--kind", "StatusChanged", "-o", "json"]).await;
    assert_eq!(made.code, 0, "{}", made.err);
    let json: Value = serde_json::from_str(&made.out).expect("JSON");
    let id = json["webhook"]["webhook_id"].as_str().expect("an id");
    assert!(
        json["secret"].as_str().expect("a secret").starts_with("whsec_") && made.err.contains("not shown")
    );
    assert_eq!(charter(&["test", id]).await.code, 0);
    assert_eq!(receiver.next().await.json()["type"], "webhook.test");
    receiver.answers(500);
    let failed = charter(&["test", id]).await;
    assert_eq!((failed.code, failed.out.starts_with("FAILED, HTTP 500")), (3, true), "{}", failed.out);
    let update = ["update", id, &receiver.url, "--entity", ISSUER];
    let replay = ["replay", id, "--after", "0"];
    let rotate = ["rotate-secret", id, "--request-id", ID];
    for told in ["not shown again", "done before"] {
        let done = charter(&rotate).await;
        assert!(done.code == 0 && done.err.contains(told), "{told}: {}", done.err);
    }
    for args in [&["rotate-secret", id][..], &["disable", id], &update, &replay, &["enable", id]] {
        let done = charter(args).await;
        assert_eq!(done.code, 0, "{args:?} {}", done.err);
    }
    let shown = charter(&["show", id]).await.out;
    for what in ["SECRET ROTATED", "UPDATED", "REPLAYED AFTER 0", "ENABLED", "old secret until"] {
        assert!(shown.contains(what), "{what}: {shown}");
    }
    let log = charter(&["deliveries", id, "-o", "ndjson"]).await.out;
    assert!(log.lines().count() >= 2 && log.contains("\"outcome\":\"FAILED\""), "{log}");
    assert!(charter(&["list"]).await.out.contains(id));
    for args in [
        &["rotate-secret", id, "--dry-run"][..],
        &["delete", id, "--dry-run"],
        &["create", &receiver.url, "--dry-run"],
    ] {
        let tried = charter(args).await;
        assert!(tried.code == 0 && tried.out.starts_with("would "), "{args:?} {}", tried.out);
    }
    assert_eq!(charter(&["list", "-o", "ndjson"]).await.out.lines().count(), 1, "nothing was kept");
    let csv = charter(&["show", id, "-o", "csv"]).await.out;
    assert!(csv.starts_with("ID,URL,STATE") && csv.contains(id), "{csv}");
    assert_eq!(charter(&["delete", id]).await.code, 2, "it is asked for");
    for _ in 0..2 {
        let done = charter(&["delete", id, "--yes", "--request-id", OTHER]).await;
        assert_eq!(done.code, 0, "{}", done.err);
    }
    assert_eq!(charter(&["show", id]).await.code, 4, "it is not there any more");
}
