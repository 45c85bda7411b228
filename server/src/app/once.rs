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

use crate::{
    App, Error,
    error::{Code, UNKNOWN},
    etag::Etag,
};

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
    if let Some(found) = app.store.earlier(registry, call.clone()).await? {
        return confirmed(app, registry, call, found).await;
    }
    match fresh.await {
        Err(error) if error.code == Code::OutcomeUnknown => settled(app, registry, call).await,
        Err(error) => earlier(app, registry, call).await?.ok_or(error),
        done => done,
    }
}

/// The kept answer of a request where changes are written; none when it was not carried out, or more than 24 h ago.
///
/// # Errors
/// `REQUEST_ID_REUSED` when the id stands for another request, `ANSWER_ERASED` when its answer was erased.
pub async fn earlier<T: DeserializeOwned>(
    app: &App,
    registry: RegistryId,
    call: &Call,
) -> Result<Option<T>, Error> {
    match app.store.earlier_written(registry, call.clone()).await? {
        Some(found) => confirmed(app, registry, call, found).await.map(Some),
        None => Ok(None),
    }
}

/// What one node shows may be there alone, and go with it: an answer is one once the standbys have it too.
async fn confirmed<T: DeserializeOwned>(
    app: &App,
    registry: RegistryId,
    call: &Call,
    found: Earlier,
) -> Result<T, Error> {
    match found {
        Earlier::Answer(_) if app.store.is_replicated() => settled(app, registry, call).await,
        found => answer(found),
    }
}

/// What became of a change whose commit was not answered, or was answered to somebody else.
async fn settled<T: DeserializeOwned>(app: &App, registry: RegistryId, call: &Call) -> Result<T, Error> {
    let until = tokio::time::Instant::now() + SETTLING;
    loop {
        match app.store.settled(registry, call.clone()).await {
            Ok(Some(found)) => return answer(found),
            Ok(None) => return Err(Error::new(Code::Unavailable, "it was not recorded: send it again")),
            Err(error) => tracing::warn!(error = %error, source = error.source_text(), "not settled yet"),
        }
        if tokio::time::Instant::now() >= until {
            return Err(Error::new(Code::OutcomeUnknown, UNKNOWN));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn answer<T: DeserializeOwned>(found: Earlier) -> Result<T, Error> {
    match found {
        Earlier::Other => {
            refused(Code::RequestIdReused, "this id was given to another request: take a new one")
        }
        Earlier::Erased => refused(
            Code::AnswerErased,
            "this request was carried out, and its answer was erased with personal data in it: read what it changed",
        ),
        Earlier::Answer(text) => {
            let unreadable = |_| Error::new(Code::Internal, "an error of ours; it was logged");
            serde_json::from_str(&text).map_err(unreadable)
        }
    }
}

/// By its id alone: this time nothing is carried out.
fn refused<T>(code: Code, text: &str) -> Result<T, Error> {
    Err(Error { field: Some("request_id".to_owned()), ..Error::new(code, text) })
}
