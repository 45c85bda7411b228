//! Removes what a run left behind.

/// Which run.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {}

pub fn run(_: &Arguments) -> anyhow::Result<bool> {
    Ok(true)
}
