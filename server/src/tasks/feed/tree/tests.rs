//! A log as its feed tells it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use charter_signing::{Algorithm, Signer, SoftwareSigner};
use charter_tlog::{
    Hash,
    checkpoint::Checkpoint,
    note::{KeyKind, NoteSigner, Sign, SignError, Vkey},
    tree::root_of,
};

use super::*;

struct Key(SoftwareSigner);

impl Sign for Key {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.0.raw(message).map_err(|e| SignError::Key(e.to_string()))
    }
}

fn body(seq: i64) -> Vec<u8> {
    format!("event {seq}").into_bytes()
}

fn leaves(size: i64) -> Vec<Hash> {
    (1..=size).map(|seq| hash::leaf(&body(seq))).collect()
}

/// By any key: signatures are not looked at here.
fn signed(leaves: &[Hash]) -> SignedCheckpoint {
    let key = Key(SoftwareSigner::generate(Algorithm::EdDsa).expect("a key"));
    let jwk = key.0.key().to_jwk();
    let bytes = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().expect("a key")).expect("base64url");
    let name = "log.example/one".parse().expect("a name");
    let vkey = Vkey::new(name, KeyKind::Ed25519, bytes.try_into().expect("32 bytes"));
    let checkpoint =
        Checkpoint::new(vkey.name(), leaves.len() as u64, root_of(leaves)).expect("a checkpoint");
    checkpoint.sign(&NoteSigner::new(vkey.clone(), &key)).expect("signed")
}

/// How many events are proven.
fn proven(tree: &Tree) -> u64 {
    tree.proven().map_or(0, |signed| signed.checkpoint().size())
}

#[test]
fn events_are_proven_by_a_checkpoint_whichever_comes_first() {
    let mut tree = Tree::default();
    for seq in 1..=5 {
        assert!(!tree.event(seq, &body(seq)).expect("in order"));
    }
    assert!(tree.checkpoint(signed(&leaves(3))).expect("of these events"));
    assert_eq!((proven(&tree), tree.heard()), (3, 5));
    assert!(!tree.checkpoint(signed(&leaves(7))).expect("of events to come"));
    assert!(!tree.event(6, &body(6)).expect("in order"));
    assert_eq!(proven(&tree), 3);
    assert!(tree.event(7, &body(7)).expect("in order"));
    assert_eq!((proven(&tree), tree.heard()), (7, 7));
    assert!(!tree.checkpoint(signed(&leaves(7))).expect("the same again"));
    assert!(matches!(tree.event(9, &body(9)), Err(Fault::Gap(9, 8))));
}

#[test]
fn a_checkpoint_of_other_events_proves_nothing() {
    let mut tree = Tree::default();
    for seq in 1..=4 {
        tree.event(seq, &body(seq)).expect("in order");
    }
    let mut other = leaves(3);
    other[1] = hash::leaf(b"another");
    assert!(matches!(tree.checkpoint(signed(&other)), Err(Fault::Differs(3))));
    assert_eq!(proven(&tree), 0);
}

#[test]
fn two_roots_for_one_size_are_evidence_and_a_log_does_not_go_back() {
    let mut tree = Tree::default();
    for seq in 1..=4 {
        tree.event(seq, &body(seq)).expect("in order");
    }
    tree.checkpoint(signed(&leaves(4))).expect("of these events");
    let mut other = leaves(4);
    other[3] = hash::leaf(b"another");
    let Err(Fault::TwoRoots(found)) = tree.checkpoint(signed(&other)) else { panic!("two histories") };
    assert_eq!(found.size(), 4);
    assert!(matches!(tree.checkpoint(signed(&leaves(3))), Err(Fault::Back(3))));
}

#[test]
fn what_waits_is_bounded() {
    let mut tree = Tree::default();
    for size in 1..=MAX_CHECKPOINTS {
        let size = i64::try_from(size).expect("small");
        tree.checkpoint(signed(&leaves(size))).expect("of events to come");
    }
    let next = leaves(i64::try_from(MAX_CHECKPOINTS).expect("small") + 1);
    assert!(matches!(tree.checkpoint(signed(&next)), Err(Fault::TooManyCheckpoints)));
}
