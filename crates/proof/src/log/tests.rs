//! Log proofs: what verifies and everything that must not.

use std::convert::Infallible;

use charter_domain::Interval;
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use charter_tlog::{
    Hash,
    checkpoint::{Checkpoint, SignedCheckpoint},
    cosign,
    note::{NoteSigner, Sign, SignError},
    proof::{HashReader, inclusion},
    tree::{Node, root_of},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    testing::{Federation, NOW, Party, now, years},
    verify,
};

const ORIGIN: &str = "agency.example/log";
const SIZE: u64 = 11;

/// A private key of a log or a witness, with its verifier key.
struct Key {
    signer: SoftwareSigner,
    vkey: Vkey,
}

impl Key {
    fn new(name: &str, kind: KeyKind) -> Self {
        let signer = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key");
        let jwk = signer.key().to_jwk();
        let x = base64::Engine::decode(
            &base64::prelude::BASE64_URL_SAFE_NO_PAD,
            jwk["x"].as_str().expect("a coordinate"),
        );
        let key = x.expect("base64url").try_into().expect("32 bytes");
        Self { signer, vkey: Vkey::new(name.parse().expect("a name"), kind, key) }
    }
    fn signer(&self) -> NoteSigner<'_> {
        NoteSigner::new(self.vkey.clone(), self)
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

/// The federation of the chain's tests, with the agency's log. A test changes something, then asks.
struct Logged {
    f: Federation,
    key: Key,
    witnesses: Vec<Key>,
    configuration: EntityConfiguration,
    /// Who signs it.
    by: Party,
    event: Value,
    index: u64,
    cosigned_at: i64,
}

impl Logged {
    fn new() -> Self {
        let f = Federation::new();
        let key = Key::new(ORIGIN, KeyKind::Ed25519);
        let witnesses =
            ["w1", "w2"].map(|n| Key::new(&format!("{n}.example"), KeyKind::CosignatureV1)).into();
        let mut configuration = f.agency.configuration();
        configuration.metadata.trust_registry.log = Some(Log {
            origin: ORIGIN.to_owned(),
            vkey: key.vkey.to_string(),
            url: "https://agency.example/log".to_owned(),
            witness: None,
        });
        let event = json!({
            "v": 1, "registry": "did:web:agency.example", "seq": 7, "kind": "StatementMade",
            "data": {
                "statement": "authorization", "entity_id": "0190c5a4-7c1e-7000-8000-0000000000ab",
                "action": "issue", "resource": crate::testing::DIPLOMA, "accreditation_id": null,
                "jurisdictions": ["FI"], "conditions": {},
                "from": "2022-01-01T00:00:00Z", "until": "2028-01-01T00:00:00Z",
            },
            "subject": "0190c5a4-7c1e-7000-8000-0000000000ab", "actor": "3", "origin": "governance",
            "recorded_at": "2021-12-01T00:00:00Z", "approvals": [], "prev": "00", "restricted": null,
        });
        let by = Party::new("spare");
        Self { f, key, witnesses, configuration, by, event, index: 6, cosigned_at: NOW - 30 }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut logged = Self::new();
        change(&mut logged);
        logged
    }

    fn policy(&self, quorum: &str) -> Policy {
        let lines =
            self.witnesses.iter().enumerate().map(|(n, w)| format!("witness w{} {}\n", n + 1, w.vkey));
        let text = format!("{}group both all w1 w2\nquorum {quorum}\n", lines.collect::<String>());
        Policy::parse(text.as_bytes()).expect("a policy")
    }

    fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&self.event).expect("JSON")
    }

    fn checkpoint(&self, root: Hash) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(self.key.vkey.name(), SIZE, root).expect("a checkpoint");
        let signed = checkpoint.sign(&self.key.signer()).expect("signs");
        let time = u64::try_from(self.cosigned_at).expect("after 1970");
        let line = cosign::cosign(signed.checkpoint(), time, &self.witnesses[0].signer()).expect("cosigns");
        signed.with_signatures(&[line]).expect("room")
    }

    /// The proof of the leaf at `index`, where the event is.
    fn log_proof(&self) -> String {
        let mut leaves: Vec<Hash> = (0..SIZE).map(|n| hash::leaf(&n.to_be_bytes())).collect();
        let at = usize::try_from(self.index).expect("small");
        leaves[at] = hash::leaf(&self.body());
        let root = root_of(&leaves);
        let hashes = inclusion(self.index, SIZE, &Leaves(leaves)).expect("a proof");
        LogProof::new(None, self.index, hashes, self.checkpoint(root)).expect("a proof").to_string()
    }

    fn evidence(&self) -> LogEvidence {
        let by = if self.by.authority_id.as_str().contains("spare") { &self.f.agency } else { &self.by };
        LogEvidence {
            event: self.body(),
            log_proof: self.log_proof(),
            configuration: self.configuration.sign(&by.signer).expect("signs"),
        }
    }

    fn chain(&self) -> Verified {
        verify(&self.f.chain(), &self.f.query, &self.f.root.anchors(), now(), now(), None).expect("verifies")
    }

    fn ask(&self, policy: Option<&Policy>, max_age: Option<u64>) -> Result<LogProven, FaultCode> {
        let max_age = max_age.map(Duration::from_secs);
        verify_log(&self.chain(), &self.evidence(), policy, now(), max_age).map_err(|f| f.code)
    }
}

