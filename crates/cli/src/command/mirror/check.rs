//! `charter mirror check`: what `charter check` asks a server, answered from the copy.

use std::time::Duration;

use charter_domain::Outcome;
use charter_proto::charter::federation::v1 as pb;

use super::bound;
use crate::{
    answer::Answer,
    args::{CheckCopy, Format},
    clock, evidence,
    exit::{Exit, Failure},
    mirror::{LocalCopy, Said, Step},
    output,
    question::Question,
};

pub fn run(args: CheckCopy) -> Result<Exit, Failure> {
    let question = Question::parse(args.question)?;
    let max_staleness = bound(args.bound.max_staleness)?;
    let anchors = evidence::read_anchors(&args.held.anchors)?;
    let copy = LocalCopy::open(&args.held.dir, anchors)?;
    let top = copy.top().cloned().ok_or_else(|| Failure::usage("the copy has no registry"))?;
    let asked = question.query(top);
    let said = copy.answer(&asked, clock::at_or_now(None), max_staleness);
    let direct = said.decided_by == asked.authority;
    let mut answer = Answer::read(response(said, direct, max_staleness));
    // A yes was verified to be given at all; a no rests on the signed indexes, and has no chain.
    answer.verified = (answer.outcome == Outcome::Yes).then_some(true);
    match args.output {
        Format::Json => output::json(&answer)?,
        Format::Table => output::text(&answer.table(question.kind()))?,
    };
    Ok(answer.exit)
}

/// The answer as a server would send it.
fn response(said: Said, direct: bool, max_staleness: Duration) -> pb::ResolveResponse {
    let outcome = match said.reason.outcome() {
        Outcome::Yes => pb::Outcome::Yes,
        Outcome::No => pb::Outcome::No,
        Outcome::Indeterminate => pb::Outcome::Indeterminate,
    };
    let step = |s: Step| pb::ResolveStep {
        authority_id: s.authority.to_string(),
        epoch: s.epoch,
        reason: s.reason.code().to_owned(),
        via: s.via,
        ..Default::default()
    };
    pb::ResolveResponse {
        outcome: outcome.into(),
        reason: said.reason.code().to_owned(),
        basis: if direct { "DIRECT" } else { "DELEGATED" }.to_owned(),
        decided_by: said.decided_by.to_string(),
        as_of: Some(output::timestamp(said.as_of)),
        expires_at: Some(output::timestamp(said.expires(max_staleness))),
        detail: said.detail,
        chain: said.chain,
        unstated_conditions: said.unstated,
        path: said.path.into_iter().map(step).collect(),
        ..Default::default()
    }
}
