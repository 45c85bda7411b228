//! The cache as the server uses it, with a real Redis where one is meant.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may panic; clippy knows only `#[test]` functions"
)]

mod flight;
mod lease;
mod race;
mod redis;
mod subject;
mod support;
