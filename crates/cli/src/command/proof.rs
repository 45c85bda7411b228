//! `charter proof verify`: verifies a chain and its evidence from the log with nothing but an anchor set, a policy and
//! a clock.

use charter_proof::{LogProven, Verified, render};
use serde_json::{Value, json};

use super::chain::verify as chain;
use crate::{
    args::{Format, VerifyProof},
    clock, evidence,
    exit::{Exit, Failure},
    output,
};

pub async fn verify(args: VerifyProof) -> Result<Exit, Failure> {
    let VerifyProof { file, log_policy, against } = args;
    let policy = log_policy.as_deref().map(evidence::read_policy).transpose()?;
    let file = evidence::read_proof(&file).await?;
    let now = clock::at_or_now(None);
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
