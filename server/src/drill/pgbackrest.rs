//! A restore by pgBackRest, and its errors in words. It only reads the repository.

use std::process::Command;

use anyhow::bail;
use charter_domain::Timestamp;

use super::home::Home;
use crate::backup::{Repository, output, tail};

/// Which backup, and how far.
pub struct Backup {
    pub from: Repository,
    pub to: Option<Timestamp>,
}

impl Backup {
    /// Restores the newest backup that ended before the instant. Tablespaces are put beside it: at their own places
    /// those of the running cluster are.
    pub fn restore(&self, home: &Home) -> anyhow::Result<()> {
        let mut command = self.command(home);
        command.arg(format!("--pg1-path={}", home.data().display()));
        command.arg(format!("--tablespace-map-all={}", home.dir().join("tablespaces").display()));
        match self.to {
            Some(to) => command
                .args(["--type=time", "--target-action=promote"])
                .arg(format!("--target={}", target(to))),
            None => command.arg("--type=default"),
        };
        let output = output(command.arg("restore"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(self.words(&said, self.oldest(home)))
    }

    fn command(&self, home: &Home) -> Command {
        let mut command = self.from.command(home.program("pgbackrest"));
        command.arg(format!("--lock-path={}", home.dir().join("lock").display()));
        command
    }

    /// When the oldest backup ended.
    fn oldest(&self, home: &Home) -> Option<Timestamp> {
        self.from.ended(home.program("pgbackrest")).ok()?.first().copied()
    }

    /// What an operator can do about it.
    fn words(&self, said: &str, oldest: Option<Timestamp>) -> String {
        let has = |word: &str| said.contains(word);
        if has("CryptoError") || (has("unable to load info file") && !has("FileMissingError")) {
            return "the repository cannot be deciphered: repo1-cipher-pass is not the passphrase that it was \
                    made with"
                .to_owned();
        }
        if has("unable to find backup set with stop time")
            && let (Some(oldest), Some(to)) = (oldest, self.to)
        {
            return format!(
                "no backup had ended by {to}: the oldest one ended at {oldest}; choose a later --to"
            );
        }
        if has("backup.info") && (has("FileMissingError") || has("missing file")) {
            return format!(
                "the repository has no backup of stanza `{}`: is --stanza right, and the repository the one of \
                 this site?",
                self.from.stanza
            );
        }
        if (has("is not valid") && has("option")) || has("requires option") {
            return format!("pgBackRest refuses its configuration: {}", tail(said));
        }
        format!("pgBackRest could not restore: {}", tail(said))
    }
}

/// As PostgreSQL and pgBackRest read it, in UTC.
fn target(to: Timestamp) -> String {
    let text = to.to_string();
    text.replacen('T', " ", 1).replace('Z', "+00")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("an instant")
    }

    #[test]
    fn instants_are_written_as_postgres_reads_them() {
        for (text, written) in [
            ("2026-11-20T12:00:00Z", "2026-11-20 12:00:00+00"),
            ("2026-11-20T14:00:00.25+02:00", "2026-11-20 12:00:00.25+00"),
        ] {
            assert_eq!(target(at(text)), written);
        }
    }

    #[test]
    fn its_errors_say_what_to_do() {
        let to = Some(at("2026-01-01T00:00:00Z"));
        let from = Repository { stanza: "demo".to_owned(), config: None };
        let backup = Backup { from, to };
        let late =
            "ERROR: [075]: unable to find backup set with stop time less than '2026-01-01 00:00:00+00'";
        let cases = [
            (
                "WARN: repo1: [FormatError] unable to load info file '/r/backup.info'\nERROR: [075]: unable to find backup set with stop time less than",
                None,
                "passphrase",
            ),
            ("ERROR: [095]: CryptoError: unable to flush", None, "passphrase"),
            (late, Some(at("2026-02-01T00:00:00Z")), "ended at 2026-02-01T00:00:00Z"),
            (
                "WARN: FileMissingError: unable to open missing file '/r/backup.info' for read",
                None,
                "no backup of stanza `demo`",
            ),
            ("ERROR: [031]: option 'x' is not valid", None, "refuses its configuration"),
            ("ERROR: something\u{1b}[2J else", None, "could not restore: ERROR: something [2J else"),
        ];
        for (said, oldest, word) in cases {
            let words = backup.words(said, oldest);
            assert!(words.contains(word), "{said}: {words}");
        }
    }
}
