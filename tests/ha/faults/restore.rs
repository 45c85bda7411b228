//! R12: every node of the database is killed and its files are out of reach, and the backup is restored beside them: what
//! would have been lost, and for how long. Then the nodes are given back, so that nothing of the run is.

use anyhow::Context as _;
use charter_domain::time::Clock as _;
use charter_server::clock::WallClock;
use serde_json::Value;
use tokio::process::Command;

use super::{Doing, Scene};
use crate::{check::found::charterd, lab::Site};

/// Longer than the archive waits for a segment to be full (`archive_timeout`).
const ARCHIVED_SECONDS: u64 = 70;
const RESTORED_WITHIN_MILLIS: u64 = 60_000;
const LOST_AT_MOST_MILLIS: u64 = 60_000;

pub fn drill(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        scene.lab.backup().await?;
        scene.wait(ARCHIVED_SECONDS).await;
        for site in Site::ALL {
            scene.lab.kill_node(site);
            scene.lab.take_data(site)?;
        }
        let lost_at = WallClock.now();
        scene.wait(1).await;
        let report = scene.lab.dir().join("drill.json");
        let mut command = Command::new(charterd()?);
        command.arg("--config").arg(scene.lab.config("a1")).args(["drill", "restore", "--refill", "--to"]);
        command.arg(lost_at.to_string()).arg("--pgbackrest-config").arg(backup_config(scene)?);
        // The witness, who remembers what was published, is reached through TLS.
        command.env("SSL_CERT_FILE", scene.lab.dir().join("ca.pem"));
        let output = command.arg("--report").arg(&report).kill_on_drop(true).output().await;
        for site in Site::ALL {
            scene.lab.give_data(site)?;
        }
        let output = output?;
        let text =
            std::fs::read(&report).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        drilled(scene, &serde_json::from_slice(&text)?);
        scene.demand(output.status.success(), "what was restored could not go on");
        Ok(())
    })
}

fn backup_config(scene: &Scene) -> anyhow::Result<String> {
    let line = scene.lab.pgbackrest(Site::A);
    let named = line.iter().find_map(|argument| argument.strip_prefix("--config="));
    named.map(str::to_owned).context("pgbackrest without a configuration")
}

fn drilled(scene: &mut Scene, report: &Value) {
    let number = |name: &str| report[name].as_u64();
    let (rpo, rto, bytes) = (number("rpo_ms"), number("rto_ms"), number("restored_bytes"));
    scene.note(format!(
        "RPO {rpo:?} ms and {:?} published events, before the refill; RTO {rto:?} ms; {bytes:?} bytes",
        number("rpo_events")
    ));
    scene.demand(rpo.is_some_and(|millis| millis <= LOST_AT_MOST_MILLIS), "RPO above 60 s");
    scene.demand(rto.is_some_and(|millis| millis <= RESTORED_WITHIN_MILLIS), "restored after more than 60 s");
}
