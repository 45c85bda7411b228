//! gRPC by hand: what tonic's client would refuse to send, or answer by itself.

use bytes::{BufMut, Bytes, BytesMut};
use charter_proto::DESCRIPTORS;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{Code, Status};

use crate::TestApp;

/// One message with its length in front.
pub fn framed(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(message.len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).expect("a short message"));
    bytes.put_slice(message);
    bytes.freeze()
}

/// Sends a body as it is to a method (`package.Service/Method`); the status that comes back.
pub async fn call(app: &TestApp, method: &str, headers: &[(&str, &str)], body: Bytes) -> Status {
    exchange(app, method, headers, body).await.0
}

/// The message that one message is answered with.
pub async fn unary(
    app: &TestApp,
    method: &str,
    headers: &[(&str, &str)],
    message: &[u8],
) -> Result<Bytes, Status> {
    let (status, body) = exchange(app, method, headers, framed(message)).await;
    if status.code() == Code::Ok { Ok(body.slice(body.len().min(5)..)) } else { Err(status) }
}

async fn exchange(app: &TestApp, method: &str, headers: &[(&str, &str)], body: Bytes) -> (Status, Bytes) {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let mut request = Request::post(format!("{}/{method}", app.url()))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).expect("a request");
    let response = client.request(request).await.expect("a response");
    let at_once = Status::from_header_map(response.headers());
    let body = response.into_body().collect().await.expect("a body");
    let late = body.trailers().and_then(Status::from_header_map);
    let status = at_once.or(late).unwrap_or_else(|| Status::new(Code::Unknown, "no status came back"));
    (status, body.to_bytes())
}

/// Every method of every service of ours, as the descriptors have them.
pub fn methods() -> Vec<String> {
    let set = FileDescriptorSet::decode(DESCRIPTORS).expect("descriptors");
    let mut all = Vec::new();
    for file in set.file {
        for service in &file.service {
            let names = service.method.iter().map(prost_types::MethodDescriptorProto::name);
            all.extend(names.map(|m| format!("{}.{}/{m}", file.package(), service.name())));
        }
    }
    all.sort();
    all
}
