//! Recognition: a link that is followed only where the question says so, and the peer's own statement in turn.

use charter_domain::{Query, Timestamp, scope::Grant};
use charter_signing::jws;

use super::link;
use crate::{Fault, FaultCode, Issuer, RecognitionStatement, document::RECOGNITION_STATEMENT};

/// What a link says it is, unverified: it chooses the type that the link is then verified as.
pub(super) fn is_one(token: &str) -> bool {
    jws::typ(token).is_ok_and(|typ| typ == RECOGNITION_STATEMENT)
}

/// The question asks the authority that recognises, and asks it to follow: a peer of a subordinate is no peer of the
/// superior, and nobody is led to a peer unasked.
pub(super) fn asked(n: usize, issuer: &Issuer, query: &Query) -> Result<(), Fault> {
    if !query.context.follow_recognition {
        let detail = "the question does not say `follow_recognition`";
        return Err(Fault::new(n, FaultCode::Mismatch, detail));
    }
    if query.authority != issuer.authority_id {
        let detail = format!("the recognition is by `{}`, asked was another", issuer.authority_id);
        return Err(Fault::new(n, FaultCode::Mismatch, detail));
    }
    Ok(())
}

/// Verifies a peer's statement about whoever recognises it by `own`: with the keys that `own` lists, about its issuer,
/// in force at `at`, and for everything that `own` is about (jurisdictions and conditions are each side's own).
///
/// # Errors
/// A fault at link 0: the recognition is one-sided, as far as this statement goes.
pub fn verify_counter(
    token: &str,
    own: &RecognitionStatement,
    at: Timestamp,
    now: Timestamp,
) -> Result<RecognitionStatement, Fault> {
    let counter: RecognitionStatement = link::open(0, token, &own.jwks, &own.sub, now)?;
    let both = (&counter.sub, &counter.peer_id) == (&own.iss, &own.authority_id);
    if !both || counter.authority_id != own.peer_id {
        return Err(Fault::new(0, FaultCode::Mismatch, "it is not of whoever recognises its issuer"));
    }
    link::in_force(0, &counter.valid, at)?;
    let granted = |g: &Grant| counter.scope.0.iter().any(|c| matter(c).contains(&matter(g)));
    if !own.scope.0.iter().all(granted) {
        return Err(Fault::new(0, FaultCode::OutOfScope, "it is for another action or resource"));
    }
    Ok(counter)
}

/// Actions and resources alone.
fn matter(grant: &Grant) -> Grant {
    Grant {
        actions: grant.actions.clone(),
        resources: grant.resources.clone(),
        jurisdictions: Vec::new(),
        conditions: Default::default(),
        may_delegate: false,
        until: None,
    }
}
