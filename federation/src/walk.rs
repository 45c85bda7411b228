//! The walk, pure: whom to ask, and what many answers come to.
//!
//! In scope: choosing delegations, composing answers. Out of scope: asking, time, keys.

use std::{collections::BTreeSet, sync::Arc};

use charter_domain::{
    AuthorityId, Delegation, Kind, Outcome, Query, Timestamp,
    composition::{self, Candidate},
};

use crate::answer::Answer;

/// Most subordinates asked at once; more need a locator.
pub const FAN_OUT: usize = 8;

/// What a registry does with a question that its own records do not settle.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// Nobody below can know.
    Nobody,
    Ask(Whom<'a>),
    /// More than `FAN_OUT` could be asked, and the question does not say which.
    TooMany(usize),
}

/// Whose scope covers a question.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Whom<'a> {
    /// To be asked; also those whose delegation is not in force, which is their answer.
    pub asked: Vec<&'a Delegation>,
    /// They are known to lack the entity: asking them yields no more than a reason.
    pub spared: Vec<&'a Delegation>,
    /// All of them together may be asked.
    few: bool,
}

impl<'a> Whom<'a> {
    /// Those who lack the entity need not be asked, unless all do and they are few: then they know why it is a no.
    fn new(
        covering: Vec<&'a Delegation>,
        at: Timestamp,
        lacking: Option<&BTreeSet<Arc<AuthorityId>>>,
    ) -> Self {
        let known = |id: &AuthorityId| lacking.is_some_and(|lacking| lacking.contains(id));
        let lacks = |d: &&Delegation| known(&d.subordinate) && d.answers_as_own && d.standing(at).is_ok();
        let standing = covering.iter().filter(|d| d.standing(at).is_ok()).count();
        let few = standing <= FAN_OUT;
        let (spared, asked): (Vec<_>, Vec<_>) = covering.iter().copied().partition(lacks);
        if few && spared.len() == standing {
            return Self { asked: covering, spared: Vec::new(), few };
        }
        Self { asked, spared, few }
    }

    pub fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.spared.is_empty()
    }

    /// Those who may be asked after all, where nobody knew.
    pub fn second(&self) -> &[&'a Delegation] {
        if self.few { &self.spared } else { &[] }
    }
}

/// Delegations to ask about `query`, asked of the authority `here`; `lacking` are known to lack the entity.
pub fn next<'a>(
    here: &AuthorityId,
    query: &Query,
    at: Timestamp,
    delegations: &'a [Delegation],
    lacking: Option<&BTreeSet<Arc<AuthorityId>>>,
) -> Next<'a> {
    let asked_here = query.authority == *here;
    if asked_here && query.kind == Kind::Recognition {
        return Next::Nobody; // Recognition is never followed: a peer of a subordinate is not our peer.
    }
    let mut covering: Vec<&Delegation> = delegations.iter().filter(|d| d.covers(query, at)).collect();
    let exact = |id: &AuthorityId| covering.iter().any(|d| d.subordinate == *id).then(|| id.clone());
    let target =
        if asked_here { query.context.locator.as_ref().and_then(exact) } else { exact(&query.authority) };
    // Whoever is named answers for itself; so does everybody on the way to an authority that is named.
    let lacking = lacking.filter(|_| asked_here && target.is_none());
    if let Some(target) = target {
        covering.retain(|d| d.subordinate == target);
    }
    prefer_standing(&mut covering, at);
    // What was delegated once and is over costs no question, nor does who lacks the entity.
    let whom = Whom::new(covering, at, lacking);
    match whom.asked.iter().filter(|d| d.standing(at).is_ok()).count() {
        n if n > FAN_OUT => Next::TooMany(n),
        _ if whom.is_empty() => Next::Nobody,
        _ => Next::Ask(whom),
    }
}

/// Of several delegations of one subordinate (renewed, narrowed) the one in force speaks.
fn prefer_standing(covering: &mut Vec<&Delegation>, at: Timestamp) {
    let standing: BTreeSet<&AuthorityId> =
        covering.iter().filter(|d| d.standing(at).is_ok()).map(|d| &d.subordinate).collect();
    covering.retain(|d| d.standing(at).is_ok() || !standing.contains(&d.subordinate));
    covering.dedup_by(|a, b| a.subordinate == b.subordinate);
}

fn candidate(a: &Answer) -> Candidate<'_> {
    Candidate { reason: a.reason, links: a.chain.len(), decided_by: &a.decided_by }
}

/// Composes the answers of several candidates, in the order of `charter_domain::composition`.
pub fn compose(answers: Vec<Answer>) -> Option<Answer> {
    let (mut chosen, others) = composition::compose(answers, candidate)?;
    let yes = others.iter().filter(|a| a.outcome() == Outcome::Yes);
    let yes: Vec<&str> = yes.map(|a| a.decided_by.as_str()).collect();
    if !yes.is_empty() && chosen.outcome() == Outcome::No {
        chosen.detail = format!("{} would say yes; a denial overrides", yes.join(", "));
    }
    // Everything asked bears on the answer, so every path is kept: a change in any of them can change it.
    for other in others {
        chosen.path.extend(other.path);
        chosen.next_change = [chosen.next_change, other.next_change].into_iter().flatten().min();
        if chosen.outcome() != Outcome::Yes || other.unlisted {
            chosen.expires_at = chosen.expires_at.min(other.expires_at);
        }
        chosen.unlisted |= other.unlisted;
        chosen.spared.extend(other.spared);
        chosen.referrals.extend(other.referrals);
    }
    Some(chosen)
}

#[cfg(test)]
mod tests;
