//! Where the news of a subordinate come from: another server, or this process, where it serves the subordinate too.

use std::sync::Arc;

use charter_domain::{AuthorityId, RegistryId};
use charter_federation::{
    LocalAuthority as _, PeerEndpoint,
    protocol::{
        Failure,
        native::watch::{Beat, Feed, News},
    },
};
use futures::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use crate::{
    App, Error,
    app::watch::{self, Item, Items},
    error::Code,
};

pub enum Source {
    Peer(Feed),
    Own(RegistryId, Items),
}

impl Source {
    /// Opens the feed of a subordinate, from the event after number `from` on.
    pub async fn open(
        app: &Arc<App>,
        endpoint: &PeerEndpoint,
        subordinate: &AuthorityId,
        from: i64,
    ) -> Result<Self, Failure> {
        match app.hosted.hosted(subordinate) {
            Some(registry) => {
                let items = watch::own(app, registry, from).await.map_err(|e| failure(&e))?;
                Ok(Self::Own(registry, items))
            }
            None => app.protocol.watch(endpoint, subordinate, from).await.map(Self::Peer),
        }
    }

    /// Of another server: which of its endpoints it comes from.
    pub const fn at(&self) -> Option<&PeerEndpoint> {
        match self {
            Self::Peer(feed) => Some(feed.at()),
            Self::Own(..) => None,
        }
    }

    /// The subordinate is served in this process, or elsewhere, as it was when this was opened.
    pub fn is_where_it_was(&self, app: &App, subordinate: &AuthorityId) -> bool {
        let here = match self {
            Self::Peer(_) => None,
            Self::Own(registry, _) => Some(*registry),
        };
        app.hosted.hosted(subordinate) == here
    }

    /// The next news; late when there is none by `until`.
    pub async fn next(&mut self, app: &App, until: Instant) -> Result<News, Failure> {
        match self {
            Self::Peer(feed) => feed.next(until).await,
            Self::Own(registry, items) => {
                let next = timeout_at(until, items.next()).await.map_err(|_| Failure::Late)?;
                let ended = || Failure::Unreachable("the feed has ended".to_owned());
                let item = next.ok_or_else(ended)?.map_err(|e| failure(&e))?;
                news(app, *registry, item).await
            }
        }
    }
}

async fn news(app: &App, registry: RegistryId, item: Item) -> Result<News, Failure> {
    Ok(match item {
        Item::Event { seq, body } => News::Event { seq, body },
        Item::Published(log) => {
            let view = app.hosted.view(registry).await.map_err(|e| Failure::Unreachable(e.to_string()))?;
            let (checkpoint, configuration) = (log.text.clone(), view.configuration.clone());
            News::Published { checkpoint, configuration }
        }
        Item::Below(tags) => News::Below(tags),
        Item::Heartbeat(beat) => News::Beat(Beat {
            epoch: beat.seq,
            published: i64::try_from(beat.published).unwrap_or(i64::MAX),
            elapsed: beat.elapsed,
            below: beat.below,
            complete: beat.complete,
        }),
    })
}

fn failure(error: &Error) -> Failure {
    match error.code {
        Code::Invalid | Code::NotFound => Failure::Refused(error.detail.clone()),
        _ => Failure::Unreachable(error.detail.clone()),
    }
}
