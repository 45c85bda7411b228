//! What counts of an answer: a subordinate's by its proof, and our own no as a denial to be signed.

use std::time::Duration;

use charter_domain::{Delegation, Outcome, Query, Timestamp};
use charter_proof::{
    Ancestor, Denial, Issuer,
    document::Asked,
    verify::{verify_denial_under, verify_under},
};
use charter_signing::JwkSet;

use crate::{
    answer::{Answer, Basis},
    local::RegistryView,
    resolver::{NEGATIVE_TTL, POSITIVE_TTL},
    seen::Seen,
};

/// Longest life of a denial. Each of eight registries on the way up may have kept it for a minute (`NEGATIVE_TTL`),
/// and clocks may be a minute apart.
const DENIAL_LIFE: Duration = Duration::from_secs(600);

/// Verifies what a subordinate says with the keys and the scope that we delegated, and adds our own link. A yes and a
/// no are believed by their proof alone; that it cannot tell, nobody need prove.
pub fn believe(
    view: &RegistryView,
    delegation: &Delegation,
    query: &Query,
    mut answer: Answer,
    (at, now): (Timestamp, Timestamp),
    seen: &Seen,
) -> Result<Answer, String> {
    answer.basis = Basis::Delegated;
    for step in &mut answer.path {
        step.via.insert(0, delegation.subordinate.clone());
    }
    if answer.path.len() > 64 || answer.path.iter().any(|s| s.via.len() > 8) {
        return Err("its path is longer than a walk can be".to_owned());
    }
    let changes = [answer.next_change, delegation.next_change(at)];
    answer.next_change = changes.into_iter().flatten().min();
    let (ttl, good_until) = match answer.outcome() {
        Outcome::Yes => (POSITIVE_TTL, granted(&issuer(view, delegation)?, query, &answer, (at, now), seen)?),
        Outcome::No => (NEGATIVE_TTL, denied(&issuer(view, delegation)?, query, &answer, (at, now), seen)?),
        Outcome::Indeterminate => {
            if answer.detail.is_empty() {
                let here = &view.registry.authority;
                answer.detail = format!("{here} -> {}: it cannot tell, and not why", delegation.subordinate);
            }
            answer.chain.clear();
            answer.expires_at = now.plus(NEGATIVE_TTL);
            return Ok(answer);
        }
    };
    // Not the subordinate's own bound: that is for those who cannot see its epoch.
    answer.expires_at = now.plus(ttl).min(good_until);
    let own = delegation.document.clone().ok_or("our own statement about it is not signed yet")?;
    answer.chain.push(own);
    tracing::debug!(registry = %view.registry.authority, peer = %delegation.subordinate, "chain verified");
    Ok(answer)
}

/// Whom we delegated to, as the verifier takes it.
fn issuer(view: &RegistryView, delegation: &Delegation) -> Result<Issuer, String> {
    let jwks = JwkSet::parse(delegation.jwks.as_bytes()).map_err(|e| e.to_string())?;
    Ok(Issuer {
        scope: Some(delegation.scope.clone()),
        max_path_length: delegation.max_path_length,
        // Whoever below takes our own name is found out here, as it is by whoever verifies the whole chain.
        above: vec![Ancestor {
            entity_id: view.registry.entity_identifier.clone(),
            authority_id: view.registry.authority.clone(),
        }],
        ..Issuer::new(delegation.entity_identifier.clone(), delegation.subordinate.clone(), jwks)
    })
}

/// Until when the proof of a yes is good.
fn granted(
    issuer: &Issuer,
    query: &Query,
    answer: &Answer,
    (at, now): (Timestamp, Timestamp),
    seen: &Seen,
) -> Result<Timestamp, String> {
    let verified = verify_under(&answer.chain, issuer, query, at, now).map_err(|e| e.to_string())?;
    if verified.decided_by != answer.decided_by {
        return Err("it names another authority than its proof".to_owned());
    }
    seen.admit(&verified)?;
    Ok(verified.good_until)
}

/// Until when the proof of a no is good.
fn denied(
    issuer: &Issuer,
    query: &Query,
    answer: &Answer,
    (at, now): (Timestamp, Timestamp),
    seen: &Seen,
) -> Result<Timestamp, String> {
    if answer.chain.is_empty() {
        return Err(format!("it says no ({}), and does not sign that", answer.reason));
    }
    // Of a question about no instant, the answer is as of when it was given.
    let at = if query.context.time.is_some() { at } else { now };
    let denied = verify_denial_under(&answer.chain, issuer, query, at, now).map_err(|e| e.to_string())?;
    if (&denied.decided_by, denied.reason) != (&answer.decided_by, answer.reason) {
        return Err("it names another authority or reason than its proof".to_owned());
    }
    seen.admit_denial(&denied)?;
    Ok(denied.good_until)
}

/// The no that a registry has come to, for it to sign. None where nothing can be signed: of earlier epochs, which are
/// numbers of one registry, and of what changes in this very instant. `published_size` is for the caller to fill in.
pub fn denial(
    view: &RegistryView,
    (query, epoch): (&Query, i64),
    answer: &Answer,
    (at, now): (Timestamp, Timestamp),
) -> Option<Denial> {
    let longest = now.plus(DENIAL_LIFE);
    // What holds at an instant that was asked about does not end with what changes after it.
    let change = answer.next_change.filter(|_| query.context.time.is_none());
    let valid_until = change.map_or(longest, |change| change.min(longest));
    if query.context.known_at.is_some() || valid_until <= now {
        return None;
    }
    Some(Denial {
        iss: view.registry.entity_identifier.clone(),
        authority_id: view.registry.authority.clone(),
        iat: now.secs(),
        exp: Denial::expiry(valid_until),
        asked: Asked::from(query),
        reason: answer.reason,
        as_of: at,
        valid_until,
        epoch,
        published_size: 0,
    })
}
