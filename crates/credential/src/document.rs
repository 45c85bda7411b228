//! DID documents of others (DID Core 1.0, 5): bounded, strict, about the DID that was asked for, keys read into types.

use std::collections::BTreeSet;

use charter_domain::json;
use serde_json::Value;

use crate::{Fault, Key};

/// Of one document.
pub const MAX_BYTES: usize = 64 * 1024;
const MAX_METHODS: usize = 64;
/// Bytes of memory of one value, of a member besides its name, and of a key that was read.
const VALUE: usize = 96;
const MEMBER: usize = 48;
const METHOD: usize = 512;
/// DID Core 1.0, 5.3: where a verification method may stand, or be referred to.
const RELATIONSHIPS: [&str; 5] =
    ["authentication", "assertionMethod", "keyAgreement", "capabilityInvocation", "capabilityDelegation"];

#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// As it came.
    pub value: Value,
    pub methods: Vec<VerificationMethod>,
}

/// A key with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationMethod {
    /// A whole DID URL, also where the document has `#key-1` alone.
    pub id: String,
    /// None: of a kind that is not read here, or no key at all.
    pub key: Option<Key>,
}

impl Document {
    /// # Errors
    /// [`Fault::InvalidDocument`] of what is larger than 64 KiB, no strict JSON, of another shape, or about another
    /// DID; [`Fault::Deactivated`] of one that says so itself.
    pub fn parse(did: &str, bytes: &[u8]) -> Result<Self, Fault> {
        let bad = Fault::InvalidDocument;
        if bytes.len() > MAX_BYTES {
            return Err(bad("is larger than 64 KiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad("is not UTF-8"))?;
        let value = json::parse_strict(text).map_err(|_| bad("is not strict JSON"))?;
        let members = value.as_object().ok_or(bad("is no JSON object"))?;
        if members.get("id").and_then(Value::as_str) != Some(did) {
            return Err(bad("is about another DID"));
        }
        if members.get("deactivated") == Some(&Value::Bool(true)) {
            return Err(Fault::Deactivated);
        }
        let mut methods = Vec::new();
        for one in list(&value, "verificationMethod")? {
            methods.push(method(did, one)?);
        }
        for relationship in RELATIONSHIPS {
            for one in list(&value, relationship)? {
                match one {
                    Value::String(_) => {}
                    embedded => methods.push(method(did, embedded)?),
                }
            }
        }
        if methods.len() > MAX_METHODS {
            return Err(bad("has more than 64 verification methods"));
        }
        let distinct: BTreeSet<&str> = methods.iter().map(|m| m.id.as_str()).collect();
        if distinct.len() != methods.len() {
            return Err(bad("has two verification methods of one name"));
        }
        Ok(Self { value, methods })
    }

    /// Bytes of memory that it takes, about: of many small members tens of times as many as their text has.
    pub(crate) fn weight(&self) -> usize {
        weight(&self.value) + self.methods.len() * METHOD
    }

    /// Keys that signatures can be checked with here.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.methods.iter().filter_map(|method| method.key.as_ref())
    }
}

/// As deep as strict JSON is.
fn weight(value: &Value) -> usize {
    let inner: usize = match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(weight).sum(),
        Value::Object(members) => members.iter().map(|(name, one)| MEMBER + name.len() + weight(one)).sum(),
        _ => 0,
    };
    VALUE + inner
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], Fault> {
    match value.get(name) {
        None => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Fault::InvalidDocument("has something else than a list where its keys are")),
    }
}

