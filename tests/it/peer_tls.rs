//! TLS between registries: a peer is known by the key that its superior lists for it, or by who issued its certificate.

use std::{sync::Arc, time::Duration};

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_tests::{
    AUTHORITY, Registry, Said, TestApp, TestClock,
    app::SETTINGS,
    governed::Governed,
    pki::{Pair, Pki, Switch},
};
use serde_json::{Value, json};

use crate::kept::until;

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";
const SECTOR: &str = "did:web:sector.example";
/// A peer that was lost is asked again within this time.
const SOON: Duration = Duration::from_secs(30);

/// An entity that nobody has asked about yet.
fn entity(n: usize) -> String {
    format!("did:web:university-{n}.example")
}

async fn registers(registry: &Registry<'_>) {
    for n in 0..8 {
        registry.registers(&entity(n)).authorized("issue", "Degree").await;
    }
}

async fn asks(app: &TestApp, n: usize) -> Said {
    app.anonymous().asks(&entity(n), "issue", "Degree").rest().await
}

/// A peer that answers at another address, known by these keys.
async fn delegates(from: &Registry<'_>, to: &Registry<'_>, at: &Switch, keys: &[&Pair]) {
    let keys: Vec<String> = keys.iter().map(|pair| pair.sha256()).collect();
    let request = pb::PutDelegationRequest { endpoint: at.url(), ..from.pinned(to, &["Degree"], &keys) };
    from.client().put_delegation(from.signed(request)).await.expect("delegated");
}

/// Root, nation and sector: three servers, each behind TLS where another one asks it, by a key that is pinned above it.
/// The certificates name other hosts, and nobody trusts who issued them.
struct Three {
    pki: Pki,
    root: TestApp,
    nation: TestApp,
    sector: TestApp,
    to_nation: Switch,
    keys: [Pair; 2],
    _to_sector: Switch,
}

impl Three {
    async fn start() -> Self {
        let (pki, clock) = (Pki::new(), Arc::new(TestClock::default()));
        let keys = ["nation", "sector"].map(|name| pki.client(name, 1, 3_000));
        let announced = format!("tls_spki_sha256 = [\"{}\"]", keys[0].sha256());
        let root = TestApp::build().clock(&clock).registry(ROOT).start().await;
        let nation = TestApp::build().clock(&clock).under(NATION, ROOT).details(&announced).start().await;
        let sector = TestApp::build().clock(&clock).under(SECTOR, NATION).start().await;
        let to_nation = pki.switch(nation.address, &keys[0]).await;
        let to_sector = pki.switch(sector.address, &keys[1]).await;
        let (top, middle, bottom) = (root.registry(ROOT), nation.registry(NATION), sector.registry(SECTOR));
        delegates(&top, &middle, &to_nation, &[&keys[0]]).await;
        delegates(&middle, &bottom, &to_sector, &[&keys[1]]).await;
        registers(&bottom).await;
        drop((top, middle, bottom));
        Self { pki, root, nation, sector, to_nation, keys, _to_sector: to_sector }
    }
}

/// The keys that a signed document lists.
fn listed(document: &str) -> Value {
    let payload = charter_signing::jws::peek(document).expect("a JWS");
    let claims: Value = serde_json::from_slice(&payload).expect("JSON");
    claims["metadata"]["trust_registry"]["tls_spki_sha256"].clone()
}

#[tokio::test]
async fn three_levels_answer_over_tls_by_keys_that_are_listed_in_their_chain() {
    let three = Three::start().await;
    let asking = three.root.anonymous().asks(&entity(0), "issue", "Degree").with("evidence", "full");
    let said = asking.both().await;
    assert_eq!(said.line(), "200 yes ACTIVE", "{said:?}");
    assert_eq!(said.decided_by, SECTOR);
    let [nation, sector] = three.keys.each_ref().map(Pair::sha256);
    let keys: Vec<Value> = said.chain[1..3].iter().map(|link| listed(link)).collect();
    assert_eq!(keys, [json!([sector]), json!([nation])], "as their superiors list them");
    let shown = three.nation.rest().get("/.well-known/openid-federation").await;
    assert_eq!(listed(&shown.text()), json!([nation]), "as it announces itself");
    let shown = three.sector.rest().get("/.well-known/openid-federation").await;
    assert_eq!(listed(&shown.text()), Value::Null, "nothing is announced");
}

#[tokio::test]
async fn another_key_at_the_address_is_no_peer_whoever_certified_it() {
    let three = Three::start().await;
    assert_eq!(asks(&three.root, 0).await.line(), "200 yes ACTIVE");
    // Of the same authority, for the same name.
    let other = three.pki.client("nation", 1, 3_000);
    three.to_nation.shows(&other);
    until(SOON, "refused for its key", async || {
        let said = asks(&three.root, 1).await;
        assert_eq!(said.line(), "503 UNVERIFIABLE", "{said:?}");
        said.message.contains(NATION) && said.message.contains(&other.sha256())
    })
    .await;
    assert_eq!(asks(&three.nation, 1).await.line(), "200 yes ACTIVE", "the link below is another");
    three.to_nation.shows(&three.keys[0]);
    until(SOON, "its own key again", async || asks(&three.root, 1).await.yes).await;
}

