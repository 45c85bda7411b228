//! The tripwire: how far each log was cosigned, noted in the database after the answer. A file that is behind its note
//! was restored from an older state; with it, this witness would cosign a history that it has denied.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use charter_domain::RegistryId;

use crate::{App, Error};

/// Between two notes of one log: it publishes many times a second, and a tripwire may lag.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    /// What the database has, or will have.
    size: u64,
    writing: bool,
}

/// The marks that this process has read or is writing.
#[derive(Default)]
pub struct Marks(Mutex<HashMap<(RegistryId, String), Mark>>);

impl Marks {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<(RegistryId, String), Mark>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How far the log was cosigned, as far as is noted: read from the database once.
pub async fn read(app: &App, registry: RegistryId, origin: &str) -> Result<u64, Error> {
    let name = (registry, origin.to_owned());
    match app.witness.marks.with(|marks| marks.get(&name).map(|mark| mark.size)) {
        Some(size) => Ok(size),
        None => read_again(app, registry, origin).await,
    }
}

/// The same from the database: a person may have confirmed an older state meanwhile.
pub async fn read_again(app: &App, registry: RegistryId, origin: &str) -> Result<u64, Error> {
    let size = app.store.witness_mark(registry, origin).await?.unwrap_or(0);
    app.witness.marks.with(|marks| marks.entry((registry, origin.to_owned())).or_default().size = size);
    Ok(size)
}

/// Notes how far a log was cosigned, soon; nobody waits for it.
pub fn raise(app: &Arc<App>, registry: RegistryId, origin: &str, size: u64) {
    let name = (registry, origin.to_owned());
    let begin = app.witness.marks.with(|marks| {
        let mark = marks.entry(name.clone()).or_default();
        mark.size = mark.size.max(size);
        !std::mem::replace(&mut mark.writing, true)
    });
    if begin {
        tokio::spawn(write(Arc::clone(app), name));
    }
}

/// Writes until what was written is what is wanted.
async fn write(app: Arc<App>, name: (RegistryId, String)) {
    let mut told = false;
    loop {
        let wanted = app.witness.marks.with(|marks| marks.get(&name).map_or(0, |mark| mark.size));
        let written = app.store.raise_witness_mark(name.0, &name.1, wanted).await;
        if let Err(error) = written.as_ref().map_err(ToString::to_string)
            && !std::mem::replace(&mut told, true)
        {
            tracing::warn!(registry = %name.0, %error, "how far a log was cosigned could not be noted");
        }
        tokio::time::sleep(PAUSE).await;
        let done = app.witness.marks.with(|marks| {
            let mark = marks.entry(name.clone()).or_default();
            let done = written.is_ok() && mark.size <= wanted;
            mark.writing = !done;
            done
        });
        if done {
            return;
        }
    }
}
