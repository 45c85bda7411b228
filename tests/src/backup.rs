//! A cluster of its own that pgBackRest backs up and archives, encrypted: for tests of restores.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use charter_server::postgres::{self, User};
use charter_store::migrate;

use crate::database::{Database, connect};

pub const STANZA: &str = "charter";
const PASSPHRASE: &str = "the passphrase of the tests";
const NAME: &str = "charter";

/// Running, and stopped and removed with this.
pub struct Backed {
    dir: tempfile::TempDir,
    bin: PathBuf,
    user: User,
}

impl Backed {
    /// With an empty, migrated database.
    pub async fn start() -> Self {
        let (bin, user) = (postgres::binaries().expect("PostgreSQL"), postgres::user().expect("a user"));
        let dir = tempfile::tempdir().expect("a directory");
        user.owns(dir.path()).expect("given away");
        let backed = Self { dir, bin, user };
        let mut create = backed.postgres("initdb");
        create.args(["-U", "charter_admin", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync", "-D"]);
        create.arg(backed.data());
        run(create).await;
        backed.configures(PASSPHRASE);
        let settings = backed.settings();
        let file = backed.data().join("postgresql.conf");
        let text = std::fs::read_to_string(&file).expect("readable") + &settings;
        std::fs::write(&file, text).expect("written");
        let mut start = backed.postgres("pg_ctl");
        start.args(["-w", "-t", "60", "start", "-l"]).arg(backed.path("log")).arg("-D").arg(backed.data());
        start.stdout(Stdio::null()).stderr(Stdio::null());
        run(start).await;
        run(backed.pgbackrest(&["stanza-create"])).await;
        let (admin, database) = (backed.url("postgres", "charter_admin"), backed.database());
        let owner = database.url("charter_owner");
        let made = tokio::task::spawn_blocking(move || {
            migrate::provision(&admin, NAME).and_then(|()| migrate::run(&owner))
        });
        made.await.expect("no panic").expect("migrated");
        backed
    }

    fn settings(&self) -> String {
        let dir = self.dir.path().display();
        format!(
            "\nport = 5432\nlisten_addresses = ''\nunix_socket_directories = '{dir}'\nfsync = off\n\
             shared_buffers = 32MB\nmax_connections = 100\nwal_level = replica\narchive_mode = on\n\
             archive_command = 'pgbackrest --config={} --stanza={STANZA} archive-push %p'\n",
            self.config().display()
        )
    }

    /// pgBackRest's configuration, with this passphrase; its file.
    pub fn configures(&self, passphrase: &str) -> PathBuf {
        let dir = self.dir.path().display();
        let file = if passphrase == PASSPHRASE { self.config() } else { self.path("other.conf") };
        let text = format!(
            "[global]\nrepo1-path={dir}/repo\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass={passphrase}\n\
             repo1-retention-full=2\nlock-path={dir}/lock\nlog-level-file=off\ncompress-level=1\n\n\
             [{STANZA}]\npg1-path={}\npg1-socket-path={dir}\npg1-user=charter_admin\n",
            self.data().display()
        );
        std::fs::write(&file, text).expect("written");
        file
    }

    pub fn config(&self) -> PathBuf {
        self.path("pgbackrest.conf")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Of the running cluster.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    fn url(&self, database: &str, role: &str) -> String {
        format!("host={} port=5432 dbname={database} user={role}", self.dir.path().display())
    }

    pub fn database(&self) -> Database {
        Database::at(self.dir.path(), NAME)
    }

    fn postgres(&self, program: &str) -> Command {
        self.user.command(&self.bin.join(program))
    }

    fn pgbackrest(&self, args: &[&str]) -> Command {
        let mut command = self.user.command(Path::new("pgbackrest"));
        command.arg(format!("--config={}", self.config().display())).arg(format!("--stanza={STANZA}"));
        command.args(args);
        command
    }

    /// Makes a full backup.
    pub async fn is_backed_up(&self) {
        run(self.pgbackrest(&["--start-fast", "--type=full", "backup"])).await;
    }

    /// Returns when all that was committed is in the archive.
    pub async fn is_archived(&self) {
        let admin = connect(&self.url("postgres", "charter_admin")).await;
        // Something to switch away from.
        admin.batch_execute("select pg_logical_emit_message(false, 'test', 'x')").await.expect("a message");
        let row = admin.query_one("select pg_walfile_name(pg_switch_wal())", &[]).await.expect("switched");
        let wanted: String = row.get(0);
        let end = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let sql = "select coalesce(last_archived_wal, '') from pg_stat_archiver";
            let last: String = admin.query_one(sql, &[]).await.expect("the archiver").get(0);
            if last >= wanted {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "`{wanted}` is not archived, only `{last}`");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Runs a program to its end, which must be good.
async fn run(mut command: Command) {
    let output = tokio::task::spawn_blocking(move || (format!("{command:?}"), command.output()));
    let (shown, output) = output.await.expect("no panic");
    let output = output.expect("it runs");
    assert!(
        output.status.success(),
        "{shown}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Drop for Backed {
    fn drop(&mut self) {
        let mut stop = self.postgres("pg_ctl");
        stop.args(["-m", "immediate", "-w", "stop", "-D"]).arg(self.data());
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
