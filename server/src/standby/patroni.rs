//! Patroni's REST API (4.1), as far as it is used. What a member says is bounded in time and size, and believed only as
//! far as the others say the same.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use charter_signing::secret;
use futures::future::{join, join_all};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    config::Standby,
    https::{Answer, Bounds, Client},
    tls,
};

/// Of what is asked: a member that is up answers at once.
const ASK: Bounds = Bounds { deadline: Duration::from_secs(3), max_answer: 256 * 1024, idle: 0 };
/// Of what changes something: Patroni waits until another member leads, for 20 s.
const CHANGE: Bounds = Bounds { deadline: Duration::from_secs(40), max_answer: 16 * 1024, idle: 0 };
/// Characters of an answer that are shown.
const SHOWN: usize = 200;

/// The way to all members and servers.
pub struct Api {
    asks: Client,
    changes: Client,
    members: Vec<String>,
    secret: Option<HeaderValue>,
}

/// What one member said.
#[derive(Debug, Clone)]
pub struct Seen {
    pub url: String,
    /// Of itself: it answers also when etcd is lost.
    pub own: Result<Own, String>,
    /// Of all, as etcd has it.
    pub cluster: Result<Cluster, String>,
    pub config: Option<Settings>,
}

/// `GET /patroni`.
#[derive(Debug, Clone, Deserialize)]
pub struct Own {
    pub state: String,
    #[serde(default)]
    pub role: String,
    pub timeline: Option<u64>,
    /// How a standby gets its changes: `streaming`, or from the archive.
    pub replication_state: Option<String>,
    pub database_system_identifier: Option<String>,
    /// When it reached etcd last, in seconds since 1970 by its clock.
    pub dcs_last_seen: Option<i64>,
    #[serde(default)]
    pub xlog: Positions,
    pub patroni: Named,
}

/// In the write-ahead log, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Positions {
    pub location: Option<u64>,
    pub received_location: Option<u64>,
    pub replayed_location: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Named {
    pub name: String,
    pub scope: String,
}

/// `GET /cluster`.
#[derive(Debug, Clone, Deserialize)]
pub struct Cluster {
    pub members: Vec<Member>,
    #[serde(default)]
    pub pause: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    pub name: String,
    pub role: String,
    pub state: String,
    /// Bytes, or `unknown`.
    #[serde(default)]
    pub lag: Value,
    #[serde(default)]
    pub tags: Value,
}

/// `GET /config`, what of it says how writes are confirmed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Settings {
    #[serde(default)]
    pub synchronous_mode: Value,
    #[serde(default)]
    pub synchronous_mode_strict: Value,
    pub synchronous_node_count: Option<u64>,
}

impl Own {
    /// It takes writes, or says so.
    pub fn is_primary(&self) -> bool {
        matches!(self.role.as_str(), "primary" | "master" | "leader") && self.state == "running"
    }

    pub fn streams(&self) -> bool {
        self.replication_state.as_deref() == Some("streaming")
    }

    /// How far it has the log, received or replayed; none where it does not say.
    pub fn has(&self) -> Option<(u64, u64)> {
        let Positions { location, received_location, replayed_location } = self.xlog;
        let furthest = [location, received_location, replayed_location].into_iter().flatten().max()?;
        Some((self.timeline.unwrap_or(0), furthest))
    }
}

impl Member {
    pub fn is_leader(&self) -> bool {
        self.role == "leader"
    }

    /// It is one of those that confirm writes.
    pub fn confirms(&self) -> bool {
        matches!(self.role.as_str(), "quorum_standby" | "sync_standby")
    }

    pub fn streams(&self) -> bool {
        self.state == "streaming"
    }

    /// Bytes; none where nobody knows.
    pub fn lag(&self) -> Option<u64> {
        self.lag.as_u64()
    }

    /// Among those that could lead: the highest is chosen.
    pub fn priority(&self) -> i64 {
        let set = self.tags.get("failover_priority").and_then(Value::as_i64);
        if self.may_lead() { set.unwrap_or(1) } else { 0 }
    }

    pub fn may_lead(&self) -> bool {
        self.tags.get("nofailover") != Some(&Value::Bool(true))
    }
}

/// What a member is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Patroni chooses where nobody is named.
    Switchover {
        from: &'a str,
        to: Option<&'a str>,
    },
    Failover {
        to: &'a str,
    },
}

