//! The use-cases: everything that happens, in order, one file a noun. Doors call these and nothing else.

pub mod answer;
pub mod audit;
pub mod credential_type;
pub mod delegation;
pub mod directory;
pub mod document;
pub mod emergency;
pub mod entity;
pub mod etag;
pub mod govern;
pub mod import;
pub mod init;
pub mod key;
pub mod list;
pub mod once;
pub mod privacy;
pub mod procedure;
pub mod query;
pub mod registry_policy;
pub mod renewal;
pub mod resolve;
pub mod schema;
pub mod staff;
pub mod status;
pub mod watch;
pub mod webhook;
