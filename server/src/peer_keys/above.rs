//! The superior's TLS keys, from the way up that it sends: an anchor announces its own, another's are in the statement of
//! the registry above it.
//!
//! The way up comes over a connection on which the superior is known already, by a pinned key or a trusted authority. So
//! it is checked to fit together and to be about this registry; no anchor is asked for.

use charter_domain::{AuthorityId, HttpsId, SpkiPins, Timestamp};
use charter_proof::{EntityConfiguration, SubordinateStatement};
use charter_signing::{JwkSet, jws};

/// A superior as its documents show it.
#[derive(Debug, PartialEq, Eq)]
pub struct Superior {
    pub entity: HttpsId,
    pub authority: AuthorityId,
    pub pins: SpkiPins,
    /// What it signs with.
    pub keys: JwkSet,
    /// When the first of its documents expires.
    pub until: Timestamp,
}

/// `chain` is its statement about `own`, those about it and above it, a configuration last.
pub fn superior(chain: &[String], own: &HttpsId, now: Timestamp) -> Result<Superior, String> {
    let [about_own, statements @ .., top] = chain else {
        return Err("it has not even a statement and a configuration".to_owned());
    };
    let mut superior = anchor(top)?;
    for statement in statements.iter().rev() {
        let below = descend(statement, &superior)?;
        superior = Superior {
            entity: below.sub,
            authority: below.metadata.trust_registry.authority_id,
            pins: below.metadata.trust_registry.tls_spki_sha256,
            keys: below.jwks,
            until: superior.until.min(Timestamp::from_secs(below.exp)),
        };
    }
    let statement = descend(about_own, &superior)?;
    if statement.sub != *own {
        return Err(format!("it is about `{}`", statement.sub));
    }
    superior.until = superior.until.min(Timestamp::from_secs(statement.exp));
    if superior.until <= now { Err("it has expired".to_owned()) } else { Ok(superior) }
}

/// Whoever is at the top speaks for itself.
fn anchor(token: &str) -> Result<Superior, String> {
    let payload = jws::peek(token).map_err(|e| e.to_string())?;
    let claimed: EntityConfiguration = serde_json::from_slice(&payload).map_err(|e| e.to_string())?;
    let top = EntityConfiguration::parse_verified(token, &claimed.jwks).map_err(|e| e.to_string())?;
    Ok(Superior {
        entity: top.sub,
        authority: top.metadata.trust_registry.authority_id,
        pins: top.metadata.trust_registry.tls_spki_sha256,
        keys: top.jwks,
        until: Timestamp::from_secs(top.exp),
    })
}

fn descend(token: &str, by: &Superior) -> Result<SubordinateStatement, String> {
    let statement = SubordinateStatement::parse_verified(token, &by.keys).map_err(|e| e.to_string())?;
    if statement.iss == by.entity {
        return Ok(statement);
    }
    Err(format!("a statement is from `{}`, expected `{}`", statement.iss, by.entity))
}

#[cfg(test)]
mod tests;
