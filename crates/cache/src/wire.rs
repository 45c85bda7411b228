//! An entry as it stands in Redis: `HMAC-SHA-256(secret, key || body) || body`.
//!
//! Whoever can write to Redis can then only delete entries or put back, under its own key, what we once
//! wrote there; the epoch and the times inside decide whether that still counts.

use charter_domain::Timestamp;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::answer::Filled;

const MAC: usize = 32;

/// Instants in microseconds: cheaper to parse than RFC 3339.
#[derive(Serialize, Deserialize)]
struct Body<V> {
    epoch: i64,
    at: i64,
    change: Option<i64>,
    expires: i64,
    value: V,
}

/// Entries that rest on other registries are never written: their epochs mean nothing to another process.
pub(crate) fn write<V: Serialize>(filled: &Filled<V>) -> Option<Vec<u8>> {
    let body = Body {
        epoch: filled.epoch,
        at: filled.evaluated_at.micros(),
        change: filled.next_change.map(Timestamp::micros),
        expires: filled.expires_at.micros(),
        value: &filled.value,
    };
    filled.deps.is_empty().then(|| serde_json::to_vec(&body).ok()).flatten()
}

pub(crate) fn read<V: DeserializeOwned>(body: &[u8]) -> Option<Filled<V>> {
    let body: Body<V> = serde_json::from_slice(body).ok()?;
    Some(Filled {
        epoch: body.epoch,
        evaluated_at: Timestamp::from_micros(body.at),
        next_change: body.change.map(Timestamp::from_micros),
        expires_at: Timestamp::from_micros(body.expires),
        deps: Vec::new(),
        asked: None,
        value: body.value,
    })
}

/// Holds the keyed state; the secret itself isn't kept.
#[derive(Clone)]
pub(crate) struct Seal(Hmac<Sha256>);

impl Seal {
    pub(crate) fn new(secret: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(secret).ok().map(Self)
    }
    fn mac(&self, key: &str, body: &[u8]) -> Hmac<Sha256> {
        // Keys have one length, so the boundary between key and body is fixed.
        self.0.clone().chain_update(key).chain_update(body)
    }
    pub(crate) fn close(&self, key: &str, body: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(MAC + body.len());
        sealed.extend_from_slice(&self.mac(key, body).finalize().into_bytes());
        sealed.extend_from_slice(body);
        sealed
    }
    /// The body, if this key's holder of the secret wrote it.
    pub(crate) fn open<'a>(&self, key: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, body) = sealed.split_at_checked(MAC)?;
        self.mac(key, body).verify_slice(mac).ok().map(|()| body)
    }
}
