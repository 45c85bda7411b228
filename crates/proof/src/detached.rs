//! Compact JWS whose payload is left out (RFC 7515, appendix F): of what several sign, the bytes stand once.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// `header..signature` of a whole token.
pub(crate) fn without_payload(token: &str) -> String {
    let mut parts = token.split('.');
    let (header, signature) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    format!("{header}..{signature}")
}

/// The whole token of `header..signature` over a payload; `None` for what is no such text.
pub(crate) fn with_payload(signature: &str, payload: &[u8]) -> Option<String> {
    let (header, signature) = signature.split_once("..")?;
    let payload = BASE64_URL_SAFE_NO_PAD.encode(payload);
    Some(format!("{header}.{payload}.{signature}"))
}
