//! What every link must be: signed by the issuer above, about now, and in force at the instant asked about.

use charter_domain::{HttpsId, Interval, Timestamp};
use charter_signing::{Error as Signing, JwkSet};

use super::{SKEW, claimed_issuer};
use crate::{
    Error, Fault, FaultCode,
    document::{Document, instant, parse_verified},
};

/// Opens link `n` with the keys of the link above, and checks who issued it and when.
pub(super) fn open<D: Document>(
    n: usize,
    token: &str,
    keys: &JwkSet,
    issuer: &HttpsId,
    now: Timestamp,
) -> Result<D, Fault> {
    let document: D = parse_verified(token, keys).map_err(|e| explain(n, token, issuer, &e))?;
    if document.iss() != issuer {
        return Err(wrong_issuer(n, document.iss(), issuer));
    }
    let (iat, exp) = (instant(document.iat()), instant(document.exp()));
    if iat > now.plus(SKEW) {
        return Err(Fault::new(n, FaultCode::NotYetIssued, format!("it says it was issued at {iat}")));
    }
    if exp <= now {
        return Err(Fault::new(n, FaultCode::LinkExpired, format!("it was good until {exp}")));
    }
    Ok(document)
}

/// Names the likelier cause: links in the wrong order have keys that the issuer above does not have.
fn explain(n: usize, token: &str, issuer: &HttpsId, error: &Error) -> Fault {
    if let Error::Token(Signing::UnknownKey(_)) = error
        && let Some(claimed) = claimed_issuer(token).filter(|c| c != issuer)
    {
        return wrong_issuer(n, &claimed, issuer);
    }
    Fault::of(n, error)
}

fn wrong_issuer(n: usize, found: &HttpsId, expected: &HttpsId) -> Fault {
    Fault::new(
        n,
        FaultCode::Issuer,
        format!("it is from `{found}`, expected `{expected}` after the link above"),
    )
}

/// The interval in force at `at`, by its end.
pub(super) fn in_force(n: usize, valid: &[Interval], at: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let now = valid.iter().filter(|i| i.contains(at));
    // Intervals that overlap reach to the later end; an open end is the latest.
    now.map(|i| i.until)
        .reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)))
        .ok_or_else(|| Fault::new(n, FaultCode::NotInForce, format!("it was not in force at {at}")))
}
