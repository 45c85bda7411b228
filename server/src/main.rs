//! `charterd`: serve, migrate, init, rebuild, log, rehome, standby, drill, export, keys, ceremony, emergency, ebsi, demo,
//! doctor, config check.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use charter_cli::pages::Pages;
use charter_domain::{policy::Caller, time::Clock as _};
use charter_server::{
    Config, app,
    app::init::Administrator,
    backup::Repository,
    breakglass::command::{self as emergency, EmergencyCommand},
    ceremony::{self, CeremonyCommand},
    clock::WallClock,
    config::Faults,
    demo, doctor,
    drill::{self, DrillCommand},
    ebsi_parent::command::{self as ebsi, EbsiCommand},
    escrow::{self, KeysCommand},
    export::{self, ExportArgs, SettleArgs},
    log::command::{self, LogCommand},
    rehome::{self, RehomeCommand},
    serve,
    standby::{self, StandbyCommand},
    telemetry,
};
use clap::{CommandFactory as _, Parser, Subcommand};

/// EX_CONFIG would be 78; 64 is what a bad configuration exits with everywhere in Charter.
const BAD_CONFIGURATION: u8 = 64;

#[derive(Parser)]
#[command(
    name = "charterd",
    version,
    about = "Charter's server: a trust registry that can prove its answers"
)]
struct Args {
    /// Site file, laid over the defaults.
    #[arg(long, global = true, env = "CHARTER_CONFIG_FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the configured registries.
    Serve {
        /// Stop when standard input closes: whoever started this has gone.
        #[arg(long, hide = true)]
        with_parent: bool,
    },
    /// Bring the database schema up to date.
    Migrate {
        /// Print the SQL that makes the two roles, and do nothing.
        #[arg(long)]
        print_roles: bool,
    },
    /// End BOOTSTRAP: appoint the first two administrators of a registry and seal it. Final. Or, with `--from-export`,
    /// begin an empty database with the registries of a file.
    Init(Init),
    /// Rebuild the tables from the events.
    Rebuild {
        /// Compare only; nothing is kept.
        #[arg(long)]
        verify: bool,
    },
    /// Remove personal data whose period is over, as the server does by itself.
    Retention {
        /// Count only; nothing is removed.
        #[arg(long)]
        dry_run: bool,
    },
    /// Work with the transparency logs of this site.
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Move a registry to another deployment, or take one in, with history, log and keys. Works as the owner of the
    /// database (`database.owner_url`).
    Rehome {
        #[command(subcommand)]
        command: RehomeCommand,
    },
    /// See who leads the database, and let another member lead.
    Standby {
        #[command(subcommand)]
        command: StandbyCommand,
    },
    /// Rehearse a restore from the backup beside what runs, and measure it.
    Drill {
        #[command(subcommand)]
        command: DrillCommand,
    },
    /// Write everything of this database's registries into one file that only the receiving site can read; they go on
    /// here. Works as the owner of the database (`database.owner_url`).
    Export(ExportArgs),
    /// Keep this site's secrets so that two officers together bring them back.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Make a version of the anchor set: from files, without a network or a database.
    Ceremony {
        #[command(subcommand)]
        command: CeremonyCommand,
    },
    /// Deny an entity when nothing else works, signed by two security officers: from files, without a network or a
    /// database.
    Emergency {
        #[command(subcommand)]
        command: EmergencyCommand,
    },
    /// Look into a Trusted Issuers Registry of EBSI: without a configuration or a database.
    Ebsi {
        #[command(subcommand)]
        command: EbsiCommand,
    },
    /// Start a federation of real servers, ask it, show the proof; stays up until Ctrl-C.
    Demo {
        /// Walk through once, exit 0 only if every answer was right, clean up.
        #[arg(long)]
        check: bool,
        /// Port of the EU root; the others follow.
        #[arg(long, default_value_t = 7100)]
        base_port: u16,
        /// Where the private cluster, configurations and logs go.
        #[arg(long, default_value = "./.run/demo")]
        dir: PathBuf,
    },
    /// Print the description of the REST interface (OpenAPI 3.1).
    Openapi,
    /// Check what would keep the server from serving.
    Doctor(Doctor),
    /// Work with the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    #[command(flatten)]
    Pages(Pages),
}

