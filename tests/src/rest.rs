//! REST as a program speaks it: plain requests over hyper's client.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Rest {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
    /// Status and code of a problem; panics where the reply is none.
    pub fn problem(&self) -> (u16, String) {
        let text = self.text();
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {text}", self.status);
        let body = self.json();
        assert_eq!(body["status"], self.status, "{text}");
        let code = body["code"].as_str().expect("a code").to_owned();
        let kebab = code.to_ascii_lowercase().replace('_', "-");
        assert_eq!(body["type"], format!("urn:charter:problem:{kebab}"), "{text}");
        (self.status, code)
    }
}

impl Rest {
    pub fn new(address: SocketAddr) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), base: format!("http://{address}") }
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        self.try_send(request).await.expect("a reply")
    }

    pub async fn try_send(&self, request: Request<Full<Bytes>>) -> Result<Reply, String> {
        let response = self.client.request(request).await.map_err(|e| format!("{e:?}"))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// A response whose body goes on.
    pub async fn open(&self, request: Request<Full<Bytes>>) -> http::Response<hyper::body::Incoming> {
        self.client.request(request).await.expect("a response")
    }

    pub fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> Reply {
        let request = self.request(Method::GET, path).body(Full::default());
        self.send(request.expect("a request")).await
    }

    pub async fn post(&self, path: &str, json: &Value) -> Reply {
        self.post_text(path, json.to_string()).await
    }

    pub async fn post_text(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body.into()));
        self.send(request.expect("a request")).await
    }

    pub async fn ready(&self) -> bool {
        self.get("/readyz").await.status == StatusCode::OK
    }
}
