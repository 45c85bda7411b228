//! Somebody's server on loopback that takes webhooks, and keeps what came.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, extract::State, routing::post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;

/// From commit to receiver.
pub const SOON: Duration = Duration::from_secs(2);
/// For what comes at all, on a busy machine.
pub const LATEST: Duration = Duration::from_secs(30);

/// What came.
#[derive(Debug)]
pub struct Hook {
    pub at: Instant,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Hook {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("ASCII")
    }
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }
    /// The id of an event's message is `msg_<webhook>_<seq>`.
    pub fn webhook_id(&self) -> String {
        let id = self.id().split('_').nth(1).expect("an id");
        uuid::Uuid::parse_str(id).expect("a UUID").to_string()
    }
    /// One of its signatures is by this secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let signer = standardwebhooks::Webhook::new(secret).expect("a secret");
        let at = self.header("webhook-timestamp").parse().expect("seconds");
        let signature = signer.sign(self.id(), at, &self.body).expect("signed");
        self.header("webhook-signature").split(' ').any(|s| s == signature)
    }
    pub fn verify(&self, secret: &str) {
        assert!(self.is_signed_with(secret), "{:?}", self.headers);
    }
}

#[derive(Clone)]
struct Desk {
    out: mpsc::UnboundedSender<Hook>,
    status: Arc<AtomicU16>,
}

pub struct Receiver {
    pub url: String,
    came: mpsc::UnboundedReceiver<Hook>,
    status: Arc<AtomicU16>,
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let status = desk.status.load(Ordering::SeqCst);
    let _ = desk.out.send(Hook { at: Instant::now(), headers, body: body.to_vec() });
    StatusCode::from_u16(status).expect("a status")
}

impl Receiver {
    pub async fn start() -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let url = format!("http://{}/hook", socket.local_addr().expect("bound"));
        let (out, came) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(204));
        let desk = Desk { out, status: Arc::clone(&status) };
        let router = Router::new().route("/hook", post(take)).with_state(desk);
        tokio::spawn(async move { axum::serve(socket, router).await.expect("served") });
        Self { url, came, status }
    }

    /// What it answers from now on.
    pub fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The next message; a retry comes within a second of when it is due.
    pub async fn next(&mut self) -> Hook {
        tokio::time::timeout(LATEST, self.came.recv()).await.expect("in time").expect("a message")
    }

    pub fn is_empty(&self) -> bool {
        self.came.is_empty()
    }
}
