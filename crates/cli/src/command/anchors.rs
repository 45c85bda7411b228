//! `charter anchors`: the anchor set of this verifier, from one version to the next.

mod update;
mod versions;
mod view;

use std::path::Path;

use charter_proof::{Believed, Refusal, SignedSet, anchor::signed::MAX_BYTES};

use self::view::View;
use crate::{
    args::{Anchors, Connection, ListFormat, VerifyAnchors},
    clock, evidence,
    exit::{Exit, Failure},
    output,
};

pub async fn run(to: &Connection, command: Anchors) -> Result<Exit, Failure> {
    match command {
        Anchors::Update(args) => update::run(to, args).await,
        Anchors::Show { file, output } => show(&file, output).await,
        Anchors::Verify(args) => verify(args).await,
    }
}

/// What is refused is never worked with: exit 5.
fn refused(refusal: &Refusal) -> Failure {
    Failure::new(Exit::CannotVerify, refusal.to_string())
}

/// A version's file, its signatures unverified.
fn parse(name: &str, file: &[u8]) -> Result<SignedSet, Failure> {
    SignedSet::parse(file).map_err(|e| {
        Failure::new(Exit::CannotVerify, format!("`{name}`: {e}")).hint(
            "an anchor set without signatures has no versions; --anchor of other commands takes it as it is",
        )
    })
}

async fn read(path: &Path) -> Result<SignedSet, Failure> {
    parse(&path.display().to_string(), &evidence::read(path, MAX_BYTES).await?)
}

async fn show(file: &Path, format: ListFormat) -> Result<Exit, Failure> {
    let view = View::of(&read(file).await?)?;
    if format == ListFormat::Table {
        output::note("not verified: anybody can write this; compare the fingerprint with a printed one");
    }
    output::one(format, &view, (&View::HEADINGS, view.row()), || view.text())?;
    Ok(Exit::Ok)
}

async fn verify(args: VerifyAnchors) -> Result<Exit, Failure> {
    let (first, others) = args.files.split_first().ok_or_else(|| Failure::usage("name a file"))?;
    let set = read(first).await?;
    let mut last = match &args.fingerprint {
        Some(pin) => Believed::pinned(set, pin),
        None => {
            output::note("the first version was compared with no fingerprint: --fingerprint does");
            Believed::kept(set)
        }
    }
    .map_err(|e| refused(&e))?;
    for path in others {
        last = last.follow(read(path).await?).map_err(|e| refused(&e))?;
    }
    last.anchors(clock::at_or_now(args.at)).map_err(|e| refused(&e))?;
    View::of(last.set())?.print(args.output)?;
    Ok(Exit::Ok)
}
