//! `charter check`: asks, and verifies a yes where an anchor is given; with `--prove`, also that the log has it.

use std::path::Path;

use charter_domain::{Outcome, Reason};
use charter_proof::{AnchorSet, LogProven, ProofFile, Verified, log::Policy, render};

use crate::{
    answer::Answer,
    args::{Check, Connection, Format, Prove},
    clock,
    connect::Server,
    evidence,
    exit::{Exit, Failure},
    output,
    question::Question,
};

pub async fn run(to: &Connection, args: Check) -> Result<Exit, Failure> {
    let Check { question, mode, anchor, log, output } = args;
    let question = Question::parse(question)?.going(mode);
    let question = if log.prove { question.with_log() } else { question };
    let anchors = anchor.as_deref().map(evidence::read_anchors).transpose()?;
    let policy = log.log_policy.as_deref().map(evidence::read_policy).transpose()?;
    let server = Server::connect(to).await?;
    let mut answer = Answer::read(question.ask(&server).await?);
    // A no has no chain: only what was said can be proven.
    let proof = match &anchors {
        Some(anchors) if answer.outcome == Outcome::Yes => {
            Some(prove(&answer, &question, anchors, (&log, policy.as_ref())))
        }
        _ => None,
    };
    answer.verified = proof.as_ref().map(Result::is_ok);
    match &proof {
        Some(Err(failure)) => answer.doubt(Reason::Unverifiable, &failure.message),
        Some(Ok((_, proven))) => answer.log.clone_from(proven),
        None => {}
    }
    show(&answer, question.kind(), proof.as_ref().and_then(|p| p.as_ref().ok()), output)?;
    match proof {
        Some(Err(failure)) => Err(failure),
        _ => Ok(answer.exit),
    }
}

type Proof = (Verified, Option<LogProven>);

/// Verifies the chain, and the evidence from the log where that is asked for; keeps both in a file where one is named.
fn prove(
    answer: &Answer,
    question: &Question,
    anchors: &AnchorSet,
    (how, policy): (&Prove, Option<&Policy>),
) -> Result<Proof, Failure> {
    let verified = evidence::verify_answer(answer, question, anchors)?;
    if !how.prove {
        return Ok((verified, None));
    }
    let (now, max_age) = (clock::at_or_now(None), how.max_age.map(Into::into));
    verified.check_age(now, max_age).map_err(|fault| evidence::failure(&fault))?;
    let logged = evidence::log_of(answer)?;
    let proven = charter_proof::verify_log(&verified, &logged, policy, now, max_age)
        .map_err(|fault| evidence::failure(&fault))?;
    if let Some(path) = &how.out {
        write(path, &ProofFile { chain: evidence::chain_of(answer)?, evidence: logged })?;
    }
    Ok((verified, Some(proven)))
}

fn write(path: &Path, file: &ProofFile) -> Result<(), Failure> {
    let failed =
        |e: String| Failure::new(Exit::Unexpected, format!("cannot write `{}`: {e}", path.display()));
    let json = file.to_json().map_err(|e| failed(e.to_string()))?;
    std::fs::write(path, json).map_err(|e| failed(e.to_string()))
}

fn show(
    answer: &Answer,
    kind: charter_domain::Kind,
    proof: Option<&Proof>,
    output: Format,
) -> Result<(), Failure> {
    match output {
        Format::Json => output::json(answer)?,
        Format::Table => {
            let table = answer.table(kind);
            output::text(&proof.map_or_else(
                || table.clone(),
                |(verified, proven)| {
                    let log = proven.as_ref().map(|p| render::log(p, clock::at_or_now(None)));
                    format!("{table}\n\n{}{}", render::text(verified), log.unwrap_or_default())
                },
            ))?
        }
    };
    Ok(())
}
