//! `charter.registry.v1.EventService`: what changes, as it changes.

use std::pin::Pin;

use charter_proto::charter::registry::v1::{self as pb, event_service_server::EventService};
use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::{Doorway, Reply};
use crate::app::watch::{self, Heartbeat, Item, Wish};

type Responses = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

fn response(item: Item) -> pb::WatchResponse {
    match item {
        Item::Event { seq, body } => pb::WatchResponse { seq, event: body },
        Item::Heartbeat(Heartbeat { seq, .. }) => pb::WatchResponse { seq, event: Vec::new() },
        // Of feeds alone.
        Item::Published(_) | Item::Below(_) => pb::WatchResponse::default(),
    }
}

#[tonic::async_trait]
impl EventService for Doorway {
    type WatchStream = Responses;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Reply<Responses> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let wish = Wish { after: r.after, kinds: r.kinds, entity_id: r.entity_id, feed: false };
        let items = watch::watch(&self.app, registry, wish, here.peer).await?;
        Ok(Response::new(Box::pin(items.map(|item| item.map(response).map_err(Status::from)))))
    }
}
