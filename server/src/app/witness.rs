//! The logs that a registry's witness was told of, for other registries and for staff: how far each was cosigned, and
//! which are in quarantine.

use std::path::PathBuf;

use charter_domain::{
    RegistryId, Timestamp,
    policy::{self, Action},
    staff::Staff,
};
use charter_tlog::Hash;

use crate::{
    App, Error,
    error::Code,
    witness::{
        key::Keys,
        state::{Fault, Files, folder},
    },
};

/// How a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing of it was cosigned yet.
    None,
    Cosigned,
    /// It showed two histories: nothing of it is cosigned until a person releases it.
    Quarantined,
    /// What was cosigned is damaged, or older than the note in the database: nothing of it is cosigned until a person
    /// confirms what is there.
    Unknown,
}

impl State {
    pub const fn code(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Cosigned => "COSIGNED",
            Self::Quarantined => "QUARANTINED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// The checkpoint that was cosigned last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// Leaves.
    pub size: u64,
    pub root: Hash,
    /// The time in the cosignature; none where the key that made it was replaced.
    pub at: Option<Timestamp>,
}

/// A log as its witness has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    pub origin: String,
    pub state: State,
    pub last: Option<Last>,
    /// SHA-256 of the evidence of two histories, in lower-case hexadecimal.
    pub evidence: Option<String>,
    pub quarantined_at: Option<Timestamp>,
}

/// What is to be read of one log. Reading blocks.
struct Look {
    origin: String,
    folder: PathBuf,
    keys: Keys,
    /// Leaves that the database has noted, before the files are read: what is cosigned meanwhile is no older state.
    mark: u64,
}

/// The logs of the configuration (at most 32), in its order. `DENIED` for who may not read links.
pub async fn list(app: &App, staff: &Staff, registry: RegistryId) -> Result<Vec<Witnessed>, Error> {
    policy::allow(staff, Action::ReadLinks)?;
    let unknown = || Error::not_found("registry", registry);
    let tenant = app.hosted.tenant(registry).ok_or_else(unknown)?;
    let folder = folder(&app.config.log_store.dir, &tenant.registry.slug);
    let mut looks = Vec::new();
    for log in &tenant.config.witness.logs {
        looks.push(Look {
            origin: log.origin.clone(),
            folder: folder.clone(),
            keys: Keys::of(app, registry, &log.vkey).ok_or_else(unknown)?,
            mark: app.store.witness_mark(registry, &log.origin).await?.unwrap_or(0),
        });
    }
    let reading = tokio::task::spawn_blocking(move || looks.into_iter().map(Look::run).collect::<Vec<_>>());
    reading.await.map_err(|error| {
        tracing::error!(%error, "the witness's files could not be read");
        Error::new(Code::Internal, "an error of ours; it was logged")
    })
}

fn time(secs: u64) -> Option<Timestamp> {
    i64::try_from(secs).ok().filter(|secs| *secs > 0).map(Timestamp::from_secs)
}

impl Look {
    fn run(self) -> Witnessed {
        self.read().unwrap_or_else(|fault| {
            tracing::error!(error = %fault, origin = self.origin, "the witness cannot tell what it cosigned");
            self.found(State::Unknown, None)
        })
    }

    fn read(&self) -> Result<Witnessed, Fault> {
        let files = Files::of(&self.folder, &self.origin);
        let last = files.seen(&self.keys)?.map(|(seen, at)| {
            let checkpoint = seen.checkpoint();
            Last { size: checkpoint.size(), root: checkpoint.root(), at: time(at) }
        });
        if let Some(found) = files.quarantine()? {
            let (evidence, quarantined_at) = (Some(found.evidence), found.since.and_then(time));
            return Ok(Witnessed { evidence, quarantined_at, ..self.found(State::Quarantined, last) });
        }
        let state = match last.as_ref().map(|last| last.size) {
            size if size.unwrap_or(0) < self.mark => State::Unknown,
            None => State::None,
            Some(_) => State::Cosigned,
        };
        Ok(self.found(state, last.filter(|_| state == State::Cosigned)))
    }

    fn found(&self, state: State, last: Option<Last>) -> Witnessed {
        Witnessed { origin: self.origin.clone(), state, last, evidence: None, quarantined_at: None }
    }
}
