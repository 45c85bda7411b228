//! Identifiers as types. TRQP v2 asks RFC 3986 of every identifier, and its own examples are
//! URI references without a scheme, so that is what is accepted; an authority must be a DID.

use std::{borrow::Borrow, fmt};

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// Longest identifier accepted, in bytes: well above any DID URL seen, small enough to index.
pub const MAX_BYTES: usize = 2_048;

fn check(field: &str, text: &str) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid::new(field, "must not be empty"));
    }
    if text.len() > MAX_BYTES {
        return Err(Invalid::new(field, format!("must not be longer than {MAX_BYTES} bytes")));
    }
    fluent_uri::UriRef::parse(text)
        .map(|_| ())
        .map_err(|_| Invalid::new(field, "must be an RFC 3986 URI reference without spaces"))
}

fn check_did(field: &str, text: &str) -> Result<(), Invalid> {
    check(field, text)?;
    let mut parts = text.splitn(3, ':');
    let (scheme, method, id) = (parts.next(), parts.next(), parts.next());
    let plain = |m: &str| !m.is_empty() && m.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if scheme == Some("did") && method.is_some_and(plain) && id.is_some_and(|i| !i.is_empty()) {
        return Ok(());
    }
    Err(Invalid::new(field, "must be a DID such as `did:web:trust.example`"))
}

fn check_https(field: &str, text: &str) -> Result<(), Invalid> {
    check(field, text)?;
    match text.strip_prefix("https://") {
        Some(rest) if !rest.is_empty() && !text.contains(['?', '#']) => Ok(()),
        _ => Err(Invalid::new(field, "must be an https URL without query or fragment")),
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $field:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses at the door; the fault names the field as TRQP v2 spells it.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                $check($field, text)?;
                Ok(Self(text.to_owned()))
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                $check($field, &text)?;
                Ok(Self(text))
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

identifier!(
    /// A party that makes statements; a DID (`authority_id` of TRQP v2).
    AuthorityId, "authority_id", check_did
);
identifier!(
    /// A party that statements are about, by any of its identifiers (`entity_id` of TRQP v2).
    EntityId, "entity_id", check
);
identifier!(
    /// What the entity may do, e.g. `issue`.
    Action, "action", check
);
identifier!(
    /// What it may do it to, e.g. a credential type.
    Resource, "resource", check
);
identifier!(
    /// An OpenID Federation entity identifier: an https URL without query or fragment.
    HttpsId, "entity_identifier", check_https
);

impl AuthorityId {
    /// The default https identifier of a `did:web` (host and path), `None` for other methods.
    pub fn https(&self) -> Option<HttpsId> {
        let rest = self.0.strip_prefix("did:web:")?;
        let mut parts = rest.split(':');
        let host = parts.next()?.replace("%3A", ":").replace("%3a", ":");
        let path: String = parts.map(|p| format!("/{p}")).collect();
        HttpsId::parse(&format!("https://{host}{path}")).ok()
    }
}

impl HttpsId {
    /// The `did:web` whose default https identifier this is, if there is one.
    pub fn did(&self) -> Option<AuthorityId> {
        let rest = self.0.strip_prefix("https://")?;
        let did = format!("did:web:{}", rest.replace(':', "%3A").replace('/', ":"));
        let did = AuthorityId::parse(&did).ok()?;
        (did.https()? == *self).then_some(did)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_follow_rfc_3986() {
        for good in ["did:web:helsinki.fi", "user-1234", "country:state:driverlicense", "https://a.example/b"]
        {
            assert!(EntityId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\u{e4}", "%zz", "<x>", &"a".repeat(MAX_BYTES + 1)] {
            assert!(EntityId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_authority_is_a_did_and_maps_to_https() {
        assert!(AuthorityId::parse("https://a.example").is_err());
        assert!(AuthorityId::parse("did:web:").is_err());
        let id = AuthorityId::parse("did:web:localhost%3A7100:edu").expect("a DID");
        let https = id.https().expect("did:web");
        assert_eq!(https.as_str(), "https://localhost:7100/edu");
        assert_eq!(https.did(), Some(id));
        assert_eq!(HttpsId::parse("https://a.example/b:c").expect("https").did(), None);
    }
}
