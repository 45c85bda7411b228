//! The TLS keys of recognised peers, from this registry's own statements about them.

use charter_domain::RegistryId;
use charter_federation::LocalAuthority as _;
use charter_proof::RecognitionStatement;

use super::{Ground, Known};
use crate::{App, Error};

/// Recognitions of one registry that are read, the latest first: peers are few, each for a handful of actions and resources.
const MOST: i64 = 1_000;

/// Every peer with a pinned key, recognised at some time.
///
/// # Errors
/// The records cannot be read.
pub(super) async fn known(app: &App, registry: RegistryId) -> Result<Vec<Known>, Error> {
    let keys = app.hosted.view(registry).await?.keys.clone();
    let signed = app.store.recognitions_all(registry, MOST).await?;
    let read = |token: &String| match RecognitionStatement::parse_verified(token, &keys) {
        Ok(statement) => Some(statement),
        Err(error) => {
            tracing::error!(registry = registry.0, %error, "an own recognition does not verify");
            None
        }
    };
    let pinned = signed.iter().filter_map(read).filter(|s| !s.tls_spki_sha256.is_empty());
    Ok(pinned.map(Known::from).collect())
}

impl From<RecognitionStatement> for Known {
    fn from(statement: RecognitionStatement) -> Self {
        Self {
            authority: statement.peer_id,
            pins: statement.tls_spki_sha256,
            ground: Ground::Recognition(statement.valid),
        }
    }
}