impl Settings {
    pub fn is_synchronous(&self) -> bool {
        match &self.synchronous_mode {
            Value::Bool(on) => *on,
            Value::String(text) => matches!(text.as_str(), "on" | "true" | "quorum"),
            _ => false,
        }
    }

    pub fn is_strict(&self) -> bool {
        match &self.synchronous_mode_strict {
            Value::Bool(on) => *on,
            Value::String(text) => matches!(text.as_str(), "on" | "true"),
            _ => false,
        }
    }

    /// Standbys that confirm each write.
    pub fn confirmations(&self) -> usize {
        usize::try_from(self.synchronous_node_count.unwrap_or(1).max(1)).unwrap_or(usize::MAX)
    }
}

impl Api {
    pub fn new(settings: &Standby) -> Result<Self, String> {
        let ca = Some(settings.ca_file.as_str()).filter(|file| !file.is_empty());
        let told = |why: String| format!("standby.ca_file: {why}");
        let client = |bounds| -> Result<Client, String> {
            Ok(Client::new(tls::client(ca).map_err(told)?, bounds).in_plain())
        };
        let secret = match settings.user.as_str() {
            "" => None,
            user => Some(basic(user, &settings.password_file)?),
        };
        let members = settings.patroni.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        Ok(Self { asks: client(ASK)?, changes: client(CHANGE)?, members, secret })
    }

    /// All members at once.
    pub async fn seen(&self) -> Vec<Seen> {
        join_all(self.members.iter().map(|url| self.one(url))).await
    }

    async fn one(&self, url: &str) -> Seen {
        let config = async { self.read(url, "config").await.ok() };
        let (own, (cluster, config)) =
            join(self.read(url, "patroni"), join(self.read(url, "cluster"), config)).await;
        Seen { url: url.to_owned(), own, cluster, config }
    }

    async fn read<T: DeserializeOwned>(&self, url: &str, what: &str) -> Result<T, String> {
        let (status, body) = self.get(&format!("{url}/{what}")).await?;
        // Of a member that does not run it is 503, with the same body.
        if !matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE) {
            return Err(format!("/{what} was answered with {}", status.as_u16()));
        }
        serde_json::from_slice(&body).map_err(|_| format!("/{what} was not answered as Patroni 4 does"))
    }

    async fn get(&self, url: &str) -> Answer {
        let request = Request::get(url).body(Full::default());
        self.asks.ask(request.map_err(|_| crate::https::Silence::NoUrl)?).await
    }

    /// Why a server should not be sent questions, if it says so.
    pub async fn unready(&self, server: &str) -> Option<String> {
        match self.get(&format!("{}/readyz", server.trim_end_matches('/'))).await {
            Ok((StatusCode::OK, _)) => None,
            Ok((status, body)) => Some(format!("{}: {}", status.as_u16(), shown(&body))),
            Err(e) => Some(e.to_string()),
        }
    }

    /// Asks a member to hand over; what it said, and whether it did.
    pub async fn hand_over(&self, url: &str, change: Change<'_>) -> Result<String, String> {
        let (path, body) = match change {
            Change::Switchover { from, to: Some(to) } => {
                ("switchover", serde_json::json!({ "leader": from, "candidate": to }))
            }
            Change::Switchover { from, to: None } => ("switchover", serde_json::json!({ "leader": from })),
            Change::Failover { to } => ("failover", serde_json::json!({ "candidate": to })),
        };
        let mut request = Request::post(format!("{url}/{path}"));
        request = request.header(header::CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.secret {
            request = request.header(header::AUTHORIZATION, secret);
        }
        let request = request.body(Full::new(Bytes::from(body.to_string())));
        let (status, answer) = self.changes.ask(request.map_err(|e| e.to_string())?).await?;
        let said = format!("{}: {}", status.as_u16(), shown(&answer));
        if status.is_success() { Ok(said) } else { Err(said) }
    }
}

/// The start of an answer, without what a terminal would obey.
fn shown(body: &Bytes) -> String {
    String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

fn basic(user: &str, file: &str) -> Result<HeaderValue, String> {
    let told = |why: String| format!("standby.password_file `{file}`: {why}");
    let found = std::fs::metadata(file).map_err(|e| told(e.to_string()))?;
    secret::guarded(&found).map_err(told)?;
    let password = std::fs::read_to_string(file).map_err(|e| told(e.to_string()))?;
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.trim())));
    let mut value = HeaderValue::from_str(&text).map_err(|e| told(e.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
}
