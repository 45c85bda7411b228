//! `charter mirror sync`: once, or again and again until it is interrupted.

use std::time::Duration;

use crate::{
    args::{Connection, SyncCopy},
    clock, evidence,
    exit::{Exit, Failure},
    mirror::{self, Source},
    output,
};

pub async fn run(to: &Connection, args: SyncCopy) -> Result<Exit, Failure> {
    let Some(every) = args.every.map(Duration::from) else { return once(to, &args).await };
    if every < Duration::from_secs(1) {
        return Err(Failure::usage("--every must be at least 1s"));
    }
    loop {
        // What went wrong may be over the next time; the copy is as it was.
        if let Err(failure) = once(to, &args).await {
            output::report(&failure);
        }
        tokio::time::sleep(every).await;
    }
}

async fn once(to: &Connection, args: &SyncCopy) -> Result<Exit, Failure> {
    // Read each time: the anchor set is brought up to date too.
    let anchors = evidence::read_anchors(&args.held.anchors)?;
    let done = mirror::sync(&Source::from(to), &args.held.dir, &anchors, clock::at_or_now(None)).await?;
    for (authority, why) in &done.failed {
        output::say(&format!("{authority} is not brought up to date: {why}"));
    }
    let (registries, fetched, dir) = (done.registries, done.fetched, args.held.dir.display());
    output::note(&format!("{registries} registries are verified in `{dir}`; {fetched} bytes are new"));
    Ok(if done.failed.is_empty() { Exit::Ok } else { Exit::Partial })
}
