//! Whether somebody means it: asked of the person at the terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::{exit::Failure, output};

/// Asks the person at the terminal. Where there is none, `--yes` has to say it.
pub async fn confirm(what: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(
            Failure::usage(format!("{what}: not confirmed")).hint("add --yes where nobody can be asked")
        );
    }
    let question = format!("{}. Continue? [y/N] ", output::clean(what));
    // In a thread of its own, so that an interrupt is seen while it waits.
    let answer = tokio::task::spawn_blocking(move || {
        let _ = std::io::stderr().lock().write_all(question.as_bytes());
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    match answer.await {
        Ok(Ok(line)) if matches!(line.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::usage("not confirmed, nothing was changed")),
    }
}