fn code(change: impl FnOnce(&mut Logged)) -> FaultCode {
    Logged::with(change).ask(None, None).expect_err("must not verify")
}

#[test]
fn a_statement_in_the_log_says_where_it_is_and_who_saw_it() {
    let logged = Logged::new();
    let proven = logged.ask(Some(&logged.policy("w1")), Some(30)).expect("verifies");
    assert_eq!((proven.origin.as_str(), proven.size, proven.index), (ORIGIN, SIZE, 6));
    assert_eq!(
        proven.witnesses,
        [Witnessed { name: "w1.example".to_owned(), at: Timestamp::from_secs(NOW - 30) }]
    );
    assert_eq!(proven.newest, Some(Timestamp::from_secs(NOW - 30)));
    let text = crate::render::log(&proven, now());
    assert!(
        text.contains("cosigned by w1.example at 2026-11-20T11:59:30Z; the newest is 30 s old"),
        "{text}"
    );
    let alone = logged.ask(None, None).expect("verifies");
    assert!(!alone.witnessed && alone.witnesses.is_empty());
    assert!(crate::render::log(&alone, now()).contains("no witness was asked for"));
}

#[test]
fn too_few_too_old_and_future_witnesses_are_refused() {
    let logged = Logged::new();
    assert_eq!(logged.ask(Some(&logged.policy("both")), None), Err(FaultCode::Unwitnessed));
    assert_eq!(logged.ask(Some(&logged.policy("w2")), None), Err(FaultCode::Unwitnessed));
    assert_eq!(logged.ask(Some(&logged.policy("w1")), Some(29)), Err(FaultCode::TooOld));
    assert_eq!(logged.ask(None, Some(29)), Err(FaultCode::TooOld));
    let ahead = Logged::with(|l| l.cosigned_at = NOW + 61);
    assert_eq!(ahead.ask(Some(&ahead.policy("w1")), None), Err(FaultCode::NotYetIssued));
}

#[test]
fn a_policy_that_lists_logs_accepts_those_alone() {
    let logged = Logged::new();
    let other = Key::new("other.example/log", KeyKind::Ed25519);
    for (key, found) in [(&logged.key, Ok(())), (&other, Err(FaultCode::LogUnknown))] {
        let policy = Policy::parse(format!("log {}\nquorum none\n", key.vkey).as_bytes()).expect("a policy");
        assert_eq!(logged.ask(Some(&policy), None).map(drop), found);
    }
}

#[test]
fn the_log_is_the_one_that_the_issuers_own_configuration_names() {
    assert_eq!(code(|l| l.configuration.metadata.trust_registry.log = None), FaultCode::LogUnknown);
    assert_eq!(code(|l| l.by = Party::new("agency")), FaultCode::Signature);
    assert_eq!(code(|l| l.configuration.exp = NOW), FaultCode::LinkExpired);
    let root = Federation::new().root.authority_id;
    assert_eq!(code(|l| l.configuration.metadata.trust_registry.authority_id = root), FaultCode::Mismatch);
    // Another log's key of the same name, and a witness's key.
    let key = Key::new(ORIGIN, KeyKind::Ed25519).vkey;
    assert_eq!(code(|l| name_key(l, &key)), FaultCode::Checkpoint);
    let key = Key::new(ORIGIN, KeyKind::CosignatureV1).vkey;
    assert_eq!(code(|l| name_key(l, &key)), FaultCode::LogUnknown);
}

fn name_key(logged: &mut Logged, key: &Vkey) {
    let log = logged.configuration.metadata.trust_registry.log.as_mut();
    log.expect("a log").vkey = key.to_string();
}

