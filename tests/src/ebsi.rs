//! A Trusted Issuers Registry of the test's own: parties with keys, accreditations between them, and who serves them.

pub mod chain;
pub mod server;

pub use self::{
    chain::Chain,
    server::{Reply, Server},
};
