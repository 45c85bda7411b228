//! Genuine replies that went over the network: what an attacker could have kept.

use std::collections::VecDeque;

use charter_domain::Outcome;
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

#[derive(Debug, Default)]
pub struct Heard(VecDeque<Reply>);

impl Heard {
    pub fn keep(&mut self, node: usize, tuple: Tuple, answer: &Answer) {
        if answer.outcome() == Outcome::Indeterminate {
            return;
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Reply { node, tuple, answer: answer.clone() });
    }

    /// Those that fit, oldest first.
    pub fn matching(&self, fits: impl Fn(&Reply) -> bool) -> Vec<Answer> {
        self.0.iter().filter(|r| fits(r)).map(|r| r.answer.clone()).collect()
    }
}
