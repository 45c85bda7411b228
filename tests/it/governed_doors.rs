//! Governance seen from outside: over REST, in the database, and in what is published.

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_tests::{
    AUTHORITY,
    governed::{Governed, ISSUER, status},
};
use serde_json::json;

use crate::governance::said;

/// As the server's own role, around the program: the database says no too.
#[tokio::test]
async fn the_database_refuses_an_event_that_was_not_approved() {
    let g = Governed::start().await;
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let draft = g.person("olga").proposes(status(ISSUER, "REVOKED")).await.expect("proposed");
    let url = g.app.database.url("charter_runtime");
    let client = charter_tests::database::connect(&url).await;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    let forge = |kind: &str, origin: &str, proposal: &str| {
        format!(
            "insert into events select {id}, (select max(seq) + 1 from events), '{kind}', 'staff',
               convert_to(json_build_object('data', (select change -> 'data' from proposals where proposal_id = '{0}'))::text, 'UTF8'),
               sha256(''), '0', '{origin}', now(), {proposal}",
            draft.proposal_id
        )
    };
    let mine = format!("'{}'", draft.proposal_id);
    for (kind, origin, proposal) in [
        ("StatusChanged", "governance", mine.as_str()),
        ("StatusChanged", "governance", "null"),
        ("StatusChanged", "bootstrap", "null"),
        ("StatusChanged", "emergency", "null"),
        ("StaffAppointed", "init", "null"),
        ("StatusChanged", "system", "null"),
        ("StatusChanged", "anything", "null"),
    ] {
        let refused = client.execute(&forge(kind, origin, proposal), &[]).await.expect_err(origin);
        let why = refused.as_db_error().map(|e| e.code().code().to_owned());
        assert_eq!(why.as_deref(), Some("23000"), "{origin} {refused}");
    }
    let approve = |by: i64| {
        format!(
            "insert into approvals select {id}, proposal_id, revision, {by}, proposer, 'APPROVER', hash, now() from proposals
              where proposal_id = '{}'",
            draft.proposal_id
        )
    };
    assert!(client.execute(&approve(draft.proposer), &[]).await.is_err(), "by the proposer");
    assert!(client.execute(&approve(999), &[]).await.is_err(), "by nobody");
    let robot = g.appoints("robot", &["APPROVER"], true).await;
    assert!(client.execute(&approve(robot), &[]).await.is_err(), "by a service");
    let unseal = format!("update registries set phase = 'BOOTSTRAP' where registry_id = {id}");
    assert!(client.execute(&unseal, &[]).await.is_err(), "sealing is final");
    for table in ["approvals", "events", "principals", "staff"] {
        assert!(client.execute(&format!("delete from {table}"), &[]).await.is_err(), "{table}");
    }
    assert!(client.execute("update approvals set by_staff = 1", &[]).await.is_err());
}

/// Who they are is nowhere but in the restricted part.
#[tokio::test]
async fn events_name_staff_by_number_and_commit_to_the_rest() {
    let g = Governed::start().await;
    g.appoints("Veronica Verylongname", &["APPROVER"], false).await;
    let events = g.person("aino").reads_events("staff").await.expect("read");
    let appointed: Vec<_> = events.iter().filter(|e| e["kind"] == "StaffAppointed").collect();
    assert_eq!(appointed.len(), 8);
    for event in &events {
        let text = event.to_string();
        assert!(
            !text.contains("Veronica") && !text.contains("alice") && !text.contains("127.0.0.1"),
            "{text}"
        );
    }
    assert!(appointed.iter().all(|e| e["restricted"].as_str().is_some_and(|c| c.len() == 64)));
}

/// Approvers see who is appointed, and what they approve commits to it; an auditor sees the commitment alone.
#[tokio::test]
async fn who_is_appointed_is_part_of_what_is_approved() {
    let g = Governed::start().await;
    let appoint = pb::AppointStaff {
        issuer: g.issuer.url(),
        subject: "nina".to_owned(),
        roles: vec!["AUDITOR".to_owned()],
        service: false,
        ..Default::default()
    };
    let draft = g.person("alice").proposes(Change::Appoint(appoint)).await.expect("proposed");
    assert!(draft.restricted_json.contains("nina") && draft.diff_json.contains("nina"), "{draft:?}");
    let bytes: serde_json::Value = serde_json::from_slice(&draft.bytes).expect("JSON");
    let commitment = bytes["restricted"].as_str().expect("a commitment").to_owned();
    let read = async |who: &str| {
        let person = g.person(who);
        let request = pb::GetProposalRequest { proposal_id: draft.proposal_id.clone(), ..Default::default() };
        let reply = person.client().get_proposal(person.signed(request)).await.expect("read");
        reply.into_inner().proposal.expect("a proposal")
    };
    assert_eq!(read("bob").await.restricted_json, draft.restricted_json);
    let seen = read("aino").await;
    assert!(seen.restricted_json.is_empty() && !seen.diff_json.contains("nina"), "{seen:?}");
    let admin = g.app.database.admin(&g.app.database.name).await;
    let swap = "update proposals set restricted = jsonb_set(restricted, '{body,subject}', '\"mallory\"')";
    assert!(admin.execute(swap, &[]).await.expect("swapped") > 0);
    let refused = g.person("bob").approves(&draft).await.expect_err("another person than was seen");
    assert_eq!(said(&refused), "409 PROPOSAL_CHANGED");
    let swap = "update proposals set restricted = jsonb_set(restricted, '{body,subject}', '\"nina\"') where state = 'OPEN'";
    admin.execute(swap, &[]).await.expect("swapped back");
    g.person("bob").approves(&draft).await.expect("approved");
    let events = g.person("aino").reads_events("staff").await.expect("read");
    assert_eq!(events.last().expect("an event")["restricted"], commitment);
}

