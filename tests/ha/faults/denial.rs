//! R31: with every database, etcd and Redis standing still, two officers deny an entity at one server.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use charter_domain::time::Clock as _;
use charter_server::clock::WallClock;
use tokio::{process::Command, time::Instant};

use super::{Doing, Scene};
use crate::{
    check::found::charterd,
    history,
    lab::Site,
    load::{Attempt, DENIED, answer, question},
};

const DENIED_WITHIN: Duration = Duration::from_secs(5);
const ASKED_WITHIN: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const REDIS: [Site; 2] = [Site::A, Site::B];

/// The officers' keys.
struct Officers(PathBuf);

impl Officers {
    fn key(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.json"))
    }

    fn command(&self, what: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(charterd()?);
        command.args(["emergency", what, "--kek"]).arg(self.0.join("kek"));
        Ok(command)
    }

    /// A denial, signed by both one after the other.
    async fn signed(&self, authority: &str, entity: &str) -> anyhow::Result<String> {
        let (first, both) = (self.0.join("signed-by-one"), self.0.join("signed-by-both"));
        for old in [&first, &both] {
            let _ = fs::remove_file(old);
        }
        let until = WallClock.now().plus(HOUR).to_string();
        let mut one = self.command("deny")?;
        one.args([entity, "--registry", authority, "--reason", "KEY_STOLEN", "--until", &until]);
        sign(&mut one, &self.key("one"), &first).await?;
        let mut two = self.command("deny")?;
        sign(two.arg("--from").arg(&first), &self.key("two"), &both).await?;
        fs::read_to_string(&both).context("the signed denial")
    }
}

async fn sign(command: &mut Command, key: &Path, to: &Path) -> anyhow::Result<()> {
    run(command.arg("--key").arg(key).arg("--to").arg(to)).await
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "charterd: {}", said.trim());
    Ok(())
}

pub fn everything_dead(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let officers = Officers(scene.lab.officers());
        let entity = history::entity(scene.load.run, DENIED);
        let document = officers.signed(scene.lab.authority(), &entity).await?;
        stand_still(scene);
        scene.wait(3).await;
        let told = Instant::now();
        let posted =
            scene.load.endpoints.post(0, "/api/v1/emergency-denials", document, None, ASKED_WITHIN).await;
        let denied = denied_everywhere(scene, told).await;
        let took = told.elapsed();
        go_on(scene);
        let Attempt::Answered(reply) = posted else { anyhow::bail!("the server did not take the denial") };
        ensure!(reply.status == 200, "the denial was refused: {}", reply.text());
        scene.note(format!("denied at every server after {:.1} s: {denied}", took.as_secs_f64()));
        scene.demand(denied, "a server did not deny within 5 s");
        Ok(())
    })
}

fn stand_still(scene: &Scene) {
    Site::ALL.iter().for_each(|site| scene.lab.freeze_node(*site));
    scene.lab.freeze_etcd(&Site::ALL);
    REDIS.iter().for_each(|site| scene.lab.freeze_redis(*site));
}

fn go_on(scene: &Scene) {
    scene.lab.thaw_etcd(&Site::ALL);
    Site::ALL.iter().for_each(|site| scene.lab.thaw_node(*site));
    REDIS.iter().for_each(|site| scene.lab.thaw_redis(*site));
}

/// A no of every server, that is not one for want of an answer.
async fn denied_everywhere(scene: &Scene, told: Instant) -> bool {
    let body = question(&scene.load.endpoints.authority, scene.load.run, DENIED);
    for server in 0..scene.load.endpoints.len() {
        loop {
            let sent =
                scene.load.endpoints.post(server, "/authorization", body.clone(), None, ASKED_WITHIN).await;
            if let Attempt::Answered(reply) = &sent
                && reply.status == 200
                && answer(reply).is_some_and(|said| !said.yes)
            {
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
