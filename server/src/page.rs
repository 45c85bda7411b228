//! Page tokens: opaque, sealed, bound to the list they came from. A token gives no rights.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use charter_domain::Invalid;
use sha2::{Digest, Sha256};

/// Default and longest page; larger wishes are coerced (AIP-158).
const DEFAULT: i64 = 50;
const LONGEST: i64 = 1_000;
const SEAL: usize = 16;

pub fn size(wish: i32) -> Result<i64, Invalid> {
    match i64::from(wish) {
        n if n < 0 => Err(Invalid::new("page_size", "must not be negative")),
        0 => Ok(DEFAULT),
        n => Ok(n.min(LONGEST)),
    }
}

fn seal(secret: &[u8; 32], list: &str, cursor: &str) -> [u8; 32] {
    // Length-prefixed, keyed twice: no extension, no other list.
    let inner = Sha256::new()
        .chain_update(secret)
        .chain_update((list.len() as u64).to_be_bytes())
        .chain_update(list)
        .chain_update(cursor)
        .finalize();
    Sha256::new().chain_update(secret).chain_update(inner).finalize().into()
}

pub fn token(secret: &[u8; 32], list: &str, cursor: &str) -> String {
    let mut bytes = seal(secret, list, cursor)[..SEAL].to_vec();
    bytes.extend_from_slice(cursor.as_bytes());
    BASE64.encode(bytes)
}

/// The cursor of a token; none for an empty one.
pub fn cursor(secret: &[u8; 32], list: &str, token: &str) -> Result<Option<String>, Invalid> {
    if token.is_empty() {
        return Ok(None);
    }
    let bad = || Invalid::new("page_token", "is not one that this list gave");
    let bytes = BASE64.decode(token).ok().filter(|b| b.len() > SEAL && b.len() < 512).ok_or_else(bad)?;
    let (mac, cursor) = bytes.split_at(SEAL);
    let cursor = std::str::from_utf8(cursor).map_err(|_| bad())?;
    let good = seal(secret, list, cursor)[..SEAL].iter().zip(mac).fold(0u8, |d, (a, b)| d | (a ^ b)) == 0;
    if good { Ok(Some(cursor.to_owned())) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_serves_the_list_it_came_from_and_no_other() {
        let secret = [7u8; 32];
        let made = token(&secret, "entities|1", "42");
        assert_eq!(cursor(&secret, "entities|1", &made).expect("good").as_deref(), Some("42"));
        assert!(cursor(&secret, "entities|2", &made).is_err());
        assert!(cursor(&[8; 32], "entities|1", &made).is_err());
        assert!(cursor(&secret, "entities|1", "AAAA").is_err());
        assert!(size(-1).is_err());
        assert_eq!(size(9_999).expect("coerced"), 1_000);
    }
}
