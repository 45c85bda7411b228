//! Requests to servers that the configuration names: https, or http on loopback; bounded in time and size. No redirect
//! is followed and no proxy asked.

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use charter_federation::protocol::native::is_loopback;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::ClientConfig;

/// Of a checkpoint and what is asked about one (C2SP tlog-witness).
pub const TEXT: &str = "text/plain; charset=utf-8";
/// How long an unused connection is kept. A log publishes at least once a minute: the next request finds it open.
const IDLE: Duration = Duration::from_secs(90);

/// What one client allows.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// For one request, from connecting to the last byte of its answer.
    pub deadline: Duration,
    /// Bytes of a body that are read.
    pub max_answer: usize,
    /// Unused connections kept to one server; 0 for what is asked rarely.
    pub idle: usize,
}

/// Why there was no answer; the texts are for our log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    #[error("its address is no URL")]
    NoUrl,
    #[error("its address is neither https nor http on loopback")]
    Plaintext,
    /// Not connected, or the connection broke before an answer began.
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// Longer than is read, or not whole.
    #[error("its answer broke off: {0}")]
    Unusable(String),
}

impl From<Silence> for String {
    fn from(silence: Silence) -> Self {
        silence.to_string()
    }
}

/// A status and the whole body.
pub type Answer = Result<(StatusCode, Bytes), Silence>;

/// Keeps its connections.
pub struct Client {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    bounds: Bounds,
    /// By http too.
    plain: bool,
}

impl Client {
    /// `trusted` says whose certificates count.
    pub fn new(trusted: ClientConfig, bounds: Bounds) -> Self {
        let connector = HttpsConnectorBuilder::new().with_tls_config(trusted).https_or_http().enable_http1();
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(bounds.idle)
            .build(connector.build());
        Self { client, bounds, plain: false }
    }

    /// Asks by http where the address says so: for the site's own network, and never with a secret.
    #[must_use]
    pub fn in_plain(self) -> Self {
        Self { plain: true, ..self }
    }

    /// A request as it is.
    pub async fn ask(&self, request: Request<Full<Bytes>>) -> Answer {
        let safe = request.uri().scheme_str() == Some("https") || is_loopback(request.uri());
        if safe || self.plain { self.send(request).await } else { Err(Silence::Plaintext) }
    }

    /// `kind` is the media type of the body.
    pub async fn post(&self, url: &str, kind: &'static str, body: impl Into<Bytes>) -> Answer {
        let request = Request::post(uri(url)?).header(header::CONTENT_TYPE, kind);
        self.send(request.body(Full::new(body.into())).map_err(|_| Silence::NoUrl)?).await
    }

    pub async fn get(&self, url: &str) -> Answer {
        let request = Request::get(uri(url)?).body(Full::default());
        self.send(request.map_err(|_| Silence::NoUrl)?).await
    }

    /// The same for one media type.
    pub async fn get_as(&self, url: &str, accept: &'static str) -> Answer {
        let request = Request::get(uri(url)?).header(header::ACCEPT, accept).body(Full::default());
        self.send(request.map_err(|_| Silence::NoUrl)?).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let deadline = self.bounds.deadline;
        let answered = tokio::time::timeout(deadline, self.exchange(request)).await;
        answered.map_err(|_| Silence::TimedOut(deadline))?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Answer {
        let response = self.client.request(request).await.map_err(|e| Silence::Unreachable(causes(&e)))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), self.bounds.max_answer).collect().await;
        Ok((status, body.map_err(|e| Silence::Unusable(e.to_string()))?.to_bytes()))
    }
}

/// hyper's own text says that there was an error: what it was is in its sources.
fn causes(error: &legacy::Error) -> String {
    let sources = std::iter::successors(error.source(), |cause| (*cause).source());
    sources.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Every address passes here, so nothing is sent in plaintext off this machine.
fn uri(url: &str) -> Result<Uri, Silence> {
    let uri: Uri = url.parse().map_err(|_| Silence::NoUrl)?;
    let safe = uri.scheme_str() == Some("https") || is_loopback(&uri);
    if safe { Ok(uri) } else { Err(Silence::Plaintext) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_stays_on_this_machine() {
        for (url, good) in [
            ("https://witness.example/w", true),
            ("http://127.0.0.1:7110/witness", true),
            ("http://witness.example/w", false),
            ("file:///etc/passwd", false),
            ("", false),
        ] {
            assert_eq!(uri(url).is_ok(), good, "{url}");
        }
    }
}
