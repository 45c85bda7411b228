//! `charter log mirror`: a copy of a log in a directory, for whoever serves it as files, or refills from it. It is read
//! to the newest checkpoint and verified like `charter log verify`; the next run goes on from there.

use crate::{
    args::{Connection, MirrorLog},
    exit::{Exit, Failure},
    log::{Believed, Plan, Source, Walk, bar, shelf},
    output,
};

pub async fn run(to: &Connection, args: MirrorLog) -> Result<Exit, Failure> {
    let believed = Believed::open(to, &args.source).await?;
    let seen = believed.checkpoint(None).await?;
    let before = shelf::kept(&args.to, &seen.key)?;
    let from = before.as_ref().map(charter_tlog::checkpoint::SignedCheckpoint::checkpoint);
    let mut copy = shelf::Shelf::open(&args.to, from).await?;
    let mut walk = match from {
        None => Walk::default(),
        Some(was) => Walk::at(&Source::in_directory(&args.to), was.size(), was.root()).await?,
    };
    let (old, new) = (walk.size(), seen.size());
    let bar = bar::entries(new.saturating_sub(old));
    let mut put = |entries| copy.put(entries);
    let mut plan = Plan { mark: None, tiles: true, bar: &bar, sink: &mut put };
    let done = walk.advance(&believed.source, seen.signed.checkpoint(), &mut plan).await;
    bar.finish_and_clear();
    done?;
    copy.finish(&seen.signed)?;
    output::note(&format!(
        "{new} entries, {} of them new, are verified in `{}`",
        new - old,
        args.to.display()
    ));
    Ok(Exit::Ok)
}
