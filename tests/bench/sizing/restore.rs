//! A backup of the whole cluster by pgBackRest, encrypted, while it stands still, and its restore.

use std::{
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::ensure;
use tokio::process::Command;

use super::bytes;
use crate::site::Site;

pub struct Backup {
    pub made: Duration,
    pub bytes: f64,
    /// Until the cluster takes connections.
    pub restored: Duration,
}

pub async fn run(site: &Site) -> anyhow::Result<Backup> {
    let cluster = site.cluster()?;
    let repository = cluster.dir().join("repository");
    let _ = fs::remove_dir_all(&repository);
    fs::create_dir(&repository)?;
    cluster.user().owns(&repository)?;
    cluster.stop_by("fast")?;
    pgbackrest(site, &repository, &["--no-online", "stanza-create"]).await?;
    let began = Instant::now();
    pgbackrest(
        site,
        &repository,
        &[
            "--no-online",
            "--type=full",
            "--compress-type=lz4",
            "--process-max=2",
            "--repo1-retention-full=1",
            "backup",
        ],
    )
    .await?;
    let made = began.elapsed();
    let size = bytes(&repository).await?;
    fs::remove_dir_all(cluster.data())?;
    fs::create_dir(cluster.data())?;
    cluster.user().owns(&cluster.data())?;
    let began = Instant::now();
    pgbackrest(site, &repository, &["--type=none", "--process-max=2", "restore"]).await?;
    cluster.launch(true)?;
    let restored = began.elapsed();
    fs::remove_dir_all(&repository)?;
    Ok(Backup { made, bytes: size, restored })
}

async fn pgbackrest(site: &Site, repository: &Path, args: &[&str]) -> anyhow::Result<()> {
    let cluster = site.cluster()?;
    let mut command = cluster.user().command(Path::new("pgbackrest"));
    command.env("PGBACKREST_REPO1_CIPHER_PASS", "of the benchmark").arg("--stanza=sizing");
    command.arg(format!("--pg1-path={}", cluster.data().display()));
    command.arg(format!("--repo1-path={}", repository.display()));
    command.arg(format!("--lock-path={}", repository.join("lock").display()));
    command.args(["--repo1-cipher-type=aes-256-cbc", "--log-level-file=off", "--log-level-console=off"]);
    command.args(args);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let output = Command::from(command).output().await?;
    ensure!(output.status.success(), "pgbackrest: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
