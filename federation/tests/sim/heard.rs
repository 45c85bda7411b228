//! Genuine replies that went over the network: what an attacker could have kept.

use std::collections::VecDeque;

use charter_domain::{AuthorityId, Outcome};
use charter_federation::Answer;

use crate::record::Tuple;

/// As many are kept.
const MOST: usize = 128;

#[derive(Debug, Clone)]
pub struct Reply {
    /// Who gave it.
    pub node: usize,
    pub tuple: Tuple,
    pub answer: Answer,
}

/// What a registry showed of its recognitions of a peer.
type Shown = ((usize, AuthorityId), Vec<String>);

#[derive(Debug, Default)]
pub struct Heard {
    replies: VecDeque<Reply>,
    shown: VecDeque<Shown>,
}

/// The oldest makes room.
fn push<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() == MOST {
        all.pop_front();
    }
    all.push_back(one);
}

impl Heard {
    pub fn keep(&mut self, node: usize, tuple: Tuple, answer: &Answer) {
        if answer.outcome() == Outcome::Indeterminate {
            return;
        }
        push(&mut self.replies, Reply { node, tuple, answer: answer.clone() });
    }

    pub fn keep_shown(&mut self, node: usize, peer: &AuthorityId, statements: &[String]) {
        push(&mut self.shown, ((node, peer.clone()), statements.to_vec()));
    }

    /// What was shown first.
    pub fn first_shown(&self, node: usize, peer: &AuthorityId) -> Vec<String> {
        let first = self.shown.iter().find(|((by, of), _)| *by == node && of == peer);
        first.map(|(_, statements)| statements.clone()).unwrap_or_default()
    }

    /// Those that fit, oldest first.
    pub fn matching(&self, fits: impl Fn(&Reply) -> bool) -> Vec<Answer> {
        self.replies.iter().filter(|r| fits(r)).map(|r| r.answer.clone()).collect()
    }
}
