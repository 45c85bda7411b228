//! The demo federation: a private Postgres, real server processes, facts, and a walk through them.

pub mod cluster;
