//! DIDs of others: how their documents are found and what must hold of them. The only crate that knows `ssi`.
//!
//! `did:key` and `did:jwk` say everything themselves. `did:web` and `did:ebsi` are fetched, by a [`Fetch`] that the
//! server gives: nothing here opens a connection. What comes back is bounded, strict, and about the DID that was asked for.

pub mod did;
pub mod document;
pub mod fault;
mod generative;
pub mod key;
pub mod resolver;

pub use self::{
    did::{Did, Method, Site},
    document::{Document, VerificationMethod},
    fault::Fault,
    key::Key,
    resolver::{Fetch, Options, Resolver, Settings, Unfetched, Wanted},
};
