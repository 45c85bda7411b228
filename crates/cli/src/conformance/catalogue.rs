//! What is checked: of each check its id, how binding it is, where that is said, and in one line what it asks for.

use serde::Serialize;

/// How binding a check is. Only what TRQP v2 itself demands is a MUST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    Must,
    Should,
    May,
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

macro_rules! checks {
    ($($name:ident $id:literal $level:ident $clause:literal $title:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Check { $($name,)* }

        impl Check {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
            pub const fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
            }
            /// The standard and the passage.
            pub const fn clause(self) -> &'static str {
                match self { $(Self::$name => $clause,)* }
            }
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

checks! {
    AuthorizationAnswered "authorization.answered" Must "TRQP v2.0, HTTPS binding" "a question that is understood is answered with 200";
    AuthorizationMembers "authorization.members" Must "TRQP v2.0, authorization response" "the members of every answer have their types, and the required ones are there";
    AuthorizationEcho "authorization.echo" Must "TRQP v2.0, authorization response" "every answer repeats the four terms of its question";
    AuthorizationMedia "authorization.media-type" Must "TRQP v2.0, HTTPS binding" "every answer is application/json";
    RecognitionAnswered "recognition.answered" Must "TRQP v2.0, HTTPS binding" "a question that is understood is answered with 200";
    RecognitionMembers "recognition.members" Must "TRQP v2.0, recognition response" "the members of every answer have their types, and the required ones are there";
    RecognitionEcho "recognition.echo" Must "TRQP v2.0, recognition response" "every answer repeats the four terms of its question";
    RecognitionMedia "recognition.media-type" Must "TRQP v2.0, HTTPS binding" "every answer is application/json";
    Known "decisions.known" Must "TRQP v2.0, outcomes" "the questions that the caller knows have their right answers";
    Repeated "decisions.repeated" Should "TRQP v2.0, outcomes" "the same question has the same answer a moment later";
    UnknownEntity "unknown.entity" Must "TRQP v2.0, outcomes" "an entity that nobody knows is 404 or false";
    UnknownAuthority "unknown.authority" Must "TRQP v2.0, outcomes" "an authority that nobody knows is 404 or false";
    UnknownAction "unknown.action" Must "TRQP v2.0, outcomes" "an action that nobody knows is 404 or false";
    UnknownResource "unknown.resource" Must "TRQP v2.0, outcomes" "a resource that nobody knows is 404 or false";
    UnknownAlike "unknown.alike" Should "TRQP v2.0, outcomes" "unknown terms are answered with one status, whichever it is";
    TimeEcho "time.requested" Must "TRQP v2.0, time" "`time_requested`, where it is given, is the instant that was asked about";
    TimeEchoed "time.requested-given" Should "TRQP v2.0, time" "an answer about another instant says so in `time_requested`";
    TimeEvaluated "time.evaluated" Should "TRQP v2.0, time" "`time_evaluated` is when the question was answered, not what it asked about";
    TimePast "time.past" Must "TRQP v2.0, time" "a past instant is answered, or 400 outside of what is kept";
    TimeFuture "time.future" Must "TRQP v2.0, time" "a future instant is answered, or 400 outside of what is kept";
    TimeOffset "time.offset" Must "TRQP v2.0, time; RFC 3339, 5.6" "`+00:00` is understood as `Z` is";
    TimeInvalid "time.invalid" Must "TRQP v2.0, time; RFC 3339, 5.6" "what is no date-time is 400";
    ContextUnknown "context.unknown" Must "TRQP v2.0, extensibility" "an unknown member of `context` changes nothing";
    ContextTypes "context.types" Should "TRQP v2.0, request schema" "a `context` that is no object is 400";
    MembersUnknown "members.unknown" Must "TRQP v2.0, versioning" "an unknown member of the question changes nothing";
    NotJson "refusals.not-json" Must "TRQP v2.0, outcomes; RFC 8259" "a body that is no JSON text is 400";
    NotObject "refusals.not-object" Must "TRQP v2.0, request schema" "a body that is no object is 400";
    Missing "refusals.missing" Must "TRQP v2.0, outcomes" "each of the four terms, left out, is 400";
    Types "refusals.types" Must "TRQP v2.0, request schema" "a term that is no string is 400";
    Empty "refusals.empty" Must "TRQP v2.0, identifiers" "an empty action or resource is 400";
    Identifiers "refusals.identifiers" Must "TRQP v2.0, identifiers; RFC 3986" "a term that RFC 3986 cannot spell is 400";
    Duplicates "refusals.duplicates" Should "RFC 8259, 4; RFC 7493, 2.3" "a term that stands twice is 400";
    Deep "refusals.deep" Should "RFC 8259, 9" "2,000 arrays in one another do no harm";
    Large "refusals.large" Should "RFC 9110, 15.5.14" "a body of 2 MiB is refused";
    Problem "problems.members" Must "TRQP v2.0, outcomes; RFC 9457, 3.1" "every refusal is a problem, whose `status` is that of the response";
    ProblemMedia "problems.media-type" Should "RFC 9457, 3" "every refusal is application/problem+json";
    MediaType "door.media-type" Should "TRQP v2.0, HTTPS binding; RFC 9110, 15.5.16" "another media type is 415 or 400";
    Charset "door.charset" Should "RFC 9110, 8.3.1" "a parameter of the media type does no harm";
    NotGet "door.not-get" Must "TRQP v2.0, HTTPS binding" "nothing but POST is answered with a decision";
    Allow "door.allow" Should "RFC 9110, 15.5.6" "another method is 405 and says which is allowed";
    RequestId "door.request-id" Should "TRQP v2.0, HTTPS binding" "`X-Request-ID` comes back with answers and refusals";
    CorsPreflight "cors.preflight" May "Fetch, CORS protocol" "a page elsewhere may ask, with JSON";
    CorsAnswer "cors.answer" May "Fetch, CORS protocol" "a page elsewhere may read answers and refusals";
    Tls "transport.tls" Should "Ayra TRQP profile 0.5, TLS" "the endpoint is https";
    Version "metadata.version" Should "TRQP v2.0, versioning" "the version of TRQP is stated by machine";
    Governance "metadata.governance" Must "TRQP v2.0, conformance" "the governance framework is found from the authority";
    Metadata "ayra.metadata" May "Ayra TRQP profile 0.5, /metadata" "`/metadata` has its members";
    Optional "ayra.optional" May "Ayra TRQP profile 0.5, extension endpoints" "optional routes are served, or 501";
    Listed "ayra.listed" May "Ayra TRQP profile 0.5, /entities" "what is listed is what is answered";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_names_and_stand_for_one_check_each() {
        let ids: BTreeSet<_> = Check::ALL.iter().map(|check| check.id()).collect();
        assert_eq!(ids.len(), Check::ALL.len());
        let plain = |id: &str| {
            id.split('.').count() == 2 && id.bytes().all(|b| b.is_ascii_lowercase() || b".-".contains(&b))
        };
        assert!(ids.iter().all(|id| plain(id)), "{ids:?}");
    }
}
