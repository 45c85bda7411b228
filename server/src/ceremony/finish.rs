//! The end of a ceremony: signed copies become the version that verifiers take, or nothing does.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use charter_domain::Timestamp;
use charter_proof::{Believed, SignedSet};
use clap::Args;

use super::{
    files::{Input, PUBLIC, create},
    minutes::{self, Minutes},
    summary,
};
use crate::durable;

#[derive(Args)]
pub struct Finish {
    /// Signed copies of one draft.
    #[arg(required = true, num_args = 1..)]
    signed: Vec<PathBuf>,
    /// The version in force; left out for the first.
    #[arg(long, value_name = "FILE")]
    current: Option<PathBuf>,
    /// Folder for `N.json` and `N.minutes.md`: `anchors.dir` of a registry, or one that is copied there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Who holds a key that signed, for the minutes; may be given again.
    #[arg(long, value_name = "KID=NAME", value_parser = holder, allow_hyphen_values = true)]
    holder: Vec<(String, String)>,
    /// Who else was there, for the minutes; may be given again.
    #[arg(long, value_name = "NAME", value_parser = minutes::name)]
    present: Vec<String>,
}

fn holder(text: &str) -> Result<(String, String), String> {
    let (kid, holder) = text.split_once('=').ok_or("must be `kid=name`")?;
    Ok((kid.to_owned(), minutes::name(holder)?))
}

pub fn finish(args: &Finish, now: Timestamp) -> anyhow::Result<()> {
    let current = args.current.as_deref().map(Input::read).transpose()?;
    let copies = args.signed.iter().map(|path| Input::read(path)).collect::<Result<Vec<_>, _>>()?;
    let merged = merge(&copies)?;
    let believed = current.as_ref().map(Input::believed).transpose()?;
    let next = follow(believed.as_ref(), merged)?;
    next.anchors(now)?;
    let set = next.set();
    let signers = set.signed_by()?;
    if let Some((kid, _)) = args.holder.iter().find(|(kid, _)| !signers.contains(kid)) {
        bail!("key `{kid}` of --holder has not signed");
    }
    durable::folder(&args.out).with_context(|| format!("cannot make `{}`", args.out.display()))?;
    let [output, filed] = ["json", "minutes.md"].map(|end| args.out.join(format!("{}.{end}", set.version())));
    for path in [&output, &filed] {
        ensure!(!path.exists(), "`{}` is there already, and is not overwritten", path.display());
    }
    let inputs: Vec<&Input> = current.iter().chain(&copies).collect();
    let before = believed.as_ref().map(Believed::set);
    let text = Minutes {
        set,
        before,
        at: now,
        signers: &signers,
        holders: &args.holder,
        present: &args.present,
        inputs: &inputs,
        output: &output,
    };
    // First the minutes: there is no version without them.
    create(&filed, text.to_string().as_bytes(), PUBLIC)?;
    create(&output, set.to_bytes(), PUBLIC)?;
    print!("{}", summary::of(set, before));
    println!("wrote {} and {}", output.display(), filed.display());
    Ok(())
}

fn merge(copies: &[Input]) -> anyhow::Result<SignedSet> {
    let (first, others) = copies.split_first().context("name a signed copy")?;
    others.iter().try_fold(first.set()?, |set, copy| {
        set.merge(&copy.set()?).with_context(|| format!("`{}`", copy.path.display()))
    })
}

/// As verifiers will.
fn follow(current: Option<&Believed>, next: SignedSet) -> anyhow::Result<Believed> {
    match current {
        None if next.version() == 1 => Ok(Believed::kept(next)?),
        None => bail!("version {} follows another: name it with --current", next.version()),
        Some(current) => {
            let (held, offered) = (current.set().version(), next.version());
            ensure!(held != offered, "--current is version {held} too: name the version before");
            Ok(current.follow(next)?)
        }
    }
}
