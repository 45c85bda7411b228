//! What counts of an answer: a subordinate's by its proof, and our own no as a denial to be signed.

use std::time::Duration;

use charter_domain::{
    AuthorityId, Delegation, FailingLink, Outcome, Query, Scope, Timestamp, delegation::MAX_DEPTH,
};
use charter_proof::{
    Ancestor, Denial, Issuer,
    document::Asked,
    verify::{verify_denial_under, verify_under},
};
use charter_signing::JwkSet;

use crate::{
    answer::{Answer, Basis},
    local::RegistryView,
    resolver::{NEGATIVE_TTL, POSITIVE_TTL, expiry},
    seen::Seen,
};

/// Longest life of a denial. Each of eight registries on the way up may have kept it for a minute (`NEGATIVE_TTL`),
/// and clocks may be a minute apart.
const DENIAL_LIFE: Duration = Duration::from_secs(600);

/// How long an answer counts that rests on a registry which nobody polls, and on accreditations that are kept as long again.
const UNPOLLED_YES: Duration = Duration::from_secs(30);
const UNPOLLED_NO: Duration = Duration::from_secs(10);

/// Longest path: as many registries as are asked on behalf of one question, twice.
const MAX_STEPS: usize = 64;

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
    reached(&mut answer, &delegation.subordinate, delegation.next_change(at))?;
    if answer.outcome() == Outcome::Indeterminate {
        return Ok(undecided(view, &delegation.subordinate, answer, now));
    }
    let good_until = proven(&issuer(view, delegation)?, query, &mut answer, (at, now), seen)?;
    let ttl = if answer.outcome() == Outcome::Yes { POSITIVE_TTL } else { NEGATIVE_TTL };
    let own = delegation.document.clone().ok_or("our own statement about it is not signed yet")?;
    let until = expiry(&own).map_err(|e| e.to_string())?;
    if until <= now {
        return Err(format!("our own statement about it was good until {until}"));
    }
    // Not the subordinate's own bound: that is for those who cannot see its epoch, and of registries that it does not
    // list nobody sees it.
    let told = answer.expires_at;
    answer.expires_at = now.plus(ttl).min(good_until).min(until);
    if answer.unlisted {
        answer.expires_at = answer.expires_at.min(told);
    }
    answer.chain.push(own);
    tracing::debug!(registry = %view.registry.authority, peer = %delegation.subordinate, "chain verified");
    Ok(answer)
}

/// The same for somebody whom an authority of another system accredits: believed under the keys and inside the scope that were
/// found for them, as a recognised peer is. There is no link of ours to add.
pub fn accredited(
    view: &RegistryView,
    member: &Delegation,
    query: &Query,
    mut answer: Answer,
    (at, now): (Timestamp, Timestamp),
    seen: &Seen,
) -> Result<Answer, String> {
    (answer.basis, answer.outside) = (Basis::Delegated, true);
    answer.referrals.clear();
    reached(&mut answer, &member.subordinate, member.next_change(at))?;
    for step in &mut answer.path {
        // Nobody polls it on our behalf, so its epochs say nothing here.
        (step.epoch, step.published) = (0, 0);
    }
    if answer.outcome() == Outcome::Indeterminate {
        return Ok(undecided(view, &member.subordinate, answer, now));
    }
    let under = issuer(view, member)?;
    // What it may not pass on counts where it speaks itself: then its statement stands alone.
    let passed_on = answer.chain.len() > 1;
    let said = member.scope.0.iter().filter(|grant| grant.may_delegate || !passed_on).cloned().collect();
    let under = Issuer { recognised: Some(Scope(said)), scope: None, ..under };
    let good_until = proven(&under, query, &mut answer, (at, now), seen)?;
    let longest = if answer.outcome() == Outcome::Yes { UNPOLLED_YES } else { UNPOLLED_NO };
    let told = answer.expires_at;
    answer.expires_at = now.plus(longest).min(good_until).min(told);
    Ok(answer)
}

/// An answer seen from above: its path begins with `from`, and it changes when what led there does.
pub fn reached(answer: &mut Answer, from: &AuthorityId, change: Option<Timestamp>) -> Result<(), String> {
    for step in &mut answer.path {
        step.via.insert(0, from.clone());
    }
    if answer.path.len() > MAX_STEPS || answer.path.iter().any(|s| s.via.len() > usize::from(MAX_DEPTH)) {
        return Err("its path is longer than a walk can be".to_owned());
    }
    answer.failing = match answer.failing.take().filter(|_| answer.outcome() != Outcome::Yes) {
        Some(link) => Some(link.one_further().ok_or("its way down ends further down than a walk can go")?),
        None => None,
    };
    answer.next_change = [answer.next_change, change].into_iter().flatten().min();
    Ok(())
}

/// One that cannot tell: it says why, and proves nothing.
pub fn undecided(view: &RegistryView, from: &AuthorityId, mut answer: Answer, now: Timestamp) -> Answer {
    if answer.detail.is_empty() {
        answer.detail = format!("{} -> {from}: it cannot tell, and not why", view.registry.authority);
    }
    answer.failing.get_or_insert_with(|| FailingLink::new(1, from));
    answer.chain.clear();
    answer.expires_at = now.plus(NEGATIVE_TTL);
    answer
}

/// Until when the proof of a yes or a no is good. What it says of its conditions and of its end counts, whatever the
/// answer around it says: whoever passed it on may have left that out.
pub fn proven(
    issuer: &Issuer,
    query: &Query,
    answer: &mut Answer,
    times: (Timestamp, Timestamp),
    seen: &Seen,
) -> Result<Timestamp, String> {
    if answer.outcome() == Outcome::Yes {
        granted(issuer, query, answer, times, seen)
    } else {
        denied(issuer, query, answer, times, seen)
    }
}

/// Whom we delegated to, as the verifier takes it.
fn issuer(view: &RegistryView, delegation: &Delegation) -> Result<Issuer, String> {
    let jwks = JwkSet::parse(delegation.jwks.as_bytes()).map_err(|e| e.to_string())?;
    let names = &delegation.naming_constraints;
    if !delegation.permits(&delegation.entity_identifier) {
        return Err(format!(
            "`{}` is a name that its own delegation does not permit",
            delegation.entity_identifier
        ));
    }
    Ok(Issuer {
        scope: Some(delegation.scope.clone()),
        max_path_length: delegation.max_path_length,
        naming: if names.is_empty() { Vec::new() } else { vec![names.clone()] },
        // Whoever below takes our own name is found out here, as it is by whoever verifies the whole chain.
        above: vec![Ancestor {
            entity_id: view.registry.entity_identifier.clone(),
            authority_id: view.registry.authority.clone(),
        }],
        ..Issuer::new(delegation.entity_identifier.clone(), delegation.subordinate.clone(), jwks)
    })
}

fn granted(
    issuer: &Issuer,
    query: &Query,
    answer: &mut Answer,
    (at, now): (Timestamp, Timestamp),
    seen: &Seen,
) -> Result<Timestamp, String> {
    let verified = verify_under(&answer.chain, issuer, query, at, now).map_err(|e| e.to_string())?;
    if verified.decided_by != answer.decided_by {
        return Err("it names another authority than its proof".to_owned());
    }
    seen.admit(&verified, &answer.chain)?;
    answer.next_change = [answer.next_change, verified.valid_until].into_iter().flatten().min();
    answer.unstated = verified.unstated;
    Ok(verified.good_until)
}

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
    seen.admit_denial(&denied, &answer.chain)?;
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

#[cfg(test)]
mod tests;
