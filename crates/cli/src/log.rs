//! A transparency log as an auditor reads it. Nothing that is fetched is believed before it is verified.

mod http;
pub mod source;

pub use self::source::Source;
