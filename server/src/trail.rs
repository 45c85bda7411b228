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
    /// Of an event of the registry, by its public bytes. One that cannot be read is not passed over: nothing after it is
    /// told, or a number would be missing.
    pub fn audit(authority: &AuthorityId, seq: i64, body: Vec<u8>) -> Result<Self, String> {
        let unreadable = |why: &dyn std::fmt::Display| format!("event {seq} cannot be read: {why}");
        let body = String::from_utf8(body).map_err(|why| unreadable(&why))?;
        let recorded = serde_json::from_str(&body).map_err(|why| unreadable(&why))?;
        let Recorded { kind, recorded_at: at } = recorded;
        Ok(Self { authority: authority.clone(), stream: Stream::Audit, seq, at, kind, body })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_cannot_be_read_is_not_passed_over() {
        let authority = AuthorityId::parse("did:web:charter.example").expect("an authority");
        let event = br#"{"kind":"EntityRegistered","recorded_at":"2026-01-01T00:00:00Z","more":1}"#;
        let message = Message::audit(&authority, 7, event.to_vec()).expect("an event");
        assert_eq!((message.seq, message.kind.as_str()), (7, "EntityRegistered"));
        for wrong in [b"{}".to_vec(), vec![0xff], event[..20].to_vec()] {
            let why = Message::audit(&authority, 8, wrong).expect_err("no event");
            assert!(why.starts_with("event 8 cannot be read: "), "{why}");
        }
    }
}
