//! What the answers of several registries to one question come to: the one order, for whoever asks them and for whoever
//! has only their files.

use std::cmp::Reverse;

use crate::{AuthorityId, Outcome, Reason};

/// What of an answer says whether it is the one that counts.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub reason: Reason,
    /// Links of its chain.
    pub links: usize,
    pub decided_by: &'a AuthorityId,
}

impl<'a> Candidate<'a> {
    /// Lower counts. A denial of exactly this entity overrides a yes, a yes whoever could not be asked, and that a no; of
    /// several with a no the one that says most counts.
    fn rank(self) -> (u8, Reverse<u8>) {
        let says = |rank, specificity| (rank, Reverse(specificity));
        match (self.reason, self.reason.outcome()) {
            (Reason::Revoked, _) => says(0, 0),
            (Reason::Suspended, _) => says(1, 0),
            (_, Outcome::Yes) => says(2, 0),
            (_, Outcome::Indeterminate) => says(3, 0),
            (reason, Outcome::No) => says(4, reason.specificity()),
        }
    }

    /// Of equals the first counts: of several with a yes the shortest chain, then by name. A no is as good as another,
    /// however far down it was said.
    fn place(self) -> (usize, &'a str) {
        let links = if self.reason.outcome() == Outcome::Yes { self.links } else { 0 };
        (links, self.decided_by.as_str())
    }
}

/// The answer that counts, and the others: each of them bears on it. `None` of none.
pub fn compose<T>(mut answers: Vec<T>, candidate: impl Fn(&T) -> Candidate<'_>) -> Option<(T, Vec<T>)> {
    answers.sort_by(|a, b| candidate(a).place().cmp(&candidate(b).place()));
    let (index, _) = answers.iter().enumerate().min_by_key(|(_, answer)| candidate(answer).rank())?;
    let chosen = answers.remove(index);
    Some((chosen, answers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason as R;

    type Answer = (AuthorityId, Reason, usize);

    fn answer((by, reason, links): (&str, Reason, usize)) -> Answer {
        (AuthorityId::parse(&format!("did:web:{by}.example")).expect("a DID"), reason, links)
    }

    fn candidate((by, reason, links): &Answer) -> Candidate<'_> {
        Candidate { reason: *reason, links: *links, decided_by: by }
    }

    fn composed(answers: &[(&str, Reason, usize)]) -> Option<(Answer, Vec<Answer>)> {
        compose(answers.iter().copied().map(answer).collect(), candidate)
    }

    #[test]
    fn a_denial_counts_then_a_yes_then_silence_then_the_no_that_says_most() {
        let order = [
            ("f", R::Revoked, 0),
            ("e", R::Suspended, 0),
            ("d", R::Active, 3),
            ("c", R::Unverifiable, 0),
            ("b", R::Expired, 0),
            ("a", R::NotListed, 0),
        ];
        for first in 0..order.len() {
            for reversed in [false, true] {
                let mut some = order[first..].to_vec();
                if reversed {
                    some.reverse();
                }
                let (chosen, others) = composed(&some).expect("answers");
                assert_eq!(chosen, answer(order[first]));
                assert_eq!(others.len(), some.len() - 1, "none is lost");
            }
        }
        assert_eq!(composed(&[]), None);
    }

    #[test]
    fn of_equals_the_shortest_yes_counts_and_then_the_first_by_name() {
        let by = |answers: &[(&str, Reason, usize)]| composed(answers).expect("answers").0.0.to_string();
        let yes = [("a", R::Active, 2), ("c", R::Active, 1), ("b", R::Active, 1)];
        assert_eq!(by(&yes), "did:web:b.example");
        assert_eq!(
            by(&[("b", R::Expired, 0), ("a", R::Expired, 5)]),
            "did:web:a.example",
            "a no has no length"
        );
    }
}
