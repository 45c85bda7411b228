//! Resolving what a subordinate elsewhere shows, whatever that is: policies, constraints, hints, texts without end.

use std::{sync::Arc, time::Duration};

use charter_domain::time::Clock;
use charter_proto::charter::federation::v1 as pb;
use charter_server::app::oidf::below;
use charter_signing::{Algorithm, Signer, SoftwareSigner};
use charter_tests::{AUTHORITY, TestApp};
use serde_json::{Value, json};

use super::{
    code, refused,
    resolve::{resolve, said},
};
use crate::peer::{PEER, Peer};

const ROOT: &str = "https://registry.example";
const LEAF: &str = "https://leaf.example";
const LEAF_DID: &str = "did:web:leaf.example";
const PEERS: &str = "https://peer.example";
/// Becomes a list in a list in a list: as a value it would be too deep for a test's own stack.
const DEEP: &str = "\"DEEP\"";

/// A root, a subordinate that shows what it is told to, and the key of somebody below that.
struct Tree {
    root: TestApp,
    peer: Arc<Peer>,
    leaf: SoftwareSigner,
}

fn keys(signer: &SoftwareSigner) -> Value {
    json!({ "keys": [signer.key().to_jwk()] })
}

impl Tree {
    async fn start() -> Self {
        let root = TestApp::start().await;
        let peer = Peer::start(Duration::ZERO).await;
        peer.is_superior(&root).await;
        let subordinate = pb::Peer {
            subordinate_id: LEAF_DID.to_owned(),
            entity_identifier: LEAF.to_owned(),
            state: "ACTIVE".to_owned(),
            heard_ms: -1,
            rests_ms: -1,
            ..Default::default()
        };
        peer.says_below(pb::ListPeersResponse {
            authority_id: PEER.to_owned(),
            epoch: 3,
            peers: vec![subordinate],
            ..Default::default()
        });
        Self { root, peer, leaf: SoftwareSigner::generate(Algorithm::Es256).expect("a key") }
    }

    fn signed(&self, signer: &SoftwareSigner, (iss, sub): (&str, &str), more: &Value) -> String {
        let now = self.root.clock.now().secs();
        let mut claims = json!({ "iss": iss, "sub": sub, "iat": now, "exp": now + 3_600 });
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let deep = "[".repeat(2_000) + &"]".repeat(2_000);
        let claims = claims.to_string().replace(DEEP, &deep);
        signer.sign("entity-statement+jwt", claims.as_bytes()).expect("signed")
    }

    /// Shows documents with these claims besides those that they must have: of the statement about the leaf, of the
    /// leaf's own configuration. Then the root looks.
    async fn shows(&self, statement: &Value, configuration: &Value) {
        let peer = &self.peer;
        let with = |mut claims: Value, more: &Value| {
            for (name, value) in more.as_object().expect("an object") {
                claims[name] = value.clone();
            }
            claims
        };
        let stated = with(json!({ "jwks": keys(&self.leaf) }), statement);
        peer.keeps(&format!("{PEER} {LEAF_DID}"), &self.signed(&peer.signer, (PEERS, LEAF), &stated));
        let leaf = json!({
            "jwks": keys(&self.leaf),
            "authority_hints": [PEERS],
            "metadata": {
                "federation_entity": { "organization_name": "Leaf" },
                "openid_credential_issuer": { "scope": "a b", "alg": ["ES256", "RS256"] },
            },
        });
        peer.keeps(LEAF_DID, &self.signed(&self.leaf, (LEAF, LEAF), &with(leaf, configuration)));
        // Its own one last: that it is new is what makes the root read the others again.
        let own = json!({
            "jwks": keys(&peer.signer), "authority_hints": [ROOT], "metadata": { "federation_entity": {} },
        });
        peer.keeps(PEER, &self.signed(&peer.signer, (PEERS, PEERS), &own));
        below::look(&self.root.app).await;
    }

    async fn metadata(&self) -> Value {
        let reply = resolve(&self.root, LEAF, ROOT).await;
        said(&self.root, AUTHORITY, &reply).await["metadata"].clone()
    }

    async fn refusal(&self) -> (u16, String) {
        refused(&resolve(&self.root, LEAF, ROOT).await)
    }
}

#[tokio::test]
async fn policies_constraints_and_given_metadata_are_applied_in_their_order() {
    let tree = Tree::start().await;
    let statement = json!({
        "metadata": { "openid_credential_issuer": { "given": ["x"] } },
        "metadata_policy": {
            "openid_credential_issuer": {
                "alg": { "subset_of": ["ES256"] }, "scope": { "superset_of": ["a"] }, "given": { "add": ["y"] },
            },
        },
        "constraints": { "allowed_entity_types": ["openid_credential_issuer"] },
    });
    tree.shows(&statement, &json!({})).await;
    let issuer = json!({ "scope": "a b", "alg": ["ES256"], "given": ["x", "y"] });
    let metadata = tree.metadata().await;
    assert_eq!(metadata["openid_credential_issuer"], issuer);
    assert_eq!(metadata["federation_entity"], json!({ "organization_name": "Leaf" }));
}

