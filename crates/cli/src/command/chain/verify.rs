//! `charter chain verify`: verifies a chain file with nothing but an anchor set and a clock.

use charter_domain::{Action, EntityId, Query, Resource, Timestamp};
use charter_proof::{Chain, Verified, render};
use serde_json::{Value, json};

use crate::{
    args::{Against, Format, Verify},
    clock,
    evidence::{self, Claimed},
    exit::{Exit, Failure},
    output,
};

pub async fn run(args: Verify) -> Result<Exit, Failure> {
    let Verify { file, against } = args;
    let chain = evidence::read_chain(&file).await?;
    let verified = verify(&chain, &against, clock::at_or_now(None))?;
    match against.output {
        Format::Json => output::json(&view(&verified))?,
        Format::Table => output::text(&render::text(&verified))?,
    };
    Ok(Exit::Ok)
}

/// Verifies a chain for the question that it claims to answer.
pub fn verify(chain: &Chain, against: &Against, now: Timestamp) -> Result<Verified, Failure> {
    let anchors = evidence::read_anchors(&against.anchor)?;
    let query = query(chain, against)?;
    let max_age = against.max_age.map(Into::into);
    charter_proof::verify(chain, &query, &anchors, against.at.unwrap_or(now), now, max_age)
        .map_err(|fault| evidence::failure(&fault))
}

/// The question that the statement claims to answer, with the terms that the caller insists on.
fn query(chain: &Chain, args: &Against) -> Result<Query, Failure> {
    let mut query = Claimed::read(chain)?.query(args.at)?;
    if let Some(entity) = &args.entity {
        query.entity = EntityId::parse(entity)?;
    }
    if let Some(action) = &args.action {
        query.action = Action::parse(action)?;
    }
    if let Some(resource) = &args.resource {
        query.resource = Resource::parse(resource)?;
    }
    Ok(query)
}

/// Public: members are added, never renamed.
pub fn view(verified: &Verified) -> Value {
    let leaf = &verified.leaf;
    json!({
        "verified": true,
        "kind": leaf.kind,
        "entity_id": leaf.sub,
        "action": leaf.action,
        "resource": leaf.resource,
        "decided_by": verified.decided_by,
        "as_of": verified.as_of,
        "good_until": verified.good_until,
        "valid_until": verified.valid_until,
        "unstated_conditions": verified.unstated,
        "links": verified.links,
    })
}

#[cfg(test)]
mod tests;
