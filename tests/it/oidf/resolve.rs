//! Resolving: chains of registries of one process and of several, and what ends them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use charter_domain::time::Clock;
use charter_proof::{AnchorSet, verify_configuration};
use charter_proto::charter::registry::v1::{self as pb, set_status_request::Target};
use charter_server::app::{oidf::below, superior};
use charter_signing::jws;
use charter_tests::{AUTHORITY, TestApp, TestClock, rest::Reply};
use serde_json::Value;

use super::{BELOW, FAR, OTHER, code, refused, started};

const ROOT: &str = "https://registry.example";
/// A registry elsewhere that states whatever it wants.
const RIVAL: &str = "did:web:rival.example";

fn https(authority: &str) -> String {
    authority.replacen("did:web:", "https://", 1)
}

pub async fn resolve(app: &TestApp, sub: &str, anchor: &str) -> Reply {
    app.rest().get(&format!("/oidf/resolve?sub={sub}&trust_anchor={anchor}")).await
}

/// The claims of an answer that `authority` signed.
pub async fn said(app: &TestApp, authority: &str, reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/resolve-response+jwt");
    let id = app.app.hosted.by_authority(authority).expect("served");
    let keys = app.app.hosted.keys(id).await.expect("keys");
    let token = reply.text();
    let payload = jws::verify(&token, "resolve-response+jwt", &keys).expect("signed");
    serde_json::from_slice(&payload).expect("JSON")
}

fn chain(claims: &Value) -> Vec<String> {
    serde_json::from_value(claims["trust_chain"].clone()).expect("a chain")
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&jws::peek(token).expect("a token")).expect("JSON")
}

/// Finland under a root on another server, with a sector on a third; each has looked below.
struct Three {
    root: TestApp,
    nation: TestApp,
    sector: TestApp,
}

impl Three {
    async fn start() -> Self {
        let clock = Arc::new(TestClock::default());
        let root = TestApp::build().clock(&clock).registry(AUTHORITY).start().await;
        let above = format!("superior_endpoint = \"{}\"", root.url());
        let nation = TestApp::build().clock(&clock).under(BELOW, AUTHORITY).details(&above).start().await;
        let sector = TestApp::build().clock(&clock).under(FAR, BELOW).start().await;
        root.registry(AUTHORITY).delegates(&nation.registry(BELOW), &["Degree"]).await;
        nation.registry(BELOW).delegates(&sector.registry(FAR), &["Degree"]).await;
        let three = Self { root, nation, sector };
        three.look().await;
        three
    }

    /// The lower ones first: the root sees what they keep.
    async fn look(&self) {
        for app in [&self.sector, &self.nation, &self.root] {
            below::look(&app.app).await;
        }
    }
}

#[tokio::test]
async fn a_registry_of_this_process_is_resolved_with_what_its_superior_gives_it() {
    let app = started().await;
    let claims = said(&app, AUTHORITY, &resolve(&app, &https(FAR), ROOT).await).await;
    assert_eq!((&claims["iss"], &claims["sub"]), (&ROOT.into(), &https(FAR).into()));
    let links = chain(&claims);
    assert_eq!(links.len(), 4);
    let anchors = app.rest().get("/.well-known/trust-anchors").await;
    let anchors = AnchorSet::parse(&anchors.body).expect("an anchor set");
    verify_configuration(&links[0], &links[1..], &anchors, app.clock.now()).expect("another verifier agrees");
    let first = links.iter().map(|link| payload(link)["exp"].as_i64().expect("exp")).min();
    assert_eq!(claims["exp"].as_i64(), first, "no longer than its first link");
    let registry = &claims["metadata"]["trust_registry"];
    assert_eq!((&registry["authority_id"], &registry["status"]), (&FAR.into(), &"ACTIVE".into()));
    assert!(registry["scope"].is_array(), "of the superior's statement: {registry}");
    assert_eq!(claims["metadata"]["federation_entity"]["organization_name"], FAR);
    assert!(claims.get("trust_marks").is_none() && claims.get("aud").is_none());
    let own = said(&app, AUTHORITY, &resolve(&app, ROOT, ROOT).await).await;
    assert_eq!(chain(&own).len(), 1);
}

