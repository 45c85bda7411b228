//! Verification of a no: the links above a denial as for a yes, then whether its authority may deny this very question.

use std::time::Duration;

use charter_domain::{AuthorityId, Query, Reason, Timestamp};
use serde::Serialize;

use super::{SKEW, answers_for, descend, link, verified::check_age, whole};
use crate::{AnchorSet, Chain, Denial, Fault, FaultCode, Issuer, Link, document::Asked};

/// What an authority may deny of another: that it knows no way there. Of the other's entities it says nothing.
const NO_DELEGATION: [Reason; 4] =
    [Reason::UnknownAuthority, Reason::AncestorSuspended, Reason::AncestorRevoked, Reason::AncestorExpired];

/// What a verified denial says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denied {
    /// Leaf first, as in the chain file.
    pub links: Vec<Link>,
    /// Who denies.
    pub decided_by: AuthorityId,
    pub reason: Reason,
    /// The oldest issue time of the denial and the delegations: what was granted later cannot be seen.
    pub as_of: Timestamp,
    /// The first expiry of anything the proof rests on.
    pub good_until: Timestamp,
    pub leaf: Denial,
    /// Who denies, with the keys that the authority above vouches for.
    #[serde(skip)]
    pub issuer: Issuer,
}

/// Verifies a chain whose leaf is a denial, otherwise as `verify`.
pub fn verify_denial(
    chain: &Chain,
    query: &Query,
    anchors: &AnchorSet,
    at: Timestamp,
    now: Timestamp,
    max_age: Option<Duration>,
) -> Result<Denied, Fault> {
    let top = whole(chain, anchors, now)?;
    let mut denied = verify_denial_under(top.links, &top.issuer, query, at, now)?;
    denied.good_until = denied.good_until.min(top.good_until);
    denied.links.push(top.link);
    check_age(&denied.links, now, max_age)?;
    Ok(denied)
}

/// Verifies a denial and the links above it (leaf first, no configuration) under an issuer that is trusted already.
pub fn verify_denial_under(
    links: &[String],
    issuer: &Issuer,
    query: &Query,
    at: Timestamp,
    now: Timestamp,
) -> Result<Denied, Fault> {
    let (token, issuer, walk) = descend(links, issuer, query, at, now)?;
    let leaf: Denial = link::open(0, token, &issuer.jwks, &issuer.entity_id, now)?;
    speaks(&leaf, &issuer, query)?;
    covers(&issuer, query, at)?;
    is_about(&leaf, at)?;
    Ok(walk.deny(leaf, issuer))
}

/// It is the answer to this question, by somebody who may give it.
fn speaks(leaf: &Denial, issuer: &Issuer, query: &Query) -> Result<(), Fault> {
    let mismatch = |detail: String| Err(Fault::new(0, FaultCode::Mismatch, detail));
    if leaf.authority_id != issuer.authority_id {
        let (found, expected) = (&leaf.authority_id, &issuer.authority_id);
        return mismatch(format!("it speaks as `{found}`, delegated was `{expected}`"));
    }
    if let Some(name) = leaf.asked.differs(&Asked::from(query)) {
        return mismatch(format!("it is about another {name} than the question"));
    }
    if leaf.asked.authority == issuer.authority_id {
        return answers_for(issuer, &query.authority);
    }
    if leaf.asked.authority != query.authority || issuer.stands_under(&query.authority) {
        return mismatch("it is about another authority than the question".to_owned());
    }
    if NO_DELEGATION.contains(&leaf.reason) {
        return Ok(());
    }
    let detail = format!(
        "`{}` denies with `{}` what only `{}` may deny",
        issuer.authority_id, leaf.reason, query.authority
    );
    Err(Fault::new(0, FaultCode::OutOfScope, detail))
}

/// Whoever may not say yes to a question may not say no either.
fn covers(issuer: &Issuer, query: &Query, at: Timestamp) -> Result<(), Fault> {
    let place = query.context.jurisdiction.as_ref();
    if issuer.scopes().all(|s| s.covers(&query.action, &query.resource, place, at)) {
        return Ok(());
    }
    let detail = format!("the question is outside what the authority may speak for at {at}");
    Err(Fault::new(0, FaultCode::OutOfScope, detail))
}

/// It holds at the instant asked about: the very one that it names, else from `as_of` on, until it ends.
fn is_about(leaf: &Denial, at: Timestamp) -> Result<(), Fault> {
    let (as_of, until) = (leaf.as_of, leaf.valid_until);
    // The superior's clock, or the verifier's, may be behind that of whoever denied.
    let before = if leaf.asked.time.is_some() { at != as_of } else { at.plus(SKEW) < as_of };
    if before {
        let detail = format!("it is as of {as_of}, the question is about {at}");
        return Err(Fault::new(0, FaultCode::Mismatch, detail));
    }
    if leaf.asked.time.is_none() && at >= until {
        return Err(Fault::new(0, FaultCode::LinkExpired, format!("it holds until {until}")));
    }
    Ok(())
}

impl super::Walk {
    fn deny(self, leaf: Denial, issuer: Issuer) -> Denied {
        let last = Link::denial(&leaf);
        let (links, as_of, good_until) = self.close(last);
        Denied {
            links,
            decided_by: leaf.authority_id.clone(),
            reason: leaf.reason,
            as_of,
            good_until: good_until.min(leaf.valid_until),
            leaf,
            issuer,
        }
    }
}

#[cfg(test)]
mod tests;
