//! A transparency log in a directory: real events, keys and witnesses, as honest or dishonest as a test wants it.

use std::path::{Path, PathBuf};

use charter_domain::{
    AuthorityId, Timestamp,
    event::{self, Change, Header},
};
use charter_tlog::{
    bundle,
    checkpoint::{Checkpoint, SignedCheckpoint},
    cosign::cosign,
    hash,
    note::{KeyKind, NoteSigner, Sign, SignError, Vkey},
    tile::{Level, TilePath, grow},
};
use openssl::{
    pkey::{PKey, Private},
    sign::Signer,
};
use tempfile::TempDir;

pub const ORIGIN: &str = "registry.example/log";

/// A private key, and what verifies its signatures.
pub struct Key {
    key: PKey<Private>,
    pub vkey: Vkey,
}

impl Key {
    pub fn new(name: &str, kind: KeyKind) -> Self {
        let key = PKey::generate_ed25519().expect("a key");
        let public = key.raw_public_key().expect("its public part");
        let public = public.try_into().expect("32 bytes");
        Self { key, vkey: Vkey::new(name.parse().expect("a name"), kind, public) }
    }

    fn signer(&self) -> NoteSigner<'_> {
        NoteSigner::new(self.vkey.clone(), self)
    }
}

impl Sign for Key {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let mut signer = Signer::new_without_digest(&self.key).expect("a signer");
        let signature = signer.sign_oneshot_to_vec(message).expect("a signature");
        Ok(signature.try_into().expect("64 bytes"))
    }
}

/// A log, and what it says now.
pub struct Log {
    dir: TempDir,
    pub key: Key,
    pub witnesses: Vec<Key>,
    entries: Vec<Vec<u8>>,
    /// Makes the entries that are added differ from those of another history.
    pub history: &'static str,
}

impl Log {
    /// Published with so many entries, without witnesses.
    pub fn of(entries: usize) -> Self {
        let log = Self {
            dir: tempfile::tempdir().expect("a directory"),
            key: Key::new(ORIGIN, KeyKind::Ed25519),
            witnesses: Vec::new(),
            entries: Vec::new(),
            history: "first",
        };
        log.grown(entries)
    }

    /// With so many entries in all, published.
    pub fn grown(mut self, entries: usize) -> Self {
        self.set(entries);
        self.publish(now());
        self
    }

    /// So many entries in all: more are added, or the last are taken away. Nothing is published.
    pub fn set(&mut self, entries: usize) {
        self.entries.truncate(entries);
        let registry = AuthorityId::parse("did:web:registry.example").expect("a DID");
        while self.entries.len() < entries {
            let prev = self.entries.last().map(|entry| hex(hash::leaf(entry).as_bytes()));
            let seq = i64::try_from(self.entries.len()).expect("small") + 1;
            let header = Header {
                registry: &registry,
                seq,
                actor: self.history,
                origin: "bootstrap",
                recorded_at: Timestamp::from_secs(1_790_000_000 + seq),
                approvals: &[],
                prev: prev.as_deref(),
                restricted: None,
            };
            self.entries.push(event::body(&header, &Change::RegistrySealed).expect("a body"));
        }
    }

    /// Another history from this entry on, as long as before.
    pub fn forks_at(&mut self, entry: usize) {
        let size = self.entries.len();
        self.set(entry);
        self.history = "second";
        self.set(size);
    }

    /// Puts the other log's entries in the place of its own from this one on.
    pub fn graft(&mut self, other: &Self, entry: usize) {
        self.entries.truncate(entry);
        self.entries.extend_from_slice(&other.entries[entry..]);
    }

    /// Writes tiles, bundles and a checkpoint that the witnesses cosign at an instant (seconds since 1970).
    pub fn publish(&self, at: u64) {
        let leaves: Vec<_> = self.entries.iter().map(|entry| hash::leaf(entry)).collect();
        let grown = grow(0, Vec::new(), &leaves).expect("a tree");
        for tile in &grown.tiles {
            self.write(&tile.path().to_string(), &tile.to_bytes());
        }
        for (n, entries) in (0..).zip(self.entries.chunks(256)) {
            let width = u16::try_from(entries.len()).expect("at most 256");
            let path = TilePath::new(Level::Entries, n, width).expect("a path");
            self.write(&path.to_string(), &bundle::encode(entries).expect("a bundle"));
        }
        let checkpoint = Checkpoint::new(self.key.vkey.name(), grown.size, grown.root).expect("a checkpoint");
        let signed = checkpoint.sign(&self.key.signer()).expect("signs");
        let lines: Vec<_> = self
            .witnesses
            .iter()
            .map(|witness| cosign(signed.checkpoint(), at, &witness.signer()).expect("cosigns"))
            .collect();
        let signed = signed.with_signatures(&lines).expect("cosigned");
        self.write("checkpoint", signed.to_string().as_bytes());
    }

    pub fn checkpoint(&self) -> SignedCheckpoint {
        SignedCheckpoint::parse(&std::fs::read(self.path("checkpoint")).expect("published"))
            .expect("a checkpoint")
    }

    pub fn entry(&self, index: usize) -> &[u8] {
        &self.entries[index]
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        // At once, as a log replaces what is read meanwhile.
        let new = path.with_extension("new");
        std::fs::write(&new, content).expect("written");
        std::fs::rename(&new, &path).expect("in its place");
    }

    /// Flips one bit of a file, at a byte counted from its middle.
    pub fn flip(&self, name: &str) {
        let mut bytes = std::fs::read(self.path(name)).expect("there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.write(name, &bytes);
    }

    /// A policy that asks for so many of the witnesses.
    pub fn policy(&self, quorum: usize) -> String {
        let mut lines = vec![format!("log {}", self.key.vkey)];
        let names: Vec<String> = (1..=self.witnesses.len()).map(|n| format!("w{n}")).collect();
        lines.extend(names.iter().zip(&self.witnesses).map(|(name, w)| format!("witness {name} {}", w.vkey)));
        lines.push(format!("group all-of-them {quorum} {}", names.join(" ")));
        lines.push("quorum all-of-them\n".to_owned());
        lines.join("\n")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[expect(clippy::disallowed_methods, reason = "witnesses of the tests have a clock")]
pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}
