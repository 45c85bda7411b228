//! The restored cluster: started alone, replays the archive, and becomes a database of its own. It archives nothing,
//! streams from nobody, waits for no standby, and listens on a socket in the drill's directory only.

use std::{
    fs::{self, File},
    process::{Child, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use charter_domain::Timestamp;
use tokio::time::{Instant, sleep};

use super::home::Home;

/// Its socket's number; nobody else has one in that directory.
pub const PORT: u16 = 5432;
/// Longest replay.
const PATIENCE: Duration = Duration::from_secs(6 * 3_600);
const LOOK: Duration = Duration::from_millis(100);
/// What PostgreSQL says where the archive ends before the instant (`lc_messages=C`).
const NOT_REACHED: &str = "recovery ended before configured recovery target was reached";
/// The line of `postmaster.pid` that says how far it is, from 0.
const STATUS_LINE: usize = 7;
/// Bytes of its log that are looked at.
const LOGGED: usize = 4_000;

/// Running; stopped when dropped.
#[derive(Debug)]
pub struct Restored {
    home: Arc<Home>,
    child: Option<Child>,
    reached: &'static str,
}

impl Restored {
    /// Returns when it takes changes: everything is replayed, and a new timeline has begun.
    pub async fn start(home: &Arc<Home>, to: Option<Timestamp>) -> anyhow::Result<Self> {
        fs::write(home.dir().join("hba.conf"), "local all all trust\n").context("the drill's directory")?;
        fs::write(home.dir().join("ident.conf"), "").context("the drill's directory")?;
        fs::write(home.dir().join("postgres.conf"), "").context("the drill's directory")?;
        let mut restored = Self { home: Arc::clone(home), child: None, reached: "" };
        restored.reached = match restored.launch(None).await? {
            None if to.is_some() => "up to the instant",
            None => "all that the archive has",
            Some(log) if to.is_some() && log.contains(NOT_REACHED) => {
                if let Some(log) = restored.launch(Some("recovery_target_time=")).await? {
                    bail!("the restored database does not start: {log}");
                }
                "all that the archive has: it ends before the instant"
            }
            Some(log) => bail!("the restored database does not start: {log}"),
        };
        Ok(restored)
    }

    /// How far it was replayed.
    pub fn reached(&self) -> &'static str {
        self.reached
    }

    /// None when it is up; else what it said when it ended.
    async fn launch(&mut self, more: Option<&str>) -> anyhow::Result<Option<String>> {
        let path = self.home.dir().join("postgres.log");
        let log = File::create(&path).context("the drill's log")?;
        let mut command = self.home.postgres("postgres");
        command.arg("-D").arg(self.home.data());
        for setting in self.settings().iter().map(String::as_str).chain(more) {
            command.args(["-c", setting]);
        }
        // What runs has a spool of its own, for what it fetches ahead.
        command.env("PGBACKREST_ARCHIVE_ASYNC", "n");
        command.stdout(log.try_clone().context("the drill's log")?).stderr(log);
        let child = self.child.insert(command.spawn().context("postgres cannot be run")?);
        let pid_file = self.home.data().join("postmaster.pid");
        let end = Instant::now() + PATIENCE;
        loop {
            if child.try_wait().context("postgres")?.is_some() {
                self.child = None;
                return Ok(Some(tail(&fs::read(&path).unwrap_or_default())));
            }
            let status = fs::read_to_string(&pid_file).unwrap_or_default();
            if status.lines().nth(STATUS_LINE).is_some_and(|line| line.trim() == "ready") {
                return Ok(None);
            }
            ensure!(Instant::now() < end, "the archive was not replayed within {} s", PATIENCE.as_secs());
            sleep(LOOK).await;
        }
    }

    /// These win over what the backup brought along. Without `hot_standby` nothing depends on the size of the
    /// primary, and it is up when it is promoted.
    fn settings(&self) -> Vec<String> {
        let dir = self.home.dir().display();
        let mut settings = vec![
            format!("config_file={dir}/postgres.conf"),
            format!("hba_file={dir}/hba.conf"),
            format!("ident_file={dir}/ident.conf"),
            format!("unix_socket_directories={dir}"),
            format!("port={PORT}"),
        ];
        let fixed = [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            "archive_mode=off",
            "archive_cleanup_command=",
            "recovery_end_command=",
            "recovery_target_action=promote",
            "primary_conninfo=",
            "primary_slot_name=",
            "synchronous_standby_names=",
            "hot_standby=off",
            "shared_preload_libraries=",
            "ssl=off",
            "external_pid_file=",
            "logging_collector=off",
            "log_destination=stderr",
            "lc_messages=C",
            "huge_pages=off",
            "shared_buffers=128MB",
            "max_connections=100",
        ];
        settings.extend(fixed.map(str::to_owned));
        settings
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let mut command = self.home.postgres("pg_ctl");
        command.args(["-m", "fast", "-w", "-t", "60", "stop", "-D"]).arg(self.home.data());
        let stopped = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = child.kill();
        }
        let _ = child.wait();
    }
}

/// The end of a log, in one line.
fn tail(log: &[u8]) -> String {
    let end = String::from_utf8_lossy(&log[log.len().saturating_sub(LOGGED)..]).into_owned();
    let told =
        end.lines().filter(|line| ["FATAL", "ERROR", "PANIC", "HINT"].iter().any(|w| line.contains(w)));
    let told: Vec<&str> = told.collect();
    if told.is_empty() { end.trim().replace('\n', "; ") } else { told.join("; ") }
}
