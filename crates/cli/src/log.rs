//! A transparency log as an auditor reads it. Nothing that is fetched is believed before it is verified.

pub mod bar;
pub mod believed;
mod configured;
pub mod events;
pub mod evidence;
mod files;
pub mod http;
pub mod kept;
pub mod shelf;
pub mod source;
pub mod state;
pub mod walk;

pub use self::{
    believed::{Believed, Seen},
    kept::Kept,
    source::Source,
    walk::{Plan, Trouble, Walk},
};
