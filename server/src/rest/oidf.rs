//! OpenID Federation 1.0: the endpoints that the entity configuration names. Errors and parameters are the standard's.

pub mod error;
pub mod parameters;
