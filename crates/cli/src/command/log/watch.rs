//! `charter log watch`: a log as it grows, each step verified. What it was before is never forgotten.

use std::time::Duration;

use charter_domain::Timestamp;
use charter_tlog::checkpoint::SignedCheckpoint;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    args::{Connection, Format, WatchLog},
    clock,
    exit::{Exit, Failure},
    log::{Believed, Kept, Plan, Seen, Trouble, Walk, evidence},
    login::Place,
    output,
};

/// A log at its last verified checkpoint.
struct Followed {
    signed: SignedCheckpoint,
    walk: Walk,
    /// The checkpoint was verified in this run, and printed.
    shown: bool,
}

/// What was said last, so that it is said once.
struct Told {
    trouble: Option<String>,
    frozen: bool,
    /// When the checkpoint or a cosignature was last new.
    news: Instant,
}

pub async fn run(to: &Connection, args: WatchLog, place: &Place) -> Result<Exit, Failure> {
    let believed = Believed::open(to, &args.source).await?;
    let every: Duration = args.every.into();
    let lasts: Option<Duration> = args.lasts.map(Into::into);
    let ends = lasts.map(|lasts| Instant::now() + lasts);
    let mut told = Told { trouble: None, frozen: false, news: Instant::now() };
    let mut followed: Option<Followed> = None;
    loop {
        match step(&believed, &args, place, &mut followed).await {
            Ok(Some(seen)) => {
                told = Told { trouble: None, frozen: false, news: Instant::now() };
                if !show(&args, &seen)? {
                    return Ok(Exit::Ok);
                }
            }
            Ok(None) => told.trouble = None,
            Err(Trouble::Fault(fault)) => {
                let text = fault.to_string();
                if told.trouble.as_ref() != Some(&text) {
                    output::say(&text);
                    told.trouble = Some(text);
                }
            }
            Err(trouble) => return Err(trouble.into()),
        }
        look_for_frost(&args, &mut told);
        let next = Instant::now() + every;
        match ends {
            Some(ends) if ends <= next => return Ok(Exit::Ok),
            _ => tokio::time::sleep_until(next).await,
        }
    }
}

/// Looks once; a checkpoint that is new is given when everything up to it is verified.
async fn step(
    believed: &Believed,
    args: &WatchLog,
    place: &Place,
    followed: &mut Option<Followed>,
) -> Result<Option<Seen>, Trouble> {
    let seen = believed.checkpoint(None).await?;
    let kept = Kept::of(place, &args.trusted, seen.signed.checkpoint().origin()).map_err(Trouble::Failed)?;
    let was = match followed.take() {
        Some(was) => was,
        None => begin(believed, args, &kept, &seen).await?,
    };
    let walk = match go_on(believed, &was, &seen).await {
        Ok(walk) => walk,
        Err(Trouble::Contradiction(what)) => return Err(contradicted(args, &was.signed, &seen, what)),
        // It may be there the next time.
        Err(trouble) => {
            *followed = Some(was);
            return Err(trouble);
        }
    };
    let new = !was.shown || was.signed != seen.signed;
    *followed = Some(Followed { signed: seen.signed.clone(), walk, shown: true });
    if !new {
        return Ok(None);
    }
    kept.write(&seen.signed).map_err(Trouble::Failed)?;
    Ok(Some(seen))
}

/// Where to go on from: the checkpoint of an earlier run, or the first that is seen.
async fn begin(believed: &Believed, args: &WatchLog, kept: &Kept, seen: &Seen) -> Result<Followed, Trouble> {
    let before =
        if args.trusted.from_scratch { None } else { kept.read(&seen.key).map_err(Trouble::Failed)? };
    let signed = before.unwrap_or_else(|| seen.signed.clone());
    if let Some(two) = evidence::two_histories(&signed, &seen.signed) {
        return Err(contradicted(args, &signed, seen, two));
    }
    let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
    match Walk::at(&believed.source, size, root).await {
        Ok(walk) => Ok(Followed { signed, walk, shown: false }),
        Err(Trouble::Contradiction(what)) => Err(contradicted(args, &signed, seen, what)),
        Err(trouble) => Err(trouble),
    }
}

/// The log at the new checkpoint, reached from the one before by its entries.
async fn go_on(believed: &Believed, was: &Followed, seen: &Seen) -> Result<Walk, Trouble> {
    if let Some(two) = evidence::two_histories(&was.signed, &seen.signed) {
        return Err(Trouble::Contradiction(two));
    }
    let mut walk = was.walk.clone();
    let mut plan = Plan { mark: None, tiles: false, bar: &ProgressBar::hidden(), sink: &mut |_| Ok(()) };
    walk.advance(&believed.source, seen.signed.checkpoint(), &mut plan).await?;
    Ok(walk)
}

fn contradicted(args: &WatchLog, was: &SignedCheckpoint, seen: &Seen, what: String) -> Trouble {
    let failure = Failure::new(Exit::CannotVerify, what);
    Trouble::Failed(evidence::keep(&args.trusted.evidence, was, &seen.signed, failure))
}

/// A line for a checkpoint; false when its reader has left.
fn show(args: &WatchLog, seen: &Seen) -> Result<bool, Failure> {
    let (checkpoint, now) = (seen.signed.checkpoint(), clock::at_or_now(None));
    let (size, root) = (checkpoint.size(), checkpoint.root().to_string());
    let names: Vec<&str> = seen.witnesses.iter().map(|w| w.name.as_str()).collect();
    match args.output {
        Format::Json => output::json_line(&json!({
            "time": now, "origin": checkpoint.origin(), "size": size, "root": root, "witnesses": seen.witnesses,
            "cosigned_at": seen.cosigned_at(),
        })),
        Format::Table => {
            let by = if names.is_empty() { String::new() } else { format!("  {}", names.join(", ")) };
            output::text(&output::clean(&format!("{now}  {size}  {root}{by}")))
        }
    }
}

/// Says once that nothing new has come for too long: who runs the log may be hiding what came.
fn look_for_frost(args: &WatchLog, told: &mut Told) {
    let (quiet, limit): (Duration, Duration) = (told.news.elapsed(), args.frozen_after.into());
    if told.frozen || quiet <= limit {
        return;
    }
    told.frozen = true;
    let since: Timestamp = clock::at_or_now(None).minus(quiet);
    output::say(&format!("frozen: no new checkpoint and no new cosignature since {since}"));
}
