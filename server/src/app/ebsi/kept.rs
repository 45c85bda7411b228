//! Signed attributes as this process keeps them: each rests on the epoch of its facts, and is used only while the register
//! knows of no later change of whom it is about.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use charter_domain::{RegistryId, Timestamp};

use crate::App;

/// As many documents are signed at once, each once.
const SHARDS: usize = 64;
/// Bytes that each of them keeps at most: 64 MiB in all.
const ROOM: usize = 1024 * 1024;
/// What an entry takes beside its texts, about.
const OVERHEAD: usize = 512;

/// An attribute as it was signed.
#[derive(Debug)]
pub struct Signed {
    pub registry: RegistryId,
    pub did: String,
    /// 32 bytes in hex.
    pub id: String,
    /// The five members of an attribute: `hash`, `body`, `issuerType`, `tao`, `rootTao`.
    pub attribute: serde_json::Value,
    /// The answer to a request for it, and its entity tag.
    pub answer: Bytes,
    pub etag: String,
    /// Of the facts that it was made from.
    pub epoch: i64,
    /// Which denials of an emergency there were.
    pub denials: u64,
    /// From then on it is made anew.
    pub until: Timestamp,
}

impl Signed {
    /// Bytes of memory: the body stands in the answer and in the attribute.
    fn size(&self) -> usize {
        2 * self.answer.len() + self.did.len() + OVERHEAD
    }
}

#[derive(Default)]
struct Held {
    entries: HashMap<[u8; 32], Arc<Signed>>,
    bytes: usize,
}

impl Held {
    fn remove(&mut self, id: &[u8; 32]) {
        if let Some(gone) = self.entries.remove(id) {
            self.bytes -= gone.size();
        }
    }
}

#[derive(Default)]
struct Shard {
    held: Mutex<Held>,
    signing: tokio::sync::Mutex<()>,
}

/// By the 32 bytes of an attribute's id, which no two registries or subjects share.
pub struct Kept(Box<[Shard]>);

impl Default for Kept {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Shard::default()).collect())
    }
}

fn held(shard: &Shard) -> MutexGuard<'_, Held> {
    shard.held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes of an id, with or without `0x`, as callers write it.
pub(super) fn bytes(id: &str) -> Option<[u8; 32]> {
    let hex = id.strip_prefix("0x").unwrap_or(id).as_bytes();
    let mut bytes = [0; 32];
    if hex.len() != 2 * bytes.len() || !hex.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, two) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// What was found at `epoch` holds every change of its subject that this process knows of, and it hears of all of them.
pub(super) fn stands(app: &App, registry: RegistryId, did: &str, epoch: i64) -> bool {
    // The lease first: see `Register`.
    app.register.usable() && app.register.accepts(registry, did, epoch)
}

impl Kept {
    fn shard(&self, id: &[u8; 32]) -> &Shard {
        &self.0[usize::from(id[0]) % SHARDS]
    }

    /// What may be shown without looking anything up.
    pub fn get(&self, app: &App, registry: RegistryId, did: &str, id: &[u8; 32]) -> Option<Arc<Signed>> {
        let found = held(self.shard(id)).entries.get(id).map(Arc::clone)?;
        let same = found.registry == registry && found.did == did;
        let same = same && found.denials == app.hosted.breakglass.revision();
        (same && app.clock.now() < found.until && stands(app, registry, did, found.epoch)).then_some(found)
    }

    /// Nothing that was made before this is shown again.
    pub fn forget(&self) {
        for shard in &self.0 {
            let mut held = held(shard);
            held.entries.clear();
            held.bytes = 0;
        }
    }

    /// For who is to sign it: the others wait, and find it signed.
    pub async fn turn(&self, id: &[u8; 32]) -> tokio::sync::MutexGuard<'_, ()> {
        self.shard(id).signing.lock().await
    }

    pub fn put(&self, id: [u8; 32], signed: &Arc<Signed>) {
        let mut held = held(self.shard(&id));
        held.remove(&id);
        while held.bytes + signed.size() > ROOM {
            // Any will do: the order is another in each process.
            let Some(any) = held.entries.keys().next().copied() else { return };
            held.remove(&any);
        }
        held.bytes += signed.size();
        held.entries.insert(id, Arc::clone(signed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(n: u16, size: usize) -> ([u8; 32], Arc<Signed>) {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_le_bytes());
        let signed = Signed {
            registry: RegistryId(1),
            did: "did:web:a.example".to_owned(),
            id: String::new(),
            attribute: serde_json::Value::Null,
            answer: Bytes::from(vec![0; size]),
            etag: String::new(),
            epoch: 1,
            denials: 0,
            until: Timestamp::from_secs(1),
        };
        (id, Arc::new(signed))
    }

    #[test]
    fn no_more_is_kept_than_fits() {
        let kept = Kept::default();
        for n in 0..10_000 {
            let (id, one) = signed(n, usize::from(n % 100) * 1024);
            kept.put(id, &one);
            kept.put(id, &one);
            assert!(held(kept.shard(&id)).entries.contains_key(&id));
        }
        for shard in &kept.0 {
            let held = held(shard);
            let sum: usize = held.entries.values().map(|one| one.size()).sum();
            assert!(held.bytes == sum && sum <= ROOM && sum > ROOM / 2, "{} {sum}", held.bytes);
        }
        let (id, large) = signed(7, ROOM);
        kept.put(id, &large);
        assert!(!held(kept.shard(&id)).entries.contains_key(&id));
    }

    #[test]
    fn ids_are_64_hex_digits_with_or_without_their_mark() {
        let hex = "0a".repeat(32);
        assert_eq!(bytes(&hex), Some([10; 32]));
        assert_eq!(bytes(&format!("0x{}", hex.to_uppercase())), Some([10; 32]));
        for bad in ["", "0x", &hex[1..], &format!("{hex}00"), &format!("0x0x{}", &hex[4..]), &"+1".repeat(32)]
        {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
