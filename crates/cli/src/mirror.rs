//! A full copy of what a federation has signed: fetched and verified from the anchor down, kept in a directory, and
//! answered from while the registries are away. Time is an argument.

mod compose;
mod copy;
mod fetch;
mod folder;
mod registry;
pub mod serve;
mod sync;

pub use self::{
    copy::{LocalCopy, Said, Step},
    sync::{Source, Synced, sync},
};

/// Deepest registry that is followed, in delegations; as deep as a chain may be.
pub const MAX_DEPTH: u8 = charter_domain::delegation::MAX_DEPTH;
/// Most registries of a copy.
pub const MAX_REGISTRIES: usize = 512;
/// Most bytes of one registry's files.
pub const MAX_BYTES: u64 = 1024 * 1024 * 1024;
