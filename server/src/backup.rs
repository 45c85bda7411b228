//! Backups, which pgBackRest makes: how it is called, and when those that it has ended. Its repository is only read.

use std::{
    io,
    path::PathBuf,
    process::{Command, Output},
};

use anyhow::bail;
use charter_domain::Timestamp;
use serde::Deserialize;

/// Characters of its own text that are shown.
const SHOWN: usize = 400;

/// Where backups are, as its configuration has it.
#[derive(Debug, Clone)]
pub struct Repository {
    pub stanza: String,
    /// Its configuration file, where that is not the usual one.
    pub config: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    backup: Vec<Set>,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    code: u32,
    message: String,
}

/// Its code for a stanza without a backup.
const NO_BACKUP: u32 = 2;

#[derive(Deserialize)]
struct Set {
    timestamp: Span,
    /// Pages of it are damaged.
    #[serde(default)]
    error: Option<bool>,
}

#[derive(Deserialize)]
struct Span {
    /// Seconds since 1970.
    stop: i64,
}

impl Repository {
    /// The program, led to this repository.
    pub fn command(&self, mut program: Command) -> Command {
        if let Some(file) = &self.config {
            program.arg(format!("--config={}", file.display()));
        }
        program.arg(format!("--stanza={}", self.stanza));
        program.args(["--log-level-console=off", "--log-level-stderr=warn", "--log-level-file=off"]);
        program
    }

    /// When each backup that is whole ended, oldest first; none is no error.
    ///
    /// # Errors
    /// In words, where the repository cannot be read.
    pub fn ended(&self, program: Command) -> anyhow::Result<Vec<Timestamp>> {
        let output = output(self.command(program).args(["--output=json", "info"]))?;
        if !output.status.success() {
            bail!("pgBackRest: {}", tail(&String::from_utf8_lossy(&output.stderr)));
        }
        self.read(&output.stdout)
    }

    fn read(&self, said: &[u8]) -> anyhow::Result<Vec<Timestamp>> {
        let all: Vec<Info> = serde_json::from_slice(said)?;
        if let Some(Info { status, .. }) = all.iter().find(|i| ![0, NO_BACKUP].contains(&i.status.code)) {
            bail!("stanza `{}`: {}", self.stanza, status.message);
        }
        let whole = all.iter().flat_map(|info| &info.backup).filter(|set| set.error != Some(true));
        let stops = whole.map(|set| set.timestamp.stop);
        let mut ended: Vec<Timestamp> = stops.map(Timestamp::from_secs).collect();
        ended.sort();
        Ok(ended)
    }
}

/// Runs it.
pub fn output(command: &mut Command) -> anyhow::Result<Output> {
    match command.output() {
        Ok(output) => Ok(output),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            bail!("pgbackrest is not installed: `scripts/setup test` has it")
        }
        Err(e) => bail!("pgbackrest cannot be run: {e}"),
    }
}

/// The end of what it said, without what a terminal would obey.
pub fn tail(said: &str) -> String {
    let plain: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let text = words.join(" ");
    let skipped = text.chars().count().saturating_sub(SHOWN);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_of_its_backups_is_read() {
        let repository = Repository { stanza: "charter".to_owned(), config: None };
        let read = |said: &str| repository.read(said.as_bytes());
        let two = r#"[{"backup":[{"timestamp":{"start":5,"stop":20}},{"timestamp":{"start":1,"stop":10},"error":false},
                                 {"timestamp":{"start":30,"stop":40},"error":true}],
                       "name":"charter","status":{"code":0,"message":"ok"}}]"#;
        assert_eq!(read(two).expect("two"), [10, 20].map(Timestamp::from_secs));
        let none = r#"[{"backup":[],"status":{"code":2,"message":"no valid backups"}}]"#;
        assert_eq!(read(none).expect("none"), []);
        assert_eq!(read("[]").expect("none"), []);
        let missing = r#"[{"backup":[],"status":{"code":1,"message":"missing stanza path"}}]"#;
        assert_eq!(read(missing).expect_err("none").to_string(), "stanza `charter`: missing stanza path");
        assert!(read("no JSON").is_err());
    }
}
