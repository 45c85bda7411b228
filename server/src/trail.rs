//! What is recorded here and who was refused here, told to others as it happens: as syslog and as OTLP logs, each event at
//! least once and in order, by a number without gaps.

pub mod notes;
mod otlp;
mod syslog;

use charter_domain::{AuthorityId, Timestamp};
use charter_store::trail::{Receiver, SecurityEvent, Stream};
use serde::Deserialize;

use self::{otlp::Otlp, syslog::Syslog};
use crate::config::Trail;

/// One event, for whoever is told.
#[derive(Debug, Clone)]
pub struct Message {
    pub authority: AuthorityId,
    pub stream: Stream,
    pub seq: i64,
    pub at: Timestamp,
    pub kind: String,
    /// JSON.
    pub body: String,
}

/// What of an event is looked at.
#[derive(Deserialize)]
struct Recorded {
    kind: String,
    recorded_at: Timestamp,
}

impl Message {
    /// Of an event of the registry, by its public bytes.
    pub fn audit(authority: &AuthorityId, seq: i64, body: Vec<u8>) -> Option<Self> {
        let body = String::from_utf8(body).ok()?;
        let Recorded { kind, recorded_at: at } = serde_json::from_str(&body).ok()?;
        Some(Self { authority: authority.clone(), stream: Stream::Audit, seq, at, kind, body })
    }

    pub fn security(authority: &AuthorityId, event: SecurityEvent) -> Self {
        let (seq, at) = (event.seq, Timestamp::from_micros(event.at));
        let body = event.detail.to_string();
        Self { authority: authority.clone(), stream: Stream::Security, seq, at, kind: event.kind, body }
    }
}

/// A way to a receiver that is open.
pub enum Way {
    Syslog(Syslog),
    Otlp(Otlp),
}

impl Way {
    pub async fn open(settings: &Trail, receiver: Receiver) -> Result<Self, String> {
        match receiver {
            Receiver::Syslog => Ok(Self::Syslog(Syslog::connect(settings).await?)),
            Receiver::Otlp => Ok(Self::Otlp(Otlp::new()?)),
        }
    }

    /// Tells them, in order.
    pub async fn tell(&mut self, messages: &[Message]) -> Result<(), String> {
        match self {
            Self::Syslog(syslog) => syslog.tell(messages).await,
            Self::Otlp(otlp) => otlp.tell(messages).await,
        }
    }

    /// Of what it was told over this way, the number up to which the receiver certainly has it all.
    pub fn arrived(&mut self) -> Result<Option<i64>, String> {
        match self {
            Self::Syslog(syslog) => syslog.arrived(),
            Self::Otlp(otlp) => Ok(otlp.arrived()),
        }
    }
}
