//! Connections: accepted, bounded, given a door, and drained at the end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{config::Limits, door::Door, tls};

mod handshakes;
mod sockets;

use self::handshakes::Handshakes;
pub use self::sockets::Sockets;

/// Streams of one HTTP/2 connection (tonic and hyper would allow any number).
const STREAMS: u32 = 128;
/// HTTP/2 header list, in bytes.
const HEADERS: u32 = 16 * 1024;

pub struct Listening {
    pub address: SocketAddr,
    socket: TcpListener,
    door: Door,
    tls: Option<TlsAcceptor>,
}

impl Listening {
    /// Plaintext without `tls`.
    pub fn new(socket: std::net::TcpListener, door: Door, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let socket = TcpListener::from_std(socket)?;
        Ok(Self { address: socket.local_addr()?, socket, door, tls })
    }

    /// Accepts until `stop` says so, then waits for requests in flight, at most `drain_secs`.
    pub async fn run(self, limits: Limits, connections: Arc<Semaphore>, mut stop: watch::Receiver<bool>) {
        let mut open = JoinSet::new();
        let first_bytes = Duration::from_millis(limits.first_bytes_ms);
        let builder = Arc::new(builder(first_bytes));
        let handshakes = Handshakes::new(limits.max_handshakes_per_address);
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _ = stop.changed() => break,
            };
            while open.try_join_next().is_some() {}
            let (stream, peer) = match accepted {
                Ok(pair) => pair,
                Err(error) => {
                    // Out of descriptors, most likely: give others time to close.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
                metrics::counter!("charter_connections_refused_total").increment(1);
                continue; // Dropping the stream closes it.
            };
            let (builder, door, stop) = (Arc::clone(&builder), self.door.clone(), stop.clone());
            let tls = self.tls.clone().map(|tls| (tls, Arc::clone(&handshakes)));
            open.spawn(async move {
                serve(&builder, (stream, peer), tls, door, first_bytes, stop).await;
                drop(permit);
            });
        }
        drop(self.socket);
        let drained = async { while open.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(limits.drain_secs), drained).await.is_err() {
            tracing::warn!(address = %self.address, "requests were still in flight at the end of the drain");
        }
    }
}

fn builder(first_bytes: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(first_bytes)
        .max_headers(64)
        .title_case_headers(true)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .max_pending_accept_reset_streams(20)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

async fn serve(
    builder: &Builder<TokioExecutor>,
    (stream, peer): (TcpStream, SocketAddr),
    tls: Option<(TlsAcceptor, Arc<Handshakes>)>,
    door: Door,
    first_bytes: Duration,
    stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    match tls {
        Some((tls, handshakes)) => {
            let Some(handshake) = handshakes.begin(peer.ip()) else {
                metrics::counter!("charter_handshakes_refused_total").increment(1);
                return; // Dropping the stream closes it.
            };
            let opened = tls::open(&tls, stream, first_bytes).await;
            drop(handshake);
            match opened {
                Ok((stream, shown)) => answer(builder, stream, door.for_peer(peer.ip(), shown), stop).await,
                Err(error) => {
                    metrics::counter!("charter_tls_failures_total").increment(1);
                    tracing::debug!(%error, "a connection was not opened");
                }
            }
        }
        None if speaks_in_time(&stream, first_bytes).await => {
            answer(builder, stream, door.for_peer(peer.ip(), None), stop).await;
        }
        None => metrics::counter!("charter_connections_silent_total").increment(1),
    }
}

async fn answer(
    builder: &Builder<TokioExecutor>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    door: Door,
    mut stop: watch::Receiver<bool>,
) {
    let connection = builder.serve_connection(TokioIo::new(stream), door);
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            // First: what has been sent already is read before it is asked to end.
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended with an error");
                }
                return;
            }
            _ = stop.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// hyper-util's protocol detection has no time limit: a socket that sends nothing, or less than the HTTP/2 preface,
/// would stay open.
async fn speaks_in_time(stream: &TcpStream, limit: Duration) -> bool {
    let enough = async {
        let mut start = [0u8; 24];
        loop {
            match stream.peek(&mut start).await {
                Ok(0) | Err(_) => return false,
                Ok(n) if tls::tells(&start[..n]) => return true,
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(limit, enough).await.unwrap_or(false)
}
