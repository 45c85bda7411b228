//! A transparency log whose leaves and key a test holds: it can show whatever history the test makes.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use charter_signing::{Algorithm, Signer, SoftwareSigner};
use charter_tlog::{
    Hash,
    checkpoint::{Checkpoint, SignedCheckpoint},
    hash,
    note::{KeyKind, NoteSigner, Sign, SignError, Vkey},
    proof, tree,
    witness::AddCheckpoint,
};

#[derive(Clone)]
pub struct HandLog {
    key: Arc<dyn Signer>,
    pub vkey: Vkey,
    leaves: Vec<Hash>,
}

struct Key<'a>(&'a dyn Signer);

impl Sign for Key<'_> {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.0.raw(message).map_err(|e| SignError::Key(e.to_string()))
    }
}

/// A new key with a name, for logs or for witnesses.
pub fn key(name: &str, kind: KeyKind) -> (Arc<dyn Signer>, Vkey) {
    let signer = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key");
    let jwk = signer.key().to_jwk();
    let bytes = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().expect("a key")).expect("base64url");
    let vkey = Vkey::new(name.parse().expect("a name"), kind, bytes.try_into().expect("32 bytes"));
    (Arc::new(signer), vkey)
}

/// Lends what signs notes with a key.
pub fn signing<T>(key: &dyn Signer, vkey: &Vkey, with: impl FnOnce(&NoteSigner<'_>) -> T) -> T {
    with(&NoteSigner::new(vkey.clone(), &Key(key)))
}

impl HandLog {
    /// A log with a key of its own.
    pub fn new(origin: &str, leaves: u64) -> Self {
        let (key, vkey) = key(origin, KeyKind::Ed25519);
        Self::of(key, vkey, leaves)
    }

    /// The log of somebody's key.
    pub fn of(key: Arc<dyn Signer>, vkey: Vkey, leaves: u64) -> Self {
        let mut log = Self { key, vkey, leaves: Vec::new() };
        log.grow(leaves, "event");
        log
    }

    pub fn origin(&self) -> &str {
        self.vkey.name().as_str()
    }

    fn grow(&mut self, to: u64, word: &str) {
        let new = self.leaves.len() as u64..to;
        self.leaves.extend(new.map(|n| hash::leaf(format!("{word} {n}").as_bytes())));
    }

    /// Another history by the same key, as long: the same up to leaf `at`, different from there on.
    pub fn forked(&self, at: u64) -> Self {
        let mut other = self.clone();
        other.leaves.truncate(usize::try_from(at).expect("small"));
        other.grow(self.leaves.len() as u64, "another event");
        other
    }

    pub fn root(&self, size: u64) -> Hash {
        tree::root_of(&self.leaves[..usize::try_from(size).expect("small")])
    }

    /// The checkpoint of its first leaves.
    pub fn at(&self, size: u64) -> SignedCheckpoint {
        self.signs(size, self.root(size))
    }

    /// Whatever the test says.
    pub fn signs(&self, size: u64, root: Hash) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(self.vkey.name(), size, root).expect("a checkpoint");
        signing(self.key.as_ref(), &self.vkey, |signer| checkpoint.sign(signer)).expect("signed")
    }

    pub fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        let plan = proof::needed_for_consistency(old, new).expect("it grows");
        let hash = |node: &tree::Node| {
            let (start, end) = (node.index << node.level, (node.index + 1) << node.level);
            let place = |n: u64| usize::try_from(n).expect("small");
            tree::root_of(&self.leaves[place(start)..place(end)])
        };
        plan.assemble(&plan.nodes().iter().map(hash).collect::<Vec<_>>()).expect("a proof")
    }

    /// Asks for a cosignature on its first `new` leaves, with the proof from `old` of them.
    pub fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        let proof = if old <= new { self.proof(old, new) } else { Vec::new() };
        AddCheckpoint { old, proof, checkpoint: self.at(new) }
    }

    /// The setting that tells a registry to witness it.
    pub fn setting(&self) -> String {
        format!("witness = {{ logs = [{{ origin = \"{}\", vkey = \"{}\" }}] }}", self.origin(), self.vkey)
    }
}
