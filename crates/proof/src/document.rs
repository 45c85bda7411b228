//! The signed documents (OpenID Federation 1.0, 3, where it has one). Each is a compact JWS; `sign` and
//! `parse_verified` hold it to the same rules, so nothing is signed that would not be accepted.

use charter_domain::{HttpsId, Timestamp};
use charter_signing::{JwkSet, Signer, jws};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, strict};

mod asked;
mod authority;
mod configuration;
mod denial;
mod recognition;
mod snapshot;
mod subordinate;

pub use self::{
    asked::Asked,
    authority::{Accreditation, AuthorityStatement},
    configuration::{
        EntityConfiguration, FederationEntity, Log, MAX_TRUST_MARK_TYPES, Metadata, TrustRegistry, Witness,
    },
    denial::{Denial, MAX_LIFE},
    recognition::RecognitionStatement,
    snapshot::{
        Contents, Delta, File, LONGEST_STALENESS, MAX_DELTAS, MAX_FILE, MAX_FILES, Snapshot, SnapshotIndex,
    },
    subordinate::{Constraints, Delegated, DelegatedMetadata, SubordinateStatement},
};

/// `typ` of configurations and subordinate statements (OpenID Federation 1.0, 3).
pub const ENTITY_STATEMENT: &str = "entity-statement+jwt";
/// `typ` of authority statements.
pub const AUTHORITY_STATEMENT: &str = "authority-statement+jwt";
/// `typ` of denials.
pub const AUTHORITY_DENIAL: &str = "authority-denial+jwt";
/// `typ` of recognition statements.
pub const RECOGNITION_STATEMENT: &str = "recognition-statement+jwt";
/// `typ` of the index of a snapshot.
pub const SNAPSHOT_INDEX: &str = "snapshot-index+jwt";

/// What the documents have in common.
pub(crate) trait Document: Serialize + DeserializeOwned {
    const TYP: &'static str;

    fn iss(&self) -> &HttpsId;
    fn iat(&self) -> i64;
    fn exp(&self) -> i64;
    /// Rules of this document beyond its types.
    fn check(&self) -> Result<(), Error>;
}

fn check<D: Document>(document: &D) -> Result<(), Error> {
    if document.exp() <= document.iat() {
        return Err(Error::Document("exp must be later than iat".to_owned()));
    }
    document.check()
}

fn sign<D: Document>(document: &D, signer: &dyn Signer) -> Result<String, Error> {
    check(document)?;
    let payload = serde_json::to_vec(document).map_err(|e| Error::Document(e.to_string()))?;
    Ok(signer.sign(D::TYP, &payload)?)
}

pub(crate) fn parse_verified<D: Document>(token: &str, keys: &JwkSet) -> Result<D, Error> {
    let payload = jws::verify(token, D::TYP, keys)?;
    let document: D = strict::parse(&payload).map_err(Error::Document)?;
    check(&document)?;
    Ok(document)
}

/// A claim in whole seconds as an instant.
pub(crate) fn instant(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

#[cfg(test)]
mod tests;
