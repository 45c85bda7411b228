//! Keys of services: bound by two, worth nothing before, limited to what they name, and taken away at once.

use std::time::Duration;

use charter_domain::{Timestamp, time::Clock};
use charter_proto::charter::registry::v1::{
    self as pb, credential_service_client::CredentialServiceClient, propose_request::Change,
};
use charter_tests::{
    AUTHORITY,
    governed::{Governed, ISSUER, Person, status},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::governance::said;

/// A key of a service, as `charter` makes them.
pub fn key(seed: u8) -> String {
    format!("charter_{}", char::from(b'A' + seed).to_string().repeat(43))
}

pub fn bind(staff_id: i64, credential: &str, sha256: &str, scopes: &[&str], until: Timestamp) -> Change {
    Change::BindCredential(pb::BindCredential {
        staff_id,
        credential: credential.to_owned(),
        sha256: sha256.to_owned(),
        scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
        valid_until: Some(prost_types::Timestamp { seconds: until.secs(), nanos: 0 }),
    })
}

pub fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

pub fn in_days(g: &Governed, days: u64) -> Timestamp {
    g.app.clock.now().plus(Duration::from_secs(days * 86_400))
}

/// Proposed by Alice, approved by Bob: the new credential's id.
pub async fn bound(g: &Governed, change: Change) -> String {
    let draft = g.person("alice").proposes(change).await.expect("proposed");
    let done = g.person("bob").approves(&draft).await.expect("approved");
    assert_eq!(done.state, "EXECUTED");
    let change: serde_json::Value = serde_json::from_str(&done.change_json).expect("JSON");
    change["data"]["credential_id"].as_str().expect("an id").to_owned()
}

pub async fn revokes(g: &Governed, who: &Person<'_>, id: &str) -> Result<i64, tonic::Status> {
    revokes_as(g, who, id, ("", false)).await
}

async fn revokes_as(
    g: &Governed,
    who: &Person<'_>,
    id: &str,
    (request_id, validate_only): (&str, bool),
) -> Result<i64, tonic::Status> {
    let request = pb::RevokeCredentialRequest {
        credential_id: id.to_owned(),
        code: "LEAKED".to_owned(),
        request_id: request_id.to_owned(),
        validate_only,
        ..Default::default()
    };
    let mut client = CredentialServiceClient::new(g.app.channel());
    Ok(client.revoke_credential(who.signed(request)).await?.into_inner().epoch)
}

async fn lists(g: &Governed, who: &Person<'_>) -> Result<Vec<pb::Credential>, tonic::Status> {
    let mut client = CredentialServiceClient::new(g.app.channel());
    let reply = client.list_credentials(who.signed(pb::ListCredentialsRequest::default())).await?;
    Ok(reply.into_inner().credentials)
}

#[tokio::test]
async fn a_key_counts_from_its_approval_to_its_revocation_and_for_what_it_names() {
    let g = Governed::start().await;
    let robot = g.appoints("robot", &["OFFICER", "AUDITOR"], true).await;
    let (key, until) = (key(0), in_days(&g, 30));
    let service = g.with_token(key.clone());
    let wish = bind(robot, "API_KEY", &sha256(&key), &["SUSPEND", "READ_PROPOSALS"], until);
    let draft = g.person("alice").proposes(wish).await.expect("proposed");
    let early = service.proposes(status(ISSUER, "SUSPENDED")).await.expect_err("not approved yet");
    assert_eq!(said(&early), "401 UNAUTHENTICATED");
    let own = g.person("alice").approves(&draft).await.expect_err("four eyes");
    assert_eq!(said(&own), "403 SELF_APPROVAL_FORBIDDEN");
    let done = g.person("bob").approves(&draft).await.expect("approved");
    let proposed = service.proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    assert_eq!(proposed.proposer, robot);
    for (refused, what) in [
        (service.proposes(status(ISSUER, "REVOKED")).await.map(drop), "a measure it does not name"),
        (service.reads_events("").await.map(drop), "an action it does not name"),
        (service.approves(&proposed).await.map(drop), "approving"),
        (service.refuses(&draft, "no").await.map(drop), "refusing"),
        (service.suspends_at_once(ISSUER).await.map(drop), "an emergency"),
        (lists(&g, &service).await.map(drop), "seeing credentials"),
    ] {
        let refused = said(&refused.expect_err(what));
        assert!(refused == "403 DENIED" || refused == "409 PROPOSAL_CLOSED", "{what}: {refused}");
    }
    let seen = lists(&g, &g.person("aino")).await.expect("listed");
    assert_eq!((seen[0].staff_id, seen[0].revoked, seen[0].sha256.as_str()), (robot, false, &*sha256(&key)));
    assert_eq!(seen[0].last_used, g.app.clock.now().to_string()[..10]);
    let id = &seen[0].credential_id;
    for who in ["olga", "anna", "aino"] {
        let refused = revokes(&g, &g.person(who), id).await.expect_err("not theirs to revoke");
        assert_eq!(said(&refused), "403 DENIED", "{who}");
    }
    let plain = g.with_token(g.issuer.token("bob"));
    let refused = revokes(&g, &plain, id).await.expect_err("without step-up");
    assert_eq!(said(&refused), "401 STEP_UP_REQUIRED");
    let once = "7d3e0f4a-95cb-4d05-b5e5-4c2f7b6d0c21";
    let bob = g.person("bob");
    assert_eq!(revokes_as(&g, &bob, id, (once, true)).await.expect("it would be"), 0);
    service.proposes(status(ISSUER, "SUSPENDED")).await.expect("it was only tried out");
    let epoch = revokes_as(&g, &bob, id, (once, false)).await.expect("revoked by one");
    assert_eq!(revokes_as(&g, &bob, id, (once, false)).await.expect("sent again"), epoch);
    let late = service.proposes(status(ISSUER, "SUSPENDED")).await.expect_err("revoked");
    assert_eq!(said(&late), "401 UNAUTHENTICATED");
    let twice = revokes(&g, &g.person("bob"), id).await.expect_err("once");
    assert_eq!(said(&twice), "409 ILLEGAL_TRANSITION");
    let again = bind(robot, "API_KEY", &sha256(&key), &["SUSPEND"], until);
    let again = g.person("alice").proposes(again).await.expect_err("a new key is needed");
    assert_eq!(said(&again), "409 CONFLICT");
    // An emergency that took a key away is none of the kind that one waits 30 days after.
    g.person("bob").suspends_at_once(ISSUER).await.expect("suspended");
    let events = g.person("aino").reads_events("staff").await.expect("read");
    let revoked = events.iter().find(|e| e["kind"] == "CredentialRevoked").expect("an event");
    assert_eq!((&revoked["origin"], &revoked["data"]["reason"]), (&json!("emergency"), &json!("LEAKED")));
    assert!(done.seq > 0 && !format!("{events:?}").contains(&key), "only its hash is anywhere");
}

#[tokio::test]
async fn a_key_is_of_a_service_for_a_year_at_most_and_within_its_roles() {
    let g = Governed::start().await;
    let robot = g.appoints("robot", &["OFFICER"], true).await;
    let until = in_days(&g, 366);
    let olga = g.person("alice").client();
    let person = {
        let request = g.person("olga").signed(pb::ListStaffRequest::default());
        let staff = olga.clone().list_staff(request).await.expect("listed").into_inner().staff;
        staff.iter().find(|m| m.you).expect("Olga").staff_id
    };
    let hash = sha256(&key(1));
    let seconds = Duration::from_secs(1);
    for (change, wanted) in [
        (bind(person, "API_KEY", &hash, &["SUSPEND"], until), "409 ILLEGAL_TRANSITION"),
        (bind(999, "API_KEY", &hash, &["SUSPEND"], until), "404 NOT_FOUND"),
        (bind(robot, "PASSWORD", &hash, &["SUSPEND"], until), "400 INVALID"),
        (bind(robot, "API_KEY", "00", &["SUSPEND"], until), "400 INVALID"),
        (bind(robot, "API_KEY", &hash, &[], until), "400 INVALID"),
        (bind(robot, "API_KEY", &hash, &["*"], until), "400 INVALID"),
        (bind(robot, "API_KEY", &hash, &["SUSPEND"], until.plus(seconds)), "400 INVALID"),
        (bind(robot, "API_KEY", &hash, &["SUSPEND"], g.app.clock.now()), "400 INVALID"),
        (bind(robot, "API_KEY", &hash, &["APPOINT"], until), "409 ILLEGAL_TRANSITION"),
        (bind(robot, "API_KEY", &hash, &["REVOKE_CREDENTIAL"], until), "409 ILLEGAL_TRANSITION"),
    ] {
        let text = format!("{change:?}");
        let refused = g.person("alice").proposes(change).await.expect_err(&text);
        assert_eq!(said(&refused), wanted, "{text}");
    }
    for who in ["olga", "anna", "aino"] {
        let change = bind(robot, "API_KEY", &hash, &["SUSPEND"], until);
        assert_eq!(said(&g.person(who).proposes(change).await.expect_err(who)), "403 DENIED");
    }
    bound(&g, bind(robot, "API_KEY", &hash, &["SUSPEND"], until)).await;
    let service = g.with_token(key(1));
    service.proposes(status(ISSUER, "SUSPENDED")).await.expect("in time");
    // Over both doors; and as a certificate it is nothing.
    let rest = g.app.rest();
    let request = rest.request(http::Method::GET, "/api/v1/proposals");
    let request = request.header("authorization", format!("Bearer {}", key(1)));
    let reply = rest.send(request.body(http_body_util::Full::default()).expect("a request")).await;
    assert_eq!(reply.problem(), (403, "DENIED".to_owned()));
    for bad in [key(2), key(1)[..50].to_owned(), format!("{}=", key(1)), "charter_".to_owned()] {
        let refused = g.with_token(bad).proposes(status(ISSUER, "SUSPENDED")).await.expect_err("unknown");
        assert_eq!(said(&refused), "401 UNAUTHENTICATED");
    }
    g.app.clock.set(until);
    let late = service.proposes(status(ISSUER, "REINSTATED")).await.expect_err("over");
    assert_eq!(said(&late), "401 UNAUTHENTICATED");
}

/// As the server's own role, around the program.
#[tokio::test]
async fn the_database_takes_a_revocation_from_a_security_officer_in_office_and_nothing_else_at_once() {
    let g = Governed::start().await;
    let robot = g.appoints("robot", &["OFFICER"], true).await;
    let id = bound(&g, bind(robot, "API_KEY", &sha256(&key(3)), &["SUSPEND"], in_days(&g, 9))).await;
    let registry = g.app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let client = charter_tests::database::connect(&g.app.database.url("charter_runtime")).await;
    client.batch_execute(&format!("set app.registry = '{registry}'")).await.expect("the tenant");
    let forge = async |kind: &str, actor: i64, data: serde_json::Value| {
        let sql = format!(
            "insert into events select {registry}, (select max(seq) + 1 from events), '{kind}', 'staff',
               convert_to($1::text, 'UTF8'), sha256(''), '{actor}', 'emergency', now(), null"
        );
        client.execute(&sql, &[&json!({ "data": data }).to_string()]).await
    };
    let revoked = json!({ "credential_id": id, "reason": "LEAKED" });
    let suspended = json!({ "state": "SUSPENDED", "target": "entity" });
    for (kind, actor, data) in [
        ("CredentialRevoked", robot, revoked.clone()),
        ("CredentialRevoked", 999, revoked.clone()),
        ("CredentialBound", 1, revoked.clone()),
        ("StaffDismissed", 1, json!({ "staff_id": robot })),
        // Without an end it would not lapse.
        ("StatusChanged", 1, suspended),
    ] {
        let refused = forge(kind, actor, data).await.expect_err(kind);
        assert_eq!(refused.as_db_error().map(|e| e.code().code()), Some("23000"), "{kind} {refused}");
    }
    let officer =
        g.person("aino").reads_events("staff").await.expect("read")[0]["seq"].as_i64().expect("a seq");
    forge("CredentialRevoked", officer, revoked).await.expect("by a security officer");
    for table in ["staff_credentials", "credential_uses"] {
        assert!(client.execute(&format!("delete from {table}"), &[]).await.is_err(), "{table}");
    }
    let longer = "update staff_credentials set valid_until = 'infinity'";
    assert!(client.execute(longer, &[]).await.is_err());
}
