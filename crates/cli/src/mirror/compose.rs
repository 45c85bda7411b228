//! What the answers of several registries come to, in the order of the resolver: a denial of exactly this entity overrides
//! a yes, a yes whoever could not be asked, and that a no.

use charter_domain::{Outcome, Reason};

use super::copy::Said;

/// Lower is chosen.
fn rank(said: &Said) -> u8 {
    match (said.reason, said.reason.outcome()) {
        (Reason::Revoked, _) => 0,
        (Reason::Suspended, _) => 1,
        (_, Outcome::Yes) => 2,
        (_, Outcome::Indeterminate) => 3,
        (_, Outcome::No) => 4,
    }
}

/// One of these, with the path of all: of several with a yes the shortest chain, of several with a no the reason that says
/// most, then the first by name. `None` of none.
pub fn compose(mut answers: Vec<Said>) -> Option<Said> {
    let length = |a: &Said| if a.reason.outcome() == Outcome::Yes { a.chain.len() } else { 0 };
    answers.sort_by(|a, b| (length(a), a.decided_by.as_str()).cmp(&(length(b), b.decided_by.as_str())));
    let says_least = |a: &Said| u8::MAX - if rank(a) == 4 { a.reason.specificity() } else { 0 };
    let best = answers.iter().enumerate().min_by_key(|(n, a)| (rank(a), says_least(a), *n));
    let index = best.map(|(n, _)| n)?;
    let mut chosen = answers.remove(index);
    for other in answers {
        // Only a yes rests on its own chain alone.
        if chosen.reason.outcome() != Outcome::Yes {
            chosen.as_of = chosen.as_of.min(other.as_of);
        }
        chosen.until = [chosen.until, other.until].into_iter().flatten().min();
        chosen.path.extend(other.path);
    }
    Some(chosen)
}
