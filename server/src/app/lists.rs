//! Lists of who may do what, signed as a whole, in the formats of others: ETSI TS 119 602 and W3C Recognized Entities.
//! They say what the records say at one epoch and are made again when these change; what was signed is kept in memory.

mod item;
mod kept;
mod lote;
mod recognized;
mod service;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use charter_domain::{RegistryId, Timestamp, time::Clock};
use charter_signing::certificate::{self, Subject};
use charter_store::{Error as StoreError, entity::EntityView, listing::Standing};
use sha2::{Digest, Sha256};

use self::{item::About, kept::Kept};
use crate::{App, Error, breakglass::overlaid, error::Code, keyring::Keyring};

pub use self::kept::Lists;

/// Bytes of the entities in one list, before they are signed; a reader of ours takes no longer list.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// A list is made again where the records were changed while it was; so often.
const ATTEMPTS: usize = 3;

/// In which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ETSI TS 119 602, compact JAdES baseline B.
    Lote,
    /// W3C Recognized Entities v1.0 (first public working draft of 2026), as a VC-JWT.
    RecognizedEntities,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Lote => "lote",
            Self::RecognizedEntities => "recognized-entities",
        }
    }
}

/// A signed list, and the tag of its content.
#[derive(Debug, Clone)]
pub struct Signed {
    pub bytes: Bytes,
    pub etag: String,
}

/// The list of a registry as its records are now: never one of an epoch before a change that was acknowledged.
///
/// # Errors
/// `UNAVAILABLE` while published events are missing, or where changes come faster than a list is made; `NOT_FOUND` where
/// nobody can be listed; `TOO_LARGE` above 32 MiB.
pub async fn list(app: &Arc<App>, registry: RegistryId, format: Format) -> Result<Signed, Error> {
    if app.hosted.holds.get(registry).is_some() {
        return Err(Error::new(Code::Unavailable, "published events are missing from the database"));
    }
    for _ in 0..ATTEMPTS {
        if let Some(signed) = current(app, registry, format).await? {
            return Ok(signed);
        }
        // One at a time in this process: who waits and leaves gives up the place.
        let turn = Arc::clone(&app.lists.making).lock_owned().await;
        if let Some(signed) = current(app, registry, format).await? {
            return Ok(signed);
        }
        let app = Arc::clone(app);
        // Whoever asked may leave: a list that was begun is made to its end, for the next one.
        let making = tokio::spawn(async move {
            let _turn = turn;
            make(&app, registry, format).await
        });
        making.await.map_err(|e| StoreError::Internal(e.to_string()))??;
    }
    Err(Error::new(Code::Unavailable, "changes come faster than the list is made; ask again"))
}

/// The list that is kept, or why there is none, if it still holds.
async fn current(app: &App, registry: RegistryId, format: Format) -> Result<Option<Signed>, Error> {
    let Some(kept) = app.lists.find(registry, format) else { return Ok(None) };
    if kept.denials != app.hosted.breakglass.revision() {
        return Ok(None);
    }
    // The lease first: see `Register`.
    let noted = if app.register.usable() { app.register.watched(registry) } else { None };
    let epoch = match noted {
        Some(epoch) => epoch,
        None => app.store.epoch(registry).await?,
    };
    let holds = kept.epoch >= epoch && app.clock.now() < kept.until;
    if holds { kept.made.map(Some) } else { Ok(None) }
}

/// Entities as they are read.
struct Draft {
    at: Timestamp,
    /// Items of a JSON array, with commas between them.
    items: Vec<u8>,
    /// The last instant at which time changed something, and the next.
    changed: Timestamp,
    changes: Option<Timestamp>,
}

impl Draft {
    /// Evaluated when the snapshot has begun: what was recorded in it is in force by then.
    fn begin(clock: &dyn Clock, standing: Standing) -> Self {
        let at = clock.now().max(standing.recorded_at);
        Self { at, items: Vec::new(), changed: standing.recorded_at, changes: None }
    }

    fn take(&mut self, format: Format, about: &About, entity: &EntityView) {
        let found = service::of(entity, about.jurisdiction.as_ref(), self.at);
        self.changed = self.changed.max(found.changed.unwrap_or(self.changed));
        self.changes = [self.changes, found.changes].into_iter().flatten().min();
        let item = match format {
            Format::Lote => lote::entity(about, entity, &found.services),
            Format::RecognizedEntities => recognized::entity(about, entity, &found.services, self.at),
        };
        let Some(item) = item.filter(|_| self.items.len() <= MAX_BYTES) else { return };
        if !self.items.is_empty() {
            self.items.push(b',');
        }
        self.items.extend_from_slice(item.to_string().as_bytes());
    }
}

