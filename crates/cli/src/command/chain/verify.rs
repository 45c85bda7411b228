//! `charter chain verify`: verifies a chain file with nothing but an anchor set and a clock.

use charter_domain::{Action, EntityId, Query, Resource, Timestamp};
use charter_proof::{Chain, Verified, render};
use serde_json::{Value, json};

use crate::{
    args::{Against, Format, Verify},
    clock, denial,
    evidence::{self, Claimed},
    exit::{Exit, Failure},
    output,
};

pub async fn run(args: Verify) -> Result<Exit, Failure> {
    let Verify { file, against } = args;
    let chain = evidence::read_chain(&file).await?;
    if denial::is_one(&chain) {
        return deny(&chain, &against, clock::at_or_now(None));
    }
    let verified = verify(&chain, &against, clock::at_or_now(None))?;
    match against.output {
        Format::Json => output::json(&view(&verified))?,
        Format::Table => output::text(&render::text(&verified))?,
    };
    Ok(Exit::Ok)
}

/// Verifies the chain of a no for the question that it claims to answer, and shows it.
pub fn deny(chain: &Chain, against: &Against, now: Timestamp) -> Result<Exit, Failure> {
    let anchors = evidence::read_anchors(&against.anchor)?;
    let (claimed, time) = denial::claimed(chain)?;
    let (query, at) = (insisted(claimed, against)?, against.at.or(time).unwrap_or(now));
    let max_age = against.max_age.map(Into::into);
    let denied = charter_proof::verify_denial(chain, &query, &anchors, at, now, max_age)
        .map_err(|fault| Failure::new(Exit::CannotVerify, fault.to_string()))?;
    match against.output {
        Format::Json => output::json(&denial::view(&denied))?,
        Format::Table => output::text(&render::denial(&denied))?,
    };
    Ok(denial::exit(&denied))
}

/// Verifies a chain for the question that it claims to answer.
pub fn verify(chain: &Chain, against: &Against, now: Timestamp) -> Result<Verified, Failure> {
    let anchors = evidence::read_anchors(&against.anchor)?;
    let query = insisted(Claimed::read(chain)?.query(against.at)?, against)?;
    let max_age = against.max_age.map(Into::into);
    charter_proof::verify(chain, &query, &anchors, against.at.unwrap_or(now), now, max_age)
        .map_err(|fault| evidence::failure(&fault))
}

/// The question that a leaf claims to answer, with the terms that the caller insists on.
fn insisted(mut query: Query, args: &Against) -> Result<Query, Failure> {
    if let Some(entity) = &args.entity {
        query.entity = EntityId::parse(entity)?;
    }
    if let Some(action) = &args.action {
        query.action = Action::parse(action)?;
    }
    if let Some(resource) = &args.resource {
        query.resource = Resource::parse(resource)?;
    }
    // A recognition in a chain is followed by the one who was asked, which the leaf does not say.
    if let Some(authority) = &args.recognized_by {
        query.authority = authority.clone();
        query.context.follow_recognition = true;
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
