//! The keys that a witness needs: its own, and that of the log that it was told of.

use std::sync::Arc;

use charter_domain::RegistryId;
use charter_tlog::note::Vkey;

use crate::{App, log::keys::NoteKey};

/// What one log is verified and cosigned with.
#[derive(Clone)]
pub struct Keys {
    /// The log's, as configured.
    pub log: Vkey,
    /// This witness's.
    pub own: Arc<NoteKey>,
}

impl Keys {
    /// The keys of a registry's witness for a log that it was told of.
    pub fn of(app: &App, registry: RegistryId, log: &Vkey) -> Option<Self> {
        let own = Arc::clone(app.hosted.tenant(registry)?.log_keys.witness());
        Some(Self { log: log.clone(), own })
    }
}

/// What a registry's own log is verified with.
pub fn log(app: &App, registry: RegistryId) -> Option<Vkey> {
    Some(app.hosted.tenant(registry)?.log_keys.log().vkey.clone())
}
