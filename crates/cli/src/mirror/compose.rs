//! What the answers of several registries of a copy come to, in the order of the resolver.

use charter_domain::{
    Outcome,
    composition::{self, Candidate},
};

use super::copy::Said;

fn candidate(a: &Said) -> Candidate<'_> {
    Candidate { reason: a.reason, links: a.chain.len(), decided_by: &a.decided_by }
}

/// One of these, with the path of all. `None` of none.
pub fn compose(answers: Vec<Said>) -> Option<Said> {
    let (mut chosen, others) = composition::compose(answers, candidate)?;
    for other in others {
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
    use charter_domain::{AuthorityId, Reason, Timestamp};

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
    fn everybody_who_was_looked_at_is_on_the_path() {
        let answers = vec![
            said("b", Reason::Active, 1, 9),
            said("a", Reason::Expired, 0, 9),
            said("c", Reason::Revoked, 0, 9),
        ];
        let composed = compose(answers).expect("answers");
        assert_eq!((composed.reason, composed.decided_by.as_str()), (Reason::Revoked, "did:web:c.example"));
        assert_eq!(composed.path.len(), 3);
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
