//! One HTTP request to a provider: a connection of its own, no redirects, an answer of bounded size.

use std::{net::IpAddr, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use oauth2::{HttpRequest, HttpResponse};
use tokio::net::TcpStream;
use tonic::transport::Uri;

/// Discovery documents and tokens have a few KiB.
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

pub async fn send(request: HttpRequest, within: Duration) -> Result<HttpResponse, Fault> {
    let late = |_| Fault(format!("no answer within {}", humantime::format_duration(within)));
    tokio::time::timeout(within, exchange(request)).await.map_err(late)?
}

async fn exchange(request: HttpRequest) -> Result<HttpResponse, Fault> {
    let (host, port) = address(request.uri())?;
    let fault = |e: &dyn std::error::Error| Fault(e.to_string());
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|e| fault(&e))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| fault(&e))?;
    let driver = tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().map(ToString::to_string).unwrap_or_default();
    let value = header::HeaderValue::from_str(&authority).map_err(|e| fault(&e))?;
    head.headers.insert(header::HOST, value);
    let path = head.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    head.uri = path.parse().map_err(|_| Fault("its path is not one".to_owned()))?;
    let request = hyper::Request::from_parts(head, Full::new(Bytes::from(body)));
    let answer = sender.send_request(request).await.map_err(|e| fault(&e))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|e| Fault(e.to_string()))?;
    driver.abort();
    Ok(hyper::Response::from_parts(head, body.to_bytes().to_vec()))
}

/// Host and port, where a provider may be asked: what passes is a secret.
fn address(uri: &Uri) -> Result<(String, u16), Fault> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("http") if loopback => Ok((host.to_owned(), uri.port_u16().unwrap_or(80))),
        Some("https") => Err(Fault("this build has no TLS, so `https` addresses cannot be used".to_owned())),
        _ => Err(Fault("its addresses must be https (http on loopback only)".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_loopback_or_nowhere() {
        let asks = |url: &str| address(&url.parse().expect("a URL")).map_err(|e| e.to_string());
        assert_eq!(asks("http://127.0.0.1:8080/token"), Ok(("127.0.0.1".to_owned(), 8080)));
        assert_eq!(asks("http://[::1]/token"), Ok(("::1".to_owned(), 80)));
        assert!(asks("http://idp.example/token").is_err());
        assert!(asks("https://idp.example/token").is_err_and(|e| e.contains("TLS")));
    }
}
