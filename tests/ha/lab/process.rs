//! Processes of the sites: started in their site's network, as the right user; found, stopped, gone on with, ended.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use anyhow::Context as _;
use charter_server::postgres::User;
use rustix::process::{Pid, Signal, kill_process};

type Asked = (Command, mpsc::SyncSender<io::Result<Child>>);

/// Starts processes from one thread that lives as long as this: they are ended by the kernel when it goes, however it
/// does.
pub struct Spawner(mpsc::Sender<Asked>);

impl Spawner {
    pub fn new() -> Self {
        let (asking, asked) = mpsc::channel::<Asked>();
        thread::spawn(move || {
            for (mut command, back) in asked {
                let _ = back.send(command.spawn());
            }
        });
        Self(asking)
    }

    pub fn start(&self, program: &Program<'_>) -> anyhow::Result<Child> {
        let (back, started) = mpsc::sync_channel(1);
        self.0.send((program.command()?, back)).ok().context("nothing is started any more")?;
        let name = program.argv.first().map_or("", String::as_str);
        started.recv()?.with_context(|| format!("`{name}` cannot be started"))
    }
}

/// What is started.
pub struct Program<'a> {
    pub namespace: Option<String>,
    /// Another user than ours.
    pub user: Option<User>,
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub log: &'a Path,
    /// It decides who leads, or is the database: ahead of the servers, which are on other machines elsewhere. Root only.
    pub urgent: bool,
}

impl Program<'_> {
    fn command(&self) -> anyhow::Result<Command> {
        let mut line: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| line.extend(words.iter().map(|word| (*word).to_owned()));
        if let Some(namespace) = &self.namespace {
            add(&["ip", "netns", "exec", namespace]);
        }
        if self.urgent {
            add(&["nice", "-n", "-10"]);
        }
        add(&["setpriv", "--pdeathsig", "KILL"]);
        if let Some(user) = self.user.filter(|user| user.dropped) {
            let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
            add(&["--reuid", &uid, "--regid", &gid, "--clear-groups"]);
        }
        add(&["--"]);
        line.extend(self.argv.iter().cloned());
        let (program, args) = line.split_first().context("nothing to start")?;
        let log = File::options().create(true).append(true).open(self.log);
        let log = log.with_context(|| format!("`{}`", self.log.display()))?;
        let mut command = Command::new(program);
        // Ctrl-C is for us: what ends, and in which order, we say.
        command.args(args).current_dir("/").process_group(0);
        command.env_clear().envs(std::env::vars().filter(|(name, _)| !name.starts_with("CHARTER_")));
        command.env("LC_ALL", "C").envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }
}

/// Runs a program to its end; its words are the error.
pub fn done(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{name}` cannot be run"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    anyhow::ensure!(
        output.status.success(),
        "`{name}` failed: {}\n{}",
        said(&output.stderr),
        said(&output.stdout)
    );
    Ok(said(&output.stdout))
}

/// Sends a signal; a process that has gone needs none.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Ends a child of ours at once.
pub fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether a child of ours still runs.
pub fn runs(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

/// These processes and all below them.
pub fn family(roots: &[u32]) -> Vec<u32> {
    let mut below: HashMap<u32, Vec<u32>> = HashMap::new();
    for pid in all() {
        if let Some(parent) = parent(pid) {
            below.entry(parent).or_default().push(pid);
        }
    }
    let mut found: Vec<u32> = Vec::new();
    let mut next = roots.to_vec();
    while let Some(pid) = next.pop() {
        if !found.contains(&pid) {
            found.push(pid);
            next.extend(below.get(&pid).into_iter().flatten());
        }
    }
    found
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold anything: the state, then the parent.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

/// The first process of the Postgres that runs in a data directory. A number that another process has got since is not
/// taken for it.
pub fn postmaster(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: u32 = text.lines().next()?.trim().parse().ok()?;
    let at: PathBuf = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    (at == data).then_some(pid)
}
