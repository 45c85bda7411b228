//! A mirror's copy of the federation of a file, asked the same questions.

use std::time::Duration;

use charter_cli::mirror::{LocalCopy, Source, sync};
use charter_domain::{Outcome, Query, Reason, time::Clock};
use charter_proof::AnchorSet;

use super::{
    build::Servers,
    spec::{Expect, did},
};

const DAY: Duration = Duration::from_secs(86_400);

/// A copy of what is below the first registry; those that cannot be had are missing in it.
pub async fn of(servers: &Servers) -> LocalCopy {
    let dir = tempfile::tempdir().expect("a directory");
    let anchors = AnchorSet::parse(&servers.anchors().await).expect("an anchor set");
    let source = Source::at(&servers.app(1).url());
    sync(&source, dir.path(), &anchors, servers.clock.now()).await.expect("a copy");
    LocalCopy::open(dir.path(), anchors).expect("a copy")
}

/// How the copy answers otherwise than expected.
pub fn fault(copy: &LocalCopy, servers: &Servers, query: &Query, expect: &Expect) -> Option<String> {
    let said = copy.answer(query, servers.clock.now(), DAY);
    let outcome = said.reason.outcome();
    let named = || expect.link.as_ref().is_none_or(|link| said.detail.contains(&did(&link.authority)));
    let by = || expect.decided_by.as_deref().is_none_or(|by| said.decided_by.as_str() == did(by));
    let as_expected = match (&expect.copy, expect.outcome()) {
        (Some(reason), _) => said.reason.code() == reason,
        // It follows nobody to a peer, and believes nothing that has no proof under the anchor.
        _ if query.context.follow_recognition || expect.offline.is_some() => outcome != Outcome::Yes,
        (None, Outcome::Yes) => outcome == Outcome::Yes && said.unstated == expect.unstated && by(),
        (None, Outcome::Indeterminate) => outcome == Outcome::Indeterminate && named(),
        // What was never heard of it cannot tell from what is not listed.
        (None, Outcome::No) if expect.reason().is_unknown() => {
            [expect.reason(), Reason::NotListed].contains(&said.reason)
        }
        (None, Outcome::No) => said.reason == expect.reason() && named(),
    };
    (!as_expected).then(|| format!("a copy says {}: {} ({})", said.reason, said.detail, said.decided_by))
}
