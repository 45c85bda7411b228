//! Answers in process and in Redis, and the register that says which of them may still be served.
//!
//! In scope: the lease, the last change of each subject, keys, single flight, the Redis tier.
//! Out of scope: Postgres (the poller tells the register what it read) and what an answer means.
//! No fault of a cache reaches a caller: it is a miss and a counter.

mod answer;
mod answers;
mod breaker;
mod clock;
mod counted;
mod counters;
mod dependency;
mod due;
mod flight;
mod key;
mod redis_tier;
mod register;
mod stamps;
mod tiles;
mod touch;
mod wire;

pub use crate::{
    answer::{Entry, Filled, LONGEST_STALE, Past},
    answers::Answers,
    clock::{BootInstant, Ticks},
    counted::Counted,
    dependency::{DEP_LEASE, Dep, Dependencies},
    flight::{MAX_FILLERS, PATIENCE},
    key::Lookup,
    redis_tier::{DEADLINE, MAX_TTL, RedisTier, Unusable},
    register::{Change, Register},
    tiles::Tiles,
    touch::{Touched, entity_tag},
};

/// Why no answer came. The source of `Fill` is shared: everybody who waited for the same filler gets it.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// As many fillers run as may; the caller should come back later.
    #[error("too many answers are being looked up")]
    Overloaded,
    #[error("the answer could not be looked up")]
    Fill(std::sync::Arc<E>),
}
