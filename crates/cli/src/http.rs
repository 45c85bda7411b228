//! HTTP requests to a provider, or to a registry that is examined: each a connection of its own, no redirects, answers of
//! bounded size.

use std::{net::IpAddr, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use oauth2::{HttpRequest, HttpResponse};
use tonic::transport::Uri;

use crate::{args::Connection, exit::Failure, tls};

/// Discovery documents, tokens and answers have a few KiB.
const MAX_BODY: usize = 64 * 1024;

/// Why there is no answer. It never holds any of the request, whose body may hold a secret.
#[derive(Debug)]
pub struct Fault(String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// Follows no redirects and asks no proxy.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Http {
    pub fn new(to: &Connection) -> Result<Self, Failure> {
        let connector = tls::provider(to)?;
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, timeout: to.timeout.into() })
    }

    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let late = |_| Fault(format!("no answer within {}", humantime::format_duration(self.timeout)));
        tokio::time::timeout(self.timeout, self.exchange(request)).await.map_err(late)?
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        safe(request.uri())?;
        let asked = self.client.request(request.map(|body| Full::new(Bytes::from(body)))).await;
        let (head, body) = asked.map_err(|e| Fault(root(&e)))?.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|e| Fault(e.to_string()))?;
        Ok(hyper::Response::from_parts(head, body.to_bytes().to_vec()))
    }
}

/// The innermost cause: it says what happened, the outer ones say where.
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Where others may be asked: what passes may be a secret.
pub fn safe(uri: &Uri) -> Result<(), Fault> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if loopback => Ok(()),
        _ => Err(Fault("its addresses must be https (http on loopback only)".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_loopback_or_through_tls() {
        let asks = |url: &str| safe(&url.parse().expect("a URL")).map_err(|e| e.to_string());
        for good in ["http://127.0.0.1:8080/token", "http://[::1]/token", "https://idp.example/token"] {
            assert_eq!(asks(good), Ok(()), "{good}");
        }
        assert!(asks("http://idp.example/token").is_err());
        assert!(asks("ftp://127.0.0.1/token").is_err());
    }
}
