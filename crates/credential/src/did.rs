//! DIDs as types: of which method, and for did:web where its document is. A text that some resolver could read as
//! another place is refused, not repaired.

use std::net::IpAddr;

use charter_domain::did_ebsi;
use ssi::dids::DID;

use crate::Fault;

/// As long as an identifier may be here.
const MAX_BYTES: usize = 2_048;
/// Decoding base58 takes time that grows with the square of the length; the keys that are read here need 250.
const MAX_KEY_BYTES: usize = 512;
const MAX_SEGMENTS: usize = 16;

/// A DID, without path, query or fragment (DID Core 1.0, 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Did {
    text: String,
    method: Method,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    Key,
    Jwk,
    Web(Site),
    Ebsi,
    Other,
}

/// Where a did:web document is (did:web, 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// A name in lower case, never an address.
    pub host: String,
    /// Only where tests and demonstrations run on loopback.
    pub port: Option<u16>,
    pub segments: Vec<String>,
}

impl Did {
    /// # Errors
    /// [`Fault::InvalidDid`], which says what the DID must be. A method that is not known is no error here.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_BYTES {
            return Err(Fault::InvalidDid("must be at most 2048 bytes"));
        }
        let did =
            DID::new(text).map_err(|_| Fault::InvalidDid("must be one such as did:web:trust.example"))?;
        let id = did.method_specific_id();
        let method = match did.method_name() {
            "key" if id.len() > MAX_KEY_BYTES => return Err(Fault::InvalidDid("must be at most 512 bytes")),
            "key" if !id.starts_with('z') => return Err(Fault::InvalidDid("must be in base58btc (`z`)")),
            "key" => Method::Key,
            "jwk" => Method::Jwk,
            "web" => Method::Web(Site::parse(id)?),
            "ebsi" if did_ebsi::is_legal_entity(text) => Method::Ebsi,
            "ebsi" => return Err(Fault::InvalidDid("must be did:ebsi:z and 17 bytes in base58btc")),
            _ => Method::Other,
        };
        Ok(Self { text: text.to_owned(), method })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
    pub const fn method(&self) -> &Method {
        &self.method
    }
    /// What stands after the method's name.
    pub(crate) fn specific(&self) -> &str {
        self.text.splitn(3, ':').nth(2).unwrap_or_default()
    }
}

impl Site {
    fn parse(id: &str) -> Result<Self, Fault> {
        let mut parts = id.split(':');
        let (host, port) = authority(parts.next().unwrap_or_default())?;
        let segments: Vec<String> = parts.map(str::to_owned).collect();
        if segments.len() > MAX_SEGMENTS || !segments.iter().all(|s| is_segment(s)) {
            return Err(Fault::InvalidDid(
                "must have at most 16 parts of letters, digits, `-`, `_` and `.` after its host, none of them empty, `.` or `..`",
            ));
        }
        Ok(Self { host: host.to_owned(), port, segments })
    }

    /// The document's URL; http only with a port, which only loopback has.
    pub fn url(&self) -> String {
        let base = match self.port {
            Some(port) => format!("http://{}:{port}", self.host),
            None => format!("https://{}", self.host),
        };
        match self.segments.is_empty() {
            true => format!("{base}/.well-known/did.json"),
            false => format!("{base}/{}/did.json", self.segments.join("/")),
        }
    }
}

/// Of a path: nothing that is decoded on the way, and nothing that walks.
fn is_segment(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 128 && text.bytes().all(plain) && text.bytes().any(|b| b != b'.')
}

/// `host` or `host%3Aport`: no other character may be encoded, so no user, no path and no query hides in it.
fn authority(text: &str) -> Result<(&str, Option<u16>), Fault> {
    let (host, port) = match text.split_once('%') {
        None => (text, None),
        Some((host, encoded)) => {
            let digits = encoded.strip_prefix("3A").or_else(|| encoded.strip_prefix("3a"));
            let digits = digits.filter(|d| !d.starts_with('0') && d.bytes().all(|b| b.is_ascii_digit()));
            let port = digits.and_then(|d| d.parse().ok());
            (
                host,
                Some(port.ok_or(Fault::InvalidDid(
                    "must have a host, and nothing encoded but `%3A` and a port",
                ))?),
            )
        }
    };
    if !is_host(host) {
        return Err(Fault::InvalidDid("must have the name of a host in lower case, and no address"));
    }
    Ok((host, port))
}

