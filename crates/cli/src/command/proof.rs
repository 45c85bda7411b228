//! `charter proof verify`: verifies a chain and its evidence from the log, or the chain of a no, with nothing but an
//! anchor set, a policy and a clock.

use charter_proof::{Chain, LogProven, Verified, log, render};
use serde_json::{Value, json};

use super::chain::verify as chain;
use crate::{
    args::{Format, VerifyProof},
    clock, denial, evidence,
    exit::{Exit, Failure},
    output,
};

pub async fn verify(args: VerifyProof) -> Result<Exit, Failure> {
    let VerifyProof { file, log_policy, against } = args;
    let policy = log_policy.as_deref().map(evidence::read_policy).transpose()?;
    let bytes = evidence::read(&file, log::MAX_BYTES).await?;
    let now = clock::at_or_now(None);
    // A no is in no log: what was never recorded cannot be shown there.
    if let Some(no) = Chain::parse(&bytes).ok().filter(denial::is_one) {
        return chain::deny(&no, &against, now);
    }
    let file = evidence::parse_proof(&bytes)?;
    let verified = chain::verify(&file.chain, &against, now)?;
    let max_age = against.max_age.map(Into::into);
    let proven = charter_proof::verify_log(&verified, &file.evidence, policy.as_ref(), now, max_age)
        .map_err(|fault| evidence::failure(&fault))?;
    match against.output {
        Format::Json => output::json(&view(&verified, &proven))?,
        Format::Table => output::text(&(render::text(&verified) + &render::log(&proven, now)))?,
    };
    Ok(Exit::Ok)
}

/// Public: members are added, never renamed.
fn view(verified: &Verified, proven: &LogProven) -> Value {
    let mut view = chain::view(verified);
    view["log"] = json!(proven);
    view
}
