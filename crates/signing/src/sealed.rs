//! A private key at rest: a compact JWE with one form, `alg` A256KW and `enc` A256GCM (RFC 7518, 4.4 and 5.3).
//!
//! The parts are measured before the library sees them: it subtracts from the length of the wrapped key
//! without a check, follows `zip`, and takes shortened tags as they come.

use josekit::jwe::{self, A256KW, JweHeader};
use serde::Deserialize;

use crate::{Error, Kek, base64url::decode};

/// A sealed key is below 1 KiB; this leaves room and bounds the work.
const MAX_BYTES: usize = 8 * 1024;
/// A 256-bit key wrapped (RFC 3394: plus 8), GCM's 96-bit nonce and its full 128-bit tag.
const WRAPPED: usize = 40;
const NONCE: usize = 12;
const TAG: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
}

fn refused(why: &str) -> Error {
    Error::Sealed(why.to_owned())
}

pub(crate) fn seal(secret: &[u8], kek: &Kek) -> Result<String, Error> {
    let failed = |_| refused("it could not be sealed");
    let encrypter = A256KW.encrypter_from_bytes(kek.bytes()).map_err(failed)?;
    let mut header = JweHeader::new();
    header.set_content_encryption("A256GCM");
    jwe::serialize_compact(secret, &header, &encrypter).map_err(failed)
}

pub(crate) fn open(token: &str, kek: &Kek) -> Result<Vec<u8>, Error> {
    check_form(token)?;
    let wrong_key = |_| refused("this key-encryption key does not open it, or it was changed");
    let decrypter = A256KW.decrypter_from_bytes(kek.bytes()).map_err(wrong_key)?;
    jwe::deserialize_compact(token, &decrypter).map(|(secret, _)| secret).map_err(wrong_key)
}

fn check_form(token: &str) -> Result<(), Error> {
    if token.len() > MAX_BYTES {
        return Err(refused("it is too long"));
    }
    let parts: Option<Vec<Vec<u8>>> = token.split('.').map(decode).collect();
    let Some([header, wrapped, nonce, _, tag]) = parts.as_deref() else {
        return Err(refused("it is not a compact JWE"));
    };
    match serde_json::from_slice::<Header>(header) {
        Ok(h) if h.alg == "A256KW" && h.enc == "A256GCM" => {}
        _ => {
            return Err(refused("its header must be exactly alg `A256KW` and enc `A256GCM`"));
        }
    }
    if (wrapped.len(), nonce.len(), tag.len()) != (WRAPPED, NONCE, TAG) {
        return Err(refused("one of its parts has the wrong length"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64url::encode;

    #[test]
    fn no_changed_byte_opens_and_none_panics() {
        let kek = Kek::generate();
        let token = seal(b"{\"secret\":1}", &kek).expect("seals");
        assert_eq!(open(&token, &kek).expect("opens"), b"{\"secret\":1}");
        for i in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
            assert!(open(&String::from_utf8(bytes).expect("ASCII"), &kek).is_err(), "byte {i}");
            assert!(open(&token[..i], &kek).is_err(), "cut at {i}");
        }
    }

    #[test]
    fn other_headers_and_short_parts_are_refused() {
        let kek = Kek::generate();
        let token = seal(b"x", &kek).expect("seals");
        let rest = token.split_once('.').expect("five parts").1;
        for header in [
            r#"{"alg":"dir","enc":"A256GCM"}"#,
            r#"{"alg":"A256KW","enc":"A128GCM"}"#,
            r#"{"alg":"A256KW","enc":"A256GCM","zip":"DEF"}"#,
            r#"{"alg":"A256KW"}"#,
        ] {
            assert!(open(&format!("{}.{rest}", encode(header)), &kek).is_err(), "{header}");
        }
        let head = encode(r#"{"alg":"A256KW","enc":"A256GCM"}"#);
        assert!(open(&format!("{head}.AAAA.AAAA.AAAA.AAAA"), &kek).is_err());
        assert!(open(&format!("{head}...."), &kek).is_err());
    }
}
