//! Each rule of what an applicant signs, broken alone.

use charter_domain::{AuthorityId, SpkiPins};
use charter_proof::document::{FederationEntity, Metadata, TrustRegistry};
use charter_signing::{Algorithm, SoftwareSigner};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn id(name: &str) -> HttpsId {
    HttpsId::parse(&format!("https://{name}.example")).expect("an id")
}

struct Applicant {
    signer: SoftwareSigner,
}

impl Applicant {
    fn new() -> Self {
        Self { signer: SoftwareSigner::generate(Algorithm::Es256).expect("a key") }
    }

    fn configuration(&self, name: &str) -> String {
        let configuration = EntityConfiguration {
            iss: id(name),
            sub: id(name),
            iat: NOW.secs(),
            exp: NOW.secs() + 3_600,
            jwks: JwkSet::from(self.signer.key().clone()),
            authority_hints: None,
            trust_mark_issuers: Default::default(),
            metadata: Metadata {
                federation_entity: FederationEntity::default(),
                trust_registry: TrustRegistry {
                    authority_id: AuthorityId::parse(&format!("did:web:{name}.example")).expect("a DID"),
                    trqp_endpoint: "https://sector.example".to_owned(),
                    grpc_endpoint: "https://sector.example".to_owned(),
                    endpoints: Vec::new(),
                    governance_framework: None,
                    tls_spki_sha256: SpkiPins::default(),
                    log: None,
                    emergency_officers: Vec::new(),
                },
            },
        };
        configuration.sign(&self.signer).expect("signed")
    }

    fn signed(&self) -> Signed {
        Signed {
            iss: id("sector"),
            aud: id("root"),
            iat: NOW.secs(),
            exp: NOW.secs() + 600,
            jti: Uuid::from_u128(1),
            configuration: self.configuration("sector"),
            says: Says::Inquire(Uuid::from_u128(2)),
        }
    }
}

#[test]
fn what_the_applicant_signed_for_this_registry_counts_now() {
    let applicant = Applicant::new();
    let token = sign(&applicant.signed(), &applicant.signer).expect("signed");
    let found = verify(&token, &id("root"), NOW).expect("it holds");
    assert_eq!((found.kid.as_str(), found.configuration.sub), (applicant.signer.key().kid(), id("sector")));
    assert!(verify(&token, &id("other"), NOW).expect_err("meant for another").reason.contains("meant for"));
    assert!(verify(&token, &id("root"), NOW.plus(LIFE)).expect_err("over").reason.contains("expired"));
    let early = NOW.minus(Duration::from_secs(61));
    assert!(verify(&token, &id("root"), early).is_err(), "from the future");
    assert!(verify(&token, &id("root"), NOW.minus(SKEW)).is_ok(), "within the skew");
}

#[test]
fn every_rule_refuses_alone() {
    let (applicant, other) = (Applicant::new(), Applicant::new());
    let refused = |change: fn(&mut Signed, &Applicant)| {
        let mut signed = applicant.signed();
        change(&mut signed, &other);
        let token = sign(&signed, &applicant.signer).expect("signed");
        verify(&token, &id("root"), NOW).expect_err("refused").field
    };
    assert_eq!(refused(|s, _| s.exp = s.iat), FIELD);
    assert_eq!(refused(|s, _| s.exp = s.iat + 601), FIELD);
    assert_eq!(refused(|s, _| s.iss = id("other")), FIELD);
    assert_eq!(refused(|s, other| s.configuration = other.configuration("sector")), FIELD);
    assert_eq!(refused(|s, _| s.configuration.push('A')), FIELD);
    let own = Signed { aud: id("sector"), ..applicant.signed() };
    let own = sign(&own, &applicant.signer).expect("signed");
    assert!(verify(&own, &id("sector"), NOW).is_err(), "nobody is their own superior");
    let token = sign(&applicant.signed(), &other.signer).expect("signed");
    assert!(verify(&token, &id("root"), NOW).is_err(), "another's key");
    assert!(verify("a.b.c", &id("root"), NOW).is_err() && verify("", &id("root"), NOW).is_err());
    let long = "A".repeat(MAX_BYTES + 1);
    assert!(verify(&long, &id("root"), NOW).expect_err("long").reason.contains("longer"));
}