/// `id`, `type` and `controller` must be there (DID Core 1.0, 5.2).
fn method(did: &str, value: &Value) -> Result<VerificationMethod, Fault> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let (Some(id), Some(_), Some(_)) = (text("id"), text("type"), text("controller")) else {
        return Err(Fault::InvalidDocument("has a verification method without `id`, `type` or `controller`"));
    };
    let id = match id.strip_prefix('#') {
        Some(fragment) => format!("{did}#{fragment}"),
        None => id.to_owned(),
    };
    // Another's key is not vouched for by standing here.
    let own = id.strip_prefix(did).is_some_and(|rest| rest.starts_with('#') && rest.len() > 1);
    let key = || match (value.get("publicKeyJwk"), text("publicKeyMultibase")) {
        (Some(jwk), None) => Key::from_jwk(jwk),
        (None, Some(multibase)) => Key::from_multibase(multibase),
        _ => None,
    };
    Ok(VerificationMethod { key: if own { key() } else { None }, id })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DID: &str = "did:web:a.example";
    const ED25519: &str = "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";

    fn parse(value: &Value) -> Result<Document, Fault> {
        Document::parse(DID, value.to_string().as_bytes())
    }

    fn with(method: &Value) -> Value {
        json!({ "id": DID, "verificationMethod": [method] })
    }

    fn multikey(id: &str) -> Value {
        json!({ "id": id, "type": "Multikey", "controller": DID, "publicKeyMultibase": ED25519 })
    }

    #[test]
    fn keys_are_read_wherever_they_stand_and_named_whole() {
        let document = json!({
            "id": DID,
            "verificationMethod": [
                multikey("#1"),
                { "id": format!("{DID}#2"), "type": "X", "controller": DID, "publicKeyJwk": { "kty": "oct" } },
                multikey("did:web:other.example#3"),
            ],
            "assertionMethod": ["#1", multikey("#4")],
            "service": [{ "id": "#s", "type": "X", "serviceEndpoint": {} }],
        });
        let found = parse(&document).expect("a document");
        let named: Vec<(&str, bool)> =
            found.methods.iter().map(|m| (m.id.as_str(), m.key.is_some())).collect();
        let wanted = [
            ("did:web:a.example#1", true),
            ("did:web:a.example#2", false),
            ("did:web:other.example#3", false),
            ("did:web:a.example#4", true),
        ];
        assert_eq!(named, wanted);
        assert_eq!(found.keys().count(), 2);
        assert_eq!(found.value, document);
    }

    #[test]
    fn what_is_no_document_of_the_did_is_refused() {
        for bad in [
            json!({ "id": "did:web:b.example" }),
            json!({ "id": format!("{DID}#x") }),
            json!({}),
            json!([]),
            json!({ "id": DID, "verificationMethod": {} }),
            json!({ "id": DID, "assertionMethod": "#1" }),
            json!({ "id": DID, "assertionMethod": [1] }),
            with(&json!({ "id": "#1", "type": "X" })),
            with(&json!("#1")),
            json!({ "id": DID, "verificationMethod": [multikey("#1"), multikey(&format!("{DID}#1"))] }),
            json!({ "id": DID, "verificationMethod": (0..65).map(|n| multikey(&format!("#{n}"))).collect::<Vec<_>>() }),
            json!({ "id": DID, "x": "x".repeat(MAX_BYTES) }),
            json!({ "id": DID, "x": 1.5 }),
        ] {
            let fault = parse(&bad).expect_err("no document");
            assert!(matches!(fault, Fault::InvalidDocument(_)), "{fault:?}");
        }
        let deep = format!(r#"{{"id":"{DID}","x":{}{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
        for bad in [deep.as_str(), r#"{"id":"did:web:a.example","id":"did:web:a.example"}"#, "", "<html>"] {
            assert!(Document::parse(DID, bad.as_bytes()).is_err());
        }
        assert!(Document::parse(DID, b"\xff").is_err());
    }

    #[test]
    fn many_small_members_weigh_more_than_their_text() {
        let plain = json!({ "id": DID, "x": "x".repeat(10_000) });
        let dense = json!({ "id": DID, "x": vec![1; 5_000] });
        let [plain, dense] = [plain, dense].map(|value| parse(&value).expect("a document").weight());
        assert!((10_000..11_000).contains(&plain), "{plain}");
        assert!(dense > 5_000 * size_of::<Value>(), "{dense}");
    }

    #[test]
    fn a_document_may_say_that_it_is_over() {
        assert_eq!(parse(&json!({ "id": DID, "deactivated": true })), Err(Fault::Deactivated));
        assert!(parse(&json!({ "id": DID, "deactivated": false })).is_ok());
    }
}
