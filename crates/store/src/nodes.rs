//! The database's nodes: where they are, which of them is the primary, and which may be asked.

mod standbys;

pub use standbys::demanded;
