//! `charter check`: asks, and verifies the answer where an anchor is given; with `--prove`, also that the log has a yes.

use std::path::Path;

use charter_domain::{Outcome, Reason};
use charter_proof::{AnchorSet, Denied, LogProven, ProofFile, Verified, log::Policy, render};

use crate::{
    answer::Answer,
    args::{Check, Connection, Format, Prove},
    clock,
    connect::Server,
    denial, evidence,
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
    let proof = match (&anchors, answer.outcome) {
        (Some(anchors), Outcome::Yes) => Some(prove(&answer, &question, anchors, (&log, policy.as_ref()))),
        // A no without a chain is a no, which nobody can be shown.
        (Some(anchors), Outcome::No) if !answer.chain.is_empty() => {
            Some(disprove(&answer, &question, anchors, &log))
        }
        _ => None,
    };
    answer.verified = proof.as_ref().map(Result::is_ok);
    match &proof {
        Some(Err(failure)) => answer.doubt(Reason::Unverifiable, &failure.message),
        Some(Ok(Proof::Yes(_, proven))) => answer.log.clone_from(proven),
        Some(Ok(Proof::No(_))) | None => {}
    }
    show(&answer, question.kind(), proof.as_ref().and_then(|p| p.as_ref().ok()), output)?;
    match proof {
        Some(Err(failure)) => Err(failure),
        _ => Ok(answer.exit),
    }
}

/// What was verified.
enum Proof {
    Yes(Box<Verified>, Option<LogProven>),
    No(Box<Denied>),
}

/// Verifies the chain, and the evidence from the log where that is asked for; keeps both in a file where one is named.
fn prove(
    answer: &Answer,
    question: &Question,
    anchors: &AnchorSet,
    (how, policy): (&Prove, Option<&Policy>),
) -> Result<Proof, Failure> {
    let verified = evidence::verify_answer(answer, question, anchors)?;
    if !how.prove {
        return Ok(Proof::Yes(Box::new(verified), None));
    }
    let (now, max_age) = (clock::at_or_now(None), how.max_age.map(Into::into));
    verified.check_age(now, max_age).map_err(|fault| evidence::failure(&fault))?;
    let logged = evidence::log_of(answer)?;
    let proven = charter_proof::verify_log(&verified, &logged, policy, now, max_age)
        .map_err(|fault| evidence::failure(&fault))?;
    if let Some(path) = &how.out {
        let file = ProofFile { chain: evidence::chain_of(answer)?, evidence: logged };
        write(path, &file.to_json().map_err(|e| unwritten(path, &e))?)?;
    }
    Ok(Proof::Yes(Box::new(verified), Some(proven)))
}

/// Verifies the chain of a no; keeps it in a file where one is named.
fn disprove(
    answer: &Answer,
    question: &Question,
    anchors: &AnchorSet,
    how: &Prove,
) -> Result<Proof, Failure> {
    let denied = denial::verify_answer(answer, question, anchors, how.max_age.map(Into::into))?;
    if let Some(path) = &how.out {
        write(path, evidence::chain_of(answer)?.to_bytes())?;
    }
    Ok(Proof::No(Box::new(denied)))
}

pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|e| unwritten(path, &e))
}

fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Unexpected, format!("cannot write `{}`: {error}", path.display()))
}

impl Proof {
    fn text(&self) -> String {
        match self {
            Self::Yes(verified, proven) => {
                let log = proven.as_ref().map(|p| render::log(p, clock::at_or_now(None)));
                format!("{}{}", render::text(verified), log.unwrap_or_default())
            }
            Self::No(denied) => render::denial(denied),
        }
    }
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
            output::text(
                &proof.map_or_else(|| table.clone(), |proof| format!("{table}\n\n{}", proof.text())),
            )?
        }
    };
    Ok(())
}
