//! A subordinate by hand, over real HTTP/2: what no gRPC library would send.

use std::{
    convert::Infallible,
    iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Body, extract::State};
use bytes::Bytes;
use charter_proto::charter::federation::v1 as pb;
use charter_tests::raw::framed;
use futures::stream;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use prost::Message;

/// How it answers a question.
#[derive(Debug, Clone)]
pub enum Manner {
    /// As any other.
    Honest(Box<pb::ResolveResponse>),
    /// With one message of a gigabyte.
    Gigabyte,
    /// With messages without end.
    Endless,
    /// With somebody else's address.
    Elsewhere(String),
}

pub struct Hostile {
    pub endpoint: String,
    manner: Manner,
    counts: Arc<Counts>,
}

/// What it did.
#[derive(Debug, Default)]
pub struct Counts {
    /// Bytes of floods that were taken from it.
    pub sent: AtomicUsize,
    /// Floods that the other side has ended.
    pub ended: AtomicUsize,
}

/// A flood that lasts until it is dropped.
struct Flood(Arc<Counts>);

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

const PIECE: usize = 64 * 1024;
const GIGABYTE: usize = 1 << 30;

impl Hostile {
    pub async fn start(manner: Manner) -> Arc<Self> {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", socket.local_addr().expect("bound"));
        let hostile = Arc::new(Self { endpoint, manner, counts: Arc::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&hostile));
        tokio::spawn(async move { axum::serve(socket, router).await.expect("served") });
        hostile
    }

    pub fn sent(&self) -> usize {
        self.counts.sent.load(Ordering::SeqCst)
    }

    pub fn ended(&self) -> usize {
        self.counts.ended.load(Ordering::SeqCst)
    }

    /// The length of one message first, then zeros; or the same in messages that are empty.
    fn floods(&self, is_one: bool) -> Response<Body> {
        let length = u32::try_from(GIGABYTE).expect("fits").to_be_bytes();
        let head = if is_one { [&[0][..], &length].concat() } else { Vec::new() };
        let pieces = iter::repeat_n(Bytes::from(vec![0; PIECE - PIECE % 5]), GIGABYTE / PIECE);
        let flood = Flood(Arc::clone(&self.counts));
        let frames = stream::iter(iter::once(Bytes::from(head)).chain(pieces).map(move |piece| {
            let flood = &flood;
            flood.0.sent.fetch_add(piece.len(), Ordering::SeqCst);
            Ok::<_, Infallible>(Frame::data(piece))
        }));
        grpc(Body::new(StreamBody::new(frames)))
    }
}

async fn answer(State(hostile): State<Arc<Hostile>>, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.expect("a message").to_bytes();
    match (path.rsplit('/').next().unwrap_or_default(), &hostile.manner) {
        ("Resolve", Manner::Honest(said)) => says(said.as_ref()),
        ("Resolve", Manner::Gigabyte) | ("Watch", _) => hostile.floods(true),
        ("Resolve", Manner::Endless) => hostile.floods(false),
        (_, Manner::Elsewhere(url)) => {
            let moved = Response::builder().status(307).header(header::LOCATION, url);
            moved.body(Body::empty()).expect("a response")
        }
        ("GetEpoch", _) => {
            let asked = pb::GetEpochRequest::decode(body.slice(5..)).expect("a message");
            let epochs = asked.authorities.iter().map(|_| 3).collect();
            says(&pb::GetEpochResponse { epochs, ..Default::default() })
        }
        _ => status("12", Body::empty()),
    }
}

fn grpc(body: Body) -> Response<Body> {
    let response = Response::builder().header(header::CONTENT_TYPE, "application/grpc");
    response.body(body).expect("a response")
}

fn status(code: &'static str, body: Body) -> Response<Body> {
    let mut response = grpc(body);
    response.headers_mut().insert("grpc-status", HeaderValue::from_static(code));
    response
}

/// One message, and that all is well.
fn says(message: &impl Message) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Frame::data(framed(&message.encode_to_vec())), Frame::trailers(trailers)];
    grpc(Body::new(StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)))))
}