/// When a list was issued, and until when the next one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    epoch: i64,
    issued: Timestamp,
    /// What the list says of itself: it is not to be believed later.
    next: Timestamp,
    /// From then on another one is served.
    until: Timestamp,
}

impl Span {
    /// Issued when something changed last, or at the last full half of a document's life: each process that has the same
    /// records says the same, and no list names a time until which something in it does not hold.
    fn of(epoch: i64, draft: &Draft, lifetime: Duration) -> Self {
        let half = i64::try_from(lifetime.as_secs() / 2).unwrap_or(i64::MAX).max(1);
        let begun = Timestamp::from_secs(draft.at.secs().div_euclid(half) * half);
        let before = |end: Timestamp| draft.changes.map_or(end, |change| change.min(end));
        let (next, until) = (before(begun.plus(lifetime)), before(begun.plus(lifetime / 2)));
        Self { epoch, issued: draft.changed.max(begun), next, until }
    }
}

async fn make(app: &App, registry: RegistryId, format: Format) -> Result<(), Error> {
    let tenant = app.tenant(registry)?;
    let about = Arc::new(About::of(tenant));
    let (clock, of) = (Arc::clone(&app.clock), Arc::clone(&about));
    // Before the facts, as the epoch is: what is denied meanwhile makes it be made again.
    let denials = app.hosted.breakglass.revision();
    let denied = app.hosted.breakglass.of(&tenant.registry.authority);
    let begin = move |standing| Draft::begin(clock.as_ref(), standing);
    let take = move |draft: &mut Draft, entity: &EntityView| match overlaid(&denied, entity) {
        Some(suspended) => draft.take(format, &of, &suspended),
        None => draft.take(format, &of, entity),
    };
    let (standing, draft) = app.store.fold_entities(registry, begin, take).await?;
    let lifetime = Duration::from_secs(app.config.documents.lifetime_secs);
    let span = Span::of(standing.epoch, &draft, lifetime);
    let keep =
        |made| app.lists.put(registry, format, Kept { epoch: span.epoch, denials, until: span.until, made });
    if let Some(refused) = refused(&draft, format) {
        keep(Err(refused));
        return Ok(());
    }
    // After the facts: a key that was revoked meanwhile signs nothing.
    let ring = tenant.fresh_ring(&app.store).await?;
    let now = app.clock.now();
    let sign = move || signed(&ring, now, (format, about.as_ref(), span), &draft.items);
    let signed = tokio::task::spawn_blocking(sign).await.map_err(|e| StoreError::Internal(e.to_string()))?;
    let signed = signed.map_err(StoreError::Internal)?;
    keep(Ok(signed));
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
    let next = span.next.secs() as f64;
    let (slug, list) = (tenant.registry.slug.clone(), format.name());
    metrics::gauge!("charter_signed_list_next_update_timestamp_seconds", "registry" => slug, "list" => list)
        .set(next);
    Ok(())
}

/// Why there is no list of these records.
fn refused(draft: &Draft, format: Format) -> Option<Error> {
    if draft.items.len() > MAX_BYTES {
        return Some(Error::new(Code::TooLarge, "the list has more than 32 MiB; ask for single entities"));
    }
    let nobody = draft.items.is_empty() && format == Format::RecognizedEntities;
    nobody.then(|| Error::new(Code::NotFound, "nobody is recognized here"))
}

fn signed(
    ring: &Keyring,
    now: Timestamp,
    (format, about, span): (Format, &About, Span),
    items: &[u8],
) -> Result<Signed, String> {
    let signer = ring.signer(now)?;
    let payload = match format {
        Format::Lote => lote::whole(about, span, items),
        Format::RecognizedEntities => recognized::whole(about, span, items),
    };
    let token = match format {
        Format::Lote => {
            let since = ring.signs_since(now).map_or(0, Timestamp::secs).max(0);
            let subject = Subject { organization: &about.name, country: &about.territory };
            let der = certificate::self_signed(signer, subject, since).map_err(|e| e.to_string())?;
            charter_signing::jades::sign(signer, &der, span.issued.secs(), &payload)
        }
        Format::RecognizedEntities => signer.sign(recognized::TYPE, &payload),
    };
    // Of the content: two processes may have signed the same with other bytes.
    let digest: String = format!("{:x}", Sha256::digest(&payload)).chars().take(32).collect();
    let bytes = Bytes::from(token.map_err(|e| e.to_string())?);
    Ok(Signed { bytes, etag: format!("W/\"{digest}-{}\"", signer.key().kid()) })
}
