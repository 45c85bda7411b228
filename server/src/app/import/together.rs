//! Small chunks of one registry that arrive together are loaded together: one run of the projections and one round of
//! signatures for all of them. Each keeps its own answer; where all together fail, each is loaded by itself.

use std::{collections::HashSet, sync::Arc};

use charter_domain::{
    policy::{Load, Permit},
    record::Record,
};
use charter_store::{
    Error, Store, Tx,
    document::Which,
    line::{Lead, Lines, Turn},
    request::Call,
};
use futures::future::join_all;
use tokio::sync::oneshot;

use super::Outcome;
use crate::app::document::Issuing;

/// Records that are loaded together.
const MOST: usize = 128;
/// Chunks of more gain nothing by it.
pub(super) const FEW: usize = MOST / 2;

/// Good records of one request.
pub struct Chunk {
    pub permit: Permit<Load>,
    pub issuing: Issuing,
    pub records: Vec<Record>,
    /// What is answered, but for the epoch.
    pub outcome: Outcome,
    pub call: Option<Call>,
}

type Told = Result<Outcome, Error>;
type Reply = oneshot::Sender<Told>;

struct Waiting {
    chunk: Arc<Chunk>,
    reply: Reply,
}

/// Those that wait, by registry.
#[derive(Default, Clone)]
pub struct Together(Lines<Waiting>);

impl Together {
    /// Loads a chunk, at once where nobody else does.
    ///
    /// # Errors
    /// Those of the store; `Unavailable` when too many wait.
    pub async fn load(&self, store: &Store, chunk: Chunk) -> Result<Outcome, Error> {
        let (registry, chunk) = (chunk.permit.registry(), Arc::new(chunk));
        // What has no id could not be looked up by it.
        if chunk.call.is_none() || chunk.records.len() > FEW {
            return alone(store, chunk).await;
        }
        let (reply, told) = oneshot::channel();
        if let Some(lead) = self.0.push(registry, Waiting { chunk, reply })? {
            tokio::spawn(load_all(store.clone(), lead));
        }
        let lost = |_| Err(Error::Unknown("a load ended without a word".to_owned()));
        told.await.unwrap_or_else(lost)
    }
}

async fn load_all(store: Store, mut lead: Lead<Waiting>) {
    while let Some(taken) = next(&mut lead) {
        let (chunks, replies): (Vec<_>, Vec<_>) = taken.into_iter().map(|w| (w.chunk, w.reply)).unzip();
        for (reply, told) in replies.into_iter().zip(all(&store, chunks.into()).await) {
            // Who left does not hear it.
            let _ = reply.send(told);
        }
    }
}

/// The next that go together, of those who still wait for an answer.
fn next(lead: &mut Lead<Waiting>) -> Option<Vec<Waiting>> {
    let mut room = MOST;
    lead.next(|waiting| match room.checked_sub(waiting.chunk.records.len()) {
        _ if waiting.reply.is_closed() => Turn::Left,
        None => Turn::Waits,
        Some(left) => {
            room = left;
            Turn::Comes
        }
    })
}

/// What each comes to. What may have been recorded is told to all: each has an id to look it up by.
async fn all(store: &Store, chunks: Arc<[Arc<Chunk>]>) -> Vec<Told> {
    match write(store, Arc::clone(&chunks)).await {
        Ok(told) => told,
        Err(error) if chunks.len() == 1 || is_of_no_chunk(&error) => {
            chunks.iter().map(|_| Err(error.clone())).collect()
        }
        Err(_) => join_all(chunks.iter().map(|chunk| alone(store, Arc::clone(chunk)))).await,
    }
}

/// What each would meet by itself, too.
const fn is_of_no_chunk(error: &Error) -> bool {
    matches!(error, Error::Unknown(_) | Error::Unavailable(_) | Error::NotPrimary)
}

async fn alone(store: &Store, chunk: Arc<Chunk>) -> Told {
    let told = write(store, [chunk].into()).await?;
    told.into_iter().next().ok_or_else(|| Error::Internal("a load without an outcome".to_owned()))?
}

async fn write(store: &Store, chunks: Arc<[Arc<Chunk>]>) -> Result<Vec<Told>, Error> {
    let first = chunks.first().ok_or_else(|| Error::Internal("nothing to load".to_owned()))?;
    let registry = first.permit.registry();
    let written = store.write("import.load", registry, move |tx| load(tx, &chunks)).await?;
    Ok(written.value)
}

/// All are permitted to load into the same registry, which is what is asked of whoever loads.
fn load(tx: &mut Tx<'_>, chunks: &[Arc<Chunk>]) -> Result<Vec<Told>, Error> {
    // Of a registry that was sealed meanwhile it is not said who is in it.
    chunks.first().map_or(Ok(()), |first| tx.heeds(&first.permit))?;
    let refused = refused(tx, chunks)?;
    let good =
        || chunks.iter().zip(&refused).filter(|(_, refused)| refused.is_none()).map(|(chunk, _)| chunk);
    if let Some(first) = good().next() {
        let records: Vec<Record> = good().flat_map(|chunk| chunk.records.iter().cloned()).collect();
        let since = tx.load(&first.permit, &records)?;
        first.issuing.sign(tx, &Which::Since(since))?;
    }
    let epoch = tx.epoch;
    let outcome = |chunk: &Arc<Chunk>| Outcome { epoch, ..chunk.outcome.clone() };
    let kept: Vec<_> = good().filter_map(|chunk| Some((chunk.call.as_ref()?, outcome(chunk)))).collect();
    tx.keep_all(&kept.iter().map(|(call, outcome)| (*call, outcome)).collect::<Vec<_>>())?;
    Ok(chunks.iter().zip(refused).map(|(chunk, refused)| refused.map_or(Ok(outcome(chunk)), Err)).collect())
}

/// Why a chunk is not loaded: its request was carried out, or an entity in it is registered, before this or by a chunk
/// before it. What a client sends again while the first is under way keeps no other from being loaded.
fn refused(tx: &mut Tx<'_>, chunks: &[Arc<Chunk>]) -> Result<Vec<Option<Error>>, Error> {
    let calls: Vec<&Call> = chunks.iter().filter_map(|chunk| chunk.call.as_ref()).collect();
    let mut spent = if calls.is_empty() { HashSet::new() } else { tx.spent(&calls)? };
    let all: Vec<String> = chunks.iter().flat_map(|chunk| identifiers(chunk)).collect();
    let mut taken = tx.taken(&all)?;
    let judge = |chunk: &Arc<Chunk>| {
        let id = chunk.call.as_ref().map(|call| (call.principal.clone(), call.request_id));
        if id.as_ref().is_some_and(|id| spent.contains(id)) {
            return Some(Error::Conflict("request_id".to_owned()));
        }
        if identifiers(chunk).any(|identifier| taken.contains(&identifier)) {
            return Some(Error::DuplicateEntity);
        }
        spent.extend(id);
        taken.extend(identifiers(chunk));
        None
    };
    Ok(chunks.iter().map(judge).collect())
}

fn identifiers(chunk: &Chunk) -> impl Iterator<Item = String> + '_ {
    chunk.records.iter().flat_map(|record| &record.identifiers).map(|identifier| identifier.value.clone())
}
