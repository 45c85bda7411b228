//! An OpenID Connect provider for the demonstration and the tests: it signs in whoever clicks on a name.
//!
//! In scope: metadata, a key set that rotates, access tokens (RFC 9068) by device code (RFC 8628), by refresh token
//! and by client credentials (RFC 6749, 4.4), and the page where a person is chosen.
//! Out of scope: passwords, accounts, sessions. `charterd serve` has no way to start it (`tests/it/architecture.rs`).

mod device;
mod door;
mod grant;
mod keys;
mod page;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use charter_domain::time::Clock;
use serde_json::{Value, json};

use self::{device::Devices, grant::Session, keys::Keys};

/// How long an access token is good for.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(600);

/// Who may sign in, and what tokens say.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `iss`: `http` on loopback.
    pub url: String,
    /// `aud` of its tokens.
    pub audience: String,
    /// `acr` of a sign-in with a second factor.
    pub step_up: String,
    /// The client that people sign in with; it is public, so it has no secret.
    pub client_id: String,
    /// How often a device may ask (RFC 8628, 3.2).
    pub interval: Duration,
    pub persons: Vec<Person>,
    pub services: Vec<Service>,
}

#[derive(Debug, Clone)]
pub struct Person {
    /// `sub`.
    pub subject: String,
    pub name: String,
    pub office: String,
}

/// A program with a secret of its own; its `sub` is its client id.
#[derive(Debug, Clone)]
pub struct Service {
    pub client_id: String,
    pub secret: String,
}

/// The provider. It keeps everything in memory.
pub struct Issuer {
    settings: Settings,
    clock: Arc<dyn Clock>,
    keys: Mutex<Keys>,
    devices: Mutex<Devices>,
    /// By refresh token; each is good once.
    sessions: Mutex<HashMap<String, Session>>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept is whole after each step.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Issuer {
    /// Fails only where the operating system gives no key.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Arc<Self>, charter_signing::Error> {
        let (keys, devices, sessions) = (Mutex::new(Keys::new()?), Mutex::default(), Mutex::default());
        Ok(Arc::new(Self { settings, clock, keys, devices, sessions }))
    }

    /// What it answers over HTTP. Whoever serves this must listen on loopback alone.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        door::router(Arc::clone(self))
    }

    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// An access token of a person or program, with a second factor or without.
    pub fn token(&self, subject: &str, stepped_up: bool) -> Result<String, charter_signing::Error> {
        let acr = stepped_up.then_some(&self.settings.step_up);
        let mut claims = json!({ "sub": subject });
        if let Some(acr) = acr {
            claims["acr"] = json!(acr);
        }
        self.with(claims)
    }

    /// An access token with these claims over the usual ones; `null` takes one away.
    pub fn with(&self, claims: Value) -> Result<String, charter_signing::Error> {
        let now = self.clock.now().secs();
        let until = self.clock.now().plus(TOKEN_LIFETIME).secs();
        let mut all = json!({
            "iss": self.settings.url, "aud": self.settings.audience, "sub": "somebody", "iat": now, "exp": until,
            "jti": keys::random(),
        });
        if let (Value::Object(all), Value::Object(claims)) = (&mut all, claims) {
            all.extend(claims);
            all.retain(|_, value| !value.is_null());
        }
        held(&self.keys).sign(all.to_string().as_bytes())
    }

    /// Signs with a new key from now on; the earlier ones stay published until [`Self::withdraw`].
    pub fn rotate(&self) -> Result<(), charter_signing::Error> {
        held(&self.keys).rotate()
    }

    /// Publishes nothing but the key that it signs with.
    pub fn withdraw(&self) {
        held(&self.keys).withdraw();
    }

    pub fn kid(&self) -> String {
        held(&self.keys).kid()
    }

    /// The published keys, as a JWK set.
    pub fn jwks(&self) -> String {
        held(&self.keys).published()
    }
}
