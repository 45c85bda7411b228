//! What TIR v5 and DIDR v5 answer, as far as it is used: parsed strictly as JSON, read liberally as to members.

use charter_domain::{AuthorityId, json};
use charter_signing::{Algorithm, JwkSet, MAX_KEYS, PublicKey};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::fault::{Broken, Clause, broken, shown};

/// Longest DID that is asked for, in bytes: it is part of a URL.
const MAX_DID: usize = 256;
/// Longest attribute id, in digits; ids of 16 bytes are met beside those of 32.
const MAX_ID: usize = 64;

/// JSON without duplicates, 32 levels deep at most.
pub fn read<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Broken> {
    let fault = |why: String| (Clause::Malformed, format!("{what} {why}"));
    let text = std::str::from_utf8(bytes).map_err(|_| fault("is not UTF-8".to_owned()))?;
    let value = json::parse_strict(text).map_err(|e| fault(shown(&e.to_string())))?;
    serde_json::from_value(value).map_err(|e| fault(format!("cannot be read: {}", shown(&e.to_string()))))
}

/// One or a list, as JSON-LD writes both.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore<T> {
    List(Vec<T>),
    One(T),
}

impl<T> OneOrMore<T> {
    pub fn all(self) -> Vec<T> {
        match self {
            Self::List(list) => list,
            Self::One(one) => vec![one],
        }
    }
}

/// `issuerType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    RootTao,
    Tao,
    Ti,
    Revoked,
}

impl Role {
    pub const fn name(self) -> &'static str {
        match self {
            Self::RootTao => "RootTAO",
            Self::Tao => "TAO",
            Self::Ti => "TI",
            Self::Revoked => "Revoked",
        }
    }

    fn parse(text: &str) -> Result<Self, Broken> {
        let all = [Self::RootTao, Self::Tao, Self::Ti, Self::Revoked];
        let found = all.into_iter().find(|role| role.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| (Clause::Role, format!("`issuerType` is `{}`", shown(text))))
    }
}

/// The answer about one attribute.
#[derive(Deserialize)]
pub struct AttributeAnswer {
    did: String,
    attribute: RawAttribute,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAttribute {
    hash: String,
    body: String,
    issuer_type: String,
    #[serde(default)]
    tao: Option<String>,
    #[serde(default)]
    root_tao: Option<String>,
}

/// An entry of the registry about an issuer.
#[derive(Debug)]
pub struct Attribute {
    /// Lower-case hexadecimal, no prefix.
    pub hash: String,
    pub body: String,
    pub role: Role,
    /// Empty where the registry does not say.
    pub tao: String,
    pub root_tao: String,
}

impl AttributeAnswer {
    /// The attribute, which must be of `subject`.
    pub fn of(self, subject: &AuthorityId) -> Result<Attribute, Broken> {
        if self.did != subject.as_str() {
            return broken(Clause::Parties, format!("the registry gave one of `{}`", shown(&self.did)));
        }
        let RawAttribute { hash, body, issuer_type, tao, root_tao } = self.attribute;
        let hash = hash.strip_prefix("0x").unwrap_or(&hash).to_ascii_lowercase();
        let (tao, root_tao) = (tao.unwrap_or_default(), root_tao.unwrap_or_default());
        Ok(Attribute { hash, body, role: Role::parse(&issuer_type)?, tao, root_tao })
    }
}

/// A page of a list.
#[derive(Deserialize)]
pub struct Page {
    items: Vec<Item>,
    #[serde(default)]
    links: Links,
}

#[derive(Deserialize)]
struct Item {
    id: String,
}

#[derive(Default, Deserialize)]
struct Links {
    #[serde(default)]
    next: Option<String>,
}

impl Page {
    /// Ids on it, and whether another page follows page `number`. On the last page EBSI's `next` is that page itself.
    pub fn ids(self, number: usize) -> Result<(Vec<String>, bool), Broken> {
        let next = self.links.next.as_deref().and_then(page_number);
        let more = !self.items.is_empty() && next.is_some_and(|next| next > number);
        let ids: Result<Vec<String>, Broken> =
            self.items.into_iter().map(|item| attribute_id(&item.id)).collect();
        Ok((ids?, more))
    }
}

/// `page[after]` of a link, whose brackets may be encoded.
fn page_number(link: &str) -> Option<usize> {
    let (_, query) = link.split_once('?')?;
    let value = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let name = name.replace("%5B", "[").replace("%5b", "[").replace("%5D", "]").replace("%5d", "]");
        (name == "page[after]").then(|| value.parse().ok()).flatten()
    };
    query.split('&').find_map(value)
}

/// An attribute id as it is asked for: hexadecimal without prefix.
pub fn attribute_id(text: &str) -> Result<String, Broken> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if (1..=MAX_ID).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(digits.to_ascii_lowercase());
    }
    broken(Clause::Malformed, format!("`{}` is no attribute id", shown(text)))
}

/// A DID as it is asked for and compared.
pub fn did(text: &str) -> Result<AuthorityId, Broken> {
    let fault = || (Clause::Malformed, format!("`{}` is no DID that is followed", shown(text)));
    let plain = text.len() <= MAX_DID && !text.contains(['/', '?', '#']);
    AuthorityId::parse(text).ok().filter(|_| plain).ok_or_else(fault)
}