/// The same life over REST, rendered with the same members.
#[tokio::test]
async fn rest_says_what_grpc_says() {
    let g = Governed::start().await;
    let rest = g.app.rest();
    let etag = g.person("olga").etag_of(&status(ISSUER, "REVOKED")).await.expect("read");
    let etag = std::cell::RefCell::new(etag);
    let send = async |who: &str, method: http::Method, path: &str, body: serde_json::Value| {
        let request = rest.request(method, path).header("content-type", "application/json");
        let request = request.header("if-match", etag.borrow().as_str());
        let request = request.header("authorization", format!("Bearer {}", g.person(who).token()));
        rest.send(request.body(body.to_string().into()).expect("a request")).await
    };
    let change = json!({ "change_status": { "entity_id": ISSUER, "state": "REVOKED", "code": "TESTED",
        "hearing_waived": "URGENT", "legal_basis": "Act 1, 1" } });
    let body = json!({ "reason": "as tested", "change": change });
    let draft = send("olga", http::Method::POST, "/api/v1/proposals", body.clone()).await.json();
    let id = draft["proposal_id"].as_str().expect("an id").to_owned();
    etag.replace(draft["etag"].as_str().expect("an etag").to_owned());
    let person = g.person("anna");
    let request = pb::GetProposalRequest { proposal_id: id.clone(), ..Default::default() };
    let other = person.client().get_proposal(person.signed(request)).await.expect("read").into_inner();
    let other = other.proposal.expect("a proposal");
    assert_eq!((&draft["hash"], &draft["measure"]), (&json!(other.hash), &json!(other.measure)));
    assert_eq!(draft["bytes"], String::from_utf8(other.bytes).expect("JSON"));
    assert_eq!(draft["change"], serde_json::from_str::<serde_json::Value>(&other.change_json).expect("JSON"));
    assert_eq!(draft["diff"], serde_json::from_str::<serde_json::Value>(&other.diff_json).expect("JSON"));
    let path = format!("/api/v1/proposals/{id}:approve");
    let own = send("olga", http::Method::POST, &path, json!({ "hash": draft["hash"] })).await;
    assert_eq!(own.problem(), (403, "SELF_APPROVAL_FORBIDDEN".to_owned()));
    let done = send("anna", http::Method::POST, &path, json!({ "hash": draft["hash"] })).await.json();
    assert_eq!(done["proposal"]["state"], "EXECUTED");
    assert_eq!(g.app.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(), "200 no REVOKED");
    let list = send("aino", http::Method::GET, "/api/v1/proposals?state=EXECUTED&page_size=2", json!({}))
        .await
        .json();
    assert_eq!(list["proposals"][0]["proposal_id"], id);
    let next = list["next_page_token"].as_str().expect("a token");
    let path = format!("/api/v1/proposals?state=EXECUTED&page_size=2&page_token={next}");
    let second = send("aino", http::Method::GET, &path, json!({})).await.json();
    assert_ne!(second["proposals"][0]["proposal_id"], list["proposals"][1]["proposal_id"]);
    let events =
        send("aino", http::Method::GET, "/api/v1/events?page_size=3&after=2", json!({})).await.json();
    assert_eq!((&events["events"][0]["seq"], &events["next_after"]), (&json!(3), &json!(5)));
    for bad in ["?state=SOME", "?page_size=x", "?guess=1", "?state=OPEN&state=OPEN", "?page_token=x"] {
        let path = format!("/api/v1/proposals{bad}");
        assert_eq!(send("aino", http::Method::GET, &path, json!({})).await.problem().0, 400, "{bad}");
    }
    for bad in [
        json!({}),
        json!({ "reason": "x", "change": {} }),
        json!({ "reason": "x", "change": { "guess": {} } }),
        json!({ "reason": "x".repeat(1_001), "change": change }),
        json!({ "reason": "a\u{7}", "change": change }),
    ] {
        let status = send("olga", http::Method::POST, "/api/v1/proposals", bad.clone()).await.problem().0;
        assert!(matches!(status, 400 | 409), "{status} {bad}");
    }
}
