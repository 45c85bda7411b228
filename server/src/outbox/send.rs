//! One request to an address that was checked, over a connection of its own.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header, request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{Fault, Target};

/// More than this is no answer.
const MAX_ANSWER: usize = 64 * 1024;

/// JSON with its headers.
#[derive(Debug, Clone)]
pub struct Message {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Status and body, whatever the status.
pub(super) async fn send(
    tls: &TlsConnector,
    target: &Target,
    addresses: &[IpAddr],
    request: Request<Full<Bytes>>,
) -> Result<(u16, Bytes), Fault> {
    let stream = connect(addresses, target.port).await?;
    if !target.tls {
        return exchange(stream, request).await;
    }
    // The name in the certificate is the URL's, whatever address it led to.
    let name = ServerName::try_from(target.host.trim_end_matches('.').to_owned()).map_err(|_| Fault::Tls)?;
    let stream = tls.connect(name, stream).await.map_err(|_| Fault::Tls)?;
    exchange(stream, request).await
}

async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, Fault> {
    for address in addresses {
        if let Ok(stream) = TcpStream::connect(SocketAddr::new(*address, port)).await {
            return Ok(stream);
        }
    }
    Err(Fault::NotConnected)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(u16, Bytes), Fault> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| Fault::BadAnswer)?;
    let exchange = async move {
        let response = sender.send_request(request).await.map_err(|_| Fault::BadAnswer)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        Ok((status, body.map_err(|_| Fault::BadAnswer)?.to_bytes()))
    };
    // The connection lives as long as the exchange, so a deadline that ends one ends both.
    tokio::pin!(exchange, connection);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        ended = &mut connection => match ended {
            Ok(()) => exchange.await,
            Err(_) => Err(Fault::BadAnswer),
        },
    }
}

fn to(target: &Target, method: Method) -> request::Builder {
    Request::builder()
        .method(method)
        .uri(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::USER_AGENT, concat!("charter/", env!("CARGO_PKG_VERSION")))
}

pub(super) fn post(target: &Target, message: &Message) -> Result<Request<Full<Bytes>>, Fault> {
    let mut request = to(target, Method::POST)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(message.body.clone())))
        .map_err(|_| Fault::BadAnswer)?;
    for (name, value) in &message.headers {
        let value = HeaderValue::from_str(value).map_err(|_| Fault::BadAnswer)?;
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}

pub(super) fn get(target: &Target, accept: &'static str) -> Result<Request<Full<Bytes>>, Fault> {
    let request = to(target, Method::GET).header(header::ACCEPT, accept);
    request.body(Full::default()).map_err(|_| Fault::BadAnswer)
}
