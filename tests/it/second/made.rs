//! A federation whose keys the test has, so that it can sign what no registry would: claims as JSON, not as types.

use std::convert::Infallible;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use charter_domain::Timestamp;
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use charter_tlog::{
    Hash,
    checkpoint::{Checkpoint, SignedCheckpoint},
    cosign, hash,
    log_proof::LogProof,
    note::{KeyKind, NoteSigner, Sign, SignError, Vkey},
    proof::{HashReader, inclusion},
    tree::{Node, root_of},
};
use serde_json::{Value, json};

use super::case::{Case, LogCase, query};

/// 2026-11-20T12:00:00Z.
pub const NOW: i64 = 1_795_176_000;
const DAY: i64 = 86_400;
pub const ENTITY_STATEMENT: &str = "entity-statement+jwt";
pub const AUTHORITY_STATEMENT: &str = "authority-statement+jwt";
const ORIGIN: &str = "agency.example/log";
pub const UNIVERSITY: &str = "did:web:uni.example";
pub const DIPLOMA: &str = "https://schemas.example/diploma/master";

/// A key of a log or a witness.
pub struct Key {
    signer: SoftwareSigner,
    pub vkey: Vkey,
}

impl Key {
    pub fn new(name: &str, kind: KeyKind) -> Self {
        let signer = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key");
        let jwk = signer.key().to_jwk();
        let x = BASE64_URL_SAFE_NO_PAD.decode(jwk["x"].as_str().expect("a coordinate")).expect("base64url");
        let vkey = Vkey::new(name.parse().expect("a name"), kind, x.try_into().expect("32 bytes"));
        Self { signer, vkey }
    }

    fn signer(&self) -> NoteSigner<'_> {
        NoteSigner::new(self.vkey.clone(), self)
    }

    /// The checkpoint with this witness's cosignature.
    pub fn cosigns(&self, checkpoint: &SignedCheckpoint, at: i64) -> SignedCheckpoint {
        let time = u64::try_from(at).expect("after 1970");
        let line = cosign::cosign(checkpoint.checkpoint(), time, &self.signer()).expect("cosigns");
        checkpoint.with_signatures(&[line]).expect("room")
    }
}

impl Sign for Key {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.signer.raw(message).map_err(|e| SignError::Key(e.to_string()))
    }
}

struct Leaves(Vec<Hash>);

impl HashReader for Leaves {
    type Error = Infallible;
    fn read(&self, nodes: &[Node]) -> Result<Vec<Hash>, Infallible> {
        let hash = |node: &Node| {
            let start = usize::try_from(node.index << node.level).expect("small");
            root_of(&self.0[start..start + (1 << node.level)])
        };
        Ok(nodes.iter().map(hash).collect())
    }
}

/// Root, ministry and agency; the agency's statement about a university, and its log.
pub struct Made {
    pub root: SoftwareSigner,
    pub ministry: SoftwareSigner,
    pub agency: SoftwareSigner,
    pub log: Key,
    pub witnesses: [Key; 3],
    /// Claims: the statement, about the agency, about the ministry, the root's own, the agency's own.
    pub leaf: Value,
    pub to_agency: Value,
    pub to_ministry: Value,
    pub anchor: Value,
    pub own: Value,
    pub event: Value,
    /// Where the event stands in the log, from 1.
    pub seq: u64,
    /// Leaves of the log.
    pub size: u64,
    /// When each witness cosigned; those that did not are absent.
    pub cosigned: Vec<(usize, i64)>,
}

pub fn jwks(signer: &SoftwareSigner) -> Value {
    json!({ "keys": [signer.key().to_jwk()] })
}

fn configuration(name: &str, signer: &SoftwareSigner) -> Value {
    json!({
        "iss": format!("https://{name}.example"), "sub": format!("https://{name}.example"),
        "iat": NOW - 600, "exp": NOW + DAY, "jwks": jwks(signer),
        "metadata": {
            "federation_entity": { "organization_name": name },
            "trust_registry": {
                "authority_id": format!("did:web:{name}.example"),
                "trqp_endpoint": "http://127.0.0.1:1", "grpc_endpoint": "http://127.0.0.1:1",
            },
        },
    })
}

