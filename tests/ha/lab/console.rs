//! `ha lab`: starts the sites, prints where everything is, takes commands.

use super::{Lab, Options};

/// What `ha lab` was asked to do.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {}

pub async fn run(_: &Arguments) -> anyhow::Result<bool> {
    Lab::start(&Options::default()).await?;
    Ok(true)
}
