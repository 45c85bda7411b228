//! Going down a federation by what each registry has signed: an anchor's configuration, the statements about those
//! below it, and the index of each one's snapshot.

use charter_domain::Timestamp;

use super::{configuration::pinned, link};
use crate::{AnchorSet, Fault, FaultCode, Issuer, SnapshotIndex, SubordinateStatement};

/// Verifies the configuration of an anchor by the pinned keys, as link 0: who may have signed what is below.
pub fn verify_anchor(token: &str, anchors: &AnchorSet, now: Timestamp) -> Result<Issuer, Fault> {
    pinned(0, token, anchors, now).map(|(issuer, _)| issuer)
}

/// Verifies a statement about a subordinate, as link 0. Whether it is in force at an instant is left to the caller.
pub fn verify_subordinate(
    token: &str,
    superior: &Issuer,
    now: Timestamp,
) -> Result<(Issuer, SubordinateStatement), Fault> {
    let statement: SubordinateStatement = link::open(0, token, &superior.jwks, &superior.entity_id, now)?;
    let issuer = superior.descend(&statement).map_err(|(code, detail)| Fault::new(0, code, detail))?;
    Ok((issuer, statement))
}

/// Verifies the index of a registry's snapshot, as link 0.
pub fn verify_snapshot(token: &str, issuer: &Issuer, now: Timestamp) -> Result<SnapshotIndex, Fault> {
    let index: SnapshotIndex = link::open(0, token, &issuer.jwks, &issuer.entity_id, now)?;
    if index.authority_id == issuer.authority_id {
        return Ok(index);
    }
    let detail = format!("it speaks as `{}`, expected `{}`", index.authority_id, issuer.authority_id);
    Err(Fault::new(0, FaultCode::Mismatch, detail))
}
