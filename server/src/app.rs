//! The use-cases: everything that happens, in order, one file a noun. Doors call these and nothing else.

pub mod answer;
pub mod delegation;
pub mod document;
pub mod entity;
pub mod import;
pub mod query;
pub mod renewal;
pub mod resolve;
pub mod schema;
pub mod status;
