//! How far an event has come: committed, in the tree, in the published log.

use std::time::Duration;

use charter_domain::{Invalid, RegistryId};
use tokio::time::Instant;

use super::proof;
use crate::{App, Error};

/// Longest wait.
pub const MAX_WAIT: Duration = Duration::from_secs(10);
const USUAL_WAIT: Duration = Duration::from_secs(2);

/// In this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Acknowledged: it takes effect, and its proof will follow.
    Committed,
    /// A leaf of the tree, which nobody outside has seen at that size.
    Sequenced,
    /// In the log that everybody sees.
    Published,
}

impl State {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Committed => "COMMITTED",
            Self::Sequenced => "SEQUENCED",
            Self::Published => "PUBLISHED",
        }
    }

    /// Empty is committed. Letters of either case: what is answered can be asked for.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let all = [Self::Committed, Self::Sequenced, Self::Published];
        let found = all.into_iter().find(|state| state.code().eq_ignore_ascii_case(text));
        let found = found.or_else(|| text.is_empty().then_some(Self::Committed));
        found.ok_or_else(|| Invalid::new("wait", "must be `committed`, `sequenced` or `published`"))
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Number of the event.
    pub seq: i64,
    pub wait: State,
    /// Milliseconds.
    pub timeout: Option<i32>,
}

pub struct Receipt {
    pub seq: i64,
    /// Lower-case hex.
    pub leaf_hash: String,
    pub state: State,
    pub published: u64,
    /// C2SP tlog-proof; empty while it is not published.
    pub proof: String,
}

/// How long is waited at most.
pub fn timeout(given: Option<i32>) -> Result<Duration, Invalid> {
    let Some(given) = given else { return Ok(USUAL_WAIT) };
    let wait = u64::try_from(given).map(Duration::from_millis).ok().filter(|wait| *wait <= MAX_WAIT);
    let most = MAX_WAIT.as_millis();
    wait.ok_or_else(|| Invalid::new("timeout_ms", format!("must be 0 to {most}")))
}

/// The public bytes of an event.
pub async fn event(app: &App, registry: RegistryId, seq: i64) -> Result<(u64, Vec<u8>), Error> {
    let index = u64::try_from(seq).ok().and_then(|seq| seq.checked_sub(1));
    let index = index.ok_or_else(|| Invalid::new("seq", "must be 1 or more"))?;
    let found = app.store.entries(registry, index, seq.unsigned_abs()).await?;
    let body = found.into_iter().next().ok_or_else(|| Error::not_found("event", seq))?;
    Ok((index, body))
}

/// How far it is by now. What was published was in the tree before.
fn state(app: &App, registry: RegistryId, seq: u64) -> State {
    if super::state::published_size(app, registry) >= seq {
        State::Published
    } else if app.logs.sequenced(registry) >= seq {
        State::Sequenced
    } else {
        State::Committed
    }
}

/// Waits until the event is as far as wished, or the time is up. `until` bounds it besides.
pub async fn receipt(
    app: &App,
    registry: RegistryId,
    wish: Wish,
    until: Option<Instant>,
) -> Result<Receipt, Error> {
    let deadline = Instant::now() + timeout(wish.timeout)?;
    let deadline = until.map_or(deadline, |until| until.min(deadline));
    let (index, body) = event(app, registry, wish.seq).await?;
    let seq = index + 1;
    // Whether it came in time is for the state below to say.
    let _ = match wish.wait {
        State::Committed => Ok(()),
        State::Sequenced => app.logs.wait_sequenced(registry, seq, deadline).await,
        State::Published => app.logs.wait(registry, seq, deadline).await.map(drop),
    };
    let state = state(app, registry, seq);
    let proof = match state {
        State::Published => proof::of_entry(app, registry, index, &body).await?,
        State::Committed | State::Sequenced => String::new(),
    };
    Ok(Receipt {
        seq: wish.seq,
        leaf_hash: super::hex(&charter_tlog::hash::leaf(&body)),
        state,
        published: super::state::published_size(app, registry),
        proof,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_and_how_long_is_bounded() {
        assert_eq!(State::parse("").expect("a state"), State::Committed);
        for state in [State::Committed, State::Sequenced, State::Published] {
            assert_eq!(State::parse(state.code()).expect("a state"), state);
            assert_eq!(State::parse(&state.code().to_lowercase()).expect("a state"), state);
        }
        assert!(State::parse("done").is_err());
        assert_eq!(timeout(None).expect("a wait"), USUAL_WAIT);
        assert_eq!(timeout(Some(0)).expect("a wait"), Duration::ZERO);
        assert_eq!(timeout(Some(10_000)).expect("a wait"), MAX_WAIT);
        assert!(timeout(Some(10_001)).is_err() && timeout(Some(-1)).is_err());
    }
}
