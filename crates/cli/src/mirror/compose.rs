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

#[cfg(test)]
mod tests {
    use charter_domain::{AuthorityId, Timestamp};

    use super::*;
    use crate::mirror::Step;

    fn said(by: &str, reason: Reason, links: usize, of: i64) -> Said {
        let decided_by = AuthorityId::parse(&format!("did:web:{by}.example")).expect("valid");
        let path = vec![Step { authority: decided_by.clone(), epoch: 1, reason, via: Vec::new() }];
        Said {
            reason,
            detail: String::new(),
            decided_by,
            chain: vec![String::new(); links],
            unstated: Vec::new(),
            as_of: Timestamp::from_secs(of),
            until: None,
            path,
        }
    }

    #[test]
    fn the_order_is_that_of_the_resolver() {
        use Reason as R;
        let outcome = |list: &[(&str, R, usize)]| {
            let composed = compose(list.iter().map(|(by, r, n)| said(by, *r, *n, 9)).collect());
            let composed = composed.expect("answers");
            (composed.reason, composed.decided_by.to_string(), composed.path.len())
        };
        let yes = |by, n| (by, R::Active, n);
        assert_eq!(outcome(&[yes("b", 1), ("a", R::Revoked, 0)]).0, R::Revoked);
        assert_eq!(outcome(&[("a", R::Suspended, 0), ("b", R::Revoked, 0)]).0, R::Revoked);
        assert_eq!(outcome(&[yes("b", 1), ("a", R::Suspended, 0)]).0, R::Suspended);
        assert_eq!(outcome(&[yes("b", 1), ("a", R::Expired, 0)]).0, R::Active);
        assert_eq!(outcome(&[yes("b", 1), ("a", R::Stale, 0)]).0, R::Active);
        assert_eq!(outcome(&[("a", R::NotListed, 0), ("b", R::Stale, 0)]).0, R::Stale);
        assert_eq!(outcome(&[("a", R::NotListed, 0), ("b", R::Expired, 0)]).0, R::Expired);
        let three = outcome(&[yes("c", 2), yes("b", 1), yes("a", 1)]);
        assert_eq!(three, (R::Active, "did:web:a.example".to_owned(), 3));
        assert_eq!(compose(Vec::new()), None);
    }

    #[test]
    fn a_no_is_as_old_as_the_oldest_that_it_rests_on() {
        let of = |reason| {
            let answers = vec![said("a", reason, 1, 9), said("b", Reason::NotListed, 0, 3)];
            compose(answers).expect("answers").as_of
        };
        assert_eq!(of(Reason::Active), Timestamp::from_secs(9));
        assert_eq!(of(Reason::Expired), Timestamp::from_secs(3));
    }
}
