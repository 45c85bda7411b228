//! Answers across many registries: four levels in four processes, their feeds cut, a branch dead, and 200 countries in five
//! processes.

mod cut;
mod dead;
mod levels;
pub mod nations;
mod stack;

use crate::{Pace, report::Samples, site::Site, tools::Tools};

pub async fn run(site: &Site, tools: &Tools, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    levels::run(site, tools, pace, samples).await?;
    cut::run(site, pace, samples).await?;
    dead::run(site, pace, samples).await?;
    nations::run(site, pace, samples).await
}
