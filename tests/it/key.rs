//! A registry's keys: announced ahead, rotated, retired and revoked under four eyes, while every answer stays provable.

use std::time::Duration;

use charter_domain::{Context, Kind, Query, time::Clock};
use charter_proof::{AnchorSet, Chain, EntityConfiguration, verify::verify};
use charter_proto::charter::registry::v1::{
    self as pb, key_service_client::KeyServiceClient, propose_request::Change,
};
use charter_server::tasks::renewal;
use charter_signing::JwkSet;
use charter_tests::{
    AUTHORITY,
    alerts::{Scrape, fires},
    governed::{Governed, ISSUER},
};

use crate::governance::said;

pub const DAY: Duration = Duration::from_secs(86_400);

pub fn stamp(g: &Governed, ahead: Duration) -> Option<prost_types::Timestamp> {
    let at = g.app.clock.now().plus(ahead);
    Some(prost_types::Timestamp { seconds: at.secs(), nanos: 0 })
}

pub async fn keys(g: &Governed, entity: &str) -> Vec<pb::Key> {
    let request = pb::ListKeysRequest { entity_id: entity.to_owned(), ..Default::default() };
    KeyServiceClient::new(g.app.channel()).list_keys(request).await.expect("listed").into_inner().keys
}

/// `kid` of the only key in that state.
pub async fn kid(g: &Governed, state: &str) -> String {
    let mut found = keys(g, "").await;
    found.retain(|k| k.state == state);
    assert_eq!(found.len(), 1, "{state}");
    found.remove(0).kid
}

pub async fn by_security(g: &Governed, change: Change) -> pb::Proposal {
    let draft = g.person("alice").proposes(change).await.expect("proposed");
    g.person("bob").approves(&draft).await.expect("approved")
}

pub async fn rotates(g: &Governed, ahead: Duration) {
    let active_from = Some(ahead).filter(|a| !a.is_zero()).and_then(|ahead| stamp(g, ahead));
    by_security(g, Change::RotateKey(pb::RotateKey { active_from })).await;
}

pub async fn anchors(g: &Governed) -> AnchorSet {
    let text = g.app.rest().get("/.well-known/trust-anchors").await.text();
    AnchorSet::parse(text.as_bytes()).expect("an anchor set")
}

pub async fn exported(g: &Governed) -> Vec<String> {
    let asked = g.app.anonymous().asks(ISSUER, "issue", "Degree").with("evidence", "chain").rest().await;
    assert_eq!(asked.line(), "200 yes ACTIVE");
    asked.chain
}

pub fn proves(g: &Governed, chain: &[String], anchors: &AnchorSet) -> Result<(), String> {
    let terms = (AUTHORITY, ISSUER, "issue", "Degree");
    let query = Query::parse(Kind::Authorization, terms, Context::default()).expect("a question");
    let (chain, now) = (Chain::new(chain.to_vec()).expect("a chain"), g.app.clock.now());
    verify(&chain, &query, anchors, now, now, None).map(drop).map_err(|e| e.to_string())
}

fn signed_by(link: &str) -> String {
    charter_signing::jws::kid(link).expect("a kid")
}

#[tokio::test]
async fn a_key_is_announced_takes_over_and_the_old_one_retires() {
    let g = Governed::start().await;
    let pinned = anchors(&g).await;
    let old = kid(&g, "ACTIVE").await;
    rotates(&g, 2 * DAY).await;
    let new = kid(&g, "ANNOUNCED").await;
    let chain = exported(&g).await;
    assert_eq!([signed_by(&chain[0]), signed_by(&chain[1])], [old.clone(), old.clone()]);
    let listed = anchors(&g).await.anchors.remove(0).jwks;
    assert!(listed.find(&new).is_some() && listed.find(&old).is_some(), "both are stated before the change");
    let did = g.app.rest().get("/.well-known/did.json").await.json();
    assert_eq!(did["verificationMethod"].as_array().map(Vec::len), Some(2));
    g.app.clock.advance(2 * DAY);
    assert!(renewal::once(&g.app.app).await.renewed > 0, "signed again, by the new key");
    let chain = exported(&g).await;
    assert_eq!([signed_by(&chain[0]), signed_by(&chain[1])], [new.clone(), old.clone()]);
    proves(&g, &chain, &pinned).expect("who pinned the old key alone can verify what the new one signs");
    let retire = |kid: &str| Change::RetireKey(pb::RetireKey { kid: kid.to_owned(), from: None });
    by_security(&g, retire(&old)).await;
    let chain = exported(&g).await;
    assert_eq!([signed_by(&chain[0]), signed_by(&chain[1])], [new.clone(), new.clone()]);
    proves(&g, &chain, &pinned).expect_err("the old key vouches no longer");
    proves(&g, &chain, &anchors(&g).await).expect("proven under the new one");
    let refused = g.person("alice").proposes(retire(&new)).await.expect_err("the last one");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
    assert_eq!(renewal::once(&g.app.app).await.refused, 0);
}

