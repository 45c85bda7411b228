//! The load tools: `wrk`, `h2load` and `pgbench`, run and read.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::{
    Pace,
    process::Process,
    question::{Asking, Question, lines},
};

/// Reads a request from each line of the file it is given: a body for the path that the first line names, or a path where it
/// says `GET`. Each thread starts elsewhere.
const SCRIPT: &str = r#"
local threads = 0
function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end
function init(args)
  requests = {}
  local headers = { ["Content-Type"] = "application/json" }
  local posted
  for line in io.lines(args[1]) do
    if not posted then
      posted = line
    elseif posted == "GET" then
      requests[#requests + 1] = wrk.format("GET", line)
    else
      requests[#requests + 1] = wrk.format("POST", posted, headers, line)
    end
  end
  count = #requests
  at = math.floor(count / 2) * id
end
function request()
  at = at + 1
  if at > count then at = 1 end
  return requests[at]
end
"#;

/// How much was done, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    pub requests: f64,
    pub per_second: f64,
}

/// Files for the tools, in a directory of their own.
pub struct Tools {
    dir: PathBuf,
}

impl Tools {
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        fs::write(dir.join("spread.lua"), SCRIPT)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Questions of TRQP.
    pub fn bodies(&self, name: &str, questions: &[Question], asking: Asking) -> anyhow::Result<PathBuf> {
        self.requests(name, "/authorization", &lines(questions, asking))
    }

    /// Requests, a line each: bodies for a path, or the paths themselves after `GET`.
    pub fn requests(&self, name: &str, head: &str, lines: &str) -> anyhow::Result<PathBuf> {
        let path = self.dir.join(name);
        fs::write(&path, format!("{head}\n{lines}"))?;
        Ok(path)
    }

    pub fn frame(&self, question: &Question) -> anyhow::Result<PathBuf> {
        let path = self.dir.join("question.grpc");
        fs::write(&path, question.frame())?;
        Ok(path)
    }

    /// A run of `wrk` after a warm-up, with the server's CPU time for each request in microseconds.
    pub async fn costed(&self, process: &Process, bodies: &Path, pace: Pace) -> anyhow::Result<(Done, f64)> {
        self.wrk(process.address, bodies, pace.warm).await?;
        let before = process.cpu()?;
        let done = self.wrk(process.address, bodies, pace.seconds).await?;
        Ok((done, (process.cpu()? - before) * 1e6 / done.requests))
    }

    /// 32 connections, each asking when it was answered. Every answer must be a 200.
    async fn wrk(&self, address: SocketAddr, bodies: &Path, seconds: u32) -> anyhow::Result<Done> {
        let mut command = Command::new("wrk");
        command.args(["-t", "2", "-c", "32", "-d", &format!("{seconds}s"), "-s"]);
        command.arg(self.dir.join("spread.lua")).arg(format!("http://{address}")).arg("--").arg(bodies);
        let text = run(command).await?;
        if text.contains("Non-2xx") || text.contains("Socket errors") {
            bail!("not every request was answered well:\n{text}");
        }
        let requests = before(&text, " requests in ")?;
        Ok(Done { requests, per_second: after(&text, "Requests/sec:")? })
    }

    /// 4 connections of 32 streams, the same question again and again.
    pub async fn h2load(&self, address: SocketAddr, frame: &Path, seconds: u32) -> anyhow::Result<Done> {
        let mut command = Command::new("h2load");
        command.args(["-c", "4", "-m", "32", "-t", "1", "-D", &seconds.to_string()]);
        command.args(["-H", "content-type: application/grpc", "-H", "te: trailers", "-d"]).arg(frame);
        command.arg(format!("http://{address}/trqp.v2.TrustRegistryQueryService/Authorization"));
        let text = run(command).await?;
        let failed = before(&text, " failed,")? + before(&text, " errored,")?;
        if failed > 0.0 {
            bail!("not every request was answered well:\n{text}");
        }
        let requests = before(&text, " succeeded,")?;
        Ok(Done { requests, per_second: requests / f64::from(seconds) })
    }

    /// The hot read's own SQL function, prepared, over all entities.
    pub async fn pgbench(&self, socket: &Path, entities: usize, seconds: u32) -> anyhow::Result<f64> {
        let script = self.dir.join("facts.sql");
        // Colons by number: pgbench would take `:web` for a variable, inside a literal too.
        let sql = format!(
            "\\set n random(0, {})\nselect facts(1, 0::smallint, 'did' || chr(58) || 'web' || chr(58) || 'u' || (:n)::text \
             || '.universities.example', 'issue', 'UniversityDegreeCredential', null);\n",
            entities - 1
        );
        fs::write(&script, sql)?;
        let mut command = Command::new(pgbench());
        command.args(["-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", &seconds.to_string(), "-f"]);
        command.arg(script).arg("-h").arg(socket).args(["-p", "5432", "-U", "charter_runtime", "education"]);
        after(&run(command).await?, "tps = ")
    }
}

/// Debian's wrapper where there is one, else the newest installed.
fn pgbench() -> PathBuf {
    if let Some(dir) = std::env::var_os("PG_BINDIR") {
        return PathBuf::from(dir).join("pgbench");
    }
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        installed.map(|e| e.path().join("bin/pgbench")).filter(|p| p.is_file()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| "pgbench".into())
}

async fn run(mut command: Command) -> anyhow::Result<String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output =
        output.with_context(|| format!("`{program}` does not run: `scripts/setup bench` installs it"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("`{program}` failed:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

/// The number right before a word.
fn before(text: &str, word: &str) -> anyhow::Result<f64> {
    let (head, _) = text.split_once(word).with_context(|| format!("no `{word}` in:\n{text}"))?;
    Ok(head.rsplit([' ', '\n']).next().unwrap_or_default().parse()?)
}

/// The number right after a word.
fn after(text: &str, word: &str) -> anyhow::Result<f64> {
    let (_, tail) = text.split_once(word).with_context(|| format!("no `{word}` in:\n{text}"))?;
    Ok(tail.split_whitespace().next().unwrap_or_default().parse()?)
}
