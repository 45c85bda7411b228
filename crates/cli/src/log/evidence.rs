//! What is left of a log that contradicts itself: both checkpoints, as they were signed.

use std::path::Path;

use charter_tlog::{checkpoint::SignedCheckpoint, witness::Equivocation};

use crate::{exit::Failure, output};

/// Writes the evidence, and adds to the failure where it is. Two roots of one size prove by themselves that the log
/// has two histories; of other checkpoints a proof of consistency is missing, which their reader has to ask for.
pub fn keep(path: &Path, was: &SignedCheckpoint, is: &SignedCheckpoint, failure: Failure) -> Failure {
    let text = Equivocation::new(was.clone(), is.clone())
        .map_or_else(|_| format!("# {}\n\n{was}\n{is}", failure.message), |evidence| evidence.to_string());
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = written.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    match written {
        Ok(()) => failure.hint(format!("both checkpoints are in `{}`: show them to others", path.display())),
        Err(error) => {
            // Evidence that could not be kept is shown; another's is not overwritten.
            output::say(&format!("cannot write `{}`: {error}; the evidence is:", path.display()));
            output::show(&text);
            failure
        }
    }
}

/// What two checkpoints of one size with different roots come to; `None` if they are not such.
pub fn two_histories(was: &SignedCheckpoint, is: &SignedCheckpoint) -> Option<String> {
    let evidence = Equivocation::new(was.clone(), is.clone()).ok()?;
    let [a, b] = evidence.checkpoints().map(|signed| signed.checkpoint().root());
    let (origin, size) = (evidence.origin(), evidence.size());
    Some(format!("the log `{origin}` signed two roots at {size} entries: {a} and {b}"))
}
