//! Load for hours, with faults now and then.

/// What `ha soak` was asked to do.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {}

/// True when every figure was met.
pub async fn run(_: &Arguments) -> anyhow::Result<bool> {
    anyhow::bail!("`ha soak` is not there")
}
