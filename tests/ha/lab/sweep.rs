//! Removes what a run left behind. A process of its own waits for the run to go, however it goes; a later run looks too.

use std::{
    fs,
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::{
    io::Errno,
    process::{Pid, Signal, test_kill_process},
};

use super::{Site, net, process};

/// How long killed processes have to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const NAME: &str = "ha-";

/// Which run.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Its process.
    #[arg(long)]
    run: u32,
    /// Its folder.
    #[arg(long)]
    dir: PathBuf,
    /// Leave the folder.
    #[arg(long)]
    keep: bool,
}

/// Waits for the end of standard input, which only the run holds open.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    clear(arguments.run, &arguments.dir, arguments.keep);
    Ok(true)
}

/// Starts the process that waits for our end.
pub fn watch(run: u32, dir: &Path, keep: bool) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["sweep", "--run", &run.to_string(), "--dir"]).arg(dir).args(keep.then_some("--keep"));
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("the process that clears up cannot be started")
}

/// Where the folder of a run is meant to be.
pub fn folder(run: u32) -> PathBuf {
    PathBuf::from(format!(".run/{NAME}{run}"))
}

/// What earlier runs left whose processes are gone.
pub fn earlier() {
    for entry in fs::read_dir(".run").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let run = name.to_str().and_then(|name| name.strip_prefix(NAME)?.parse::<u32>().ok());
        let Some(run) = run.filter(|run| gone(*run)) else { continue };
        // Where the database's user could not reach that folder there is one of ours among the temporary ones.
        let elsewhere = std::env::temp_dir().join(format!("charter-{run}"));
        for dir in [entry.path(), elsewhere].iter().filter(|dir| dir.is_dir()) {
            clear(run, dir, false);
        }
    }
}

fn gone(run: u32) -> bool {
    let pid = i32::try_from(run).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// Ends what runs in the run's networks and on its data, and removes both.
pub fn clear(run: u32, dir: &Path, keep: bool) {
    let until = Instant::now() + GONE_WITHIN;
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf());
    loop {
        let left = left(run, &whole);
        for pid in &left {
            process::signal(*pid, Signal::KILL);
        }
        if left.is_empty() || Instant::now() > until {
            break;
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    net::remove(run);
    super::disk::unmount(dir);
    if !keep {
        let _ = fs::remove_dir_all(dir);
        let _ = fs::remove_dir_all(folder(run)); // Empty, where the files were elsewhere.
    }
}

fn left(run: u32, dir: &Path) -> Vec<u32> {
    let mut found: Vec<u32> =
        Site::ALL.into_iter().flat_map(|site| net::processes(&net::namespace(run, site))).collect();
    let data = Site::ALL.into_iter().flat_map(|site| super::files::data_folders(dir, site));
    let postmasters: Vec<u32> = data.filter_map(|data| process::postmaster(&data)).collect();
    found.extend(process::family(&postmasters));
    found
}
