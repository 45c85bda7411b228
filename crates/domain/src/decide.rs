//! The decision: a pure function of the question, the facts and the instant.

use crate::{
    Decision, Query, Reason, Timestamp,
    decision::StatementRef,
    fact::{AccreditationFact, Facts, StatementFact},
    status::{self, State},
};

/// Decides from one registry's own facts. Within one authority a state of the entity itself beats its
/// statements; else any statement in force is a yes; else the most specific negative is the reason.
pub fn decide(query: &Query, facts: &Facts, at: Timestamp) -> Decision {
    let verdicts: Vec<Verdict<'_>> = facts.statements.iter().map(|s| judge(query, s, at)).collect();
    let best = verdicts.iter().max_by_key(|v| (v.reason.specificity_for_choice(), v.statement.id));
    let reason = unknown(facts)
        .or_else(|| best.is_none().then_some(Reason::NotListed))
        .or_else(|| entity_reason(facts, at))
        .or(best.map(|v| v.reason))
        .unwrap_or(Reason::NotListed);
    let named = best.filter(|_| !reason.is_unknown());
    Decision {
        reason,
        at,
        epoch: facts.epoch,
        statement: named.map(|v| reference(v.statement)),
        next_change: next_change(facts, at),
        unstated: named.map(|v| v.unstated.clone()).unwrap_or_default(),
    }
}

/// Terms this registry has never heard of. The type is looked at first: a registry that does not know
/// the credential type has nothing to say about who may issue it.
fn unknown(facts: &Facts) -> Option<Reason> {
    if !facts.known_action {
        return Some(Reason::UnknownAction);
    }
    if !facts.known_resource {
        return Some(Reason::UnknownResource);
    }
    (!facts.known_entity).then_some(Reason::UnknownEntity)
}

fn entity_reason(facts: &Facts, at: Timestamp) -> Option<Reason> {
    match status::state_at(&facts.entity, at) {
        State::Active => None,
        state => Some(state.reason()),
    }
}

struct Verdict<'a> {
    statement: &'a StatementFact,
    reason: Reason,
    unstated: Vec<String>,
}

impl Reason {
    /// Among statements of one authority one in force wins; then the most specific negative.
    fn specificity_for_choice(self) -> u8 {
        if self == Reason::Active { u8::MAX } else { self.specificity() }
    }
}

fn judge<'a>(query: &Query, statement: &'a StatementFact, at: Timestamp) -> Verdict<'a> {
    let mut unstated = Vec::new();
    let reason = standing(statement, at)
        .or_else(|| statement.accreditation.as_ref().and_then(|a| accreditation(a, at)))
        .or_else(|| jurisdiction(query, statement))
        .or_else(|| conditions(query, statement, &mut unstated))
        .unwrap_or(Reason::Active);
    Verdict { statement, reason, unstated }
}

fn standing(statement: &StatementFact, at: Timestamp) -> Option<Reason> {
    match status::state_at(&statement.statuses, at) {
        State::Active if statement.valid.is_before(at) => Some(Reason::Expired),
        State::Active if statement.valid.is_after(at) => Some(Reason::NotYetValid),
        State::Active => None,
        state => Some(state.reason()),
    }
}

/// A statement stands on its accreditation: what happens to the ground happens to the statement.
fn accreditation(accreditation: &AccreditationFact, at: Timestamp) -> Option<Reason> {
    match status::state_at(&accreditation.statuses, at) {
        State::Active if accreditation.valid.is_before(at) => Some(Reason::Expired),
        State::Active if accreditation.valid.is_after(at) => Some(Reason::NotYetValid),
        State::Active => None,
        state => Some(state.reason()),
    }
}

fn jurisdiction(query: &Query, statement: &StatementFact) -> Option<Reason> {
    let asked = query.context.jurisdiction.as_ref()?;
    let inside =
        statement.jurisdictions.is_empty() || statement.jurisdictions.iter().any(|j| j.contains(asked));
    (!inside).then_some(Reason::OutOfJurisdiction)
}

fn conditions(query: &Query, statement: &StatementFact, unstated: &mut Vec<String>) -> Option<Reason> {
    let mut refused = None;
    for (dimension, allowed) in &statement.conditions {
        match query.context.conditions.get(dimension) {
            Some(value) if allowed.contains(value) => {}
            Some(_) => refused = Some(Reason::ConditionNotMet),
            None => unstated.push(dimension.clone()),
        }
    }
    refused
}

fn reference(statement: &StatementFact) -> StatementRef {
    StatementRef {
        id: statement.id,
        valid: statement.valid,
        accreditation: statement.accreditation.as_ref().map(|a| a.id.clone()),
        document: statement.document.clone(),
    }
}

fn next_change(facts: &Facts, at: Timestamp) -> Option<Timestamp> {
    let of_statement = |s: &StatementFact| {
        let ground = s.accreditation.as_ref();
        [
            s.valid.next_change(at),
            status::next_change(&s.statuses, at),
            ground.and_then(|a| a.valid.next_change(at)),
            ground.and_then(|a| status::next_change(&a.statuses, at)),
        ]
        .into_iter()
        .flatten()
        .min()
    };
    let statements = facts.statements.iter().filter_map(of_statement).min();
    [status::next_change(&facts.entity, at), statements].into_iter().flatten().min()
}

#[cfg(test)]
mod tests;
