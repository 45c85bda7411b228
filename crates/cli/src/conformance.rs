//! Examines a registry of any maker as its callers see it: does it speak TRQP v2.0, HTTPS binding? Nothing is changed
//! there. What it lists of itself, or what the caller knows, gives the questions; the rest is what a caller may get wrong.

mod catalogue;
mod checks {
    //! The checks, by what they look at.
    pub mod answers;
    pub mod ayra;
    pub mod door;
    pub mod refusals;
    pub mod time;
    pub mod unknown;
}
pub mod html;
mod learn;
mod probe;
mod question;
mod report;
mod shape;
mod wire;

use self::{
    catalogue::Check,
    checks::{answers, ayra, door, refusals, time, unknown},
    probe::Probe,
};
pub use self::{
    question::Known,
    report::{Finding, Report},
    wire::Target,
};
use crate::{clock, exit::Failure, http::Http};

/// How many findings there will be: each known case is one.
pub fn count(known: &Known) -> u64 {
    let more = known.cases().len().saturating_sub(1);
    u64::try_from(Check::ALL.len() + more).unwrap_or(u64::MAX)
}

/// Makes all checks, `step` after each. It fails where the registry cannot be asked at all.
pub async fn examine(
    http: &Http,
    target: Target,
    authority: Option<String>,
    known: &Known,
    step: &dyn Fn(),
) -> Result<Report, Failure> {
    let now = clock::at_or_now(None);
    let learnt =
        learn::learn(http, &target, authority.or_else(|| known.authority().map(str::to_owned))).await?;
    let name = target.as_str().to_owned();
    let mut probe = Probe::new(http, target, learnt.authority.clone(), now, step);
    answers::check(&mut probe, known, &learnt).await;
    unknown::check(&mut probe).await;
    time::check(&mut probe).await;
    refusals::check(&mut probe).await;
    door::check(&mut probe).await;
    ayra::check(&mut probe, &learnt).await;
    Ok(Report::new(&name, learnt.authority, now, probe.end()))
}
