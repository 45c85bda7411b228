//! Witnesses (C2SP tlog-witness): this process as the witness of others' logs, and as the log that asks its own.

pub mod admin;
pub mod client;
pub mod evidence;
pub mod key;
pub mod marks;
pub mod peers;
pub mod quarantine;
pub mod serve;
pub mod state;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use charter_domain::RegistryId;

pub use self::{
    client::{ConsistencyProofs, collect, latest},
    quarantine::Quarantine,
    state::hash,
};

/// Held by the one whose turn it is.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// What a process remembers as a witness and as a client of witnesses.
pub struct Witnesses {
    pub client: client::Client,
    pub marks: marks::Marks,
    /// One request of a log at a time: the others wait here and hold no thread.
    turns: Mutex<HashMap<(RegistryId, String), Turn>>,
}

impl Witnesses {
    pub fn new() -> Result<Self, String> {
        let (marks, turns) = (marks::Marks::default(), Mutex::default());
        Ok(Self { client: client::Client::new()?, marks, turns })
    }

    fn turn(&self, registry: RegistryId, origin: &str) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry((registry, origin.to_owned())).or_default())
    }
}
