//! Kills the primary site under load and prints what clients saw.

/// What `ha demo` was asked to do.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {}

/// True when every figure was met.
pub async fn run(_: &Arguments) -> anyhow::Result<bool> {
    anyhow::bail!("`ha demo` is not there")
}