/// Of the child of a sealed registry: all keys from now on.
async fn lists(g: &Governed, keys: &[&Pair]) {
    let pins = pb::SpkiPins { sha256: keys.iter().map(|pair| pair.sha256()).collect() };
    let change = pb::CorrectDelegation {
        subordinate_id: NATION.to_owned(),
        tls_spki_sha256: Some(pins),
        ..Default::default()
    };
    let draft = g.person("otto").proposes(Change::CorrectDelegation(change)).await.expect("proposed");
    let diff: Value = serde_json::from_str(&draft.diff_json).expect("JSON");
    assert_eq!(diff.as_object().map(serde_json::Map::len), Some(1), "{diff}");
    g.person("anna").approves(&draft).await.expect("approved");
}

#[tokio::test]
async fn a_key_is_rotated_without_a_gap_and_the_old_one_ends_with_its_listing() {
    let pki = Pki::new();
    let [old, new] = ["old", "new"].map(|name| pki.client(name, 1, 3_000));
    let g = Governed::start().await;
    let nation = TestApp::build().clock(&g.app.clock).under(NATION, AUTHORITY).start().await;
    let child = nation.registry(NATION);
    registers(&child).await;
    let switch = pki.switch(nation.address, &old).await;
    let made = g.app.registry(AUTHORITY).pinned(&child, &["Degree"], &[old.sha256()]);
    let made = pb::PutDelegationRequest { registry_id: String::new(), endpoint: switch.url(), ..made };
    let draft = g.person("otto").proposes(Change::Delegation(made)).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved");
    assert_eq!(asks(&g.app, 0).await.line(), "200 yes ACTIVE", "before");
    lists(&g, &[&old, &new]).await;
    assert_eq!(asks(&g.app, 1).await.line(), "200 yes ACTIVE", "both are listed");
    switch.shows(&new);
    until(SOON, "the new key", async || asks(&g.app, 2).await.yes).await;
    lists(&g, &[&new]).await;
    assert_eq!(asks(&g.app, 3).await.line(), "200 yes ACTIVE", "after");
    switch.shows(&old);
    until(SOON, "the old key is over", async || {
        let said = asks(&g.app, 4).await;
        assert!(!said.yes, "{said:?}");
        said.message.contains(&old.sha256())
    })
    .await;
}

/// A root that believes an authority, and a nation behind a certificate of that authority, without a pinned key.
async fn certified(believed: &Pki, shown: &Pki) -> (TestApp, TestApp) {
    let clock = Arc::new(TestClock::default());
    let settings = format!("{SETTINGS}\npeer_tls = {{ ca_file = \"{}\" }}", believed.file("ca.pem"));
    let root = TestApp::build().clock(&clock).settings(&settings).registry(ROOT).start().await;
    let nation = TestApp::build().clock(&clock).under(NATION, ROOT).start().await;
    let (top, middle) = (root.registry(ROOT), nation.registry(NATION));
    registers(&middle).await;
    let endpoint = format!("https://{}", shown.tunnel(nation.address).await);
    let request = pb::PutDelegationRequest { endpoint, ..top.delegation(&middle, &["Degree"]) };
    top.client().put_delegation(top.signed(request)).await.expect("delegated");
    drop((top, middle));
    (root, nation)
}

#[tokio::test]
async fn without_a_pinned_key_a_certificate_counts_by_who_issued_it() {
    let (good, other) = (Pki::new(), Pki::new());
    let (root, _nation) = certified(&good, &good).await;
    assert_eq!(asks(&root, 0).await.line(), "200 yes ACTIVE");
    let (root, _nation) = certified(&good, &other).await;
    let said = asks(&root, 0).await;
    assert_eq!(said.line(), "503 UNVERIFIABLE");
    assert!(said.message.contains(NATION) && said.message.contains("certificate"), "{said:?}");
}

#[tokio::test]
async fn a_peer_with_a_pinned_key_is_not_asked_in_plaintext() {
    let root = TestApp::build().registry(ROOT).start().await;
    let nation = TestApp::build().clock(&root.clock).under(NATION, ROOT).start().await;
    let (top, middle) = (root.registry(ROOT), nation.registry(NATION));
    registers(&middle).await;
    let pinned = top.pinned(&middle, &["Degree"], &["0a".repeat(32)]);
    top.client().put_delegation(top.signed(pinned)).await.expect("delegated");
    let said = asks(&root, 0).await;
    assert_eq!(said.line(), "503 UNVERIFIABLE");
    assert!(said.message.contains("plaintext"), "{said:?}");
}

#[tokio::test]
async fn keys_are_listed_in_one_spelling_each_once_and_four_at_most() {
    let root = TestApp::build().registry(ROOT).start().await;
    let nation = TestApp::build().clock(&root.clock).under(NATION, ROOT).start().await;
    let (top, middle) = (root.registry(ROOT), nation.registry(NATION));
    let key = |n: usize| format!("{n:064x}");
    for (keys, what) in [
        (vec!["0A".repeat(32)], "upper case"),
        (vec!["0a".repeat(31)], "too short"),
        (vec![key(1), key(1)], "twice"),
        ((0..5).map(key).collect(), "five"),
    ] {
        let request = top.pinned(&middle, &["Degree"], &keys);
        let refused = top.client().put_delegation(top.signed(request)).await.expect_err(what);
        let said = charter_tests::ask::error(&refused);
        assert_eq!((said.line().as_str(), said.field.as_str()), ("400 INVALID", "tls_spki_sha256"), "{what}");
    }
}
