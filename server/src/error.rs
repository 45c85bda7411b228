//! Errors as callers see them: one table to gRPC, HTTP and problem type. Both doors render from the same row.

use std::collections::HashMap;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use charter_domain::{AuthorityId, FailingLink, Invalid, Reason, policy::Refusal};
use charter_federation::answer::Referral;
use serde_json::json;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{door::request_id, telemetry::Seldom};

pub const DOMAIN: &str = "charter";
/// While the database is away all requests fail alike.
static ABSENT: Seldom = Seldom::new();
/// The challenge (RFC 9470, 3); the door puts in which sign-in would do.
pub const STEP_UP: &str = "Bearer error=\"insufficient_user_authentication\"";

macro_rules! codes {
    ($($name:ident $text:literal $grpc:ident $http:literal $title:literal;)*) => {
        /// What went wrong, by what the caller can do about it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($name,)* }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// `code` of a problem, and `ErrorInfo.reason`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
            pub const fn grpc(self) -> tonic::Code {
                match self { $(Self::$name => tonic::Code::$grpc,)* }
            }
            pub const fn http(self) -> u16 {
                match self { $(Self::$name => $http,)* }
            }
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    Invalid "INVALID" InvalidArgument 400 "the request is not acceptable";
    TimeOutOfRange "TIME_OUT_OF_RANGE" InvalidArgument 400 "the instant lies outside the kept history";
    Unauthenticated "UNAUTHENTICATED" Unauthenticated 401 "a credential is needed";
    Denied "DENIED" PermissionDenied 403 "the credential does not permit this";
    StepUpRequired "STEP_UP_REQUIRED" Unauthenticated 401 "a stronger sign-in is needed";
    SelfApprovalForbidden "SELF_APPROVAL_FORBIDDEN" PermissionDenied 403 "whoever proposes does not decide";
    NotFound "NOT_FOUND" NotFound 404 "there is no such thing";
    UnknownAuthority "UNKNOWN_AUTHORITY" NotFound 404 "the authority is not known here";
    UnknownEntity "UNKNOWN_ENTITY" NotFound 404 "the entity is not known here";
    UnknownAction "UNKNOWN_ACTION" NotFound 404 "the action is not known here";
    UnknownResource "UNKNOWN_RESOURCE" NotFound 404 "the resource is not known here";
    NotPublished "NOT_PUBLISHED" NotFound 404 "the log has not published this yet";
    MethodNotAllowed "METHOD_NOT_ALLOWED" Unimplemented 405 "the method is not allowed here";
    Conflict "CONFLICT" Aborted 409 "the change conflicts with what is recorded";
    DuplicateEntity "DUPLICATE_ENTITY" AlreadyExists 409 "the entity exists already";
    ProposalChanged "PROPOSAL_CHANGED" Aborted 409 "the proposal or its subject has changed";
    ProposalClosed "PROPOSAL_CLOSED" FailedPrecondition 409 "the proposal is not open";
    IllegalTransition "ILLEGAL_TRANSITION" FailedPrecondition 409 "the life of the target does not allow this";
    RegistryNotSealed "REGISTRY_NOT_SEALED" FailedPrecondition 409 "the registry is not sealed yet";
    RegistrySealed "REGISTRY_SEALED" FailedPrecondition 409 "the registry is sealed";
    AnswerErased "ANSWER_ERASED" FailedPrecondition 410 "the answer was erased with personal data";
    EtagMismatch "ETAG_MISMATCH" Aborted 412 "it has changed since it was read";
    TooLarge "TOO_LARGE" ResourceExhausted 413 "the message is too large";
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" InvalidArgument 415 "the media type is not supported";
    Inconsistent "INCONSISTENT" FailedPrecondition 422 "the log does not agree with what is known of it";
    RequestIdReused "REQUEST_ID_REUSED" InvalidArgument 422 "the request id stands for another request";
    EtagRequired "ETAG_REQUIRED" InvalidArgument 428 "the etag of what is changed is needed";
    RateLimited "RATE_LIMITED" ResourceExhausted 429 "too many requests";
    Internal "INTERNAL" Internal 500 "an error of ours";
    NotImplemented "NOT_IMPLEMENTED" Unimplemented 501 "not implemented";
    ChainTooLong "CHAIN_TOO_LONG" Unavailable 502 "the chain of delegations is too long";
    Loop "LOOP" Unavailable 502 "the chain of delegations is a loop";
    NotPrimary "NOT_PRIMARY" Unavailable 503 "this site is not the primary";
    Unavailable "UNAVAILABLE" Unavailable 503 "try again later";
    OutcomeUnknown "OUTCOME_UNKNOWN" Unavailable 503 "it is not known whether this was recorded";
    Stale "STALE" Unavailable 503 "no answer is fresh enough";
    Unverifiable "UNVERIFIABLE" Unavailable 503 "the answer cannot be verified";
    DeadlineExceeded "DEADLINE_EXCEEDED" DeadlineExceeded 504 "the deadline has passed";
}

impl Code {
    /// Passing conditions: the caller is told when to come back.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::NotPublished
                | Self::NotPrimary
                | Self::Unavailable
                | Self::OutcomeUnknown
                | Self::Stale
                | Self::Unverifiable
        )
    }
    pub fn problem_type(self) -> String {
        format!("urn:charter:problem:{}", self.as_str().to_ascii_lowercase().replace('_', "-"))
    }
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Error {
    pub code: Code,
    /// What to do about it; never a driver's text.
    pub detail: String,
    pub field: Option<String>,
    /// Of a question that could not be answered: where the way down ends.
    pub link: Option<FailingLink>,
    /// Of a question that could not be answered: whom to ask instead.
    pub referrals: Vec<Referral>,
}

