//! `charter log verify`: a whole log, from its first entry to its newest checkpoint.

use charter_domain::Timestamp;
use charter_tlog::{Hash, checkpoint::SignedCheckpoint};
use serde::Serialize;

use crate::{
    args::{Connection, Format, VerifyLog},
    clock,
    exit::{Exit, Failure},
    log::{Believed, Kept, Plan, Seen, Trouble, Walk, bar, believed::Witnessed, evidence},
    login::Place,
    output,
};

/// Public: members are added, never renamed.
#[derive(Serialize)]
struct Report {
    verified: bool,
    origin: String,
    size: u64,
    root: String,
    /// Those of the policy; none without one.
    witnesses: Vec<Witnessed>,
    cosigned_at: Option<Timestamp>,
    age_seconds: Option<u64>,
    /// Size of the checkpoint of an earlier run that this one goes on from.
    grown_from: Option<u64>,
    registry: Option<String>,
    last_recorded_at: Option<Timestamp>,
    bytes: u64,
}

pub async fn run(to: &Connection, args: VerifyLog, place: &Place) -> Result<Exit, Failure> {
    let believed = Believed::open(to, &args.source).await?;
    let seen = believed.checkpoint(args.max_age.map(Into::into)).await?;
    let kept = Kept::of(place, &args.trusted, seen.signed.checkpoint().origin())?;
    let before = if args.trusted.from_scratch { None } else { kept.read(&seen.key)? };
    let walk = match read(&believed, &seen, before.as_ref()).await {
        Ok(walk) => walk,
        Err(Trouble::Contradiction(what)) => {
            let failure = Failure::new(Exit::CannotVerify, what);
            return Err(match &before {
                Some(was) => evidence::keep(&args.trusted.evidence, was, &seen.signed, failure),
                None => failure,
            });
        }
        Err(trouble) => return Err(trouble.into()),
    };
    kept.write(&seen.signed)?;
    let report = report(&seen, before.as_ref(), &walk);
    match args.output {
        Format::Json => output::json(&report)?,
        Format::Table => output::text(&table(&report))?,
    };
    Ok(Exit::Ok)
}

/// Reads every entry, and compares on the way with what the log was when it was last verified.
async fn read(believed: &Believed, seen: &Seen, before: Option<&SignedCheckpoint>) -> Result<Walk, Trouble> {
    let mark: Option<(u64, Hash)> = before.map(|was| (was.checkpoint().size(), was.checkpoint().root()));
    if let Some(was) = before {
        if let Some(two) = evidence::two_histories(was, &seen.signed) {
            return Err(Trouble::Contradiction(two));
        }
        let (was, is) = (was.checkpoint().size(), seen.size());
        if is < was {
            return Err(Trouble::Contradiction(format!("the log has gone back from {was} entries to {is}")));
        }
    }
    let bar = bar::entries(seen.size());
    let mut plan = Plan { mark, tiles: true, bar: &bar, sink: &mut |_| Ok(()) };
    let mut walk = Walk::default();
    let done = walk.advance(&believed.source, seen.signed.checkpoint(), &mut plan).await;
    bar.finish_and_clear();
    done.map(|()| walk)
}

fn report(seen: &Seen, before: Option<&SignedCheckpoint>, walk: &Walk) -> Report {
    let checkpoint = seen.signed.checkpoint();
    let cosigned_at = seen.cosigned_at();
    Report {
        verified: true,
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        root: checkpoint.root().to_string(),
        witnesses: seen.witnesses.clone(),
        cosigned_at,
        age_seconds: cosigned_at.map(|at| clock::at_or_now(None).since(at).as_secs()),
        grown_from: before.map(|was| was.checkpoint().size()),
        registry: walk.end.as_ref().map(|end| end.registry.clone()),
        last_recorded_at: walk.end.as_ref().map(|end| end.recorded_at),
        bytes: walk.bytes,
    }
}

fn table(report: &Report) -> String {
    let witnesses: Vec<_> = report.witnesses.iter().map(|w| format!("{} at {}", w.name, w.at)).collect();
    let age = report.age_seconds.map_or_else(String::new, |age| format!("{age} s"));
    let fields = output::fields([
        ("log", report.origin.clone()),
        ("registry", report.registry.clone().unwrap_or_default()),
        ("entries", report.size.to_string()),
        ("root", report.root.clone()),
        ("witnesses", if witnesses.is_empty() { "not asked for".to_owned() } else { witnesses.join(", ") }),
        ("age", age),
        ("grown from", report.grown_from.map_or_else(|| "not seen before".to_owned(), |n| n.to_string())),
        ("last event", report.last_recorded_at.map_or_else(String::new, |at| at.to_string())),
    ]);
    format!("VERIFIED\n{fields}")
}
