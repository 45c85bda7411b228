//! Servers that are replaced one after the other, also while the schema is of the next version.

use super::{Doing, Scene};
use crate::check::found::connect;

/// What a next version's migration may do to a database that this version uses too: add, and nothing else
/// (`migrations/README.md`). The program stays this one: there is no later one yet.
const EXPAND: &str = "alter table entities add column if not exists ha_next text; \
                      create table if not exists ha_next (registry_id int primary key, told text)";

/// R24: each server is stopped and started again.
pub fn restart(scene: &mut Scene) -> Doing<'_> {
    Box::pin(all(scene))
}

async fn all(scene: &mut Scene) -> anyhow::Result<()> {
    for server in scene.lab.servers() {
        scene.lab.restart_server(&server.name).await?;
        scene.wait(2).await;
    }
    Ok(())
}

/// R33: the schema is expanded under this version, the servers are replaced, and replaced back.
pub fn upgrade(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let leader = scene.lab.leader().await?;
        connect(&scene.lab.node_url(leader)).await?.batch_execute(EXPAND).await?;
        scene.note("the next version is this program over a schema with one more table and column");
        all(scene).await?;
        all(scene).await
    })
}
