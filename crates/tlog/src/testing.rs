//! What the tests of several modules share.

use std::convert::Infallible;

use openssl::{
    pkey::{Id, PKey, Private},
    sign::Signer,
};

use crate::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    cosign,
    hash::{self, Hash},
    note::{KeyKind, NoteSigner, Sign, SignError, Vkey},
    proof::HashReader,
    tree::{self, Node},
};

/// The log that most tests are about.
pub(crate) const ORIGIN: &str = "log.example/one";

/// A private key in memory, made from one byte.
pub(crate) struct Key {
    private: PKey<Private>,
    pub vkey: Vkey,
}

impl Key {
    pub(crate) fn of(seed: u8, name: &str, kind: KeyKind) -> Self {
        let private = PKey::private_key_from_raw_bytes(&[seed; 32], Id::ED25519).expect("a key");
        let public = private.raw_public_key().expect("a public key").try_into().expect("32 bytes");
        Self { private, vkey: Vkey::new(name.parse().expect("a name"), kind, public) }
    }

    pub(crate) fn log(seed: u8) -> Self {
        Self::of(seed, ORIGIN, KeyKind::Ed25519)
    }

    pub(crate) fn witness(seed: u8) -> Self {
        Self::of(seed, &format!("witness.example/w{seed}"), KeyKind::CosignatureV1)
    }

    pub(crate) fn signer(&self) -> NoteSigner<'_> {
        NoteSigner::new(self.vkey.clone(), self)
    }

    pub(crate) fn checkpoint(&self, size: u64, root: Hash) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(self.vkey.name(), size, root).expect("a checkpoint");
        checkpoint.sign(&self.signer()).expect("the key signs")
    }

    pub(crate) fn cosign(&self, checkpoint: &SignedCheckpoint, time_secs: u64) -> SignedCheckpoint {
        let line = cosign::cosign(checkpoint.checkpoint(), time_secs, &self.signer()).expect("it cosigns");
        checkpoint.with_signatures(&[line]).expect("there is room")
    }
}

impl Sign for Key {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let mut signer = Signer::new_without_digest(&self.private).expect("a signer");
        let signature = signer.sign_oneshot_to_vec(message).expect("a signature");
        Ok(signature.try_into().expect("64 bytes"))
    }
}

/// Every text with one byte changed in some bits, left out, doubled, or followed by another.
pub(crate) fn mutations(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len()).flat_map(move |at| {
        let changed = [0x01, 0x02, 0x10, 0x20, 0x80].map(|bits| {
            let mut changed = bytes.to_vec();
            changed[at] ^= bits;
            changed
        });
        let (before, after) = bytes.split_at(at);
        let spliced = [&b""[..], &[after[0], after[0]], b"\n", b" ", b"A", b"0"];
        changed.into_iter().chain(spliced.map(|new| [before, new, &after[1..]].concat()))
    })
}

/// Hashes of leaves, from which those of all complete subtrees are computed.
pub(crate) struct Leaves(pub Vec<Hash>);

impl Leaves {
    pub(crate) fn of(size: u64) -> Self {
        Self((0..size).map(|i| hash::leaf(&i.to_be_bytes())).collect())
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        tree::root_of(&self.0[..size as usize])
    }
}

impl HashReader for Leaves {
    type Error = Infallible;

    fn read(&self, nodes: &[Node]) -> Result<Vec<Hash>, Infallible> {
        let hash = |node: &Node| {
            let start = (node.index << node.level) as usize;
            tree::root_of(&self.0[start..start + (1 << node.level)])
        };
        Ok(nodes.iter().map(hash).collect())
    }
}
