//! The keys of one registry as they are known now: which signs, which others may be met, and the private ones.

use std::{collections::HashMap, sync::Arc};

use charter_domain::{
    Timestamp,
    key::{self, Key},
};
use charter_signing::{JwkSet, KeyStore, MAX_KEYS, PublicKey, Signer};
use charter_store::key::Opening;

/// Replaced as a whole when something is said of a key.
pub struct Keyring {
    /// The event that last said something of these keys.
    pub seq: i64,
    history: Vec<Key>,
    public: HashMap<String, PublicKey>,
    signers: HashMap<String, Arc<dyn Signer>>,
}

impl Keyring {
    /// Opens the private keys that may be needed; those that `before` has open already are taken from there.
    pub fn load(
        opening: &Opening,
        vault: &dyn KeyStore,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let mut ring = Self {
            seq: opening.keys_seq,
            history: opening.keys.clone(),
            public: HashMap::new(),
            signers: HashMap::new(),
        };
        for known in &opening.keys {
            let public = PublicKey::from_jwk(&known.jwk).map_err(|e| e.to_string())?;
            if known.is_usable(now) {
                let signer = match before.and_then(|ring| ring.signers.get(&known.kid)) {
                    Some(open) => Arc::clone(open),
                    None => open(opening, vault, &public)?,
                };
                ring.signers.insert(known.kid.clone(), signer);
            }
            ring.public.insert(known.kid.clone(), public);
        }
        Ok(ring)
    }

    /// What the registry's statements are signed with.
    pub fn signer(&self, now: Timestamp) -> Result<&dyn Signer, String> {
        self.private(key::signing(&self.history, now))
    }

    /// Since when the key that signs at an instant is known to.
    pub fn signs_since(&self, now: Timestamp) -> Option<Timestamp> {
        key::signing(&self.history, now).map(|key| key.from.min(key.added_at))
    }

    /// What its statement about itself is signed with.
    pub fn voucher(&self, now: Timestamp) -> Result<&dyn Signer, String> {
        self.private(key::vouching(&self.history, now))
    }

    fn private(&self, key: Option<&Key>) -> Result<&dyn Signer, String> {
        let key = key.ok_or("the registry has no key in use")?;
        let signer = self.signers.get(&key.kid);
        signer.map(AsRef::as_ref).ok_or_else(|| format!("the private key of `{}` is not here", key.kid))
    }

    /// Announced and active keys: what the registry says of itself.
    pub fn listed(&self, now: Timestamp) -> Result<JwkSet, String> {
        self.set(self.history.iter().filter(|k| k.is_usable(now)))
    }

    /// The same as it was in the second of an instant, of what is known now: a revoked key is in no such list, whenever it
    /// was good.
    pub fn listed_at(&self, at: Timestamp) -> Vec<PublicKey> {
        let listed = self.history.iter().filter(|k| k.added_at.secs() <= at.secs() && k.is_usable(at));
        listed.filter_map(|k| self.public.get(&k.kid).cloned()).take(MAX_KEYS).collect()
    }

    /// Keys whose signature on a document of our own counts: all but compromised ones.
    pub fn own(&self) -> Result<JwkSet, String> {
        self.set(self.history.iter().rev().filter(|k| !k.is_compromised()).take(MAX_KEYS))
    }

    fn set<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Result<JwkSet, String> {
        JwkSet::new(keys.filter_map(|k| self.public.get(&k.kid).cloned()).collect())
            .map_err(|e| e.to_string())
    }
}

fn open(opening: &Opening, vault: &dyn KeyStore, key: &PublicKey) -> Result<Arc<dyn Signer>, String> {
    let kept = opening.kept.iter().find(|(kid, _)| kid == key.kid());
    let (_, kept) = kept.ok_or_else(|| format!("the private key of `{}` is not kept here", key.kid()))?;
    vault.open(key, kept).map_err(|e| {
        format!("its key cannot be opened: {e}; are the settings under [keys] those it was made with?")
    })
}
