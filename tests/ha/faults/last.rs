//! When nothing is left: a denial without any database, and a restore from the backup.

use std::{path::Path, process::Output, time::Duration};

use anyhow::{Context as _, ensure};
use charter_domain::time::Clock as _;
use charter_server::clock::WallClock;
use serde_json::Value;
use tokio::{process::Command, time::Instant};

use super::{Doing, Scene};
use crate::{
    check::found::charterd,
    history,
    lab::Site,
    load::{Attempt, answer, question},
};

/// An entity that nothing else is done to.
const DENIED: u32 = crate::load::CHANGED;
const DENIED_WITHIN: Duration = Duration::from_secs(5);
const ASKED_WITHIN: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const RESTORED_WITHIN_MILLIS: u64 = 60_000;
const LOST_AT_MOST_MILLIS: u64 = 60_000;

async fn run(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "charterd: {}", said.trim());
    Ok(output)
}

/// R31: with every database, etcd and Redis standing still, two officers deny an entity at one server.
pub fn denial(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let dir = scene.lab.dir().join("officers");
        let until = WallClock.now().plus(HOUR);
        let document = signed(scene, &dir, &until.to_string()).await?;
        for site in Site::ALL {
            scene.lab.freeze_node(site);
        }
        scene.lab.freeze_etcd(&Site::ALL);
        for site in [Site::A, Site::B] {
            scene.lab.freeze_redis(site);
        }
        scene.wait(3).await;
        let sent =
            scene.load.endpoints.post(0, "/api/v1/emergency-denials", document, None, ASKED_WITHIN).await;
        let told = Instant::now();
        let denied = denied_everywhere(scene, told).await;
        scene.lab.thaw_etcd(&Site::ALL);
        for site in Site::ALL {
            scene.lab.thaw_node(site);
        }
        for site in [Site::A, Site::B] {
            scene.lab.thaw_redis(site);
        }
        let Attempt::Answered(reply) = sent else { anyhow::bail!("the server did not take the denial") };
        ensure!(reply.status == 200, "the denial was refused: {}", reply.text());
        scene.note(format!("denied at every server after {:.1} s", told.elapsed().as_secs_f64()));
        scene.demand(denied, "a server did not deny within 5 s");
        Ok(())
    })
}

/// The denial, signed by two officers one after the other.
async fn signed(scene: &Scene, dir: &Path, until: &str) -> anyhow::Result<String> {
    let (charterd, first, both) = (charterd()?, dir.join("one.json"), dir.join("both.json"));
    for old in [&first, &both] {
        let _ = std::fs::remove_file(old);
    }
    let entity = history::entity(scene.load.run, DENIED);
    let command = |key: &str| {
        let mut command = Command::new(&charterd);
        command.args(["emergency", "deny"]).arg("--key").arg(dir.join(key));
        command
    };
    let mut one = command("one.jwk");
    one.args([
        entity.as_str(),
        "--registry",
        scene.lab.authority(),
        "--reason",
        "KEY_STOLEN",
        "--until",
        until,
    ]);
    run(one.arg("--to").arg(&first)).await?;
    run(command("two.jwk").arg("--from").arg(&first).arg("--to").arg(&both)).await?;
    std::fs::read_to_string(&both).context("the signed denial")
}

async fn denied_everywhere(scene: &Scene, told: Instant) -> bool {
    let body = question(&scene.load.endpoints.authority, scene.load.run, DENIED);
    for server in 0..scene.load.endpoints.len() {
        loop {
            let sent =
                scene.load.endpoints.post(server, "/authorization", body.clone(), None, ASKED_WITHIN).await;
            let said = if let Attempt::Answered(reply) = &sent { answer(reply) } else { None };
            if said.is_some_and(|said| !said.yes) {
                break;
            }
            if told.elapsed() > DENIED_WITHIN {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    true
}

/// R12: every node of the database is killed, and the backup restored beside them: what would have been lost, and for
/// how long.
pub fn restore(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        scene.lab.backup().await?;
        scene.wait(70).await;
        for site in Site::ALL {
            scene.lab.kill_node(site);
        }
        let lost_at = WallClock.now();
        scene.wait(1).await;
        let report = scene.lab.dir().join("drill.json");
        let mut command = Command::new(charterd()?);
        command.arg("--config").arg(scene.lab.config("a1")).args(["drill", "restore", "--refill", "--to"]);
        command.arg(lost_at.to_string()).arg("--pgbackrest-config").arg(backup_config(scene)?);
        let output = command.arg("--report").arg(&report).kill_on_drop(true).output().await?;
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
