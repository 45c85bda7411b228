//! Instants: asked about, repeated, and refused where they are none.

use std::time::Duration;

use charter_domain::Timestamp;

use crate::conformance::{
    catalogue::Check,
    probe::{Answered, Probe, one_of},
    question::Question,
    shape,
    wire::{Ask, Reply, Seen},
};

/// How far clocks may be apart.
const APART: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(86_400);
const NO_TIMES: [&str; 6] =
    ["", "yesterday", "2026-11-20", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "1700000000"];

pub async fn check(probe: &mut Probe<'_>) {
    let checks = [
        Check::TimeEcho,
        Check::TimeEchoed,
        Check::TimeEvaluated,
        Check::TimePast,
        Check::TimeFuture,
        Check::TimeOffset,
        Check::TimeInvalid,
    ];
    let Some(Answered { question, .. }) = probe.some(&checks) else { return };
    let now = Timestamp::from_secs(probe.now.secs());
    let hour_ago = now.minus(DAY / 24);
    echoed(probe, &question, hour_ago).await;
    let at = |time: Timestamp| Ask::question(&question.at(&time.to_string()));
    let past = [DAY, DAY * 365, DAY * 365 * 20].map(|age| at(now.minus(age)));
    probe.each(Check::TimePast, past.to_vec(), one_of(&[200, 400])).await;
    let future = [DAY, DAY * 365 * 20].map(|ahead| at(now.plus(ahead)));
    probe.each(Check::TimeFuture, future.to_vec(), one_of(&[200, 400])).await;
    offset(probe, &question, hour_ago).await;
    let invalid = NO_TIMES.map(|time| Ask::question(&question.at(time)));
    probe.each(Check::TimeInvalid, invalid.to_vec(), one_of(&[400])).await;
}

/// One question about an hour ago: what its answer says of times.
async fn echoed(probe: &mut Probe<'_>, question: &Question, at: Timestamp) {
    let Seen { reply, exchange } = probe.send(&Ask::question(&question.at(&at.to_string()))).await;
    let Some(reply) = reply.ok().filter(|reply| reply.status == 200) else {
        for check in [Check::TimeEcho, Check::TimeEchoed, Check::TimeEvaluated] {
            probe.skip(check, "a question about an hour ago was not answered");
        }
        return;
    };
    let named = shape::time_of(&reply, "time_requested");
    let echo = match &named {
        Ok(Some(said)) if *said != at => Err(format!("`time_requested` is {said} in the place of {at}")),
        Ok(_) => Ok(()),
        Err(fault) => Err(fault.clone()),
    };
    probe.note(Check::TimeEcho, echo, exchange.clone());
    let given =
        if matches!(named, Ok(None)) { Err("`time_requested` is missing".to_owned()) } else { Ok(()) };
    probe.note(Check::TimeEchoed, given, exchange.clone());
    let evaluated = evaluated(&reply, probe.now);
    probe.note(Check::TimeEvaluated, evaluated, exchange);
}

/// The standard's own examples swap the two; its schema says execution time.
fn evaluated(reply: &Reply, now: Timestamp) -> Result<(), String> {
    let said = shape::time_of(reply, "time_evaluated")?.ok_or("`time_evaluated` is missing")?;
    if now.since(said) <= APART && said.since(now) <= APART {
        return Ok(());
    }
    Err(format!("`time_evaluated` is {said}, and it is {now}"))
}

/// `Z` and `+00:00` are one instant.
async fn offset(probe: &mut Probe<'_>, question: &Question, at: Timestamp) {
    let text = at.to_string();
    let with_z = probe.send(&Ask::question(&question.at(&text))).await;
    let wanted = with_z.reply.map(|reply| (reply.status, shape::decision(question.kind, &reply).ok()));
    let same = |reply: &Reply| {
        let said = (reply.status, shape::decision(question.kind, reply).ok());
        if Ok(said) == wanted {
            Ok(())
        } else {
            Err(format!("{} {:?} in the place of {wanted:?}", said.0, said.1))
        }
    };
    let asks = vec![Ask::question(&question.at(&text.replace('Z', "+00:00")))];
    probe.each(Check::TimeOffset, asks, same).await;
}