fn is_host(host: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    // 0x7f.1, 2130706433, 127.1: what some resolvers take for an address. No top-level domain begins with a digit.
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.split('.').all(label)
        && !last.starts_with(|c: char| c.is_ascii_digit())
        && host.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(did: &str) -> String {
        match Did::parse(did).expect(did).method {
            Method::Web(site) => site.url(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_did_web_leads_to_one_url() {
        for (did, wanted) in [
            ("did:web:w3c-ccg.example", "https://w3c-ccg.example/.well-known/did.json"),
            ("did:web:w3c-ccg.example:user:alice", "https://w3c-ccg.example/user/alice/did.json"),
            ("did:web:xn--mller-kva.example", "https://xn--mller-kva.example/.well-known/did.json"),
            ("did:web:localhost%3A3000:user:alice", "http://localhost:3000/user/alice/did.json"),
            ("did:web:localhost%3a3000", "http://localhost:3000/.well-known/did.json"),
            ("did:web:a.example:R_1:x.y-z", "https://a.example/R_1/x.y-z/did.json"),
        ] {
            assert_eq!(url(did), wanted);
        }
    }

    #[test]
    fn what_could_be_read_as_another_place_is_refused() {
        for bad in [
            "did:web:",
            "did:web:127.0.0.1",
            "did:web:127.1",
            "did:web:2130706433",
            "did:web:0x7f000001",
            "did:web:0x7f.1",
            "did:web:169.254.169.254:latest",
            "did:web:127.0.0.1.",
            "did:web:%5B%3A%3A1%5D",
            "did:web:user%40a.example",
            "did:web:a.example%40evil.example",
            "did:web:a.example%2Fx",
            "did:web:a.example%2f..",
            "did:web:a.example%3A",
            "did:web:a.example%3A0",
            "did:web:a.example%3A080",
            "did:web:a.example%3A99999",
            "did:web:a.example%3A80%2Fx",
            "did:web:a.example%3F",
            "did:web:a.example:..",
            "did:web:a.example:..:..:x",
            "did:web:a.example:.",
            "did:web:a.example:...",
            "did:web:a.example:%2e%2e",
            "did:web:a.example:x%2Fy",
            "did:web:a.example::x",
            "did:web:a.example:x:",
            "did:web:A.example",
            "did:web:a.example.",
            "did:web:.a.example",
            "did:web:a..example",
            "did:web:-a.example",
            "did:web:a_b.example",
            "did:web:a.example/x",
            "did:web:a.example#k",
            "did:web:a.example?x=1",
            "did:web:a.exämple",
            "did:web:a.example:x y",
            "DID:web:a.example",
            "did:WEB:a.example",
            "https://a.example",
            "",
            "did:key:",
            "did:key:u7QEA",
            "did:ebsi:zZeKyEJfUTGwajhNyNX92",
            "did:ebsi:zZeKyEJfUTGwajhNyNX9280",
            "did:ebsi:0ZeKyEJfUTGwajhNyNX928z",
        ] {
            assert!(Did::parse(bad).is_err(), "{bad}");
        }
        let deep = format!("did:web:a.example{}", ":x".repeat(17));
        assert!(Did::parse(&deep).is_err());
        assert!(Did::parse(&format!("did:web:{}", "a".repeat(2_048))).is_err());
        assert!(Did::parse(&format!("did:key:z{}", "1".repeat(512))).is_err());
    }

    #[test]
    fn other_methods_are_known_for_what_they_are() {
        let method = |did: &str| Did::parse(did).expect(did).method;
        assert_eq!(method("did:ethr:0xab16a96d359ec26a11e2c2b3d8f8b8942d5bfcdb"), Method::Other);
        assert_eq!(method("did:ebsi:zZeKyEJfUTGwajhNyNX928z"), Method::Ebsi);
    }
}
