//! Who asks: the bearer token of a request to a `Caller`. Both doors use it; no handler reads the header itself.

use charter_domain::policy::Caller;
use http::{HeaderMap, header::AUTHORIZATION};

use crate::{App, Error, error::Code};

/// Longest token looked at.
const MAX_TOKEN: usize = 256;

/// Anonymous without a header; a header that is not good is refused, never ignored.
pub fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, Error> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(Caller::Anonymous);
    };
    let bad = || Error::new(Code::Unauthenticated, "the credential is not known here");
    let token = value.to_str().ok().and_then(|v| v.strip_prefix("Bearer ")).ok_or_else(bad)?;
    if token.is_empty() || token.len() > MAX_TOKEN {
        return Err(bad());
    }
    // Hashes are compared, so how long a comparison takes tells nothing about a token.
    let hash = charter_store::credential::hash(token);
    if app.bootstrap_tokens.contains(&hash) { Ok(Caller::Bootstrap) } else { Err(bad()) }
}
