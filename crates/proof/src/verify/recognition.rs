//! Recognition: a link that is followed only where the question says so, and the peer's own statement in turn.

use charter_domain::{Query, Timestamp, scope::Grant};
use charter_signing::jws;

use super::{Link, link};
use crate::{Fault, FaultCode, Issuer, RecognitionStatement, document::RECOGNITION_STATEMENT};

/// A recognition that was passed on the way down, and whether the peer's statement in turn is still to come.
#[derive(Default)]
pub(super) struct Owed(Option<RecognitionStatement>);

impl Owed {
    pub(super) fn by(own: RecognitionStatement) -> Self {
        Self(Some(own).filter(|own| !own.one_sided))
    }

    /// Takes link `n` as the statement in turn, where one is due: the link, and until when it is in force. It leads nowhere.
    pub(super) fn paid(
        &mut self,
        n: usize,
        token: &str,
        (at, now): (Timestamp, Timestamp),
    ) -> Result<Option<(Link, Option<Timestamp>)>, Fault> {
        let Some(own) = self.0.take() else { return Ok(None) };
        if !is_one(token) {
            return Err(missing(n, &own));
        }
        let counter = verify_counter(token, &own, at, now).map_err(|fault| Fault { link: n, ..fault })?;
        let until = link::in_force(n, &counter.valid, at)?;
        Ok(Some((Link::recognition(&counter, until), until)))
    }

    /// The leaf comes next.
    pub(super) fn settled(&self) -> Result<(), Fault> {
        self.0.as_ref().map_or(Ok(()), |own| Err(missing(0, own)))
    }
}

fn missing(n: usize, own: &RecognitionStatement) -> Fault {
    let detail = format!("expected the recognition of `{}` by `{}` in turn", own.authority_id, own.peer_id);
    Fault::new(n, FaultCode::Mismatch, detail)
}

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
