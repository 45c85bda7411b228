//! What the statement itself must be: by the authority last delegated to, inside its scope, and the answer to
//! this very question.

use charter_domain::{Query, Scope, Timestamp};

use super::{answers_for, link};
use crate::{AuthorityStatement, Fault, FaultCode, Issuer, error::shown};

/// Gives the conditions that the question says nothing about; the caller has to look at them.
pub(super) fn check(
    leaf: &AuthorityStatement,
    issuer: &Issuer,
    query: &Query,
    at: Timestamp,
) -> Result<Vec<String>, Fault> {
    if leaf.authority_id != issuer.authority_id {
        let detail = format!("it speaks as `{}`, delegated was `{}`", leaf.authority_id, issuer.authority_id);
        return Err(Fault::new(0, FaultCode::Mismatch, detail));
    }
    for scope in issuer.scopes() {
        scope.admits(leaf.claim(), at).map_err(|reason| Fault::scope(0, reason, at))?;
    }
    answers_for(issuer, &query.authority)?;
    let terms = [
        ("kind", leaf.kind == query.kind),
        ("entity", leaf.sub == query.entity),
        ("action", leaf.action == query.action),
        ("resource", leaf.resource == query.resource),
    ];
    if let Some((name, _)) = terms.into_iter().find(|(_, same)| !same) {
        let detail = format!("it is about another {name} than the question");
        return Err(Fault::new(0, FaultCode::Mismatch, detail));
    }
    context(leaf, query)
}

/// As `charter_domain::decide` does it: a condition that the question contradicts is a no, one that it does
/// not mention is passed on.
fn context(leaf: &AuthorityStatement, query: &Query) -> Result<Vec<String>, Fault> {
    if let Some(asked) = &query.context.jurisdiction
        && !leaf.jurisdictions.is_empty()
        && !leaf.jurisdictions.iter().any(|j| j.contains(asked))
    {
        let detail = format!("it does not hold in `{}`", asked.as_str());
        return Err(Fault::new(0, FaultCode::OutOfJurisdiction, detail));
    }
    let mut unstated = Vec::new();
    for (dimension, allowed) in &leaf.conditions {
        match query.context.conditions.get(dimension) {
            Some(value) if allowed.contains(value) => {}
            Some(_) => {
                let detail = format!("it does not hold for the `{}` asked about", shown(dimension));
                return Err(Fault::new(0, FaultCode::ConditionNotMet, detail));
            }
            None => unstated.push(dimension.clone()),
        }
    }
    Ok(unstated)
}

/// Until when the statement holds, as far as its own intervals, its ground and the scope say.
pub(super) fn in_force(
    leaf: &AuthorityStatement,
    issuer: &Issuer,
    at: Timestamp,
) -> Result<Option<Timestamp>, Fault> {
    let own = link::in_force(0, &leaf.valid, at)?;
    let ground = leaf.accreditation.as_ref().and_then(|a| a.valid_until);
    if let Some(until) = ground.filter(|u| *u <= at) {
        let detail = format!("its accreditation ended at {until}");
        return Err(Fault::new(0, FaultCode::NotInForce, detail));
    }
    let granted = issuer.scopes().filter_map(|s| granted_until(s, leaf, at)).min();
    Ok([own, ground, granted].into_iter().flatten().min())
}

/// The latest end among the grants that admit the statement; `None` if one of them has no end. Grants of the
/// scopes above cannot end earlier: containment covers the end too.
fn granted_until(scope: &Scope, leaf: &AuthorityStatement, at: Timestamp) -> Option<Timestamp> {
    let admitting = scope.0.iter().filter(|g| Scope(vec![(*g).clone()]).admits(leaf.claim(), at).is_ok());
    admitting.map(|g| g.until).reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b))).flatten()
}
