//! A signed no: told from a yes by what its chain says of itself, then verified as what it says.

use std::time::Duration;

use charter_domain::{AuthorityId, Context, Outcome, Query, Timestamp};
use charter_proof::{
    AnchorSet, Chain, Denied,
    document::{AUTHORITY_DENIAL, Asked},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    clock, evidence,
    exit::{Exit, Failure},
    question::Question,
};

#[derive(Deserialize)]
struct Header {
    typ: String,
}

#[derive(Deserialize)]
struct Claims {
    asked: Asked,
}

/// Whether the leaf says that it is a denial. Whoever verifies it holds it to that.
pub fn is_one(chain: &Chain) -> bool {
    let header = chain.links().first().and_then(|leaf| evidence::part::<Header>(leaf, 0));
    header.is_some_and(|header| header.typ == AUTHORITY_DENIAL)
}

/// The question that a denial claims to answer, and the instant that it names.
pub fn claimed(chain: &Chain) -> Result<(Query, Option<Timestamp>), Failure> {
    let claims = chain.links().first().and_then(|leaf| evidence::part::<Claims>(leaf, 1));
    let claims =
        claims.ok_or_else(|| Failure::new(Exit::CannotVerify, "MALFORMED at link 0: it is not a denial"))?;
    let Asked { kind, authority, entity, action, resource, time, locator, jurisdiction, conditions } =
        claims.asked;
    let context = Context { time, locator, jurisdiction, conditions, ..Context::default() };
    Ok((Query { kind, authority, entity, action, resource, context }, time))
}

/// Verifies the chain of a no for the question that was asked, and that it says what the answer says.
pub fn verify_answer(
    answer: &Answer,
    question: &Question,
    anchors: &AnchorSet,
    max_age: Option<Duration>,
) -> Result<Denied, Failure> {
    let chain = evidence::chain_of(answer)?;
    let refused = |detail: String| Failure::new(Exit::CannotVerify, detail);
    let decided_by = AuthorityId::parse(answer.decided_by.as_deref().unwrap_or_default())
        .map_err(|e| refused(format!("the answer's decided_by: {e}")))?;
    let (query, now) = (question.query(decided_by.clone()), clock::at_or_now(None));
    let denied = charter_proof::verify_denial(&chain, &query, anchors, question.at(), now, max_age)
        .map_err(|fault| refused(fault.to_string()))?;
    if denied.decided_by == decided_by && denied.reason.code() == answer.reason {
        return Ok(denied);
    }
    let (by, reason) = (&denied.decided_by, denied.reason);
    Err(refused(format!(
        "the answer is {} by `{decided_by}`, the chain proves {reason} by `{by}`",
        answer.reason
    )))
}

/// How a program ends that has verified a no: never as one that has verified a yes.
pub fn exit(denied: &Denied) -> Exit {
    Exit::of(Outcome::No, Some(denied.reason))
}

/// Public: members are added, never renamed.
pub fn view(denied: &Denied) -> Value {
    let asked = &denied.leaf.asked;
    json!({
        "verified": true,
        "outcome": Outcome::No,
        "reason": denied.reason,
        "kind": asked.kind,
        "entity_id": asked.entity,
        "action": asked.action,
        "resource": asked.resource,
        "decided_by": denied.decided_by,
        "as_of": denied.as_of,
        "good_until": denied.good_until,
        "links": denied.links,
    })
}
