//! The stream of an import: chunks up, what became of them down, in the same order.

use std::collections::BTreeSet;

use charter_proto::charter::registry::v1::{ImportRecord, ImportRecordsRequest};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prost::Message as _;
use tonic::{Request, Status};

use super::describe;
use crate::{
    args::Connection,
    connect::{Server, Token},
    exit::{Exit, Failure},
    output,
    records::Fault,
};

/// Half of what the server takes: a chunk is a transaction, and others want to write too.
const CHUNK_ROWS: usize = 500;
/// Half of gRPC's usual limit of 4 MiB, which one more record of the usual size does not reach.
const CHUNK_BYTES: usize = 2 * 1024 * 1024;

pub struct Destination<'a> {
    pub connection: &'a Connection,
    pub token: Token,
    /// Empty means the server's own.
    pub registry_id: String,
    pub dry_run: bool,
}

/// What became of the rows that were sent.
#[derive(Default)]
pub struct Tally {
    pub accepted: usize,
    /// Lines refused, or never answered.
    pub failed: BTreeSet<u32>,
    /// Why the run ended early, if it did.
    pub broken: Option<Failure>,
}

/// Sends the records; refusals are reported as they come. Without records there is nothing to connect for.
pub async fn load(to: &Destination<'_>, records: Vec<ImportRecord>) -> Tally {
    let mut tally = Tally::default();
    if records.is_empty() {
        return tally;
    }
    let bar = progress(records.len());
    let chunks = chunks(records);
    let mut waiting = chunks.iter().map(|chunk| chunk.iter().map(|r| r.line).collect());
    tally.broken = exchange(to, chunks.clone(), &mut waiting, &mut tally, &bar).await.err();
    // INVARIANT: every row sent is either accepted or in `failed`; rows without an answer may be loaded or not.
    tally.failed.extend(waiting.flat_map(|lines: Vec<u32>| lines));
    bar.finish_and_clear();
    tally
}

async fn exchange(
    to: &Destination<'_>,
    chunks: Vec<Vec<ImportRecord>>,
    waiting: &mut impl Iterator<Item = Vec<u32>>,
    tally: &mut Tally,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let server = Server::connect(to.connection).await?;
    let (registry_id, dry_run) = (to.registry_id.clone(), to.dry_run);
    // No request ids: a run is sent once, and rows that were loaded before are told apart by their identifiers.
    let request = move |records| ImportRecordsRequest {
        registry_id: registry_id.clone(),
        dry_run,
        records,
        ..Default::default()
    };
    let requests = futures::stream::iter(chunks.into_iter().map(request));
    // No deadline for the whole, however many rows there are: each answer has to come in time.
    let limit = server.timeout;
    let late = |_| Status::deadline_exceeded("no answer to a chunk of records in time");
    let mut client = server.import();
    let call = client.import_records(to.token.attach(Request::new(requests)));
    let mut answers = tokio::time::timeout(limit, call).await.map_err(late)??.into_inner();
    while let Some(answer) = tokio::time::timeout(limit, answers.message()).await.map_err(late)?? {
        let lines = waiting.next().unwrap_or_default();
        let accepted = usize::try_from(answer.accepted).unwrap_or(usize::MAX);
        for error in &answer.errors {
            let fault = Fault {
                code: error.code.clone(),
                field: error.field.clone(),
                message: error.message.clone(),
            };
            bar.suspend(|| output::say(&describe(error.line, &fault)));
            tally.failed.insert(error.line);
        }
        tally.accepted = tally.accepted.saturating_add(accepted);
        bar.inc(u64::try_from(lines.len()).unwrap_or(0));
        if accepted.saturating_add(answer.errors.len()) != lines.len() {
            let message = format!(
                "the server accounts for {} of {} rows of a chunk",
                accepted.saturating_add(answer.errors.len()),
                lines.len()
            );
            return Err(Failure::new(Exit::Unexpected, message));
        }
    }
    Ok(())
}

fn chunks(records: Vec<ImportRecord>) -> Vec<Vec<ImportRecord>> {
    let mut chunks: Vec<Vec<ImportRecord>> = Vec::new();
    let mut room = 0;
    for record in records {
        let size = record.encoded_len();
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_ROWS && size <= room => {
                room -= size;
                chunk.push(record);
            }
            _ => {
                room = CHUNK_BYTES.saturating_sub(size);
                chunks.push(vec![record]);
            }
        }
    }
    chunks
}

/// A bar on standard error; indicatif draws none where that is not a terminal.
fn progress(rows: usize) -> ProgressBar {
    let length = u64::try_from(rows).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {eta} left") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_bounded_by_rows_and_by_bytes() {
        let record = |line, bytes| ImportRecord { line, identifier: "x".repeat(bytes), ..Default::default() };
        let sizes = |records| chunks(records).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((1..=1_001).map(|n| record(n, 10)).collect()), [500, 500, 1]);
        assert_eq!(sizes((1..=5).map(|n| record(n, 1_000_000)).collect()), [2, 2, 1]);
        assert_eq!(sizes(vec![record(1, CHUNK_BYTES + 1), record(2, 1)]), [1, 1]);
        assert_eq!(sizes(Vec::new()), [0; 0]);
    }
}
