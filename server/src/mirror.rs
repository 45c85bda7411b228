//! Mirrors (C2SP tlog-mirror): this process keeps copies of others' logs, asks mirrors to keep its own, and puts back
//! from them what an older database lacks.

pub mod command;
pub mod copy;
pub mod folder;
pub mod held;
pub mod push;
pub mod receive;
pub mod refill;
pub mod remote;
pub mod subtree;
pub mod upload;

pub use self::{push::push, refill::refill};
