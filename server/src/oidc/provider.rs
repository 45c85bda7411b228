//! One provider and the keys kept of it: fetched when first needed, when old, and when a token names one that is
//! not among them. Requests that need a fetch at once share one.

use std::{sync::Arc, time::Duration};

use charter_domain::Timestamp;
use charter_signing::{
    Error as Refusal,
    token::{self, TokenKeys},
};
use tokio::sync::{Mutex, RwLock};

use super::{fetch, refused};
use crate::{Error, config, error::Code, https};

/// A key that its provider withdrew is used no longer than this, as long as the provider answers.
const KEEP: Duration = Duration::from_secs(300);
/// Anyone can name an unknown key, and a provider that is down should not be asked by each request.
const REST: Duration = Duration::from_secs(10);
/// Without keys nobody gets in, so a provider that just came up is noticed sooner.
const REST_WITHOUT_KEYS: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Kept {
    keys: Arc<TokenKeys>,
    at: Timestamp,
}

pub(super) struct Provider {
    pub config: config::Oidc,
    /// Or why there is none, for our log.
    client: Result<https::Client, String>,
    kept: RwLock<Option<Kept>>,
    /// Held during a fetch; no other one before this instant.
    rests_until: Mutex<Option<Timestamp>>,
}

impl Kept {
    /// Requests see instants a little apart; a clock that was set back makes the keys old.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.at) < KEEP && self.at.since(now) < REST
    }
}

impl Provider {
    pub fn new(config: config::Oidc, client: Result<https::Client, String>) -> Self {
        Self { config, client, kept: RwLock::default(), rests_until: Mutex::default() }
    }

    /// The payload of a token that one of the provider's keys signed.
    pub async fn verify(self: &Arc<Self>, token: &str, now: Timestamp) -> Result<Vec<u8>, Error> {
        let kept = self.kept(now).await.ok_or_else(|| {
            let detail = "the keys of the token's issuer cannot be had at the moment; try again later";
            Error::new(Code::Unavailable, detail)
        })?;
        let verified = match token::verify(token, &kept.keys) {
            Err(Refusal::UnknownKey(_)) => {
                let newer = self.renewed(Some(&kept), true, now).await.unwrap_or(kept);
                token::verify(token, &newer.keys)
            }
            verified => verified,
        };
        verified.map_err(|refusal| refused(told(&refusal)))
    }

    async fn kept(self: &Arc<Self>, now: Timestamp) -> Option<Kept> {
        let kept = self.kept.read().await.clone();
        match kept {
            Some(kept) if kept.is_fresh(now) => Some(kept),
            old => self.renewed(old.as_ref(), false, now).await,
        }
    }

    /// What is kept after an attempt to get newer keys than those `seen`. A task of its own: a caller that goes
    /// away must not end a fetch that others wait for, nor make the next one start over.
    async fn renewed(self: &Arc<Self>, seen: Option<&Kept>, unknown: bool, now: Timestamp) -> Option<Kept> {
        let (this, seen) = (Arc::clone(self), seen.map(|kept| Arc::clone(&kept.keys)));
        let task = tokio::spawn(async move { this.renew(seen.as_ref(), unknown, now).await });
        if let Err(error) = task.await {
            tracing::error!(%error, "fetching the keys of an OIDC provider failed");
        }
        self.kept.read().await.clone()
    }

    async fn renew(&self, seen: Option<&Arc<TokenKeys>>, unknown: bool, now: Timestamp) {
        let mut rests_until = self.rests_until.lock().await;
        let kept = self.kept.read().await.clone();
        let same = match (kept.as_ref(), seen) {
            (Some(kept), Some(seen)) => Arc::ptr_eq(&kept.keys, seen),
            (None, None) => true,
            _ => false,
        };
        let rests = rests_until.is_some_and(|until| now < until && until.since(now) <= REST);
        // Not the same: another request has fetched while this one waited.
        if !same || rests {
            return;
        }
        match self.load().await {
            Ok(keys) => {
                *self.kept.write().await = Some(Kept { keys: Arc::new(keys), at: now });
                *rests_until = unknown.then(|| now.plus(REST));
            }
            Err(error) => {
                let issuer = &self.config.issuer;
                tracing::warn!(%issuer, %error, kept = kept.is_some(), "no keys from an OIDC provider");
                let rest = if kept.is_some() { REST } else { REST_WITHOUT_KEYS };
                *rests_until = Some(now.plus(rest));
            }
        }
    }

    async fn load(&self) -> Result<TokenKeys, String> {
        let Some(path) = self.config.jwks_file.clone() else {
            let client = self.client.as_ref().map_err(String::clone)?;
            return fetch::keys(client, &self.config.issuer).await;
        };
        let read = tokio::task::spawn_blocking(move || config::oidc::read_keys(&path));
        read.await.map_err(|e| e.to_string())?
    }
}

/// What a caller can do about it. The refusal itself may hold pieces of the token.
fn told(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownKey(_) => {
            "the bearer token is signed with a key that its issuer does not publish; get a new token"
        }
        Refusal::WrongType { .. } => "the bearer token is of another type; use an access token",
        Refusal::WrongAlgorithm { .. } | Refusal::BadSignature => {
            "the signature of the bearer token does not match its issuer's key; get a new token"
        }
        Refusal::UnsupportedHeader(_) => {
            "the header of the bearer token is refused; it needs `kid` and `alg` RS256, PS256, ES256 or EdDSA"
        }
        _ => "the bearer token is not a signed JWT; use an access token in JWT form",
    }
}
