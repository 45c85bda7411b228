//! `GET /api/v1/watch`: events as server-sent events, their number as the id; `Last-Event-ID` resumes.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, Uri},
    response::sse::{Event, Sse},
};
use futures::{Stream, StreamExt};

use super::query;
use crate::{
    App, Error,
    app::watch::{self, Item, Wish},
    door::Here,
};

fn sent(item: Result<Item, Error>) -> Event {
    match item {
        Ok(Item::Event { seq, body }) => {
            Event::default().id(seq.to_string()).event("change").data(String::from_utf8_lossy(&body))
        }
        Ok(Item::Heartbeat(beat)) => Event::default().comment(format!("epoch {}", beat.seq)),
        // Of feeds alone.
        Ok(Item::Published(log)) => Event::default().comment(format!("published {}", log.size)),
        Ok(Item::Below(tags)) => Event::default().comment(format!("{} below", tags.len())),
        Err(error) => Event::default().event("problem").data(error.problem().to_string()),
    }
}

pub async fn watch(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let [after, kinds, entity_id] = query::parameters(&uri, ["after", "kinds", "entity_id"])?;
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let after = query::number("after", last.unwrap_or(&after))?;
    let kinds = kinds.split(',').filter(|k| !k.is_empty()).map(str::to_owned).collect();
    let wish = Wish { after, kinds, entity_id, feed: false };
    let items = watch::watch(&app, here.registry, wish, here.peer).await?;
    Ok(Sse::new(items.map(|item| Ok(sent(item)))))
}
