//! Does faults under load, and checks the recorded history.

/// What `ha test` was asked to do.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {}

/// True when every figure was met.
pub async fn run(_: &Arguments) -> anyhow::Result<bool> {
    anyhow::bail!("`ha test` is not there")
}