fn delegation(from: &str, to: &str, signer: &SoftwareSigner, grant: &Value) -> Value {
    json!({
        "iss": format!("https://{from}.example"), "sub": format!("https://{to}.example"),
        "iat": NOW - 300, "exp": NOW + DAY - 60, "jwks": jwks(signer), "constraints": { "max_path_length": 2 },
        "metadata": { "trust_registry": {
            "authority_id": format!("did:web:{to}.example"), "scope": [grant], "status": "ACTIVE",
            "valid": [{ "from": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z" }],
            "tls_spki_sha256": ["0a".repeat(32)],
        } },
    })
}

impl Made {
    pub fn new() -> Self {
        let [root, ministry, agency] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es256]
            .map(|algorithm| SoftwareSigner::generate(algorithm).expect("a key"));
        let log = Key::new(ORIGIN, KeyKind::Ed25519);
        let witnesses = [1, 2, 3].map(|n| Key::new(&format!("w{n}.example"), KeyKind::CosignatureV1));
        let wide = json!({ "actions": ["*"], "resources": ["https://schemas.example/*"], "jurisdictions": ["FI"],
                           "may_delegate": true, "until": "2029-06-01T00:00:00Z" });
        let narrow = json!({ "actions": ["issue"], "resources": ["https://schemas.example/diploma/*"],
                             "jurisdictions": ["FI"], "conditions": { "eqf": ["6", "7"] },
                             "may_delegate": false, "until": "2029-01-01T00:00:00Z" });
        let mut own = configuration("agency", &agency);
        own["metadata"]["trust_registry"]["endpoints"] = json!(["https://b.agency.example"]);
        own["metadata"]["trust_registry"]["log"] = json!({
            "origin": ORIGIN, "vkey": log.vkey.to_string(), "url": "https://agency.example/log",
            "witness": { "name": "w1.example", "vkey": witnesses[0].vkey.to_string(), "url": "https://w1.example" },
        });
        Self {
            leaf: statement(),
            to_agency: delegation("ministry", "agency", &agency, &narrow),
            to_ministry: delegation("root", "ministry", &ministry, &wide),
            anchor: configuration("root", &root),
            own,
            event: event(),
            seq: 7,
            size: 11,
            cosigned: vec![(0, NOW - 30), (1, NOW - 90)],
            root,
            ministry,
            agency,
            log,
            witnesses,
        }
    }

    pub fn links(&self) -> Vec<String> {
        vec![
            signed(&self.agency, AUTHORITY_STATEMENT, &self.leaf),
            signed(&self.ministry, ENTITY_STATEMENT, &self.to_agency),
            signed(&self.root, ENTITY_STATEMENT, &self.to_ministry),
            signed(&self.root, ENTITY_STATEMENT, &self.anchor),
        ]
    }

    pub fn anchors(&self) -> Value {
        json!({ "version": 1, "threshold": 1, "anchors": [{
            "authority_id": "did:web:root.example", "entity_id": "https://root.example", "jwks": jwks(&self.root),
        }] })
    }

    /// The proof of the event's leaf.
    pub fn log_proof(&self, event: &[u8]) -> LogProof {
        let index = self.seq - 1;
        let mut leaves: Vec<Hash> = (0..self.size).map(|n| hash::leaf(&n.to_be_bytes())).collect();
        leaves[usize::try_from(index).expect("small")] = hash::leaf(event);
        let root = root_of(&leaves);
        let checkpoint = Checkpoint::new(self.log.vkey.name(), self.size, root).expect("a checkpoint");
        let signed = checkpoint.sign(&self.log.signer()).expect("signs");
        let cosigned = self.cosigned.iter().fold(signed, |c, (n, at)| self.witnesses[*n].cosigns(&c, *at));
        let hashes = inclusion(index, self.size, &Leaves(leaves)).expect("a proof");
        LogProof::new(None, index, hashes, cosigned).expect("a proof")
    }

    /// A policy of these lines after those of the three witnesses.
    pub fn policy(&self, rest: &str) -> Vec<u8> {
        let lines = self.witnesses.iter().zip(1..).map(|(w, n)| format!("witness W{n} {}\n", w.vkey));
        format!("# of a test\n{}{rest}\n", lines.collect::<String>()).into_bytes()
    }

    pub fn evidence(&self) -> LogCase {
        let event = serde_json::to_vec(&self.event).expect("JSON");
        LogCase {
            log_proof: self.log_proof(&event).to_string().into_bytes(),
            event,
            configuration: signed(&self.agency, ENTITY_STATEMENT, &self.own).into_bytes(),
            policy: Some(self.policy("group two 2 W1 W2 W3\nquorum two")),
            max_age: Some(60),
        }
    }

    /// Everything as it should be, signed as it now reads.
    pub fn case(&self, name: impl Into<String>) -> Case {
        let now = Timestamp::from_secs(NOW);
        Case {
            name: name.into(),
            chain: file(&self.links()),
            anchors: self.anchors().to_string().into_bytes(),
            query: query("did:web:root.example", UNIVERSITY, "issue", DIPLOMA),
            at: now,
            now,
            max_age: Some(300),
            log: Some(self.evidence()),
        }
    }
}

fn statement() -> Value {
    json!({
        "iss": "https://agency.example", "authority_id": "did:web:agency.example", "sub": UNIVERSITY,
        "iat": NOW - 60, "exp": NOW + DAY - 120, "kind": "authorization", "action": "issue", "resource": DIPLOMA,
        "jurisdictions": ["FI-01"], "conditions": { "eqf": ["7"] },
        "valid": [{ "from": "2022-01-01T00:00:00Z", "until": "2028-01-01T00:00:00Z" }],
        "accreditation": { "id": "0190c5a4-7c1e-7000-8000-0000000000ac", "body": "FINEEC",
                           "valid_until": "2027-06-01T00:00:00Z" },
        "seq": 7,
    })
}

fn event() -> Value {
    json!({
        "v": 1, "registry": "did:web:agency.example", "seq": 7, "kind": "StatementMade",
        "data": {
            "statement": "authorization", "entity_id": "0190c5a4-7c1e-7000-8000-0000000000ab", "action": "issue",
            "resource": DIPLOMA, "accreditation_id": "0190c5a4-7c1e-7000-8000-0000000000ac",
            "jurisdictions": ["FI-01"], "conditions": { "eqf": ["7"] },
            "from": "2022-01-01T00:00:00Z", "until": "2028-01-01T00:00:00Z",
        },
        "subject": "0190c5a4-7c1e-7000-8000-0000000000ab", "actor": "3", "origin": "governance",
        "recorded_at": "2021-12-01T00:00:00Z", "approvals": [], "prev": null, "restricted": null,
    })
}

pub fn signed(signer: &SoftwareSigner, typ: &str, claims: &Value) -> String {
    signer.sign(typ, claims.to_string().as_bytes()).expect("signs")
}

/// A chain file of any links.
pub fn file(links: &[String]) -> Vec<u8> {
    format!("[\"{}\"]", links.join("\",\"")).into_bytes()
}
