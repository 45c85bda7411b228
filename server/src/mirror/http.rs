//! Requests to mirrors: bounded, over connections that are kept.

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

/// For one request, from connecting to the last byte of its answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// A bundle of 256 entries of 65,535 bytes, and their lengths.
const MAX_ANSWER: usize = 256 * (2 + 65_535);
const IDLE: Duration = Duration::from_secs(90);

/// Follows no redirects and asks no proxy.
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A status and the whole body; an error is for our log.
pub type Answer = Result<(StatusCode, Bytes), String>;

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

    pub async fn post(&self, url: &str, kind: &'static str, body: Vec<u8>) -> Answer {
        let request = Request::post(uri(url)?).header(header::CONTENT_TYPE, kind);
        self.send(request.body(Full::new(Bytes::from(body))).map_err(|e| e.to_string())?).await
    }

    pub async fn get(&self, url: &str) -> Answer {
        let request = Request::get(uri(url)?).body(Full::default());
        self.send(request.map_err(|e| e.to_string())?).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let exchange = async {
            let response = self.client.request(request).await.map_err(|e| format!("no connection: {e}"))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            Ok((status, body.map_err(|e| format!("its answer broke off: {e}"))?.to_bytes()))
        };
        let late = |_| format!("no answer within {} s", DEADLINE.as_secs());
        tokio::time::timeout(DEADLINE, exchange).await.map_err(late)?
    }
}

/// Every address passes here, so nothing is sent in plaintext off this machine.
fn uri(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| "its address is no URL".to_owned())?;
    let safe = uri.scheme_str() == Some("https") || is_loopback(&uri);
    if safe { Ok(uri) } else { Err("its address is neither https nor http on loopback".to_owned()) }
}
