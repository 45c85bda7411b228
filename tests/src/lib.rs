//! What the tests through the doors stand on: real servers in this process, each on a database of its own, a clock
//! that is set by hand, and actors that do and ask what people and programs do.

pub mod actor;
pub mod alerts;
pub mod app;
pub mod ask;
pub mod backup;
pub mod clock;
pub mod database;
pub mod ebsi;
pub mod front;
pub mod governed;
pub mod hand_log;
pub mod issuer;
pub mod nations;
pub mod pki;
pub mod program;
pub mod question;
pub mod raw;
pub mod replica;
pub mod rest;
pub mod terminal;
pub mod universities;
pub mod wire;

pub use crate::{actor::Registry, app::TestApp, ask::Said, clock::TestClock, question::Asking, rest::Rest};

/// The registry of a test that needs only one.
pub const AUTHORITY: &str = "did:web:registry.example";
