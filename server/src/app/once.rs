//! A request that carries an id is carried out once, however often it is sent (AIP-155).
//!
//! The use-case hands its future to `once` and calls `tx.keep` with its answer as the last thing in the transaction.

use std::time::Duration;

use charter_domain::{
    Invalid, RegistryId,
    policy::{Caller, Refusal},
};
use charter_store::request::{Call, Earlier};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{App, Error, error::Code, etag::Etag};

/// What a change may carry besides its content.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    request_id: Option<Uuid>,
    /// Of what is changed, as it was read.
    pub etag: Option<Etag>,
    /// Checks everything and keeps nothing.
    pub validate_only: bool,
}

impl Asked {
    /// Empty texts are absent.
    pub fn parse(request_id: &str, etag: &str, validate_only: bool) -> Result<Self, Invalid> {
        let id = |text: &str| {
            let id = Uuid::parse_str(text).ok().filter(|id| !id.is_nil());
            id.ok_or_else(|| Invalid::new("request_id", "must be a UUID"))
        };
        Ok(Self {
            request_id: Some(request_id).filter(|t| !t.is_empty()).map(id).transpose()?,
            etag: Etag::parse(etag)?,
            validate_only,
        })
    }

    /// The request as it is kept; none where nothing is to be kept. The etag is no part of what is asked: who sends a
    /// request again may have read again before.
    pub fn call<T: Serialize>(
        &self,
        principal: &(impl ToString + ?Sized),
        method: &'static str,
        payload: &T,
    ) -> Result<Option<Call>, Error> {
        let Some(request_id) = self.request_id.filter(|_| !self.validate_only) else { return Ok(None) };
        let lost = |_| Error::new(Code::Internal, "an error of ours; it was logged");
        let payload = Sha256::digest(serde_json::to_vec(payload).map_err(lost)?).into();
        Ok(Some(Call { principal: principal.to_string(), request_id, method, payload }))
    }
}

/// In whose name what is loaded is kept.
pub fn principal(caller: &Caller) -> Result<&'static str, Refusal> {
    match caller {
        Caller::Anonymous => Err(Refusal::Unauthenticated),
        Caller::Bootstrap => Ok("bootstrap"),
        Caller::System => Ok("system"),
    }
}

/// For how long it is looked up what became of a change whose commit was not answered.
const SETTLING: Duration = Duration::from_millis(500);
/// Between two such looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The kept answer of this request, else what `fresh` comes to; an error where the answer was erased. Of two at once one
/// commits; the other fails, and finds that answer then. Where it is not known whether it was recorded, it is looked up.
///
/// # Errors
/// `OUTCOME_UNKNOWN` when it could not be found out in time.
pub async fn once<T: DeserializeOwned>(
    app: &App,
    registry: RegistryId,
    call: Option<&Call>,
    fresh: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(call) = call else { return fresh.await };
    if let Some(answer) = earlier(app, registry, call).await? {
        return Ok(answer);
    }
    match fresh.await {
        Err(error) if error.code == Code::OutcomeUnknown => settled(app, registry, call, error).await,
        Err(error) => {
            let written = app.store.earlier_written(registry, call.clone()).await?;
            answer(written)?.ok_or(error)
        }
        done => done,
    }
}

/// What became of a change whose commit was not answered.
async fn settled<T: DeserializeOwned>(
    app: &App,
    registry: RegistryId,
    call: &Call,
    unknown: Error,
) -> Result<T, Error> {
    let until = tokio::time::Instant::now() + SETTLING;
    loop {
        match app.store.settled(registry, call.clone()).await {
            Ok(found) => {
                let not_recorded = || Error::new(Code::Unavailable, "it was not recorded: send it again");
                return answer(found)?.ok_or_else(not_recorded);
            }
            Err(error) => tracing::warn!(error = %error, source = error.source_text(), "not settled yet"),
        }
        if tokio::time::Instant::now() >= until {
            return Err(unknown);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The kept answer of a request; none when it was not carried out, or more than 24 h ago.
///
/// # Errors
/// `REQUEST_ID_REUSED` when the id stands for another request, `ANSWER_ERASED` when its answer was erased.
pub async fn earlier<T: DeserializeOwned>(
    app: &App,
    registry: RegistryId,
    call: &Call,
) -> Result<Option<T>, Error> {
    answer(app.store.earlier(registry, call.clone()).await?)
}

fn answer<T: DeserializeOwned>(found: Option<Earlier>) -> Result<Option<T>, Error> {
    match found {
        None => Ok(None),
        Some(Earlier::Other) => {
            refused(Code::RequestIdReused, "this id was given to another request: take a new one")
        }
        Some(Earlier::Erased) => refused(
            Code::AnswerErased,
            "this request was carried out, and its answer was erased with personal data in it: read what it changed",
        ),
        Some(Earlier::Answer(text)) => {
            let unreadable = |_| Error::new(Code::Internal, "an error of ours; it was logged");
            serde_json::from_str(&text).map(Some).map_err(unreadable)
        }
    }
}

/// By its id alone: this time nothing is carried out.
fn refused<T>(code: Code, text: &str) -> Result<T, Error> {
    Err(Error { field: Some("request_id".to_owned()), ..Error::new(code, text) })
}
