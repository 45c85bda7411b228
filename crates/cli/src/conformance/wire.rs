//! One request to the registry and what came back, both as they are shown in the report: shortened.

use std::time::Duration;

use charter_domain::Kind;
use hyper::{HeaderMap, Method, Request, header};
use serde::Serialize;
use serde_json::Value;
use tonic::transport::Uri;

use super::question::{Question, path};
use crate::{exit::Failure, http::Http};

/// Characters of a request or an answer that are shown.
const SHOWN: usize = 1_200;
/// Tries of one request, where the registry says that there were too many.
const TRIES: u32 = 5;
/// Longest pause that it may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// JSON without a parameter.
pub const JSON: &str = "application/json";

/// Where the registry answers, without a slash at its end.
#[derive(Debug, Clone)]
pub struct Target(String);

impl Target {
    /// https, or http on loopback; no user, query or fragment.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let refused = || {
            Failure::usage(format!("`{text}` is not an address like `https://registry.example`"))
                .hint("give what `/authorization` is put behind: https, or http on loopback")
        };
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let plain = uri.query().is_none() && !text.contains('#');
        let user = uri.authority().is_none_or(|authority| authority.as_str().contains('@'));
        if !plain || user || crate::http::safe(&uri).is_err() {
            return Err(refused());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

/// A request that is to be made.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Whose endpoint of TRQP it is for.
    pub kind: Option<Kind>,
    /// What is asked there, where that is a question.
    pub question: Option<Question>,
}

impl Ask {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let (path, headers) = (path.into(), Vec::new());
        Self { method, path, headers, body: Vec::new(), kind: None, question: None }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A body of JSON to the endpoint of a kind, whatever it is.
    pub fn post(kind: Kind, body: impl Into<Vec<u8>>) -> Self {
        let ask = Self::new(Method::POST, path(kind)).header("content-type", JSON);
        Self { body: body.into(), kind: Some(kind), ..ask }
    }

    pub fn question(question: &Question) -> Self {
        let ask = Self::post(question.kind, question.body().to_string());
        Self { question: Some(question.clone()), ..ask }
    }

    /// The same question in other bytes.
    pub fn worded(question: &Question, body: String) -> Self {
        Self { body: body.into_bytes(), ..Self::question(question) }
    }

    /// With a header, in the place of one of that name.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(had, _)| *had != name);
        self.headers.push((name, value.into()));
        self
    }

    fn shown(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        short(&format!("{} {}\n{headers}\n{}", self.method, self.path, String::from_utf8_lossy(&self.body)))
    }
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// Its body; null where that is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The media type, without parameters.
    pub fn media(&self) -> String {
        let media = self.header("content-type").split(';').next().unwrap_or_default();
        media.trim().to_ascii_lowercase()
    }

    fn shown(&self) -> String {
        let named =
            |name: &str| Some(self.header(name)).filter(|v| !v.is_empty()).map(|v| format!("{name}: {v}\n"));
        let headers: String =
            ["content-type", "allow", "x-request-id"].into_iter().filter_map(named).collect();
        short(&format!("{}\n{headers}\n{}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

/// A request and its answer, as the report shows them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Exchange {
    pub request: String,
    pub answer: String,
}

/// What came back; the fault where nothing did.
#[derive(Debug, Clone)]
pub struct Seen {
    pub reply: Result<Reply, String>,
    pub exchange: Exchange,
}

/// Sends it; again after a pause where the registry answers 429.
pub async fn send(http: &Http, target: &Target, ask: &Ask) -> Seen {
    let mut tried = 1;
    let reply = loop {
        let reply = once(http, target, ask).await;
        match &reply {
            Ok(busy) if busy.status == 429 && tried < TRIES => {
                let asked =
                    busy.header("retry-after").parse().map_or(Duration::from_secs(1), Duration::from_secs);
                tokio::time::sleep(asked.min(LONGEST_PAUSE)).await;
                tried += 1;
            }
            _ => break reply,
        }
    };
    let answer = reply.as_ref().map_or_else(|fault| format!("no answer: {fault}"), Reply::shown);
    Seen { exchange: Exchange { request: ask.shown(), answer }, reply }
}

async fn once(http: &Http, target: &Target, ask: &Ask) -> Result<Reply, String> {
    let mut request = Request::builder()
        .method(ask.method.clone())
        .uri(format!("{}{}", target.as_str(), ask.path))
        .header(header::ACCEPT, "application/json, application/problem+json");
    for (name, value) in &ask.headers {
        request = request.header(*name, value);
    }
    let request = request.body(ask.body.clone()).map_err(|e| e.to_string())?;
    let (head, body) = http.send(request).await.map_err(|e| e.to_string())?.into_parts();
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
}

/// With its end left out where it is long.
fn short(text: &str) -> String {
    let text = text.trim_end();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_https_or_on_loopback_and_nothing_else() {
        for good in
            ["https://a.example", "https://a.example/trqp/v2/", "http://127.0.0.1:7100", "http://[::1]:7100"]
        {
            assert!(Target::parse(good).is_ok_and(|t| !t.as_str().ends_with('/')), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "http://a.example",
            "ftp://127.0.0.1",
            "https://me@a.example",
            "https://a.example/?x=1",
            "https://a.example/#x",
            "http://127.0.0.1.evil.example",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let ask = Ask::post(Kind::Authorization, "å".repeat(5_000));
        assert!(ask.shown().starts_with("POST /authorization\ncontent-type: application/json\n\nå"));
        assert_eq!(ask.shown().chars().count(), SHOWN + 1);
    }
}
