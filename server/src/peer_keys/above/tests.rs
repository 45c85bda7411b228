//! Ways up, made with real keys.

use charter_domain::{Interval, Scope, spki::SpkiSha256};
use charter_proof::document::{
    Constraints, Delegated, DelegatedMetadata, FederationEntity, Metadata, TrustRegistry,
};
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};

use super::*;

const NOW: i64 = 1_795_176_000;

struct Party {
    name: &'static str,
    signer: SoftwareSigner,
}

fn pins(n: u8) -> SpkiPins {
    vec![SpkiSha256::from([n; 32])].try_into().expect("one")
}

impl Party {
    fn new(name: &'static str) -> Self {
        Self { name, signer: SoftwareSigner::generate(Algorithm::EdDsa).expect("a key") }
    }

    fn entity(&self) -> HttpsId {
        HttpsId::parse(&format!("https://{}.example", self.name)).expect("valid")
    }

    fn authority(&self) -> AuthorityId {
        AuthorityId::parse(&format!("did:web:{}.example", self.name)).expect("valid")
    }

    fn configuration(&self, key: u8) -> String {
        let claims = EntityConfiguration {
            iss: self.entity(),
            sub: self.entity(),
            iat: NOW - 60,
            exp: NOW + 3_600,
            jwks: self.signer.key().clone().into(),
            authority_hints: None,
            trust_mark_issuers: Default::default(),
            metadata: Metadata {
                federation_entity: FederationEntity::default(),
                trust_registry: TrustRegistry {
                    authority_id: self.authority(),
                    trqp_endpoint: "https://trqp.example".to_owned(),
                    grpc_endpoint: "https://grpc.example".to_owned(),
                    endpoints: Vec::new(),
                    governance_framework: None,
                    tls_spki_sha256: pins(key),
                    log: None,
                    emergency_officers: Vec::new(),
                },
            },
        };
        claims.sign(&self.signer).expect("signed")
    }

    fn about(&self, below: &Self, key: u8) -> String {
        let scope = r#"[{"actions":["*"],"resources":["*"]}]"#;
        let claims = SubordinateStatement {
            iss: self.entity(),
            sub: below.entity(),
            iat: NOW - 60,
            exp: NOW + 600,
            jwks: below.signer.key().clone().into(),
            constraints: Constraints::default(),
            metadata: DelegatedMetadata {
                trust_registry: Delegated {
                    authority_id: below.authority(),
                    scope: serde_json::from_str::<Scope>(scope).expect("valid"),
                    valid: vec![Interval::ALWAYS],
                    status: "ACTIVE".to_owned(),
                    tls_spki_sha256: pins(key),
                },
            },
        };
        claims.sign(&self.signer).expect("signed")
    }
}

fn found(chain: &[String], own: &Party, secs: i64) -> Result<(AuthorityId, SpkiPins), String> {
    superior(chain, &own.entity(), Timestamp::from_secs(secs)).map(|s| (s.authority, s.pins))
}

#[test]
fn an_anchor_says_its_own_keys_and_another_superior_has_them_said() {
    let [root, nation, sector] = ["root", "nation", "sector"].map(Party::new);
    let short = [root.about(&nation, 2), root.configuration(1)];
    assert_eq!(found(&short, &nation, NOW), Ok((root.authority(), pins(1))));
    let long = [nation.about(&sector, 3), root.about(&nation, 2), root.configuration(1)];
    assert_eq!(found(&long, &sector, NOW), Ok((nation.authority(), pins(2))));
    assert!(found(&long, &sector, NOW + 600).is_err(), "the first of them has expired");
}

#[test]
fn a_way_up_that_does_not_fit_together_says_nothing() {
    let [root, nation, sector, other] = ["root", "nation", "sector", "other"].map(Party::new);
    let top = root.configuration(1);
    for (chain, what) in [
        (vec![], "empty"),
        (vec![top.clone()], "without a statement"),
        (vec![other.about(&sector, 3), root.about(&nation, 2), top.clone()], "of a stranger"),
        (vec![nation.about(&other, 3), root.about(&nation, 2), top.clone()], "about a stranger"),
        (vec![nation.about(&sector, 3), other.about(&nation, 2), top.clone()], "with a stranger between"),
        (vec![nation.about(&sector, 3), root.about(&nation, 2)], "without a configuration"),
        (vec![root.about(&nation, 2), nation.about(&sector, 3), top], "in another order"),
    ] {
        assert!(found(&chain, &sector, NOW).is_err(), "{what}");
    }
}