#[tokio::test]
async fn types_that_are_not_allowed_are_stripped_and_no_reason_to_refuse() {
    let tree = Tree::start().await;
    tree.shows(&json!({ "constraints": { "allowed_entity_types": [] } }), &json!({})).await;
    assert_eq!(tree.metadata().await, json!({ "federation_entity": { "organization_name": "Leaf" } }));
}

#[tokio::test]
async fn policies_that_contradict_or_are_not_met_are_invalid_metadata() {
    let tree = Tree::start().await;
    let policy = |of: Value| json!({ "metadata_policy": { "openid_credential_issuer": { "alg": of } } });
    for wrong in [
        policy(json!({ "value": ["ES256"], "subset_of": ["EdDSA"] })),
        policy(json!({ "superset_of": ["EdDSA"] })),
        policy(json!({ "one_of": ["ES256"] })),
        json!({ "metadata_policy": [] }),
        json!({ "metadata_policy_crit": ["regexp"] }),
    ] {
        tree.shows(&wrong, &json!({})).await;
        assert_eq!(tree.refusal().await, code(400, "invalid_metadata"), "{wrong}");
    }
    tree.shows(&policy(json!({ "regexp": "^E" })), &json!({})).await;
    assert!(tree.metadata().await.is_object(), "what is not critical is ignored");
}

#[tokio::test]
async fn chains_that_break_a_rule_are_invalid() {
    let tree = Tree::start().await;
    let none = json!({});
    let hints: Vec<String> = (0..40).map(|n| format!("https://h{n}.example")).collect();
    let mut last = hints.clone();
    last.push(PEERS.to_owned());
    for (statement, configuration) in [
        (json!({ "constraints": { "naming_constraints": { "excluded": [".example"] } } }), none.clone()),
        (json!({ "sub": "https://else.example" }), none.clone()),
        (json!({ "crit": ["x"], "x": 1 }), none.clone()),
        (json!({ "jwks": keys(&tree.peer.signer) }), none.clone()),
        (none.clone(), json!({ "authority_hints": [ROOT] })),
        (none.clone(), json!({ "authority_hints": hints })),
        (none.clone(), json!({ "authority_hints": last })),
        (none.clone(), json!({ "sub": "https://else.example" })),
        (none.clone(), json!({ "more": "DEEP" })),
    ] {
        tree.shows(&statement, &configuration).await;
        assert_eq!(tree.refusal().await, code(400, "invalid_trust_chain"), "{statement} {configuration}");
    }
    tree.shows(&none, &json!({ "authority_hints": [ROOT, LEAF, PEERS] })).await;
    assert!(tree.metadata().await.is_object(), "its superior is among them");
}

#[tokio::test]
async fn the_first_end_of_a_link_is_that_of_the_answer() {
    let tree = Tree::start().await;
    let soon = tree.root.clock.now().secs() + 60;
    tree.shows(&json!({ "exp": soon }), &json!({})).await;
    let reply = resolve(&tree.root, LEAF, ROOT).await;
    assert_eq!(said(&tree.root, AUTHORITY, &reply).await["exp"], soon);
    tree.root.clock.advance(Duration::from_secs(60));
    assert_eq!(tree.refusal().await.0, 400, "no kept answer outlives it");
}

#[tokio::test]
async fn a_document_of_a_megabyte_is_not_kept_and_nobody_is_unknown_for_it() {
    let tree = Tree::start().await;
    tree.shows(&json!({}), &json!({})).await;
    assert!(tree.metadata().await.is_object());
    let other = Tree::start().await;
    for size in [70_000, 1_000_000] {
        other.shows(&json!({}), &json!({ "more": "x".repeat(size) })).await;
        assert_eq!(other.refusal().await, code(503, "temporarily_unavailable"), "{size}");
    }
}

#[tokio::test]
async fn a_new_document_counts_with_the_next_look() {
    let tree = Tree::start().await;
    tree.shows(&json!({}), &json!({})).await;
    assert_eq!(tree.metadata().await["openid_credential_issuer"]["scope"], "a b");
    let metadata = json!({ "federation_entity": {}, "openid_credential_issuer": { "scope": "c" } });
    // Its own key, exchanged by itself: its superior states the old one.
    let exchanged = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    tree.shows(&json!({}), &json!({ "metadata": metadata, "jwks": keys(&exchanged) })).await;
    assert_eq!(tree.refusal().await, code(400, "invalid_trust_chain"));
    tree.shows(&json!({}), &json!({ "metadata": metadata })).await;
    assert_eq!(tree.metadata().await["openid_credential_issuer"]["scope"], "c");
}
