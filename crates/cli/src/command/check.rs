//! `charter check`: asks, and verifies a yes where an anchor is given.

use charter_domain::{Outcome, Reason};

use crate::{
    answer::Answer,
    args::{Check, Connection, Format},
    connect::Server,
    evidence,
    exit::{Exit, Failure},
    output,
    question::Question,
};

pub async fn run(to: &Connection, args: Check) -> Result<Exit, Failure> {
    let question = Question::parse(args.question)?;
    let anchors = args.anchor.as_deref().map(evidence::read_anchors).transpose()?;
    let server = Server::connect(to).await?;
    let mut answer = Answer::read(question.ask(&server).await?);
    // A no has no chain: only what was said can be proven.
    let proof = match &anchors {
        Some(anchors) if answer.outcome == Outcome::Yes => {
            Some(evidence::verify_answer(&answer, &question, anchors))
        }
        _ => None,
    };
    answer.verified = proof.as_ref().map(Result::is_ok);
    if let Some(Err(failure)) = &proof {
        answer.doubt(Reason::Unverifiable, &failure.message);
    }
    match args.output {
        Format::Json => output::json(&answer)?,
        Format::Table => {
            let drawn = proof.as_ref().and_then(|p| p.as_ref().ok()).map(charter_proof::render::text);
            let table = answer.table(question.kind());
            output::text(&drawn.map_or_else(|| table.clone(), |drawn| format!("{table}\n\n{drawn}")))?
        }
    };
    match proof {
        Some(Err(failure)) => Err(failure),
        _ => Ok(answer.exit),
    }
}
