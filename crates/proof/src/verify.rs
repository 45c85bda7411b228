//! Verification of a chain: from the pinned anchor down, each link with the keys of the link above only.
//!
//! `at` is the instant the question is about, `now` the verifier's own time. A chain that is current proves past
//! instants too, because each link carries the intervals in which it was in force.

use std::time::Duration;

use charter_domain::{AuthorityId, HttpsId, Query, Timestamp, delegation::MAX_DEPTH};
use charter_signing::jws;
use serde::Deserialize;

use crate::{
    Anchor, AnchorSet, AuthorityStatement, Chain, Fault, FaultCode, Issuer, RecognitionStatement,
    SubordinateStatement, document::instant,
};

mod configuration;
mod denial;
mod leaf;
mod link;
mod recognition;
mod snapshot;
mod verified;

pub(crate) use self::configuration::own_configuration;
pub use self::{
    configuration::verify_configuration,
    denial::{Denied, verify_denial, verify_denial_under},
    recognition::verify_counter,
    snapshot::{verify_anchor, verify_snapshot, verify_subordinate},
    verified::{Link, LinkKind, Verified},
};
use self::{recognition::Owed, verified::Walk};

/// How far ahead of the verifier's clock an issuer's may be.
pub const SKEW: Duration = Duration::from_secs(60);

/// Verifies a whole chain: its last link is the configuration of an anchor in `anchors`. With `max_age`, the
/// oldest of the statement and the delegations must have been issued at most so long ago.
pub fn verify(
    chain: &Chain,
    query: &Query,
    anchors: &AnchorSet,
    at: Timestamp,
    now: Timestamp,
    max_age: Option<Duration>,
) -> Result<Verified, Fault> {
    let top = whole(chain, anchors, now)?;
    let mut verified = verify_under(top.links, &top.issuer, query, at, now)?;
    verified.good_until = verified.good_until.min(top.good_until);
    verified.links.push(top.link);
    verified.check_age(now, max_age)?;
    Ok(verified)
}

/// The verified top of a chain, and the links below it.
struct Top<'a> {
    links: &'a [String],
    issuer: Issuer,
    link: Link,
    /// The earlier expiry of the configuration and the anchor set.
    good_until: Timestamp,
}

/// Verifies the last link of a chain: the configuration of an anchor in `anchors`.
fn whole<'a>(chain: &'a Chain, anchors: &AnchorSet, now: Timestamp) -> Result<Top<'a>, Fault> {
    let last = chain.links().len().saturating_sub(1);
    let (links, top) = chain.links().split_at(last);
    let token = top.first().ok_or_else(|| Fault::new(0, FaultCode::Malformed, "the chain is empty"))?;
    let (issuer, configuration) = configuration::pinned(last, token, anchors, now)?;
    let exp = instant(configuration.exp);
    let good_until = anchors.expires.map_or(exp, |expires| exp.min(expires));
    Ok(Top { links, issuer, link: Link::configuration(&configuration), good_until })
}

/// Verifies links (leaf first, no configuration) under an issuer that is trusted already: a subordinate's
/// answer is checked with the keys of the delegation that led to it.
pub fn verify_under(
    links: &[String],
    issuer: &Issuer,
    query: &Query,
    at: Timestamp,
    now: Timestamp,
) -> Result<Verified, Fault> {
    let (statement, issuer, walk) = descend(links, issuer, query, at, now)?;
    let leaf: AuthorityStatement = link::open(0, statement, &issuer.jwks, &issuer.entity_id, now)?;
    let unstated = leaf::check(&leaf, &issuer, query, at)?;
    let until = leaf::in_force(&leaf, &issuer, at)?;
    Ok(walk.end(leaf, until, unstated, (issuer, at)))
}

/// Verifies the delegations, and a recognition that `query` follows with the peer's statement in turn, down to the leaf,
/// which is not looked at: the leaf, who must have signed it, what was passed.
fn descend<'a>(
    links: &'a [String],
    issuer: &Issuer,
    query: &Query,
    at: Timestamp,
    now: Timestamp,
) -> Result<(&'a str, Issuer, Walk), Fault> {
    let Some((statement, delegations)) = links.split_first() else {
        return Err(Fault::new(0, FaultCode::Malformed, "there is no statement"));
    };
    // Counted before anything is verified: a long chain must not cost many signatures.
    let in_turn = usize::from(query.context.follow_recognition);
    if delegations.len() + issuer.path_used() > usize::from(MAX_DEPTH) + in_turn {
        let detail = format!("more than {MAX_DEPTH} delegations");
        return Err(Fault::new(delegations.len(), FaultCode::PathTooLong, detail));
    }
    let mut issuer = issuer.clone();
    let (mut walk, mut owed) = (Walk::default(), Owed::default());
    for (n, token) in links.iter().enumerate().skip(1).rev() {
        let fault = |(code, detail): (FaultCode, String)| Fault::new(n, code, detail);
        if let Some((link, until)) = owed.paid(n, token, (at, now))? {
            walk.pass(link, until);
            continue;
        }
        if recognition::is_one(token) {
            let peer: RecognitionStatement = link::open(n, token, &issuer.jwks, &issuer.entity_id, now)?;
            recognition::asked(n, &issuer, query)?;
            let until = link::in_force(n, &peer.valid, at)?;
            issuer = issuer.recognise(&peer).map_err(fault)?;
            walk.pass(Link::recognition(&peer, until), until);
            owed = Owed::by(peer);
            continue;
        }
        let delegation: SubordinateStatement = link::open(n, token, &issuer.jwks, &issuer.entity_id, now)?;
        let until = link::in_force(n, &delegation.metadata.trust_registry.valid, at)?;
        issuer = issuer.descend(&delegation).map_err(fault)?;
        walk.pass(Link::delegation(&delegation, until), until);
    }
    owed.settled()?;
    Ok((statement.as_str(), issuer, walk))
}

/// The pinned anchor that the last link claims to come from. The claim is unverified here; it only chooses
/// which pinned keys the link is then verified with.
fn find_anchor<'a>(token: &str, anchors: &'a AnchorSet) -> Result<&'a Anchor, (FaultCode, String)> {
    let issuer = claimed_issuer(token)
        .ok_or_else(|| (FaultCode::Malformed, "the last link is no configuration of an anchor".to_owned()))?;
    anchors
        .find(&issuer)
        .ok_or_else(|| (FaultCode::UnknownAnchor, format!("`{issuer}` is not in your anchor set")))
}

#[derive(Deserialize)]
struct Claimed {
    iss: HttpsId,
}

/// Who a link says it is from, unverified.
fn claimed_issuer(token: &str) -> Option<HttpsId> {
    // As text: what is skipped of bytes is looked at for its form alone, and no other reader would take it.
    let payload = String::from_utf8(jws::peek(token).ok()?).ok()?;
    serde_json::from_str::<Claimed>(&payload).ok().map(|c| c.iss)
}

/// The question names an authority that answers here: the speaker, or one that it stands under.
fn answers_for(issuer: &Issuer, authority: &AuthorityId) -> Result<(), Fault> {
    if issuer.stands_under(authority) {
        return Ok(());
    }
    Err(Fault::new(0, FaultCode::Mismatch, format!("`{authority}` is not an authority of this chain")))
}

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;
