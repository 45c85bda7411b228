//! Clients' list of servers: one that did not answer gets no requests until it has answered a probe, as with any balancer that
//! looks at the health of what is behind it.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::ensure;
use charter_tests::{Rest, rest::Reply};
use http::{Method, header};
use http_body_util::Full;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::lab::Lab;

/// In which a probe is answered, and between two of them.
const PROBED: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(100));
const CHECKPOINT_WITHIN: Duration = Duration::from_secs(1);

pub struct Endpoints {
    all: Vec<Endpoint>,
    token: String,
    pub authority: String,
    next: AtomicUsize,
}

struct Endpoint {
    name: String,
    rest: Rest,
    failed: AtomicBool,
}

/// What became of a request.
pub enum Attempt {
    Answered(Reply),
    /// Nobody took the connection: nothing was done.
    NotSent,
    /// It was sent, or may have been: why there is no answer.
    Lost(&'static str),
}

impl Endpoints {
    pub fn new(lab: &Lab) -> anyhow::Result<Self> {
        let servers = lab.servers().into_iter();
        let all: Vec<Endpoint> = servers
            .map(|server| Endpoint {
                name: server.name,
                rest: Rest::new(server.address),
                failed: AtomicBool::new(false),
            })
            .collect();
        ensure!(!all.is_empty(), "there are no servers");
        let (token, authority) = (lab.token().to_owned(), lab.authority().to_owned());
        Ok(Self { all, token, authority, next: AtomicUsize::new(0) })
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn name(&self, server: usize) -> &str {
        self.all.get(server).map_or("", |endpoint| &endpoint.name)
    }

    /// The next server in turn that has not failed; where all have, the next.
    pub fn pick(&self) -> usize {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut places = (0..self.len()).map(|n| (first + n) % self.len());
        places.find(|place| !self.all[*place].failed.load(Ordering::Relaxed)).unwrap_or(first % self.len())
    }

    pub fn failed(&self, server: usize) {
        self.all[server].failed.store(true, Ordering::Relaxed);
    }

    /// Asks a server that has failed until it answers, as long as there is load.
    pub async fn probe(&self, server: usize, over: &AtomicBool) {
        let failed = &self.all[server].failed;
        while !over.load(Ordering::Relaxed) {
            if failed.load(Ordering::Relaxed) && self.get_within(server, "/livez", PROBED.0).await.is_some() {
                failed.store(false, Ordering::Relaxed);
            }
            sleep(PROBED.1).await;
        }
    }

    /// Posts JSON; with a request id as who may load records.
    pub async fn post(
        &self,
        server: usize,
        path: &str,
        body: String,
        id: Option<Uuid>,
        within: Duration,
    ) -> Attempt {
        let rest = &self.all[server].rest;
        let mut request = rest.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        if let Some(id) = id {
            request = request
                .header("idempotency-key", id.to_string())
                .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let Ok(request) = request.body(Full::new(body.into())) else { return Attempt::NotSent };
        match timeout(within, rest.try_send(request)).await {
            Err(_) => Attempt::Lost("no answer in time"),
            // As hyper's client names an error of connecting.
            Ok(Err(text)) if text.contains("Error(Connect") => Attempt::NotSent,
            Ok(Err(_)) => Attempt::Lost("connection lost"),
            Ok(Ok(reply)) => Attempt::Answered(reply),
        }
    }

    /// What a path answers with status 200, within a second.
    pub async fn get(&self, server: usize, path: &str) -> Option<Reply> {
        self.get_within(server, path, CHECKPOINT_WITHIN).await
    }

    async fn get_within(&self, server: usize, path: &str, within: Duration) -> Option<Reply> {
        let rest = &self.all[server].rest;
        let request = rest.request(Method::GET, path).body(Full::default()).ok()?;
        let reply = timeout(within, rest.try_send(request)).await.ok()?.ok()?;
        (reply.status == 200).then_some(reply)
    }

    pub async fn checkpoint(&self, server: usize) -> Option<String> {
        Some(self.get(server, "/log/checkpoint").await?.text())
    }
}
