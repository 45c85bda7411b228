//! `charter anchors update`: pins a version once, and follows the set from there. The local file is the state: a file
//! that was written here was believed.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::Path,
};

use charter_proof::{Believed, Fingerprint, SignedSet, anchor::signed::MAX_BYTES};
use serde_json::json;

use super::{parse, refused, versions::Versions, view::View};
use crate::{
    args::{Connection, Format, UpdateAnchors},
    clock,
    exit::{Exit, Failure},
    file, output,
};

/// Versions that are fetched at once: a set that is replaced each month for 80 years.
const MOST: u32 = 1000;

pub async fn run(to: &Connection, args: UpdateAnchors) -> Result<Exit, Failure> {
    let source = Versions::of(to, &args)?;
    // Held until it is written: an older version of one run must not come after a newer one of another.
    let _alone = if args.dry_run { None } else { Some(alone(&args.file).await?) };
    let held = kept(&args.file)?;
    let was = held.as_ref().map(|believed| believed.set().version());
    let newest = source.newest(was.unwrap_or(0)).await?;
    let start = match (held, &args.fingerprint) {
        (Some(held), None) => held,
        (Some(held), Some(pin)) => {
            // What was printed must lead to the same: else this file is of another set.
            let printed = pinned(&source, &newest, pin).await?;
            follow(&source, printed, newest.clone()).await?;
            held
        }
        (None, Some(pin)) => pinned(&source, &newest, pin).await?,
        (None, None) => {
            return Err(Failure::usage(format!("`{}` is not there yet", args.file.display()))
                .hint("give --fingerprint as it was printed: 64 hexadecimal digits or 32 words"));
        }
    };
    let last = follow(&source, start, newest).await?;
    let version = last.set().version();
    // An expired version is kept too: nobody can lead back behind it.
    if was != Some(version) && !args.dry_run {
        write(&args.file, last.set())?;
    }
    last.anchors(clock::at_or_now(None)).map_err(|e| refused(&e))?;
    let view = View::of(last.set())?;
    match args.output {
        Format::Json => output::json(&json!({ "was": was, "written": !args.dry_run, "set": view }))?,
        Format::Table => output::text(&format!("{}\n{}", said(was, version, args.dry_run), view.text()))?,
    };
    Ok(Exit::Ok)
}

async fn alone(path: &Path) -> Result<File, Failure> {
    let waits = || output::note("another run brings it up to date: waiting");
    let held = file::alone(path, waits).await;
    held.map_err(|e| Failure::new(Exit::Unexpected, format!("cannot lock `{}`: {e}", path.display())))
}

fn said(was: Option<u32>, version: u32, dry_run: bool) -> String {
    let verb = if dry_run { "would be" } else { "is" };
    match was {
        Some(was) if was == version => format!("version {version} is the newest"),
        Some(was) => format!("version {version} {verb} in the place of version {was}"),
        None => format!("version {version} {verb} pinned"),
    }
}

/// What was believed the last time.
fn kept(path: &Path) -> Result<Option<Believed>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("cannot read `{}`: {error}", path.display()));
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    // One byte more than allowed tells a file that is too long.
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let set = parse(&path.display().to_string(), &bytes)?;
    Believed::kept(set).map(Some).map_err(|e| refused(&e))
}

/// The version that has the fingerprint, the newest first.
async fn pinned(source: &Versions, newest: &SignedSet, pin: &Fingerprint) -> Result<Believed, Failure> {
    bounded(0, newest.version())?;
    let mut candidate = newest.clone();
    for version in (0..newest.version()).rev() {
        if candidate.fingerprint() == *pin {
            return Believed::pinned(candidate, pin).map_err(|e| refused(&e));
        }
        if version > 0 {
            candidate = source.one(version).await?.ok_or_else(|| missing(version))?;
        }
    }
    Err(Failure::new(Exit::CannotVerify, format!("no version there has the fingerprint {pin}"))
        .hint("compare it again with what was printed; do not take one from the same address"))
}

async fn follow(source: &Versions, mut last: Believed, newest: SignedSet) -> Result<Believed, Failure> {
    let (from, until) = (last.set().version(), newest.version());
    bounded(from, until)?;
    for version in from.saturating_add(1)..until {
        let next = source.one(version).await?.ok_or_else(|| missing(version))?;
        last = last.follow(next).map_err(|e| refused(&e))?;
    }
    last.follow(newest).map_err(|e| refused(&e))
}

fn bounded(from: u32, until: u32) -> Result<(), Failure> {
    if until.saturating_sub(from) <= MOST {
        return Ok(());
    }
    let text = format!("version {until} is more than {MOST} versions ahead of version {from}");
    Err(Failure::new(Exit::CannotVerify, text))
}

fn missing(version: u32) -> Failure {
    Failure::new(Exit::CannotVerify, format!("version {version} is not published there"))
        .hint("no version may be skipped; ask whoever publishes the set for it, and give it with --dir")
}

fn write(path: &Path, set: &SignedSet) -> Result<(), Failure> {
    file::replace(path, set.to_bytes())
        .map_err(|e| Failure::new(Exit::Unexpected, format!("cannot write `{}`: {e}", path.display())))
}
