//! One signature: by whoever has compared what is signed with what was read out.

use std::path::PathBuf;

use anyhow::ensure;
use charter_proof::Fingerprint;
use clap::Args;

use super::{
    files::{Input, PUBLIC, create},
    key::Place,
    summary,
};

#[derive(Args)]
pub struct Sign {
    /// The draft, or a copy with signatures of others.
    draft: PathBuf,
    /// The key's file, as `charterd ceremony key` made it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    place: Place,
    /// The fingerprint that all have agreed on, in hexadecimal digits or words.
    #[arg(long, value_name = "TEXT", value_parser = Fingerprint::parse)]
    fingerprint: Fingerprint,
    /// File for the signed copy.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub fn sign(args: &Sign) -> anyhow::Result<()> {
    let set = Input::read(&args.draft)?.set()?;
    let found = set.fingerprint();
    ensure!(
        found == args.fingerprint,
        "nothing was signed: `{}` has the fingerprint {found}; it is not what was agreed on",
        args.draft.display()
    );
    let signer = args.place.signer(&args.key)?;
    let kid = signer.key().kid().to_owned();
    ensure!(!set.signed_by()?.contains(&kid), "key `{kid}` has signed this copy already");
    let new = set.terms().jwks.find(&kid).is_some();
    let signed = set.sign(signer.as_ref())?;
    create(&args.out, signed.to_bytes(), PUBLIC)?;
    print!("{}", summary::of(&signed, None));
    println!("signed with key {kid}");
    if !new {
        println!("it is no key of this version: the signature counts if it is one of the version before");
    }
    Ok(())
}
