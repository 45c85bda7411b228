//! Requests to witnesses: small, bounded, over connections that are kept (C2SP tlog-witness, HTTP interface).

use std::time::Duration;

use bytes::Bytes;
use charter_federation::protocol::native::is_loopback;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::tls;

/// For one request to one witness, from connecting to the last byte of its answer.
pub const DEADLINE: Duration = Duration::from_secs(2);
/// Bytes of an answer that are read: a size, signature lines, or a checkpoint.
const MAX_ANSWER: usize = 64 * 1024;
/// A log publishes at least once a minute: longer than that, and the next request finds the connection open.
const IDLE: Duration = Duration::from_secs(90);

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Not connected, or the connection broke.
    Unreachable,
    TimedOut,
    /// An address that is neither https nor http on loopback, or an answer over 64 KiB.
    Unusable,
}

/// Follows no redirects and asks no proxy.
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A status and the whole body.
pub type Answer = (StatusCode, Bytes);

impl Http {
    pub fn new() -> Result<Self, String> {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls::client(None)?).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .build(connector.build());
        Ok(Self { client })
    }

    pub async fn post(&self, url: &str, body: String) -> Result<Answer, Silence> {
        let request = Request::post(uri(url)?).header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
        self.send(request.body(Full::new(Bytes::from(body))).map_err(|_| Silence::Unusable)?).await
    }

    pub async fn get(&self, url: &str) -> Result<Answer, Silence> {
        let request = Request::get(uri(url)?).body(Full::default());
        self.send(request.map_err(|_| Silence::Unusable)?).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Silence> {
        tokio::time::timeout(DEADLINE, self.exchange(request)).await.map_err(|_| Silence::TimedOut)?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Silence> {
        let response = self.client.request(request).await.map_err(|_| Silence::Unreachable)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        Ok((status, body.map_err(|_| Silence::Unusable)?.to_bytes()))
    }
}

/// Every address passes here, so nothing is asked in plaintext off this machine.
fn uri(url: &str) -> Result<Uri, Silence> {
    let uri: Uri = url.parse().map_err(|_| Silence::Unusable)?;
    let safe = uri.scheme_str() == Some("https") || is_loopback(&uri);
    if safe { Ok(uri) } else { Err(Silence::Unusable) }
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
