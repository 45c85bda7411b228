//! The files as a registry serves them, the copy as it is asked over HTTP, and the commands.

use std::{sync::Arc, time::Duration};

use charter_cli::mirror::serve::Server;
use charter_domain::time::Clock;
use charter_proof::{SnapshotIndex, snapshot};
use charter_tests::{Rest, terminal::Terminal};
use http::{Method, header};
use http_body_util::Full;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{DAY, EDU, Federation, HEALTH, LATER, ROOT, entity};
use crate::kept::until;

#[tokio::test]
async fn files_never_change_and_the_index_is_short_lived() {
    let federation = Federation::start().await;
    let rest = federation.edu.rest();
    let reply = rest.get("/snapshot").await;
    assert_eq!(reply.header("content-type"), "application/snapshot-index+jwt");
    assert_eq!(reply.header("cache-control"), "public, max-age=2");
    assert_eq!(reply.header("vary"), "charter-registry");
    let tag = reply.header("etag").to_owned();
    let held = rest.request(Method::GET, "/snapshot").header(header::IF_NONE_MATCH, &tag);
    let held = rest.send(held.body(Full::default()).expect("a request")).await;
    assert_eq!((held.status, held.body.len()), (304, 0));
    let index = SnapshotIndex::peek(&reply.text()).expect("an index");
    assert_eq!(index.iat, federation.clock.now().secs());
    for file in index.contents.files() {
        let reply = rest.get(&format!("/snapshot/{}", file.sha256)).await;
        assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(reply.header("content-type"), snapshot::MEDIA_TYPE);
        assert_eq!(format!("{:x}", Sha256::digest(&reply.body)), file.sha256);
        assert_eq!(reply.body.len() as u64, file.size);
        assert!(!snapshot::parse(&reply.body).expect("entries").is_empty());
    }
    for path in ["/snapshot/x", "/snapshot/..", &format!("/snapshot/{}", "0".repeat(64))] {
        let reply = rest.get(path).await;
        assert_eq!((reply.status, reply.header("cache-control")), (404, "no-store"), "{path}");
    }
    assert_eq!(rest.get("/snapshot?a=b").await.problem(), (400, "INVALID".to_owned()));
}

#[tokio::test]
async fn an_idle_registry_signs_a_new_time_and_no_new_serial() {
    let federation = Federation::start().await;
    let before = Federation::index(&federation.edu).await;
    federation.clock.advance(LATER);
    let after = Federation::index(&federation.edu).await;
    assert_eq!(after.contents, before.contents);
    assert_eq!(after.iat, before.iat + 5);
    // Until it is looked at again it is the same, whatever happens.
    federation.edu.registry(EDU).revokes(&entity("active")).await;
    assert_eq!(Federation::index(&federation.edu).await, after);
}

#[tokio::test]
async fn a_copy_is_asked_over_http_and_takes_up_what_is_new() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    let anchors = federation.dir.path().join("anchors.json");
    std::fs::write(&anchors, federation.anchors.to_json().expect("JSON")).expect("written");
    let clock = Arc::clone(&federation.clock) as Arc<dyn Clock>;
    let server = Server::open(federation.path(), &anchors, DAY, clock).expect("a copy");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let rest = Rest::new(listener.local_addr().expect("an address"));
    let running = tokio::spawn(Arc::new(server).run(listener));
    let question = |name: &str, resource: &str| json!({ "entity_id": entity(name), "authority_id": ROOT, "action": "issue", "resource": resource });
    for (name, resource) in super::asked() {
        let (ours, theirs) = (
            rest.post("/authorization", &question(name, resource)).await,
            federation.root.rest().post("/authorization", &question(name, resource)).await,
        );
        if theirs.status == 404 {
            assert_eq!((ours.status, &ours.json()["meta"]["reason"]), (200, &json!("NOT_LISTED")), "{name}");
            continue;
        }
        let (ours, theirs) = (ours.json(), theirs.json());
        for member in ["entity_id", "authority_id", "action", "resource", "authorized", "time_evaluated"] {
            assert_eq!(ours[member], theirs[member], "{name} {resource} {member}");
        }
        assert_eq!(ours["meta"]["reason"], theirs["meta"]["reason"], "{name} {resource}");
    }
    let mut nobody = question("active", "Degree");
    nobody["authority_id"] = json!("did:web:nobody.example");
    let problem = rest.post("/authorization", &nobody).await.problem();
    assert_eq!(problem, (404, "UNKNOWN_AUTHORITY".to_owned()));
    assert_eq!(rest.post("/authorization", &json!({})).await.problem(), (400, "INVALID".to_owned()));
    assert_eq!(rest.get("/authorization").await.problem().0, 405);
    assert_eq!(rest.get("/elsewhere").await.problem().0, 404);
    federation.clock.advance(LATER);
    federation.health.registry(HEALTH).revokes(&entity("hospital")).await;
    federation.syncs().await.expect("a copy");
    let hospital = question("hospital", "Prescription");
    let within = Duration::from_secs(30);
    until(within, "the newer copy", async || {
        rest.post("/authorization", &hospital).await.json()["meta"]["reason"] == "REVOKED"
    })
    .await;
    federation.clock.advance(DAY);
    let late = rest.post("/authorization", &hospital).await;
    assert_eq!(late.header("retry-after"), "60");
    assert_eq!(late.problem(), (503, "STALE".to_owned()));
    running.abort();
}

#[tokio::test]
async fn the_commands_copy_and_ask() {
    let federation = Federation::start().await;
    let (terminal, url) = (Terminal::default(), federation.root.url());
    let dir = federation.path().join("copy").display().to_string();
    let anchors = federation.path().join("anchors.json");
    std::fs::write(&anchors, federation.anchors.to_json().expect("JSON")).expect("written");
    let anchors = anchors.display().to_string();
    let place = ["--dir", &dir, "--anchors", &anchors];
    let early = terminal
        .charter(&[&["mirror", "check", "did:web:active.example", "issue", "Degree"], &place[..]].concat())
        .await;
    assert_eq!(early.code, 5, "{early:?}");
    assert!(early.err.contains("charter mirror sync"), "{early:?}");
    let done = terminal.charter(&[&["--server", &url, "mirror", "sync"], &place[..]].concat()).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.err.contains("3 registries are verified"), "{done:?}");
    let ask = async |name: &str, more: &[&str]| {
        let entity = entity(name);
        let args =
            [&["mirror", "check", &entity, "issue", "Degree", "-o", "json"], &place[..], more].concat();
        let done = terminal.charter(&args).await;
        let json: serde_json::Value = serde_json::from_str(&done.out).expect("JSON");
        (done.code, json["reason"].as_str().unwrap_or_default().to_owned(), json["verified"].clone())
    };
    assert_eq!(ask("active", &[]).await, (0, "ACTIVE".to_owned(), json!(true)));
    assert_eq!(ask("revoked", &[]).await, (3, "REVOKED".to_owned(), json!(null)));
    assert_eq!(ask("nobody", &[]).await, (3, "NOT_LISTED".to_owned(), json!(null)));
    assert_eq!(ask("active", &["--max-staleness", "0s"]).await, (5, "STALE".to_owned(), json!(null)));
    let long = terminal
        .charter(
            &[
                &["mirror", "check", "did:web:a.example", "issue", "Degree", "--max-staleness", "8days"],
                &place[..],
            ]
            .concat(),
        )
        .await;
    assert_eq!(long.code, 2, "{long:?}");
    let open = terminal.charter(&[&["mirror", "serve", "--listen", "0.0.0.0:0"], &place[..]].concat()).await;
    assert_eq!(open.code, 2, "{open:?}");
}