/// A DID document: the keys that it names for assertions.
#[derive(Debug)]
pub struct Document {
    keys: Vec<(String, PublicKey)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDocument {
    id: String,
    #[serde(default)]
    verification_method: Vec<Method>,
    #[serde(default)]
    assertion_method: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Method {
    id: String,
    #[serde(default)]
    public_key_jwk: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Id(String),
    Embedded(Method),
}

impl Document {
    /// Of `subject` and nobody else (DID Core, 5.1.1). Keys of kinds that are not verified with are left out.
    pub fn parse(bytes: &[u8], subject: &AuthorityId) -> Result<Self, Broken> {
        let raw: RawDocument = read(bytes, "the DID document")?;
        let who = subject.as_str();
        if raw.id != who {
            return broken(Clause::Parties, format!("the DID document is of `{}`", shown(&raw.id)));
        }
        let (mut ids, mut methods) = (Vec::new(), raw.verification_method);
        for named in raw.assertion_method {
            match named {
                Named::Id(id) => ids.push(whole(&id, who)),
                Named::Embedded(method) => {
                    ids.push(whole(&method.id, who));
                    methods.push(method);
                }
            }
        }
        let usable = |method: &Method| {
            let id = whole(&method.id, who);
            let key = method.public_key_jwk.as_ref().and_then(public_key)?;
            ids.contains(&id).then_some((id, key))
        };
        Ok(Self { keys: methods.iter().filter_map(usable).collect() })
    }

    /// The ES256 key with an id: EBSI's accreditations are signed with no other algorithm.
    pub fn key(&self, kid: &str) -> Option<&PublicKey> {
        let named = |(id, key): &&(String, PublicKey)| id == kid && key.algorithm() == Algorithm::Es256;
        self.keys.iter().find(named).map(|(_, key)| key)
    }

    pub fn key_set(&self) -> Result<JwkSet, Broken> {
        let mut keys: Vec<PublicKey> = Vec::new();
        for (_, key) in self.keys.iter().take(MAX_KEYS) {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        JwkSet::new(keys)
            .map_err(|_| (Clause::Signature, "its DID document names no key that is usable".to_owned()))
    }
}

/// A DID URL, which may stand without the DID.
fn whole(id: &str, subject: &str) -> String {
    if id.starts_with('#') { format!("{subject}{id}") } else { id.to_owned() }
}

/// From the members that make the key: registries add others (`kid` by other rules, `key_ops`).
fn public_key(jwk: &Value) -> Option<PublicKey> {
    let all = jwk.as_object()?;
    let made = ["kty", "crv", "x", "y"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), all.get(name)?.clone())));
    PublicKey::from_jwk(&Value::Object(made.collect())).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(next: &str, items: &[&str]) -> (Vec<String>, bool) {
        let items: Vec<Value> =
            items.iter().map(|id| json!({ "id": id, "href": "https://elsewhere.example" })).collect();
        let text = json!({ "items": items, "total": 99, "links": { "next": next } }).to_string();
        read::<Page>(text.as_bytes(), "the list").expect("a page").ids(2).expect("ids")
    }

    #[test]
    fn a_list_ends_where_its_next_page_is_the_same() {
        let next = |n| format!("https://api.example/x?page[after]={n}&page[size]=50");
        assert_eq!(page(&next(3), &["0xAB"]), (vec!["ab".to_owned()], true));
        assert!(page(&next(3).replace('[', "%5B").replace(']', "%5D"), &["ab"]).1);
        for last in
            [next(2), next(1), String::new(), "page[after]=3".to_owned(), next(9).replace("after", "size2")]
        {
            assert!(!page(&last, &["ab"]).1, "{last}");
        }
        assert!(!page(&next(3), &[]).1, "an empty page");
    }

    #[test]
    fn ids_and_dids_can_lead_nowhere_else() {
        for bad in ["", "0x", "../x", "zz", &"a".repeat(65)] {
            attribute_id(bad).expect_err(bad);
        }
        for bad in [
            "",
            "ebsi",
            "did:web:a/..",
            "did:web:a?x",
            "did:web:a#x",
            &format!("did:web:{}", "a".repeat(256)),
        ] {
            did(bad).expect_err(bad);
        }
    }

    #[test]
    fn a_document_of_another_and_keys_for_other_purposes_do_not_count() {
        let id = did("did:ebsi:zA").expect("a DID");
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "kid": "other", "key_ops": ["verify"],
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        let text = |id: &str, named: Value| {
            let method = json!({ "id": "did:ebsi:zA#k", "type": "JsonWebKey2020", "publicKeyJwk": jwk });
            json!({ "id": id, "verificationMethod": [method], "assertionMethod": named }).to_string()
        };
        let parse = |text: &str| Document::parse(text.as_bytes(), &id);
        for named in [json!(["did:ebsi:zA#k"]), json!(["#k"])] {
            let document = parse(&text("did:ebsi:zA", named)).expect("a document");
            assert!(document.key("did:ebsi:zA#k").is_some() && document.key("did:ebsi:zA").is_none());
            assert_eq!(document.key_set().expect("keys").keys.len(), 1);
        }
        let unnamed = parse(&text("did:ebsi:zA", json!([]))).expect("a document");
        assert!(unnamed.key("did:ebsi:zA#k").is_none() && unnamed.key_set().is_err());
        assert_eq!(parse(&text("did:ebsi:zB", json!(["#k"]))).expect_err("another").0, Clause::Parties);
        let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
        let deep = text("did:ebsi:zA", json!([])).replacen('{', &format!("{{\"more\":{deep},"), 1);
        assert_eq!(parse(&deep).expect_err("deep").0, Clause::Malformed);
    }
}
