//! Proof of the event by which a statement was made: here, or at the authority below that made it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use charter_domain::{AuthorityId, RegistryId};
use charter_federation::{LocalAuthority as _, LogEvidence, Protocol as _};
use serde::Serialize;

use super::{proof, receipt, state};
use crate::{
    App, Error,
    app::{
        answer::Reply,
        resolve::{Place, locate},
    },
    error::Code,
};

/// As answers to verifiers show it.
#[derive(Debug, Default, Serialize)]
pub struct Shown {
    /// Base64url.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub event: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub log_proof: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub configuration: String,
}

impl From<LogEvidence> for Shown {
    fn from(found: LogEvidence) -> Self {
        Self {
            event: URL_SAFE_NO_PAD.encode(&found.event),
            pending: found.log_proof.is_empty(),
            log_proof: found.log_proof,
            configuration: found.configuration,
        }
    }
}

/// Of an event of a registry of this process.
pub async fn here(app: &App, registry: RegistryId, seq: i64) -> Result<LogEvidence, Error> {
    let (index, event) = receipt::event(app, registry, seq).await?;
    let log_proof = if index < state::published_size(app, registry) {
        proof::of_entry(app, registry, index, &event).await?
    } else {
        String::new()
    };
    let configuration = app.hosted.view(registry).await?.configuration.clone();
    Ok(LogEvidence { event, log_proof, configuration })
}

/// Of an event of the authority that `via` leads to.
pub async fn at(
    app: &App,
    registry: RegistryId,
    via: &[AuthorityId],
    seq: i64,
) -> Result<LogEvidence, Error> {
    match locate(app, registry, via).await {
        Some(Place::Here(id)) => here(app, id, seq).await,
        Some(Place::Peer { endpoint, authority, rest }) => {
            let asked = app.protocol.log_evidence(&endpoint, &authority, &rest, seq).await;
            asked.map_err(|e| Error::new(Code::Unverifiable, format!("{authority}: {e}")))
        }
        None => Err(Error::new(Code::NotFound, "`via` leads to no authority that is delegated to")),
    }
}

/// Of the statement that an answer rests on; `None` where it rests on none. An authority that cannot be asked now takes
/// nothing away from the answer: its evidence is pending. That of a recognised peer, or of who is accredited by an authority
/// of another system, is asked of them.
pub async fn full(app: &App, asked: RegistryId, reply: &Reply) -> Option<LogEvidence> {
    if reply.recognized || reply.outside {
        return None;
    }
    let (seq, step) = (reply.seq()?, reply.decider()?);
    let via: Vec<AuthorityId> = step.via.iter().filter_map(|a| AuthorityId::parse(a).ok()).collect();
    let found = at(app, asked, &via, seq).await;
    let missing = |error: Error| {
        tracing::warn!(authority = %step.authority, seq, %error, "no evidence of an event could be had");
        LogEvidence { event: Vec::new(), log_proof: String::new(), configuration: String::new() }
    };
    Some(found.unwrap_or_else(missing))
}