/// Of a change whose commit was not answered.
pub(crate) const UNKNOWN: &str =
    "it is not known whether this was recorded: ask, or send it again with the same request id";

/// Members of `ErrorInfo.metadata`.
const LINK_INDEX: &str = "failing_link_index";
const LINK_AUTHORITY: &str = "failing_link_authority_id";

/// Members of `ErrorInfo.metadata` for the referral of that number.
fn referred(number: usize) -> [String; 2] {
    ["authority_id", "endpoint"].map(|member| format!("referral_{number}_{member}"))
}
/// Most bytes of referrals in details, which travel in a header: clients read 8 KiB of headers at least. Signed statements
/// do not fit.
const REFERRED: usize = 3 * 1024;

impl Error {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), field: None, link: None, referrals: Vec::new() }
    }
    pub fn not_found(noun: &str, id: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("{noun} `{id}` does not exist"))
    }
    fn hidden(code: Code, detail: &str, source: &str) -> Self {
        if code == Code::Internal || ABSENT.is_due() {
            let id = request_id::current();
            tracing::error!(error = %source, code = code.as_str(), request.id = id, "request failed");
        }
        Self::new(code, detail)
    }

    /// RFC 9457, with `code`, for a field `errors`, for a way down that ends `failing_link`, and `referrals`.
    pub fn problem(&self) -> serde_json::Value {
        let mut body = json!({
            "type": self.code.problem_type(),
            "title": self.code.title(),
            "status": self.code.http(),
            "detail": self.detail,
            "code": self.code.as_str(),
            "retryable": self.code.is_retryable(),
        });
        if let Some(field) = &self.field {
            let pointer = format!("/{}", field.replace('.', "/"));
            body["errors"] =
                json!([{ "pointer": pointer, "code": self.code.as_str(), "detail": self.detail }]);
        }
        if let Some(link) = &self.link {
            body["failing_link"] = json!(link);
        }
        if !self.referrals.is_empty() {
            body["referrals"] = json!(self.referrals);
        }
        body
    }

    pub fn into_http(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.problem().to_string()));
        *response.status_mut() =
            StatusCode::from_u16(self.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.code.is_retryable() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // RFC 6750, 3; RFC 9470, 3.
        let challenge = match self.code {
            Code::Unauthenticated => Some("Bearer"),
            Code::StepUpRequired => Some(STEP_UP),
            _ => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<Error> for tonic::Status {
    fn from(e: Error) -> Self {
        let mut metadata = HashMap::new();
        if let Some(link) = &e.link {
            metadata.insert(LINK_INDEX.to_owned(), link.index.to_string());
            metadata.insert(LINK_AUTHORITY.to_owned(), link.authority_id.to_string());
        }
        metadata.extend(fitting(&e.referrals));
        let mut details = ErrorDetails::with_error_info(e.code.as_str(), DOMAIN, metadata);
        if let Some(field) = &e.field {
            details.add_bad_request_violation(field, &e.detail);
        }
        if e.code.is_retryable() {
            details.set_retry_info(Some(std::time::Duration::from_secs(1)));
        }
        let mut status = Self::with_error_details(e.code.grpc(), e.detail, details);
        if e.code == Code::StepUpRequired {
            status
                .metadata_mut()
                .insert("www-authenticate", tonic::metadata::MetadataValue::from_static(STEP_UP));
        }
        status
    }
}

/// What a gRPC method said, for the other door.
impl From<&tonic::Status> for Error {
    fn from(status: &tonic::Status) -> Self {
        let info = status.get_details_error_info();
        let link = info.as_ref().and_then(|info| link(&info.metadata));
        let referrals = info.as_ref().map(|info| referrals(&info.metadata)).unwrap_or_default();
        let reason = info.map(|info| info.reason).unwrap_or_default();
        let code = Code::ALL.iter().copied().find(|code| code.as_str() == reason);
        let faults = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
        let field = faults.into_iter().next().map(|fault| fault.field);
        let detail = status.message().to_owned();
        Self { code: code.unwrap_or(Code::Internal), detail, field, link, referrals }
    }
}

/// The failing link that details of an error name.
fn link(metadata: &HashMap<String, String>) -> Option<FailingLink> {
    let index = metadata.get(LINK_INDEX)?.parse().ok()?;
    let authority_id = AuthorityId::parse(metadata.get(LINK_AUTHORITY)?).ok()?;
    Some(FailingLink { index, authority_id })
}

/// As many as details have room for, without the statements.
fn fitting(referrals: &[Referral]) -> impl Iterator<Item = (String, String)> {
    let mut left = REFERRED;
    let fits = move |to: &&Referral| {
        let bytes = to.authority.as_str().len() + to.endpoint.len();
        let fits = left >= bytes;
        left = left.saturating_sub(bytes);
        fits
    };
    referrals.iter().take_while(fits).enumerate().flat_map(|(number, to)| {
        referred(number).into_iter().zip([to.authority.to_string(), to.endpoint.clone()])
    })
}

/// The referrals that details of an error name.
fn referrals(metadata: &HashMap<String, String>) -> Vec<Referral> {
    let read = |number| {
        let [authority, endpoint] = referred(number).map(|name| metadata.get(&name));
        let authority = AuthorityId::parse(authority?).ok()?;
        Some(Referral { authority, endpoint: endpoint?.clone(), document: None })
    };
    (0..metadata.len()).map_while(read).collect()
}

impl axum::response::IntoResponse for Error {
    fn into_response(self) -> Response<Body> {
        self.into_http()
    }
}

impl From<Invalid> for Error {
    fn from(e: Invalid) -> Self {
        let detail = e.to_string();
        Self { field: Some(e.field), ..Self::new(Code::Invalid, detail) }
    }
}

impl From<Refusal> for Error {
    fn from(e: Refusal) -> Self {
        let code = match e {
            Refusal::Unauthenticated => Code::Unauthenticated,
            Refusal::Denied
            | Refusal::ServiceMayNotApprove
            | Refusal::NotYours
            | Refusal::RepeatedEmergency => Code::Denied,
            Refusal::StepUpNeeded => Code::StepUpRequired,
            Refusal::SelfApproval => Code::SelfApprovalForbidden,
            Refusal::ProposalChanged | Refusal::TargetChanged => Code::ProposalChanged,
            Refusal::NotOpen | Refusal::ProposalExpired | Refusal::AlreadyApproved => Code::ProposalClosed,
            Refusal::Illegal(_) => Code::IllegalTransition,
            Refusal::NotAsSeen => Code::EtagMismatch,
            Refusal::Unseen => Code::EtagRequired,
            Refusal::NotGoverned => Code::RegistryNotSealed,
            Refusal::Sealed => Code::RegistrySealed,
        };
        let field = matches!(code, Code::EtagMismatch | Code::EtagRequired).then(|| "etag".to_owned());
        Self { field, ..Self::new(code, e.to_string()) }
    }
}

impl From<charter_store::Error> for Error {
    fn from(e: charter_store::Error) -> Self {
        use charter_store::Error as S;
        match e {
            S::Unavailable(source) => Self::hidden(Code::Unavailable, "the database is unavailable", &source),
            S::Unknown(source) => Self::hidden(Code::OutcomeUnknown, UNKNOWN, &source),
            S::NotPrimary => {
                Self::new(Code::NotPrimary, "this site is not the primary; write to the primary")
            }
            S::Conflict(what) => {
                Self::new(Code::Conflict, format!("conflicts with what is recorded ({what})"))
            }
            S::DuplicateEntity => {
                Self::new(Code::DuplicateEntity, "an entity with this identifier exists already")
            }
            S::Refused(refusal) => refusal.into(),
            S::Invalid(invalid) => invalid.into(),
            S::NotFound(what) => Self::new(Code::NotFound, format!("{what} does not exist")),
            S::TriedOut => Self::hidden(Code::Internal, "an error of ours; it was logged", "tried out"),
            S::Internal(source) => Self::hidden(Code::Internal, "an error of ours; it was logged", &source),
        }
    }
}

impl From<charter_federation::Error> for Error {
    fn from(e: charter_federation::Error) -> Self {
        use charter_federation::Error as F;
        match e {
            F::Invalid(invalid) => invalid.into(),
            F::TimeOutOfRange(_) => Self {
                field: Some("context.time".to_owned()),
                ..Self::new(Code::TimeOutOfRange, e.to_string())
            },
            F::UnknownRegistry(id) => Self::not_found("registry", id),
            // No lease and no Postgres: whatever is kept could be outdated.
            F::Unavailable(detail) => Self::new(Code::Stale, detail),
            F::Internal(source) => Self::hidden(Code::Internal, "an error of ours; it was logged", &source),
        }
    }
}

/// Reasons that are errors on the TRQP doors (not in native ones, where a decision is never an error).
pub fn code_of(reason: Reason) -> Option<Code> {
    match reason {
        Reason::UnknownAuthority => Some(Code::UnknownAuthority),
        Reason::UnknownEntity => Some(Code::UnknownEntity),
        Reason::UnknownAction => Some(Code::UnknownAction),
        Reason::UnknownResource => Some(Code::UnknownResource),
        Reason::ChainTooLong => Some(Code::ChainTooLong),
        Reason::Loop => Some(Code::Loop),
        Reason::Unverifiable => Some(Code::Unverifiable),
        Reason::Stale => Some(Code::Stale),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_renders_the_same_at_both_doors() {
        for code in Code::ALL {
            let whom = AuthorityId::parse("did:web:a.example").expect("a DID");
            let link = Some(FailingLink::new(2, &whom));
            let to = |endpoint: &str| Referral {
                authority: whom.clone(),
                endpoint: endpoint.to_owned(),
                document: None,
            };
            let referrals = vec![to("https://a.example"), to("https://b.example")];
            let field = Some("context.time".into());
            let error = Error { field, link, referrals, ..Error::new(*code, "why") };
            let problem = error.problem();
            assert_eq!(problem["failing_link"], json!({ "index": 2, "authority_id": whom }));
            assert_eq!(problem["code"], code.as_str());
            assert_eq!(problem["errors"][0]["pointer"], "/context/time");
            let status = tonic::Status::from(error.clone());
            assert_eq!(status.get_details_error_info().expect("info").reason, code.as_str());
            assert_eq!(Error::from(&status).problem(), problem);
            assert_eq!(error.into_http().status().as_u16(), code.http());
        }
    }

    #[test]
    fn referrals_in_details_leave_room_for_other_headers() {
        let authority = AuthorityId::parse("did:web:a.example").expect("a DID");
        let endpoint = format!("https://{}.example", "a".repeat(1_000));
        let to = Referral { authority, endpoint, document: Some("a.b.c".to_owned()) };
        let error = Error { referrals: vec![to; 8], ..Error::new(Code::Unverifiable, "ask") };
        assert_eq!(error.problem()["referrals"].as_array().map(Vec::len), Some(8));
        let status = tonic::Status::from(error);
        assert!(status.details().len() < 4 * 1024);
        let read = Error::from(&status).referrals;
        assert!(read.len() == 2 && read.iter().all(|to| to.document.is_none()), "{read:?}");
    }
}