#[derive(clap::Args)]
struct Doctor {
    /// Print what an alert means and what to do, with present values, instead.
    #[arg(long, value_name = "ALERT")]
    explain: Option<String>,
    /// Base URL of the listener for staff whose values are shown; that of the configuration where it is left out.
    #[arg(long, value_name = "URL", requires = "explain")]
    server: Option<String>,
    /// The stanza of pgBackRest whose backups are looked at too.
    #[arg(long, conflicts_with = "explain")]
    stanza: Option<String>,
    /// Its configuration file, where that is not the usual one.
    #[arg(long, value_name = "FILE", requires = "stanza")]
    pgbackrest_config: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Init {
    /// The registry's authority; the first configured one where it is left out.
    #[arg(long)]
    registry: Option<String>,
    /// The OpenID Connect issuer that knows them.
    #[arg(long, required_unless_present = "from_export")]
    issuer: Option<String>,
    /// Subject of an administrator; give it twice.
    #[arg(long = "administrator", required_unless_present = "from_export", num_args = 1)]
    administrators: Vec<String>,
    #[command(flatten)]
    settle: SettleArgs,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Validate it whole; every fault is named, exit code 64.
    Check,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("charterd: {error:#}");
            if error.is::<Faults>() { ExitCode::from(BAD_CONFIGURATION) } else { ExitCode::FAILURE }
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let load = || Config::load(args.config.as_deref());
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match &args.command {
        Command::Demo { check, base_port, dir } => {
            let options = demo::Options { check: *check, base_port: *base_port, dir: dir.clone() };
            let good = runtime()?.block_on(demo::run(&options))?;
            return Ok(ExitCode::from(u8::from(!good)));
        }
        Command::Serve { with_parent } => {
            let config = load()?;
            let runtime = runtime()?;
            {
                let _within = runtime.enter();
                telemetry::init_logs(&config.log);
            }
            let until = async {
                tokio::select! {
                    () = serve::asked_to_stop() => {}
                    () = serve::parent_gone(), if *with_parent => {}
                }
            };
            let serving = serve::run(config, Arc::new(WallClock), until, load);
            runtime.block_on(serving)?;
        }
        Command::Pages(pages) => pages.run(Args::command())?,
        Command::Openapi => print!("{}", charter_server::openapi::text()),
        Command::Migrate { print_roles: true } => print!("{}", charter_store::migrate::ROLES),
        Command::Migrate { print_roles: false } => {
            let owner = Config::owner_url(args.config.as_deref())?;
            let applied = charter_store::migrate::run(&owner).map_err(explain)?;
            println!("{} migration(s) run", applied.len());
        }
        Command::Init(args) => runtime()?.block_on(init(&load()?, args))?,
        Command::Export(args) => runtime()?.block_on(export::run(&load()?, args))?,
        Command::Keys { command } => {
            runtime()?.block_on(escrow::run(command, || Ok(load()?), WallClock.now()))?;
        }
        Command::Retention { dry_run } => {
            let config = load()?;
            runtime()?.block_on(retain(&config, *dry_run))?;
        }
        Command::Log { command: log } => return Ok(runtime()?.block_on(command::run(&load()?, log))?),
        Command::Rehome { command } => runtime()?.block_on(rehome::run(&load()?, command))?,
        Command::Standby { command } => return runtime()?.block_on(standby::run(&load()?, command)),
        Command::Drill { command } => return runtime()?.block_on(drill::run(&load()?, command)),
        Command::Ceremony { command } => ceremony::run(command, WallClock.now())?,
        Command::Emergency { command } => emergency::run(command, WallClock.now())?,
        Command::Ebsi { command } => {
            let good = runtime()?.block_on(ebsi::run(command, WallClock.now()))?;
            return Ok(ExitCode::from(u8::from(!good)));
        }
        Command::Rebuild { verify } => return rebuild(&load()?, *verify),
        Command::Doctor(Doctor { explain: Some(alert), server, .. }) => {
            let config = load().ok();
            let told = doctor::explain::explain(alert, server.as_deref(), config.as_ref());
            print!("{}", runtime()?.block_on(told).map_err(anyhow::Error::msg)?);
        }
        Command::Doctor(Doctor { stanza, pgbackrest_config, .. }) => {
            let (runtime, config) = (runtime()?, load()?);
            let mut findings = runtime.block_on(doctor::examine(&config));
            if let Some(stanza) = stanza.clone() {
                let repository = Repository { stanza, config: pgbackrest_config.clone() };
                findings.push(runtime.block_on(doctor::backup(repository)));
            }
            for finding in &findings {
                println!("{:20} {}", finding.check, finding.text());
            }
            return Ok(ExitCode::from(u8::from(findings.iter().any(|f| f.fault.is_some()))));
        }
        Command::Config { command: ConfigCommand::Check } => {
            let config = load()?;
            println!("ok: {} registries, {} listeners", config.registries.len(), config.listeners.len());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(error: charter_store::Error) -> anyhow::Error {
    let source = error.source_text().map(str::to_owned);
    source.map_or_else(|| error.into(), anyhow::Error::msg)
}

async fn init(config: &Config, args: &Init) -> anyhow::Result<()> {
    if let Some(from) = &args.settle.from_export {
        return export::init(config, from, &args.settle).await;
    }
    let issuer = args.issuer.as_deref().context("--issuer is missing")?;
    let settings = charter_server::context::store_settings(config);
    let store = charter_store::Store::new(settings, Arc::new(WallClock)).map_err(explain)?;
    let first = || config.registries.first().map(|r| r.authority_id.as_str().to_owned());
    let wanted = args.registry.clone().or_else(first).context("no registry is configured")?;
    let known = store.registries().await.map_err(explain)?;
    let found = known.iter().find(|r| r.authority.as_str() == wanted);
    let found =
        found.with_context(|| format!("`{wanted}` has not been opened yet: start `charterd serve` once"))?;
    let who = |subject: &String| Administrator { issuer: issuer.to_owned(), subject: subject.clone() };
    let two = args.administrators.iter().map(who).collect();
    let ([one, other], epoch) =
        app::init::init(&store, &Caller::System, found.id, two, (false, None)).await?;
    println!("`{wanted}` is sealed at epoch {epoch}; its security officers are {one} and {other}");
    Ok(())
}

async fn retain(config: &Config, dry_run: bool) -> anyhow::Result<()> {
    let settings = charter_server::context::store_settings(config);
    let store = charter_store::Store::new(settings, Arc::new(WallClock)).map_err(explain)?;
    for registry in store.registries().await.map_err(explain)? {
        let due = app::retention::run(&store, &config.retention, registry.id, dry_run).await;
        for due in due.map_err(explain)? {
            let (class, verb) = (due.class.code(), if dry_run { "would go" } else { "went" });
            println!("{} {class}: {} from before {} {verb}", registry.authority, due.count, due.before);
        }
    }
    Ok(())
}

fn rebuild(config: &Config, verify: bool) -> anyhow::Result<ExitCode> {
    let found = charter_store::rebuild::run(&config.database.owner_url, verify).map_err(explain)?;
    let (mut bad, mut differing) = (0, 0);
    for one in &found {
        match &one.fault {
            Some(fault) => println!("{} left as it is: {fault}", one.authority),
            None if one.differing.is_empty() => println!("{} {} events: same", one.authority, one.events),
            None => println!("{} {} events: {}", one.authority, one.events, one.differing.join(", ")),
        }
        bad += usize::from(one.fault.is_some() || (verify && !one.differing.is_empty()));
        differing += usize::from(!one.differing.is_empty());
    }
    println!("{} registries, {differing} differing", found.len());
    Ok(ExitCode::from(u8::from(bad > 0)))
}
