//! Charter's server: both doors, the use-cases behind them, the tasks that keep them true, and the demo.

pub mod anchors;
pub mod app;
pub mod caller;
pub mod ceremony;
pub mod clock;
pub mod config;
pub mod context;
pub mod demo;
pub mod doctor;
pub mod door;
pub mod durable;
pub mod error;
pub mod etag;
pub mod filter;
pub mod grpc;
pub mod hosted;
pub mod https;
pub mod keyring;
pub mod limit;
pub mod listener;
pub mod log;
pub mod mask;
pub mod mirror;
pub mod oidc;
pub mod openapi;
pub mod outbox;
pub mod page;
pub mod peer_keys;
pub mod proto;
pub mod rest;
pub mod serve;
pub mod tasks;
pub mod telemetry;
pub mod tls;
pub mod witness;

pub use crate::{config::Config, context::App, error::Error};
