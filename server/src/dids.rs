//! The way to DID documents of others: over the checked way out, bounded in time and size, kept.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use charter_credential::{Fetch, Resolver, Settings, Unfetched, Wanted};

use crate::{
    config::{Dids, Webhooks},
    outbox::{Lookup, Outbox},
};

/// From looking up the name to the last byte of the document.
const DEADLINE: Duration = Duration::from_secs(2);

/// A resolver that reaches public addresses by https, and loopback where the settings allow it.
///
/// # Errors
/// What is wrong with `dids.ca_file`.
pub fn resolver(settings: &Dids, lookup: Lookup) -> Result<Resolver, String> {
    let way = Webhooks { ca_file: settings.ca_file.clone(), allow_loopback: settings.allow_loopback };
    let outbox = Arc::new(Outbox::new(&way, lookup)?);
    let fetch: Fetch = Arc::new(move |wanted| {
        let outbox = Arc::clone(&outbox);
        Box::pin(async move { get(&outbox, &wanted).await })
    });
    let resolving = Settings { ebsi_registry: settings.ebsi(), loopback: settings.allow_loopback };
    Ok(Resolver::new(resolving, fetch))
}

/// A redirect is no document: whoever redirects may lead anywhere.
async fn get(outbox: &Outbox, wanted: &Wanted) -> Result<Bytes, Unfetched> {
    let answered = outbox.get(&wanted.url, wanted.accept, DEADLINE).await;
    let outcome = answered.as_ref().map_or_else(|fault| fault.code(), |_| "ANSWERED");
    metrics::counter!("charter_did_fetches_total", "outcome" => outcome).increment(1);
    match answered {
        Ok((200, body)) => Ok(body),
        Ok((404, _)) => Err(Unfetched::Absent),
        Ok((410, _)) => Err(Unfetched::Gone),
        _ => Err(Unfetched::Failed),
    }
}
