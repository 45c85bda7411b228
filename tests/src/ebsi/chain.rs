//! Parties with real keys and the accreditations between them, to be published, and to be spoiled before.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use charter_domain::{AuthorityId, Timestamp, base58};
use charter_federation::protocol::ebsi::{Fault, Judged, Registry, judge};
use charter_server::ebsi_parent::Web;
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::server::{Reply, Server};

/// The present of these tests, in seconds.
pub const NOW: i64 = 1_795_000_000;
const YEAR: i64 = 365 * 86_400;
const ATU: &str = "https://publications.europa.eu/resource/authority/atu";
pub const SCHEMA: &str = "https://schemas.example/trusted-schemas-registry/v3/schemas/degree";

pub struct Party {
    pub did: String,
    pub signer: SoftwareSigner,
    /// Before it, the DID document named no key.
    pub since: i64,
}

/// An accreditation before it is signed; the credential follows from it.
pub struct Statement {
    pub by: usize,
    pub of: usize,
    pub id: String,
    pub role: &'static str,
    pub kind: &'static str,
    /// `accreditedFor`.
    pub gives: Value,
    pub valid: (i64, i64),
    pub iat: i64,
    /// URLs of `termsOfUse`; None leaves it out.
    pub grounds: Option<Vec<String>>,
    pub tao: Option<String>,
    pub root_tao: Option<String>,
    /// Applied to the claims before they are signed.
    pub claims: Option<fn(&mut Value)>,
    /// Who signs, where that is not `by`.
    pub forger: Option<usize>,
}

pub struct Chain {
    pub base: String,
    pub parties: Vec<Party>,
    /// From the root's own down to the subject's.
    pub statements: Vec<Statement>,
}

pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// `accreditedFor` with one entry.
pub fn gives(schema: &str, kind: &str, places: &[&str]) -> Value {
    let mut entry =
        json!({ "schemaId": schema, "types": ["VerifiableCredential", "VerifiableAttestation", kind] });
    let places: Vec<String> = places.iter().map(|place| format!("{ATU}/{place}")).collect();
    match places.as_slice() {
        [] => {}
        [one] => entry["limitJurisdiction"] = json!(one),
        list => entry["limitJurisdiction"] = json!(list),
    }
    json!([entry])
}

fn party(n: u8) -> Party {
    let mut id = [n; 17];
    id[0] = 1;
    let signer = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    Party { did: format!("did:ebsi:z{}", base58::encode(&id)), signer, since: NOW - 3 * YEAR }
}

impl Chain {
    /// `length` accreditations: a root, TAOs, and a TI that is accredited for degrees in Finland.
    pub fn good(base: &str, length: usize) -> Self {
        let parties: Vec<Party> = (0..length).map(|n| party(u8::try_from(n + 1).expect("few"))).collect();
        let mut chain = Self { base: base.to_owned(), parties, statements: Vec::new() };
        for n in 0..length {
            let (by, last) = (n.saturating_sub(1), n + 1 == length);
            let (role, kind) = match n {
                0 => ("RootTAO", "VerifiableAuthorisationForTrustChain"),
                _ if last => ("TI", "VerifiableAccreditationToAttest"),
                _ => ("TAO", "VerifiableAccreditationToAccredit"),
            };
            let gives = match n {
                0 => Value::Null,
                _ => gives(SCHEMA, "Degree", if last { &["FIN"] } else { &["FIN", "SWE"] }),
            };
            let grounds = (n > 0).then(|| vec![chain.url(by, &id(by))]);
            let iat = NOW - YEAR + i64::try_from(n).expect("few");
            chain.statements.push(Statement {
                by,
                of: n,
                id: id(n),
                role,
                kind,
                gives,
                valid: (iat, NOW + YEAR),
                iat,
                grounds,
                tao: None,
                root_tao: None,
                claims: None,
                forger: None,
            });
        }
        chain
    }

    pub fn subject(&self) -> AuthorityId {
        AuthorityId::parse(&self.parties.last().expect("a party").did).expect("a DID")
    }

    pub fn registry(&self) -> Registry {
        let root = AuthorityId::parse(&self.parties[0].did).expect("a DID");
        Registry { base: self.base.clone(), root }
    }

    /// Where an attribute is.
    pub fn url(&self, of: usize, id: &str) -> String {
        format!("{}{}", self.base, self.path(of, id))
    }

