//! Verification of a configuration: an anchor's by the pinned keys, another's by the statements of its superiors.

use charter_domain::{Timestamp, delegation::MAX_DEPTH};

use super::{find_anchor, link};
use crate::{AnchorSet, EntityConfiguration, Fault, FaultCode, Issuer, SubordinateStatement};

/// Verifies the configuration of an authority under `superiors`: the statement about it first, those about its
/// superiors next, the configuration of an anchor last. Without any, the authority is an anchor itself. In a fault
/// the configuration is link 0, the first of `superiors` link 1.
pub fn verify_configuration(
    token: &str,
    superiors: &[String],
    anchors: &AnchorSet,
    now: Timestamp,
) -> Result<EntityConfiguration, Fault> {
    let Some((top, statements)) = superiors.split_last() else {
        return pinned(0, token, anchors, now).map(|(_, configuration)| configuration);
    };
    // Counted before anything is verified, as in a chain.
    if statements.len() > usize::from(MAX_DEPTH) {
        let detail = format!("more than {MAX_DEPTH} delegations");
        return Err(Fault::new(statements.len(), FaultCode::PathTooLong, detail));
    }
    let (mut issuer, _) = pinned(superiors.len(), top, anchors, now)?;
    for (n, statement) in statements.iter().enumerate().map(|(n, s)| (n + 1, s)).rev() {
        let delegation: SubordinateStatement =
            link::open(n, statement, &issuer.jwks, &issuer.entity_id, now)?;
        link::in_force(n, &delegation.metadata.trust_registry.valid, now)?;
        issuer = issuer.descend(&delegation).map_err(|(code, detail)| Fault::new(n, code, detail))?;
    }
    own_configuration(token, &issuer, now)
}

/// Verifies, as link 0, what an issuer that is trusted already says of itself.
pub(crate) fn own_configuration(
    token: &str,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<EntityConfiguration, Fault> {
    let configuration: EntityConfiguration = link::open(0, token, &issuer.jwks, &issuer.entity_id, now)?;
    if configuration.metadata.trust_registry.authority_id != issuer.authority_id {
        let detail = format!("its authority is not `{}` as its superior says", issuer.authority_id);
        return Err(Fault::new(0, FaultCode::Mismatch, detail));
    }
    Ok(configuration)
}

/// Verifies link `n`, the configuration of an anchor, by the pinned keys; gives who may have signed the link below.
pub(super) fn pinned(
    n: usize,
    token: &str,
    anchors: &AnchorSet,
    now: Timestamp,
) -> Result<(Issuer, EntityConfiguration), Fault> {
    if let Some(at) = anchors.expires.filter(|_| anchors.is_expired(now)) {
        let detail =
            format!("the anchor set expired at {at}; get a newer one, and check this machine's clock");
        return Err(Fault::new(n, FaultCode::AnchorExpired, detail));
    }
    let anchor = find_anchor(token, anchors).map_err(|(code, detail)| Fault::new(n, code, detail))?;
    let configuration: EntityConfiguration = link::open(n, token, &anchor.jwks, &anchor.entity_id, now)?;
    if configuration.metadata.trust_registry.authority_id != anchor.authority_id {
        let detail = format!("its authority is not `{}` as pinned", anchor.authority_id);
        return Err(Fault::new(n, FaultCode::Mismatch, detail));
    }
    // The pinned keys vouch for the configuration, the configuration for the keys in use: that is rotation.
    let issuer = Issuer { jwks: configuration.jwks.clone(), ..Issuer::from(anchor) };
    Ok((issuer, configuration))
}

#[cfg(test)]
mod tests;
