//! A subordinate's feed: its events as they are committed, and what its log publishes.

use std::time::Duration;

use charter_domain::AuthorityId;
use charter_proto::charter::federation::v1::{WatchRequest, WatchResponse, watch_response};
use tokio::time::{Instant, timeout};
use tonic::Streaming;

use super::{Failure, Native, PeerEndpoint, failure};

/// To open a feed.
const OPENING: Duration = Duration::from_secs(1);

/// What a feed brings. None of it is verified here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The public bytes of the event of a number.
    Event { seq: i64, body: Vec<u8> },
    /// A checkpoint of its log, and its entity configuration, which names the log's key.
    Published { checkpoint: String, configuration: String },
    /// All events up to an epoch were sent.
    Beat(Beat),
}

/// Where a subordinate was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    pub epoch: i64,
    /// Entries that its log had published.
    pub published: i64,
    /// How long after the feed was opened, by its own clock.
    pub elapsed: Duration,
}

/// A feed that is open.
pub struct Feed(Streaming<WatchResponse>);

impl Native {
    /// Opens the feed of `authority` at `endpoint`, from the event after number `from_index` on.
    pub async fn watch(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        from_index: i64,
    ) -> Result<Feed, Failure> {
        if let Some(resting) = self.resting(endpoint) {
            return Err(Failure::Resting(resting));
        }
        let mut client = self.client(endpoint)?;
        let request = WatchRequest { registry_id: authority.to_string(), from_index };
        // A peer that has no place left for a feed may still be asked: its breaker learns nothing from this.
        let opened = timeout(OPENING, client.watch(request)).await.map_err(|_| Failure::Late)?;
        Ok(Feed(opened.map_err(|status| failure(&status))?.into_inner()))
    }
}

impl Feed {
    /// The next news; late when there is none by `until`.
    pub async fn next(&mut self, until: Instant) -> Result<News, Failure> {
        let left = until.saturating_duration_since(Instant::now());
        let next = timeout(left, self.0.message()).await.map_err(|_| Failure::Late)?;
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
        watch_response::Item::Beat(beat) => News::Beat(Beat {
            epoch: beat.epoch,
            published: beat.published_size,
            elapsed: Duration::from_millis(u64::try_from(beat.elapsed_ms).ok()?),
        }),
    })
}

#[cfg(test)]
mod tests {
    use charter_proto::charter::federation::v1::WatchedBeat;

    use super::*;

    #[test]
    fn what_says_nothing_is_no_news() {
        assert_eq!(decode(WatchResponse { item: None }), None);
        let beat = |elapsed_ms| {
            let beat = WatchedBeat { epoch: 7, published_size: 6, elapsed_ms, lease_ms: 2_000 };
            decode(WatchResponse { item: Some(watch_response::Item::Beat(beat)) })
        };
        let elapsed = Duration::from_millis(5);
        assert_eq!(beat(5), Some(News::Beat(Beat { epoch: 7, published: 6, elapsed })));
        assert_eq!(beat(-1), None);
    }
}
