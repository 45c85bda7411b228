//! Answers across many registries: four levels in four processes, and 200 countries in five.

mod levels;
mod nations;

use crate::{Pace, report::Samples, site::Site, tools::Tools};

pub async fn run(site: &Site, tools: &Tools, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    levels::run(site, tools, pace, samples).await?;
    nations::run(site, pace, samples).await
}