#[test]
fn another_leaf_and_another_event_are_not_this_statement() {
    assert_eq!(code(|l| l.index = 5), FaultCode::EventDiffers);
    let logged = Logged::new();
    let mut evidence = logged.evidence();
    evidence.event.push(b' ');
    let refused =
        |e: &LogEvidence| verify_log(&logged.chain(), e, None, now(), None).expect_err("refused").code;
    assert_eq!(refused(&evidence), FaultCode::NotInLog);
    let mut evidence = logged.evidence();
    evidence.log_proof = evidence.log_proof.replace("index 6", "index 06");
    assert_eq!(refused(&evidence), FaultCode::LogProof);
}

#[test]
fn every_claim_that_the_event_has_is_compared() {
    let cases: [(&str, Value); 16] = [
        ("/v", json!(2)),
        ("/registry", json!("did:web:root.example")),
        ("/seq", json!(8)),
        ("/kind", json!("EntityRegistered")),
        ("/more", json!(1)),
        ("/subject", json!("0190c5a4-7c1e-7000-8000-0000000000ac")),
        ("/data/statement", json!("recognition")),
        ("/data/action", json!("verify")),
        ("/data/resource", json!("https://schemas.example/diploma/bachelor")),
        ("/data/jurisdictions", json!([])),
        ("/data/jurisdictions", json!(["SE"])),
        ("/data/conditions", json!({"eqf": ["7"]})),
        ("/data/accreditation_id", json!("0190c5a4-7c1e-7000-8000-0000000000ad")),
        ("/data/from", json!("2022-01-01T00:00:01Z")),
        ("/data/begins_when_recorded", json!(7)),
        ("/data/more", json!(1)),
    ];
    for (path, value) in cases {
        let (parent, name) = path.rsplit_once('/').expect("a path");
        let change = |l: &mut Logged| {
            l.event
                .pointer_mut(parent)
                .expect("a place")
                .as_object_mut()
                .expect("an object")
                .insert(name.to_owned(), value.clone());
        };
        assert_eq!(code(change), FaultCode::EventDiffers, "{path}");
    }
}

#[test]
fn suspensions_narrow_a_statement_and_renewals_prove_nothing_by_themselves() {
    let narrowed = Logged::with(|l| l.f.leaf.valid = vec![years(2023, Some(2024)), years(2026, Some(2027))]);
    assert!(narrowed.ask(None, None).is_ok());
    let early = Logged::with(|l| l.f.leaf.valid = vec![Interval { from: None, ..years(2022, Some(2028)) }]);
    assert_eq!(early.ask(None, None), Err(FaultCode::EventDiffers));
    let renewed = |until: &str| {
        Logged::with(|l| l.event["data"]["until"] = json!(until)).ask(None, None).map(|p| p.event_until)
    };
    let end = Timestamp::parse("2027-01-01T00:00:00Z").expect("a time");
    assert_eq!(renewed("2027-01-01T00:00:00Z"), Ok(Some(end)));
    assert_eq!(renewed("2026-01-01T00:00:00Z"), Err(FaultCode::Renewed));
}

#[test]
fn an_event_that_begins_when_recorded_begins_then() {
    let begins = |at: &str| {
        Logged::with(|l| {
            l.event["data"]["from"] = Value::Null;
            l.event["data"]["begins_when_recorded"] = json!(true);
            l.event["recorded_at"] = json!(at);
        })
        .ask(None, None)
        .map(drop)
    };
    assert_eq!(begins("2022-01-01T00:00:00Z"), Ok(()));
    assert_eq!(begins("2022-01-01T00:00:01Z"), Err(FaultCode::EventDiffers));
}

#[test]
fn the_proof_file_round_trips_and_is_strict() {
    let logged = Logged::new();
    let file = ProofFile { chain: logged.f.chain(), evidence: logged.evidence() };
    let json = file.to_json().expect("JSON");
    assert_eq!(ProofFile::parse(json.as_bytes()).as_ref(), Ok(&file));
    for (from, to) in [
        ("\"event\": \"", "\"event\": \"="),
        ("\"event\"", "\"more\": 1, \"event\""),
        ("\"event\"", "\"event\": \"\", \"event\""),
        ("\"configuration\"", "\"configuration2\""),
        ("\"chain\": [", "\"chain\": [\"a b\","),
    ] {
        assert!(json.contains(from), "{from}");
        assert!(ProofFile::parse(json.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
    }
    assert!(ProofFile::parse(&vec![b' '; MAX_BYTES + 1]).is_err());
}
