//! The next version, drafted from the one in force: what changes is said, all else stays.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use charter_domain::{AuthorityId, Timestamp};
use charter_proof::{
    Anchor, AnchorSet, SignedSet,
    anchor::{Terms, signed::FORMAT},
};
use charter_signing::{JwkSet, PublicKey};
use clap::Args;

use super::{
    files::{Input, PUBLIC, create},
    key, summary,
};

#[derive(Args)]
pub struct Init {
    /// File for the draft.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The version in force; without one the first version is drafted.
    #[arg(long, value_name = "FILE")]
    current: Option<PathBuf>,
    /// When verifiers stop to accept the version (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    expires: Timestamp,
    /// When it is issued (RFC 3339); this machine's time where it is left out.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    issued: Option<Timestamp>,
    /// How many keys must sign; as in the version in force where it is left out.
    #[arg(long, value_name = "K", required_unless_present = "current")]
    threshold: Option<u8>,
    /// A public key that may sign from now on; may be given again.
    #[arg(long, value_name = "FILE")]
    add_key: Vec<PathBuf>,
    /// A key that may sign no longer, by its id; may be given again.
    #[arg(long, value_name = "KID", allow_hyphen_values = true)]
    remove_key: Vec<String>,
    /// Lists the authorities of this file, as a registry serves it at /.well-known/trust-anchors; may be given again.
    #[arg(long, value_name = "FILE")]
    add_anchors: Vec<PathBuf>,
    /// An authority that is listed no longer. With --add-anchors its keys are replaced; may be given again.
    #[arg(long, value_name = "DID", value_parser = AuthorityId::parse)]
    remove_anchor: Vec<AuthorityId>,
}

pub fn init(args: &Init, now: Timestamp) -> anyhow::Result<()> {
    let current = args.current.as_deref().map(|path| Input::read(path)?.believed()).transpose()?;
    let current = current.as_ref().map(charter_proof::Believed::set);
    let draft = SignedSet::new(terms(args, current, now)?)?;
    create(&args.out, draft.to_bytes(), PUBLIC)?;
    print!("{}", summary::of(&draft, current));
    Ok(())
}

fn terms(args: &Init, current: Option<&SignedSet>, now: Timestamp) -> anyhow::Result<Terms> {
    let before = current.map(SignedSet::terms);
    let issued = Timestamp::from_secs(args.issued.unwrap_or(now).secs());
    ensure!(
        before.is_none_or(|b| b.issued <= issued),
        "the version in force was issued later; is the clock right?"
    );
    let (keys, anchors) = before.map(|b| (b.jwks.keys.clone(), b.anchors.clone())).unwrap_or_default();
    Ok(Terms {
        format: FORMAT,
        version: before.map_or(0, |b| b.version).checked_add(1).context("there is no next version")?,
        previous: current.map(SignedSet::fingerprint),
        issued,
        expires: Timestamp::from_secs(args.expires.secs()),
        threshold: args.threshold.or(before.map(|b| b.threshold)).context("name --threshold")?,
        jwks: JwkSet::new(changed_keys(args, keys)?)?,
        anchors: changed_anchors(args, anchors)?,
    })
}

fn changed_keys(args: &Init, mut keys: Vec<PublicKey>) -> anyhow::Result<Vec<PublicKey>> {
    for kid in &args.remove_key {
        let place = keys.iter().position(|key| key.kid() == kid);
        keys.remove(place.with_context(|| format!("key `{kid}` is not in the version in force"))?);
    }
    for path in &args.add_key {
        keys.push(key::read_public(path)?);
    }
    Ok(keys)
}

fn changed_anchors(args: &Init, mut anchors: Vec<Anchor>) -> anyhow::Result<Vec<Anchor>> {
    for authority in &args.remove_anchor {
        let place = anchors.iter().position(|anchor| anchor.authority_id == *authority);
        anchors.remove(place.with_context(|| format!("`{authority}` is not in the version in force"))?);
    }
    for path in &args.add_anchors {
        let set = AnchorSet::parse(&Input::read(path)?.bytes);
        anchors.extend(set.with_context(|| format!("`{}`", path.display()))?.anchors);
    }
    Ok(anchors)
}
