//! `FederationService.Watch`: what superiors follow of a registry, as gRPC shows it.

use std::{pin::Pin, sync::Arc};

use charter_cache::DEP_LEASE;
use charter_domain::{RegistryId, event};
use charter_federation::{LocalAuthority as _, protocol::native::watch::Heard};
use charter_proto::charter::federation::v1::{self as pb, watch_response};
use futures::{Stream, StreamExt as _};
use tonic::{Response, Status};

use super::{Doorway, Reply};
use crate::{
    App, Error,
    app::watch::{self, Heartbeat, Item, Wish},
    door::Here,
};

pub type Responses = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

pub async fn watch(door: &Doorway, here: &Here, r: pb::WatchRequest) -> Reply<Responses> {
    let registry = door.named(here, &r.registry_id)?;
    let wish = Wish { after: r.from_index, feed: true, ..Wish::default() };
    let items = watch::watch(&door.app, registry, wish, here.peer).await?;
    let app = Arc::clone(&door.app);
    let responses = items.then(move |item| {
        let app = Arc::clone(&app);
        async move { response(&app, registry, item?).await.map_err(Status::from) }
    });
    Ok(Response::new(Box::pin(responses)))
}

async fn response(app: &App, registry: RegistryId, item: Item) -> Result<pb::WatchResponse, Error> {
    let item = match item {
        Item::Event { seq, body } => watch_response::Item::Event(event(seq, body)),
        Item::Published(log) => watch_response::Item::Log(pb::WatchedLog {
            checkpoint: log.text.clone(),
            configuration: app.hosted.view(registry).await?.configuration.clone(),
        }),
        Item::Below(tags) => watch_response::Item::Below(pb::WatchedEntities { tags }),
        Item::Heartbeat(beat) => watch_response::Item::Beat(heartbeat(&beat)),
    };
    Ok(pb::WatchResponse { item: Some(item) })
}

fn event(seq: i64, body: Vec<u8>) -> pb::WatchedEvent {
    let about = event::Told::parse(&body);
    pb::WatchedEvent {
        seq,
        leaf_hash: event::leaf_hash(&body).to_vec(),
        negative: about.as_ref().is_none_or(event::Told::is_negative),
        kind: about.as_ref().map(|told| told.kind.clone()).unwrap_or_default(),
        subject: about.map(|told| told.subject).unwrap_or_default(),
        event: body,
    }
}

fn heartbeat(beat: &Heartbeat) -> pb::WatchedBeat {
    pb::WatchedBeat {
        epoch: beat.seq,
        published_size: i64::try_from(beat.published).unwrap_or(i64::MAX),
        elapsed_ms: i64::try_from(beat.elapsed.as_millis()).unwrap_or(i64::MAX),
        lease_ms: u32::try_from(DEP_LEASE.as_millis()).unwrap_or(u32::MAX),
        below: beat.below.iter().map(further).collect(),
        below_complete: beat.complete,
    }
}

fn further(heard: &Heard) -> pb::WatchedRegistry {
    pb::WatchedRegistry {
        via: heard.via.iter().map(ToString::to_string).collect(),
        epoch: heard.epoch,
        // Never younger than it is.
        age_ms: i64::try_from(heard.age.as_millis() + 1).unwrap_or(i64::MAX),
        published_size: heard.published,
    }
}
