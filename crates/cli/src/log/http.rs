//! Files of a log, a snapshot or an anchor set over HTTP: kept connections, no redirects, answers of bounded size, a few tries.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    header::{ACCEPT_ENCODING, RETRY_AFTER},
};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::source::Fault;
use crate::{args::Connection, exit::Failure, tls};

/// Tries of one file, the first included: a server may be restarting, or limit how fast it is read.
const TRIES: u32 = 5;
/// Pause before the first further try; it doubles. A longer `Retry-After` counts, up to `LONGEST_PAUSE`.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What one try came to.
enum Tried {
    Found(Vec<u8>),
    Missing,
    /// Worth another try, after a pause that the server asks for.
    Later(Fault, Option<Duration>),
    Never(Fault),
}

/// An address that files are read from. What is read is public and signed: neither redirects nor proxies are followed, plain http is.
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    prefix: String,
    timeout: Duration,
    /// Which registry of those that answer there, by its DID.
    registry: Option<String>,
}

impl Http {
    /// `prefix` has no slash at its end.
    pub fn new(to: &Connection, prefix: &str) -> Result<Self, Failure> {
        let connector = tls::provider(to)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(2 * super::source::AT_ONCE)
            .build(connector);
        let prefix = prefix.trim_end_matches('/');
        if !prefix.starts_with("http://") && !prefix.starts_with("https://") {
            return Err(Failure::usage(format!("`{prefix}` is not an address like `https://host/log`")));
        }
        Ok(Self { client, prefix: prefix.to_owned(), timeout: to.timeout.into(), registry: None })
    }

    /// The same, naming the registry that is asked.
    #[must_use]
    pub fn of(self, registry: String) -> Self {
        Self { registry: Some(registry), ..self }
    }

    /// The bytes at a path below the prefix, `limit` at most; `None` if there is no such file.
    pub async fn get(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        let url = format!("{}/{path}", self.prefix);
        let mut pause = PAUSE;
        for tried in 1..=TRIES {
            let late = || {
                let waited = humantime::format_duration(self.timeout);
                Tried::Later(Fault::Unreachable(format!("`{url}`: no answer within {waited}")), None)
            };
            match tokio::time::timeout(self.timeout, self.once(&url, limit)).await.unwrap_or_else(|_| late())
            {
                Tried::Found(bytes) => return Ok(Some(bytes)),
                Tried::Missing => return Ok(None),
                Tried::Never(fault) => return Err(fault),
                Tried::Later(fault, _) if tried == TRIES => return Err(fault),
                Tried::Later(_, asked) => {
                    tokio::time::sleep(asked.unwrap_or(pause).clamp(pause, LONGEST_PAUSE)).await;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
            }
        }
        Err(Fault::Unreachable(format!("`{url}`: no answer")))
    }

    async fn once(&self, url: &str, limit: usize) -> Tried {
        // A body that was packed could be larger than what was counted.
        let mut request = Request::get(url).header(ACCEPT_ENCODING, "identity");
        if let Some(registry) = &self.registry {
            request = request.header("charter-registry", registry);
        }
        let request = match request.body(Empty::new()) {
            Ok(request) => request,
            Err(error) => return Tried::Never(Fault::Unreachable(format!("`{url}`: {error}"))),
        };
        let (head, body) = match self.client.request(request).await {
            Ok(answer) => answer.into_parts(),
            Err(error) => {
                return Tried::Later(Fault::Unreachable(format!("`{url}`: {}", root(&error))), None);
            }
        };
        match head.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Tried::Missing,
            status => {
                let fault = Fault::Unreachable(format!("`{url}`: the server answers {status}"));
                let seconds = head.headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
                let busy = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                let pause = seconds.map(Duration::from_secs);
                return if busy { Tried::Later(fault, pause) } else { Tried::Never(fault) };
            }
        }
        match Limited::new(body, limit).collect().await {
            Ok(body) => Tried::Found(body.to_bytes().to_vec()),
            Err(error) if error.is::<LengthLimitError>() => {
                Tried::Never(Fault::TooLong(url.to_owned(), limit))
            }
            Err(error) => {
                Tried::Later(Fault::Unreachable(format!("`{url}`: the answer broke off: {error}")), None)
            }
        }
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