#[tokio::test]
async fn types_are_chosen_and_the_answer_is_the_same_while_nothing_changes() {
    let app = started().await;
    let ask = async |types: &str| {
        let path = format!("/oidf/resolve?sub={}&trust_anchor={ROOT}{types}", https(BELOW));
        app.rest().get(&path).await
    };
    let kinds = async |types: &str| {
        let claims = said(&app, AUTHORITY, &ask(types).await).await;
        let metadata = claims["metadata"].as_object().expect("an object").clone();
        metadata.into_iter().map(|(kind, _)| kind).collect::<BTreeSet<_>>()
    };
    let both = BTreeSet::from(["federation_entity".to_owned(), "trust_registry".to_owned()]);
    assert_eq!(kinds("").await, both);
    assert_eq!(kinds("&entity_type=trust_registry&entity_type=federation_entity").await, both);
    assert_eq!(
        kinds("&entity_type=trust_registry&entity_type=x").await,
        BTreeSet::from(["trust_registry".into()])
    );
    assert_eq!(kinds("&entity_type=openid_provider").await, BTreeSet::new());
    let (one, two) = (ask("").await, ask("&unknown=1&unknown=2").await);
    assert_eq!(one.text(), two.text(), "kept as it was signed");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_in_the_words_of_the_standard() {
    let app = started().await;
    let at = async |query: &str| refused(&app.rest().get(&format!("/oidf/resolve?{query}")).await);
    for (query, expected) in [
        ("", code(400, "invalid_request")),
        ("sub=https://below.example", code(400, "invalid_request")),
        ("trust_anchor=https://registry.example", code(400, "invalid_request")),
        (
            "sub=https://a.example&sub=https://a.example&trust_anchor=https://registry.example",
            code(400, "invalid_request"),
        ),
        ("sub=did:web:below.example&trust_anchor=https://registry.example", code(404, "invalid_subject")),
        ("sub=https://below.example&trust_anchor=x", code(404, "invalid_trust_anchor")),
        (
            "sub=https://below.example&trust_anchor=https://elsewhere.example",
            code(404, "invalid_trust_anchor"),
        ),
        ("sub=https://below.example&trust_anchor=https://below.example", code(404, "invalid_trust_anchor")),
        (
            "sub=https://below.example@evil.example&trust_anchor=https://registry.example",
            code(404, "invalid_subject"),
        ),
        ("sub=https://127.0.0.1:22/../x&trust_anchor=https://registry.example", code(404, "invalid_subject")),
    ] {
        assert_eq!(at(query).await, expected, "{query}");
    }
    let several = format!("sub={}&trust_anchor=https://elsewhere.example&trust_anchor={ROOT}", https(BELOW));
    assert_eq!(
        app.rest().get(&format!("/oidf/resolve?{several}")).await.status,
        200,
        "one that is known is enough"
    );
}

#[tokio::test]
async fn a_delegation_that_is_suspended_ends_what_was_kept_at_once() {
    let app = started().await;
    let root = app.registry(AUTHORITY);
    for sub in [BELOW, FAR] {
        assert_eq!(resolve(&app, &https(sub), ROOT).await.status, 200);
    }
    root.sets(Target::SubordinateId(BELOW.to_owned()), "SUSPENDED").await;
    for sub in [BELOW, FAR] {
        let reply = resolve(&app, &https(sub), ROOT).await;
        assert_eq!(refused(&reply), code(400, "invalid_trust_chain"), "{sub}: {}", reply.text());
    }
    assert_eq!(resolve(&app, &https(OTHER), ROOT).await.status, 200);
    root.sets(Target::SubordinateId(BELOW.to_owned()), "ACTIVE").await;
    assert_eq!(resolve(&app, &https(FAR), ROOT).await.status, 200);
}

#[tokio::test]
async fn registries_of_other_servers_are_resolved_from_both_ends() {
    let three = Three::start().await;
    let root = said(&three.root, AUTHORITY, &resolve(&three.root, &https(FAR), ROOT).await).await;
    let links = chain(&root);
    assert_eq!(links.len(), 4);
    let anchors = three.root.rest().get("/.well-known/trust-anchors").await;
    let anchors = AnchorSet::parse(&anchors.body).expect("an anchor set");
    let now = three.root.clock.now();
    verify_configuration(&links[0], &links[1..], &anchors, now).expect("another verifier agrees");
    let id = three.nation.app.hosted.by_authority(BELOW).expect("served");
    let tenant = three.nation.app.hosted.tenant(id).expect("served");
    assert!(superior::fetch(&three.nation.app, tenant).await, "the way up is known");
    for (sub, links) in [(https(FAR), 4), (https(BELOW), 3), (ROOT.to_owned(), 1)] {
        let claims = said(&three.nation, BELOW, &resolve(&three.nation, &sub, ROOT).await).await;
        assert_eq!(
            (claims["iss"].as_str(), chain(&claims).len()),
            (Some("https://below.example"), links),
            "{sub}"
        );
    }
    let own = said(&three.nation, BELOW, &resolve(&three.nation, &https(FAR), &https(BELOW)).await).await;
    assert_eq!(chain(&own).len(), 3, "up to itself");
    let unknown = resolve(&three.root, "https://nobody.example", ROOT).await;
    assert_eq!(refused(&unknown), code(404, "invalid_subject"), "everybody was heard");
}

#[tokio::test]
async fn a_suspension_elsewhere_is_seen_with_the_next_look_and_time_ends_the_rest() {
    let three = Three::start().await;
    assert_eq!(resolve(&three.root, &https(FAR), ROOT).await.status, 200);
    three.nation.registry(BELOW).sets(Target::SubordinateId(FAR.to_owned()), "SUSPENDED").await;
    three.look().await;
    let gone = resolve(&three.root, &https(FAR), ROOT).await;
    assert_eq!(refused(&gone), code(404, "invalid_subject"), "{}", gone.text());
    assert_eq!(resolve(&three.root, &https(BELOW), ROOT).await.status, 200);
    three.nation.stop().await;
    three.root.clock.advance(Duration::from_secs(25 * 3_600));
    let over = refused(&resolve(&three.root, &https(BELOW), ROOT).await);
    assert_eq!(over.0 / 100, 4, "its documents have expired: {over:?}");
}

#[tokio::test]
async fn who_was_never_heard_is_no_reason_to_say_that_somebody_is_unknown() {
    let app = TestApp::build().registry(AUTHORITY).start().await;
    let nation = TestApp::build().clock(&app.clock).under(BELOW, AUTHORITY).start().await;
    let root = app.registry(AUTHORITY);
    let request = pb::PutDelegationRequest {
        endpoint: "http://127.0.0.1:9".to_owned(),
        ..root.delegation(&nation.registry(BELOW), &["Degree"])
    };
    root.client().put_delegation(root.signed(request)).await.expect("delegated");
    below::look(&app.app).await;
    for sub in [BELOW, FAR] {
        let reply = resolve(&app, &https(sub), ROOT).await;
        assert_eq!(refused(&reply), code(503, "temporarily_unavailable"), "{sub}");
        assert_eq!(reply.header("retry-after"), "1");
    }
    assert_eq!(resolve(&app, ROOT, ROOT).await.status, 200);
}

/// A rival on another server, below a registry of `root`, which states `name` of its own making. `naming`: which names
/// are permitted below it.
async fn rival(root: &TestApp, superior: &str, name: &str, naming: &[&str]) -> [TestApp; 2] {
    let rival = TestApp::build().clock(&root.clock).under(RIVAL, superior).start().await;
    let forged = TestApp::build().clock(&root.clock).under(name, RIVAL).start().await;
    rival.registry(RIVAL).delegates(&forged.registry(name), &["Degree"]).await;
    let registry = root.registry(superior);
    let permitted: Vec<String> = naming.iter().map(|name| (*name).to_owned()).collect();
    let names = pb::NamingConstraints { permitted, excluded: Vec::new() };
    let request = pb::PutDelegationRequest {
        naming_constraints: Some(names).filter(|names| !names.permitted.is_empty()),
        ..registry.delegation(&rival.registry(RIVAL), &["Degree"])
    };
    registry.client().put_delegation(registry.signed(request)).await.expect("delegated");
    below::look(&rival.app).await;
    below::look(&root.app).await;
    [rival, forged]
}

#[tokio::test]
async fn nobody_takes_over_the_subordinate_of_a_sibling_by_naming_it() {
    let three = Three::start().await;
    let before = resolve(&three.root, &https(FAR), ROOT).await;
    let before = chain(&said(&three.root, AUTHORITY, &before).await);
    let rivals = rival(&three.root, AUTHORITY, FAR, &[]).await;
    let reply = resolve(&three.root, &https(FAR), ROOT).await;
    assert_eq!(refused(&reply), code(400, "invalid_trust_chain"), "neither is believed: {}", reply.text());
    assert_eq!(resolve(&three.root, &https(BELOW), ROOT).await.status, 200, "others are as before");
    let own = resolve(&three.nation, &https(FAR), &https(BELOW)).await;
    assert_eq!(
        chain(&said(&three.nation, BELOW, &own).await)[0],
        before[0],
        "under its own superior it is itself"
    );
    drop(rivals);
}

#[tokio::test]
async fn nor_further_down_where_the_root_sees_only_what_others_keep() {
    const WHO: &str = "did:web:aaa.example";
    let three = Three::start().await;
    let who = TestApp::build().clock(&three.root.clock).under(WHO, FAR).start().await;
    three.sector.registry(FAR).delegates(&who.registry(WHO), &["Degree"]).await;
    three.look().await;
    let reply = resolve(&three.root, &https(WHO), ROOT).await;
    assert_eq!(chain(&said(&three.root, AUTHORITY, &reply).await).len(), 5);
    let rivals = rival(&three.nation, BELOW, WHO, &[]).await;
    three.look().await;
    let (nation, root) = (
        resolve(&three.nation, &https(WHO), &https(BELOW)).await,
        resolve(&three.root, &https(WHO), ROOT).await,
    );
    assert_eq!(refused(&nation), code(400, "invalid_trust_chain"), "{}", nation.text());
    assert_ne!(root.status, 200, "{}", root.text());
    let own = resolve(&three.sector, &https(WHO), &https(FAR)).await;
    assert_eq!(own.status, 200, "its own superior knows it");
    drop(rivals);
}

#[tokio::test]
async fn nor_by_being_served_where_the_root_is() {
    let clock = Arc::new(TestClock::default());
    let root = TestApp::build().clock(&clock).registry(AUTHORITY).under(OTHER, AUTHORITY).start().await;
    let nation = TestApp::build().clock(&clock).under(BELOW, AUTHORITY).start().await;
    let [real, forged] = [BELOW, OTHER].map(|above| TestApp::build().clock(&clock).under(FAR, above).start());
    let (real, forged) = (real.await, forged.await);
    root.registry(AUTHORITY).delegates(&root.registry(OTHER), &["Degree"]).await;
    root.registry(AUTHORITY).delegates(&nation.registry(BELOW), &["Degree"]).await;
    nation.registry(BELOW).delegates(&real.registry(FAR), &["Degree"]).await;
    below::look(&nation.app).await;
    below::look(&root.app).await;
    assert_eq!(resolve(&root, &https(FAR), ROOT).await.status, 200);
    root.registry(OTHER).delegates(&forged.registry(FAR), &["Degree"]).await;
    below::look(&root.app).await;
    let reply = resolve(&root, &https(FAR), ROOT).await;
    assert_eq!(refused(&reply), code(400, "invalid_trust_chain"), "neither is believed: {}", reply.text());
    assert_eq!(resolve(&root, &https(OTHER), ROOT).await.status, 200, "others are as before");
}

#[tokio::test]
async fn whose_names_are_constrained_claims_nothing_outside() {
    let three = Three::start().await;
    let rivals = rival(&three.root, AUTHORITY, FAR, &[".rival.example", "rival.example"]).await;
    let claims = said(&three.root, AUTHORITY, &resolve(&three.root, &https(FAR), ROOT).await).await;
    assert_eq!(payload(&chain(&claims)[1])["iss"], https(BELOW), "the rival's claim breaks its constraints");
    drop(rivals);
}

#[tokio::test]
async fn an_entity_of_this_process_is_what_it_says_itself() {
    let root = started().await;
    let rivals = rival(&root, AUTHORITY, FAR, &[]).await;
    let claims = said(&root, AUTHORITY, &resolve(&root, &https(FAR), ROOT).await).await;
    let links = chain(&claims);
    assert_eq!(payload(&links[1])["iss"], https(BELOW));
    let id = root.app.hosted.by_authority(FAR).expect("served");
    let keys = root.app.hosted.keys(id).await.expect("keys");
    jws::verify(&links[0], "entity-statement+jwt", &keys).expect("its own configuration");
    drop(rivals);
}

#[tokio::test]
async fn delegations_in_a_circle_end() {
    let three = Three::start().await;
    three.sector.registry(FAR).delegates(&three.root.registry(AUTHORITY), &["Degree"]).await;
    three.sector.registry(FAR).delegates(&three.nation.registry(BELOW), &["Degree"]).await;
    three.look().await;
    for sub in [ROOT.to_owned(), https(BELOW), https(FAR)] {
        assert_eq!(resolve(&three.root, &sub, ROOT).await.status, 200, "{sub}");
    }
    let nobody = resolve(&three.root, "https://nobody.example", ROOT).await;
    assert_eq!(refused(&nobody), code(404, "invalid_subject"));
}
