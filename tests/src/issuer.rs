//! An OIDC provider on loopback: discovery, a key set and access tokens, by the test's clock.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, extract::State};
use charter_domain::time::Clock;
use charter_signing::{Algorithm, JwkSet, Signer as _, SoftwareSigner};
use http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::TestClock;

pub const DISCOVERY: &str = "/.well-known/openid-configuration";
pub const JWKS: &str = "/jwks";
/// The audience of its tokens, and the `acr` of those that may approve.
pub const AUDIENCE: &str = "charter";
pub const STEPPED_UP: &str = "urn:charter:mfa";

pub struct Issuer {
    address: SocketAddr,
    clock: Arc<TestClock>,
    signer: Mutex<SoftwareSigner>,
    /// Said at a path instead of the truth.
    said: Mutex<HashMap<&'static str, String>>,
    fetches: AtomicUsize,
    server: Mutex<Option<JoinHandle<()>>>,
}

fn key() -> SoftwareSigner {
    SoftwareSigner::generate(Algorithm::Es256).expect("a key")
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().expect("no panic while it was held")
}

impl Issuer {
    /// Serves until it is stopped or the runtime ends.
    pub fn start(clock: &Arc<TestClock>) -> Arc<Self> {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        socket.set_nonblocking(true).expect("non-blocking");
        let issuer = Arc::new(Self {
            address: socket.local_addr().expect("an address"),
            clock: Arc::clone(clock),
            signer: Mutex::new(key()),
            said: Mutex::default(),
            fetches: AtomicUsize::new(0),
            server: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&issuer));
        let socket = tokio::net::TcpListener::from_std(socket).expect("a runtime");
        let server = tokio::spawn(async move { axum::serve(socket, router).await.expect("served") });
        *held(&issuer.server) = Some(server);
        issuer
    }

    /// Nobody listens there afterwards; tokens can still be made.
    pub async fn stop(&self) {
        let server = held(&self.server).take();
        if let Some(server) = server {
            server.abort();
            let _ = server.await;
        }
    }

    /// Its `iss`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The setting of a server that trusts it.
    pub fn toml(&self) -> String {
        let url = self.url();
        format!(
            "oidc = [{{ issuer = \"{url}\", audience = \"{AUDIENCE}\", approve_acr = [\"{STEPPED_UP}\"] }}]\n"
        )
    }

    /// How often the key set was fetched.
    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// Good for ten minutes, without step-up.
    pub fn token(&self, subject: &str) -> String {
        self.with(json!({ "sub": subject }))
    }

    pub fn approver_token(&self, subject: &str) -> String {
        self.with(json!({ "sub": subject, "acr": STEPPED_UP }))
    }

    /// A token with these claims over the usual ones; `null` takes one away.
    pub fn with(&self, claims: Value) -> String {
        let now = self.clock.now().secs();
        let mut all = json!({
            "iss": self.url(), "aud": AUDIENCE, "sub": "somebody", "iat": now, "exp": now + 600,
        });
        let members = all.as_object_mut().expect("an object");
        if let Value::Object(claims) = claims {
            members.extend(claims);
        }
        members.retain(|_, value| !value.is_null());
        held(&self.signer).sign("at+jwt", all.to_string().as_bytes()).expect("signed")
    }

    /// Signs with a new key from now on; the old one is no longer in the set.
    pub fn rotate(&self) {
        *held(&self.signer) = key();
    }

    pub fn kid(&self) -> String {
        held(&self.signer).key().kid().to_owned()
    }

    pub fn jwks(&self) -> String {
        JwkSet::from(held(&self.signer).key().clone()).to_json()
    }

    /// Says this at a path ([`DISCOVERY`], [`JWKS`]) from now on.
    pub fn says(&self, path: &'static str, body: &str) {
        held(&self.said).insert(path, body.to_owned());
    }
}

async fn answer(State(issuer): State<Arc<Issuer>>, uri: Uri) -> (StatusCode, String) {
    let truth = match uri.path() {
        DISCOVERY => {
            let url = issuer.url();
            json!({ "issuer": url, "jwks_uri": format!("{url}{JWKS}"), "id_token_signing_alg_values_supported": ["ES256"] })
                .to_string()
        }
        JWKS => {
            issuer.fetches.fetch_add(1, Ordering::SeqCst);
            issuer.jwks()
        }
        _ => return (StatusCode::NOT_FOUND, String::new()),
    };
    let said = held(&issuer.said).get(uri.path()).cloned();
    (StatusCode::OK, said.unwrap_or(truth))
}
