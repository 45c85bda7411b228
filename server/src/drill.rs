//! `charterd drill restore`: the backup is restored beside what runs, checked as a server would check it, and measured.
//! Nothing of the running site is touched: the cluster is private, archives nothing and listens on a socket of its own.

mod check;
mod home;
mod pgbackrest;
mod replay;
mod report;
mod rule;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context as _, ensure};
use charter_domain::{Timestamp, time::Clock};
use clap::Subcommand;

pub use self::report::{Recovered, Report, Step};
use self::{home::Home, pgbackrest::Backup, replay::Restored, report::Steps};
use crate::{App, Config, backup::Repository, clock::WallClock, serve};

#[derive(Subcommand)]
pub enum DrillCommand {
    /// Restore the backup beside what runs, replay the archive, check rows, events and log, and report how much would
    /// be lost (RPO) and how long it took (RTO). Exits 1 where what is restored could not go on.
    Restore(Restore),
}

/// What is restored, and how far.
#[derive(Debug, Clone, clap::Args)]
pub struct Restore {
    /// Up to this instant (RFC 3339); all that the archive has where it is left out.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub to: Option<Timestamp>,
    /// The stanza of pgBackRest.
    #[arg(long, default_value = "charter")]
    pub stanza: String,
    /// Its configuration file, where that is not the usual one.
    #[arg(long, value_name = "FILE")]
    pub pgbackrest_config: Option<PathBuf>,
    /// Empty directory for the restored cluster, which stays there, stopped. Without it a temporary one is used and
    /// removed.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Put published events that the backup lacks back from a mirror, in the drill's cluster alone.
    #[arg(long)]
    pub refill: bool,
    /// Write the report as JSON too.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Does what was asked.
pub async fn run(config: &Config, command: &DrillCommand) -> anyhow::Result<ExitCode> {
    let DrillCommand::Restore(wish) = command;
    let report = tokio::select! {
        report = restore(config, wish, Arc::new(WallClock)) => report?,
        () = serve::asked_to_stop() => anyhow::bail!("stopped; what was restored is of no use"),
    };
    print!("{report}");
    if let Some(file) = &wish.report {
        let text = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(file, text).with_context(|| format!("`{}` cannot be written", file.display()))?;
    }
    Ok(ExitCode::from(u8::from(!report.is_good())))
}

/// Restores, checks and measures; the cluster is stopped when this returns.
pub async fn restore(config: &Config, wish: &Restore, clock: Arc<dyn Clock>) -> anyhow::Result<Report> {
    ensure!(!config.database.owner_url.is_empty(), "a drill checks as the owner: set database.owner_url");
    ensure!(
        std::path::Path::new(&config.keys.kek_file).is_file(),
        "keys.kek_file `{}` is missing: bring it back first, nothing can be signed without it",
        config.keys.kek_file
    );
    let began_at = clock.now();
    ensure!(
        wish.to.is_none_or(|to| to <= began_at),
        "--to lies ahead: name an instant that has passed, or leave it out"
    );
    let mut steps = Steps::begin();
    let home = Arc::new(Home::make(wish.dir.as_deref())?);
    let from = Repository { stanza: wish.stanza.clone(), config: wish.pgbackrest_config.clone() };
    let backup = Backup { from, to: wish.to };
    let at = Arc::clone(&home);
    tokio::task::spawn_blocking(move || backup.restore(&at)).await??;
    let bytes = home.restored_bytes();
    steps.done("restore", format!("{bytes} bytes"));
    let cluster = Restored::start(&home, wish.to).await?;
    steps.done("replay", cluster.reached().to_owned());
    let private = private(config, &home)?;
    let registries = check::registries(&private).await?;
    steps.done("registries", format!("{} as configured", registries.len()));
    check::database(&private, &mut steps).await?;
    let app = App::start(private, clock, charter_federation::protocol::address::system_lookup());
    let app = app.await.context("the restored database cannot be served")?;
    steps.done("start", "keys and registries are open".to_owned());
    let recovered = check::registries_of(&app, wish.refill, &mut steps).await?;
    drop(app);
    let report = Report::new(wish, began_at, (cluster.reached(), bytes), steps, recovered);
    drop(cluster);
    Ok(report)
}

/// The site's configuration for the restored cluster: nothing in it leads to what runs, but the keys, witnesses and
/// mirrors, which are only read.
fn private(config: &Config, home: &Home) -> anyhow::Result<Config> {
    let at = |url: &str| {
        let found = charter_store::elsewhere::url_at(url, home.dir(), replay::PORT);
        found.map_err(|e| anyhow::anyhow!("database.url: {}", e.source_text().unwrap_or("is no URL")))
    };
    let mut private = config.clone();
    private.database.url = at(&config.database.url)?;
    private.database.owner_url = at(&config.database.owner_url)?;
    private.database.migrate_at_start = false;
    private.database.synchronous_standbys = None;
    private.redis.url = String::new();
    private.bootstrap.token_file = home.dir().join("token").display().to_string();
    private.log_store.sequence = false;
    private.log_store.dir = home.dir().join("log");
    std::fs::create_dir(&private.log_store.dir).context("the drill's directory")?;
    for registry in &config.registries {
        let name = crate::log::file::path(&config.log_store.dir, &registry.slug);
        let copy = crate::log::file::path(&private.log_store.dir, &registry.slug);
        if name.is_file() {
            std::fs::copy(&name, &copy).with_context(|| format!("`{}` cannot be read", name.display()))?;
        }
    }
    Ok(private)
}
