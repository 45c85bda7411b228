//! The signed index of a snapshot.

use charter_domain::Timestamp;
use charter_proof::{
    SnapshotIndex,
    document::{Contents, LONGEST_STALENESS},
};
use charter_store::Error;

use super::{Issuing, internal};

impl Issuing {
    /// Says that the registry's documents are these, as of an instant.
    pub fn index(&self, contents: Contents, at: Timestamp) -> Result<String, Error> {
        let claims = SnapshotIndex {
            iss: self.https.clone(),
            authority_id: self.authority.clone(),
            iat: at.secs(),
            exp: at.plus(LONGEST_STALENESS).secs(),
            contents,
        };
        claims.sign(self.signer(at)?).map_err(internal)
    }
}