#[tokio::test]
async fn keys_are_for_security_officers_with_a_second_factor() {
    let g = Governed::start().await;
    let rotate = || Change::RotateKey(pb::RotateKey::default());
    assert_eq!(said(&g.person("olga").proposes(rotate()).await.expect_err("an officer")), "403 DENIED");
    let weak = g.with_token(g.issuer.token("alice"));
    assert_eq!(said(&weak.proposes(rotate()).await.expect_err("one factor")), "401 STEP_UP_REQUIRED");
    let kept = || async {
        let admin = g.app.database.admin(&g.app.database.name).await;
        admin.query_one("select count(*) from sealed_keys", &[]).await.expect("counted").get::<_, i64>(0)
    };
    g.person("alice").asks_for(rotate(), true).await.expect("would be good");
    assert_eq!(kept().await, 1, "nothing is kept of what is only checked");
    let draft = g.person("alice").proposes(rotate()).await.expect("proposed");
    assert_eq!((draft.measure.as_str(), kept().await), ("ROTATE_KEY", 2));
    assert_eq!(keys(&g, "").await.len(), 1, "proposed, it is no key yet");
    assert_eq!(
        said(&g.person("alice").approves(&draft).await.expect_err("own")),
        "403 SELF_APPROVAL_FORBIDDEN"
    );
    assert_eq!(said(&g.person("anna").approves(&draft).await.expect_err("approver")), "403 DENIED");
    g.person("bob").approves(&draft).await.expect("approved");
    assert_eq!(keys(&g, "").await.len(), 2);
    let past = pb::RotateKey { active_from: Some(prost_types::Timestamp { seconds: 1_000, nanos: 0 }) };
    let refused = g.person("alice").proposes(Change::RotateKey(past)).await.expect_err("in the past");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
}

/// The drill for a registry's own key: what verified before fails, and answers go on at once under the next key.
#[tokio::test]
async fn a_compromised_key_of_the_registry_is_replaced_at_once() {
    let g = Governed::start().await;
    let before = anchors(&g).await;
    let (stolen, chain) = (kid(&g, "ACTIVE").await, exported(&g).await);
    let revoke = |reason: &str, compromised_since| {
        let (kid, reason) = (stolen.clone(), reason.to_owned());
        Change::RevokeKey(pb::RevokeKey { kid, reason, compromised_since })
    };
    let since = stamp(&g, Duration::ZERO);
    let alone = g.person("alice").proposes(revoke("COMPROMISED", since)).await.expect_err("no other key");
    assert_eq!(said(&alone), "409 ILLEGAL_TRANSITION");
    rotates(&g, 30 * DAY).await; // A spare key, known to others before it is needed.
    let spare = kid(&g, "ANNOUNCED").await;
    let with_spare = anchors(&g).await;
    g.app.clock.advance(Duration::from_secs(3_600));
    let undated = g.person("alice").proposes(revoke("COMPROMISED", None)).await.expect_err("since when?");
    assert_eq!(said(&undated), "409 ILLEGAL_TRANSITION");
    proves(&g, &chain, &before).expect("still good");
    let well = Scrape::of(&g.app).await;
    by_security(&g, revoke("COMPROMISED", since)).await;
    // It stays revoked; the alarm is about the news.
    let revoked = Scrape::of(&g.app).await;
    fires("CharterKeyRevoked", &well, &revoked, &revoked);
    let now = exported(&g).await;
    assert_eq!([signed_by(&now[0]), signed_by(&now[1])], [spare.clone(), spare.clone()]);
    proves(&g, &now, &with_spare).expect("who knew the spare key needs nothing new");
    proves(&g, &now, &anchors(&g).await).expect("proven");
    proves(&g, &chain, &anchors(&g).await).expect_err("nothing that the stolen key signed");
    assert_eq!(renewal::once(&g.app.app).await.refused, 0, "no document of the stolen key is left");
    let set = g.app.rest().get("/.well-known/openid-federation-historical-keys").await;
    assert_eq!(set.header("content-type"), "application/jwk-set+jwt");
    let vouching: JwkSet = anchors(&g).await.anchors.remove(0).jwks;
    let claims = charter_signing::jws::verify(&set.text(), "jwk-set+jwt", &vouching).expect("signed");
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(
        (&claims["keys"][0]["kid"], claims["keys"].as_array().map(Vec::len)),
        (&stolen.clone().into(), Some(1))
    );
    assert_eq!(claims["keys"][0]["revoked"]["reason"], "compromised");
    assert!(claims["keys"][0]["exp"].is_i64() && claims["iat"].is_i64(), "{claims}");
    let configuration = g.app.rest().get("/.well-known/openid-federation").await.text();
    let configuration =
        EntityConfiguration::parse_verified(&configuration, &vouching).expect("a configuration");
    assert!(configuration.jwks.find(&stolen).is_none());
    let endpoint = configuration.metadata.federation_entity.federation_historical_keys_endpoint;
    assert!(endpoint.is_some_and(|url| url.ends_with("/.well-known/openid-federation-historical-keys")));
    let url = g.app.database.url("charter_owner");
    let all = tokio::task::spawn_blocking(move || charter_store::rebuild::run(&url, true));
    for one in all.await.expect("no panic").expect("rebuilt") {
        assert_eq!((one.differing, one.fault), (Vec::new(), None));
    }
}

/// Around the program, as the server's own role.
#[tokio::test]
async fn the_database_takes_no_second_key_from_the_server_itself() {
    let g = Governed::start().await;
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let client = charter_tests::database::connect(&g.app.database.url("charter_runtime")).await;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    let forged = format!(
        "insert into events select {id}, (select max(seq) + 1 from events), 'KeyAdded', '*',
           convert_to('{{\"data\":{{\"kid\":\"mine\",\"jwk\":{{}}}}}}', 'UTF8'), sha256(''), '0', 'system', now(), null"
    );
    let refused = client.execute(&forged, &[]).await.expect_err("a second key");
    assert_eq!(refused.as_db_error().map(|e| e.code().code().to_owned()).as_deref(), Some("23000"));
    assert!(client.execute("update key_history set revoked_at = now()", &[]).await.is_err());
}
