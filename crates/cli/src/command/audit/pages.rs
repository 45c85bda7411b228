//! The events that fit, page by page, until they end or the limit is reached.

use charter_proto::charter::registry::v1::{ListEventsRequest, ListEventsResponse};

use crate::{
    args::{Connection, Filter},
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

/// What the server gives at once at most.
const PAGE: u64 = 1_000;

pub struct Pages {
    desk: Desk,
    request: ListEventsRequest,
    /// How many more are wanted; all when absent.
    left: Option<u64>,
    /// No page follows.
    ended: bool,
}

impl Pages {
    pub async fn open(
        to: &Connection,
        filter: Filter,
        limit: Option<u64>,
        (newest_first, with_changes): (bool, bool),
    ) -> Result<Self, Failure> {
        let desk = Desk::open(to, filter.call).await?;
        let request = ListEventsRequest {
            registry_id: desk.registry_id(),
            subject: filter.subject.unwrap_or_default(),
            actor: filter.actor.unwrap_or_default(),
            from: filter.from.map(output::timestamp),
            until: filter.until.map(output::timestamp),
            after: filter.after,
            page_size: 0,
            kind: filter.kind.unwrap_or_default(),
            origin: filter.origin.unwrap_or_default(),
            newest_first,
            before: 0,
            with_changes,
        };
        Ok(Self { desk, request, left: limit, ended: false })
    }

    /// The next page; `None` after the last, or when no more are wanted.
    pub async fn next(&mut self) -> Result<Option<ListEventsResponse>, Failure> {
        let size = self.left.unwrap_or(PAGE).min(PAGE);
        if self.ended || size == 0 {
            return Ok(None);
        }
        self.request.page_size = i32::try_from(size).unwrap_or(i32::MAX);
        let request = self.desk.request(self.request.clone());
        let page = self.desk.client().list_events(request).await?.into_inner();
        let back = || Failure::new(Exit::Unexpected, "the server's pages of events go back instead of on");
        if self.request.newest_first {
            self.ended = page.next_before == 0;
            if !self.ended && self.request.before != 0 && page.next_before >= self.request.before {
                return Err(back());
            }
            self.request.before = page.next_before;
        } else {
            self.ended = page.next_after == 0;
            if !self.ended && page.next_after <= self.request.after {
                return Err(back());
            }
            self.request.after = page.next_after;
        }
        let got = u64::try_from(page.events.len() + page.entries.len()).unwrap_or(u64::MAX);
        self.left = self.left.map(|left| left.saturating_sub(got));
        Ok(Some(page))
    }

    /// Where the events go on; 0 at their end.
    pub const fn next_from(&self) -> i64 {
        if self.ended {
            0
        } else if self.request.newest_first {
            self.request.before
        } else {
            self.request.after
        }
    }
}