    pub fn path(&self, of: usize, id: &str) -> String {
        format!("{}/{id}", self.list(of))
    }

    pub fn list(&self, of: usize) -> String {
        format!("/trusted-issuers-registry/v5/issuers/{}/attributes", self.parties[of].did)
    }

    pub fn document(&self, of: usize) -> String {
        format!("/did-registry/v5/identifiers/{}", self.parties[of].did)
    }

    fn claims(&self, s: &Statement) -> Value {
        let (by, of) = (&self.parties[s.by].did, &self.parties[s.of].did);
        let mut vc = json!({
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "type": ["VerifiableCredential", "VerifiableAttestation", "VerifiableAccreditation", s.kind],
            "issuer": by,
            "issuanceDate": at(s.valid.0).to_string(),
            "expirationDate": at(s.valid.1).to_string(),
            "credentialSubject": { "id": of, "reservedAttributeId": s.id },
        });
        if !s.gives.is_null() {
            vc["credentialSubject"]["accreditedFor"] = s.gives.clone();
        }
        if let Some(grounds) = &s.grounds {
            let ground = |id: &String| json!({ "id": id, "type": "IssuanceCertificate" });
            vc["termsOfUse"] = grounds.iter().map(ground).collect();
        }
        json!({
            "iss": by, "sub": of, "iat": s.iat, "nbf": s.valid.0, "exp": s.valid.1, "jti": "urn:uuid:1", "vc": vc,
        })
    }

    pub fn body(&self, s: &Statement) -> String {
        let mut claims = self.claims(s);
        if let Some(change) = s.claims {
            change(&mut claims);
        }
        let issuer = &self.parties[s.by];
        let kid = format!("{}#{}", issuer.did, issuer.signer.key().kid());
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": kid });
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let by = &self.parties[s.forger.unwrap_or(s.by)].signer;
        let signature = by.raw(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What the registry answers about a statement.
    pub fn attribute(&self, s: &Statement) -> Value {
        let body = self.body(s);
        json!({
            "did": self.parties[s.of].did,
            "attribute": {
                "hash": format!("{:x}", Sha256::digest(&body)),
                "body": body,
                "issuerType": s.role,
                "tao": s.tao.as_ref().unwrap_or(&self.parties[s.by].did),
                "rootTao": s.root_tao.as_ref().unwrap_or(&self.parties[0].did),
            },
        })
    }

    /// Puts everything where a registry has it.
    pub fn publish(&self, server: &Server) {
        for (n, party) in self.parties.iter().enumerate() {
            let own = self.statements.iter().filter(|s| s.of == n).map(|s| s.id.clone());
            server.answers(self.list(n), Reply::List(own.collect()));
            let before = (at(party.since), document(&party.did, None).to_string());
            let now = document(&party.did, Some(&party.signer.key().to_jwk())).to_string();
            server.answers(self.document(n), Reply::Document { now, before });
        }
        for s in &self.statements {
            server.answers(self.path(s.of, &s.id), Reply::Text(self.attribute(s).to_string()));
        }
    }

    /// What is found of the subject at `NOW`.
    pub async fn judged(&self) -> Result<Judged, Fault> {
        let web = Web::new(&self.base, None).expect("a client");
        judge(&web, &self.registry(), &self.subject(), at(NOW)).await
    }
}

fn id(n: usize) -> String {
    format!("{:064x}", 0xA0 + n)
}

/// A DID document with a key for assertions, or without one.
pub fn document(did: &str, jwk: Option<&Value>) -> Value {
    let id = |jwk: &Value| format!("{did}#{}", jwk["kid"].as_str().expect("a kid"));
    let method = |jwk: &Value| json!({ "id": id(jwk), "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": jwk });
    let methods: Vec<Value> = jwk.into_iter().map(method).collect();
    let named: Vec<String> = jwk.into_iter().map(id).collect();
    json!({ "id": did, "verificationMethod": methods, "assertionMethod": named })
}

/// Publishes a chain of four after `spoil`, and judges its subject.
pub async fn spoiled(spoil: impl FnOnce(&mut Chain)) -> Result<Judged, Fault> {
    let server = Server::start().await;
    let mut chain = Chain::good(&server.url, 4);
    spoil(&mut chain);
    chain.publish(&server);
    chain.judged().await
}
