//! A subordinate's feed: its events as they are committed, and what its log publishes.

use std::time::Duration;

use charter_domain::{AuthorityId, delegation::MAX_DEPTH};
use charter_proto::charter::federation::v1::{WatchRequest, WatchResponse, WatchedRegistry, watch_response};
use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};
use tonic::Streaming;

use super::{Failure, Native, PeerEndpoint, failure};

/// To open a feed.
const OPENING: Duration = Duration::from_secs(1);
/// Most tags of entities in one message.
pub const MAX_TAGS: usize = 10_000;
/// Most registries below that one sign of life speaks of.
pub const MAX_BELOW: usize = 500;

/// What a feed brings. None of it is verified here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The public bytes of the event of a number.
    Event { seq: i64, body: Vec<u8> },
    /// A checkpoint of its log, and its entity configuration, which names the log's key.
    Published { checkpoint: String, configuration: String },
    /// Tags of entities that registries below it keep.
    Below(Vec<u32>),
    /// All events up to an epoch were sent.
    Beat(Beat),
}

/// Where a subordinate was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    pub epoch: i64,
    /// Entries that its log had published.
    pub published: i64,
    /// How long after the feed was opened, by its own clock.
    pub elapsed: Duration,
    /// What it has heard of registries below it.
    pub below: Vec<Heard>,
    /// It has sent the tags of all entities that registries below it keep.
    pub complete: bool,
}

/// What a subordinate has heard of a registry below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The way down to it from the subordinate.
    pub via: Vec<AuthorityId>,
    /// Nothing after it has happened there that counts.
    pub epoch: i64,
    /// How long before `elapsed` that was so.
    pub age: Duration,
    /// Entries that its log had published, as far as it has said so.
    pub published: i64,
}

/// A feed that is open.
pub struct Feed {
    news: Streaming<WatchResponse>,
    at: PeerEndpoint,
}

impl Native {
    /// Opens the feed of `authority` at `endpoint`, from the event after number `from_index` on.
    pub async fn watch(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        from_index: i64,
    ) -> Result<Feed, Failure> {
        let ask = move |to: PeerEndpoint, left: Duration| -> BoxFuture<'_, _> {
            Box::pin(self.opened((to, authority), from_index, left))
        };
        self.over((endpoint, authority), OPENING, ask).await
    }

    async fn opened(
        &self,
        (at, authority): (PeerEndpoint, &AuthorityId),
        from_index: i64,
        left: Duration,
    ) -> Result<Feed, Failure> {
        self.breakers.admit(&at, || self.trial(&at, authority))?;
        let mut client = self.client(&at)?;
        let request = WatchRequest { registry_id: authority.to_string(), from_index };
        // A peer that has no place left for a feed may still be asked: its breaker learns nothing from this.
        let opened = timeout(left, client.watch(request)).await.map_err(|_| Failure::Late)?;
        let news = opened.map_err(|status| failure(&status))?.into_inner();
        Ok(Feed { news, at })
    }
}

impl Feed {
    /// Where it comes from.
    pub const fn at(&self) -> &PeerEndpoint {
        &self.at
    }

    /// The next news; late when there is none by `until`.
    pub async fn next(&mut self, until: Instant) -> Result<News, Failure> {
        let left = until.saturating_duration_since(Instant::now());
        let next = timeout(left, self.news.message()).await.map_err(|_| Failure::Late)?;
        let next = next.map_err(|status| failure(&status))?;
        let ended = || Failure::Unreachable("the feed has ended".to_owned());
        decode(next.ok_or_else(ended)?).ok_or_else(|| Failure::Malformed("no news".to_owned()))
    }
}

fn decode(message: WatchResponse) -> Option<News> {
    Some(match message.item? {
        watch_response::Item::Event(event) => News::Event { seq: event.seq, body: event.event },
        watch_response::Item::Log(log) => {
            News::Published { checkpoint: log.checkpoint, configuration: log.configuration }
        }
        watch_response::Item::Below(below) => {
            News::Below(Some(below.tags).filter(|tags| tags.len() <= MAX_TAGS)?)
        }
        watch_response::Item::Beat(beat) => News::Beat(Beat {
            epoch: beat.epoch,
            published: beat.published_size,
            elapsed: milliseconds(beat.elapsed_ms)?,
            below: beat.below.iter().take(MAX_BELOW).map(heard).collect::<Option<_>>()?,
            complete: beat.below_complete,
        }),
    })
}

fn heard(registry: &WatchedRegistry) -> Option<Heard> {
    if !(1..=usize::from(MAX_DEPTH)).contains(&registry.via.len()) || registry.epoch < 0 {
        return None;
    }
    let via = registry.via.iter().map(|authority| AuthorityId::parse(authority).ok());
    Some(Heard {
        via: via.collect::<Option<_>>()?,
        epoch: registry.epoch,
        age: milliseconds(registry.age_ms)?,
        published: registry.published_size.max(0),
    })
}

fn milliseconds(count: i64) -> Option<Duration> {
    u64::try_from(count).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use charter_proto::charter::federation::v1::{WatchedBeat, WatchedEntities};

    use super::*;

    fn beat(elapsed_ms: i64, below: Vec<WatchedRegistry>) -> Option<News> {
        let beat = WatchedBeat {
            epoch: 7,
            published_size: 6,
            elapsed_ms,
            lease_ms: 2_000,
            below,
            below_complete: true,
        };
        decode(WatchResponse { item: Some(watch_response::Item::Beat(beat)) })
    }

    #[test]
    fn what_says_nothing_is_no_news() {
        assert_eq!(decode(WatchResponse { item: None }), None);
        let elapsed = Duration::from_millis(5);
        let read = Beat { epoch: 7, published: 6, elapsed, below: Vec::new(), complete: true };
        assert_eq!(beat(5, Vec::new()), Some(News::Beat(read)));
        assert_eq!(beat(-1, Vec::new()), None);
        let tags = |n| {
            decode(WatchResponse {
                item: Some(watch_response::Item::Below(WatchedEntities { tags: vec![1; n] })),
            })
        };
        assert_eq!(tags(2), Some(News::Below(vec![1, 1])));
        assert_eq!(tags(MAX_TAGS + 1), None);
    }

    #[test]
    fn a_way_down_is_one_that_a_walk_can_go() {
        let registry = |via: &[&str], epoch| WatchedRegistry {
            via: via.iter().map(|authority| (*authority).to_owned()).collect(),
            epoch,
            age_ms: 3,
            published_size: 2,
        };
        let Some(News::Beat(read)) = beat(5, vec![registry(&["did:web:a.example"], 4)]) else {
            unreachable!("it can be read")
        };
        assert_eq!((read.below[0].via.len(), read.below[0].epoch), (1, 4));
        for wrong in
            [registry(&[], 4), registry(&["did:web:a.example"], -1), registry(&["did:web:a.example"; 9], 4)]
        {
            assert_eq!(beat(5, vec![wrong]), None);
        }
    }
}
