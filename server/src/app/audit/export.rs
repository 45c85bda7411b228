//! All events that fit as lines, page by page: what is in memory does not grow with the history.

use std::sync::Arc;

use charter_domain::{
    RegistryId, event,
    policy::{self, Action},
    staff::Staff,
};
use charter_store::event::Filter;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Wish, accessed, filter};
use crate::{App, Error};

/// Events read at once, and lines on their way to who reads them.
const PAGE: i64 = 500;
const AHEAD: usize = 64;

/// A number and its line, without a line end.
pub type Lines = ReceiverStream<Result<(i64, Vec<u8>), Error>>;

pub async fn export(app: &Arc<App>, staff: &Staff, registry: RegistryId, wish: Wish) -> Result<Lines, Error> {
    policy::allow(staff, Action::ExportAudit)?;
    let (mut filter, told) = filter(app, registry, &Wish { newest_first: false, ..wish.clone() }).await?;
    accessed(app, staff, registry, "EXPORT_EVENTS", told).await?;
    // What comes meanwhile is for the next export: this one ends.
    let end = app.store.epoch(registry).await?.saturating_add(1);
    filter.before = Some(filter.before.map_or(end, |before| before.min(end)));
    let (out, lines) = mpsc::channel(AHEAD);
    let app = Arc::clone(app);
    tokio::spawn(async move {
        if let Err(error) = pages(&app, registry, filter, wish.after, &out).await {
            let _ = out.send(Err(error)).await;
        }
    });
    Ok(ReceiverStream::new(lines))
}

async fn pages(
    app: &App,
    registry: RegistryId,
    filter: Filter,
    mut after: i64,
    out: &mpsc::Sender<Result<(i64, Vec<u8>), Error>>,
) -> Result<(), Error> {
    loop {
        let page = app.store.events(registry, filter.clone(), after, PAGE).await?;
        let full = i64::try_from(page.len()).is_ok_and(|len| len >= PAGE);
        for (seq, body) in page {
            let line = event::exported(&body)?;
            if out.send(Ok((seq, line))).await.is_err() {
                return Ok(());
            }
            after = seq;
        }
        if !full {
            return Ok(());
        }
    }
}
