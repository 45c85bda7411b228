//! `charter chain export`: the chain of a yes on standard output, byte for byte as `chain verify` wants it. Any
//! other answer writes nothing there.

use std::path::Path;

use charter_domain::Outcome;

use crate::{
    answer::Answer,
    args::{self, Connection},
    connect::Server,
    evidence,
    exit::{Exit, Failure},
    output,
    question::Question,
};

pub async fn run(to: &Connection, question: args::Question, anchor: Option<&Path>) -> Result<Exit, Failure> {
    let question = Question::parse(question)?;
    let anchors = anchor.map(evidence::read_anchors).transpose()?;
    let server = Server::connect(to).await?;
    let answer = Answer::read(question.ask(&server).await?);
    if answer.outcome != Outcome::Yes {
        return Err(answer.failure());
    }
    if let Some(anchors) = &anchors {
        evidence::verify_answer(&answer, &question, anchors)?;
    }
    output::bytes(&evidence::chain_of(&answer)?.to_bytes())?;
    Ok(Exit::Ok)
}
