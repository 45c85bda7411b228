//! The OIDC provider of the tests: the demonstration's, on loopback, and what a test makes it say instead.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::header::HOST,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use charter_domain::time::Clock;
use charter_issuer::{Person, Service, Settings};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

pub const DISCOVERY: &str = "/.well-known/openid-configuration";
pub const JWKS: &str = "/jwks";
/// The audience of its tokens, and the `acr` of those that may approve.
pub const AUDIENCE: &str = "charter";
pub const STEPPED_UP: &str = "urn:charter:mfa";
/// The client of people, and a service with its secret.
pub const CLIENT: &str = "charter-cli";
pub const SERVICE: (&str, &str) = ("loader", "a secret of tests");

pub struct Issuer {
    address: SocketAddr,
    issuer: Arc<charter_issuer::Issuer>,
    said: Arc<Said>,
    server: Mutex<Option<JoinHandle<()>>>,
}

/// What is said at a path instead of the truth, and how often keys were asked for.
#[derive(Default)]
struct Said {
    /// Host and port.
    own: String,
    /// The same of whoever hands requests on.
    names: Mutex<Vec<String>>,
    instead: Mutex<HashMap<&'static str, String>>,
    fetches: AtomicUsize,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().expect("no panic while it was held")
}

fn settings(url: String) -> Settings {
    let person = |subject: &str| Person {
        subject: subject.to_owned(),
        name: subject.to_owned(),
        office: "tester".to_owned(),
    };
    Settings {
        url,
        audience: AUDIENCE.to_owned(),
        step_up: STEPPED_UP.to_owned(),
        client_id: CLIENT.to_owned(),
        interval: Duration::from_secs(1),
        persons: ["alice", "bob", "olga", "anna", "aino", "stranger"].map(person).to_vec(),
        services: vec![Service { client_id: SERVICE.0.to_owned(), secret: SERVICE.1.to_owned() }],
    }
}

impl Issuer {
    /// Serves until it is stopped or the runtime ends.
    pub fn start<C: Clock + 'static>(clock: &Arc<C>) -> Arc<Self> {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        socket.set_nonblocking(true).expect("non-blocking");
        let address = socket.local_addr().expect("an address");
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        let issuer = charter_issuer::Issuer::new(settings(format!("http://{address}")), clock).expect("keys");
        let said = Arc::new(Said { own: address.to_string(), ..Said::default() });
        let router = issuer.router().layer(middleware::from_fn_with_state(Arc::clone(&said), answer));
        let socket = tokio::net::TcpListener::from_std(socket).expect("a runtime");
        let server = tokio::spawn(async move { axum::serve(socket, router).await.expect("served") });
        Arc::new(Self { address, issuer, said, server: Mutex::new(Some(server)) })
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

    /// Takes requests for this host and port as its own.
    pub fn also_at(&self, name: &str) {
        held(&self.said.names).push(name.to_owned());
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
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
        self.said.fetches.load(Ordering::SeqCst)
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
        self.issuer.with(claims).expect("signed")
    }

    /// Signs with a new key from now on; the old one is no longer in the set.
    pub fn rotate(&self) {
        self.issuer.rotate().expect("a key");
        self.issuer.withdraw();
    }

    /// Signs with a new key from now on; the old one stays in the set.
    pub fn adds_key(&self) {
        self.issuer.rotate().expect("a key");
    }

    pub fn kid(&self) -> String {
        self.issuer.kid()
    }

    pub fn jwks(&self) -> String {
        self.issuer.jwks()
    }

    /// Says this at a path ([`DISCOVERY`], [`JWKS`]) from now on.
    pub fn says(&self, path: &'static str, body: &str) {
        held(&self.said.instead).insert(path, body.to_owned());
    }
}

async fn answer(State(said): State<Arc<Said>>, mut request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).cloned();
    if host.is_some_and(|host| held(&said.names).iter().any(|name| host == name.as_str())) {
        request.headers_mut().insert(HOST, said.own.parse().expect("an address"));
    }
    if request.uri().path() == JWKS {
        said.fetches.fetch_add(1, Ordering::SeqCst);
    }
    let instead = held(&said.instead).get(request.uri().path()).cloned();
    match instead {
        Some(body) => body.into_response(),
        None => next.run(request).await,
    }
}
