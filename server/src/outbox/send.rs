//! One POST to an address that was checked, over a connection of its own.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{Fault, Target};

/// An answer is read for its status; more than this is none.
const MAX_ANSWER: usize = 64 * 1024;

/// JSON with its headers.
#[derive(Debug, Clone)]
pub struct Message {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

pub(super) async fn send(
    tls: &TlsConnector,
    target: &Target,
    addresses: &[IpAddr],
    message: &Message,
) -> Result<u16, Fault> {
    let stream = connect(addresses, target.port).await?;
    if !target.tls {
        return post(stream, target, message).await;
    }
    // The name in the certificate is the URL's, whatever address it led to.
    let name = ServerName::try_from(target.host.trim_end_matches('.').to_owned()).map_err(|_| Fault::Tls)?;
    let stream = tls.connect(name, stream).await.map_err(|_| Fault::Tls)?;
    post(stream, target, message).await
}

async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, Fault> {
    for address in addresses {
        if let Ok(stream) = TcpStream::connect(SocketAddr::new(*address, port)).await {
            return Ok(stream);
        }
    }
    Err(Fault::NotConnected)
}

async fn post(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &Target,
    message: &Message,
) -> Result<u16, Fault> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| Fault::BadAnswer)?;
    let exchange = async move {
        let response = sender.send_request(request(target, message)?).await.map_err(|_| Fault::BadAnswer)?;
        let status = response.status();
        Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|_| Fault::BadAnswer)?;
        if status.is_success() { Ok(status.as_u16()) } else { Err(Fault::Status(status.as_u16())) }
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

fn request(target: &Target, message: &Message) -> Result<Request<Full<Bytes>>, Fault> {
    let mut request = Request::post(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("charter/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from(message.body.clone())))
        .map_err(|_| Fault::BadAnswer)?;
    for (name, value) in &message.headers {
        let value = HeaderValue::from_str(value).map_err(|_| Fault::BadAnswer)?;
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}
