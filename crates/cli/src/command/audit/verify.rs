//! `charter audit verify`: an exported file, checked without a connection.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use charter_domain::event::Checked;

use crate::{
    exit::{Exit, Failure},
    output,
};

fn open(file: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let opened = File::open(file).map_err(|e| Failure::usage(format!("`{}`: {e}", file.display())))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// Faults are what cannot be verified; a file that is none of ours is one too.
pub fn run(file: &Path, head: Option<&str>, gaps: bool) -> Result<Exit, Failure> {
    let bad = |text: String| Failure::new(Exit::CannotVerify, text);
    let mut checked = Checked::default();
    for (n, line) in open(file)?.lines().enumerate() {
        let line = line.map_err(|e| bad(format!("line {}: {e}", n + 1)))?;
        checked.line(&line).map_err(|e| bad(format!("line {}: {e}", n + 1)))?;
        if checked.gaps > 0 && !gaps {
            let text = format!("line {}: events are missing before event {}", n + 1, checked.last);
            return Err(bad(text).hint("an export with a filter has gaps: --gaps"));
        }
    }
    if head.is_some_and(|head| head != checked.head) {
        return Err(bad(format!("the last event is {} with leaf hash {}", checked.last, checked.head)));
    }
    let Checked { events, first, last, head, .. } = checked;
    if events == 0 {
        return Err(bad("there is no event in the file".to_owned()));
    }
    let gaps = if checked.gaps > 0 { format!(", {} gaps", checked.gaps) } else { String::new() };
    output::text(&format!("{events} events, {first} to {last}{gaps}: verified\nhead {head}"))?;
    Ok(Exit::Ok)
}
