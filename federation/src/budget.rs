//! What is left for a question: depth, questions, time, and where it has been. Refused at zero.

use std::time::Duration;

use charter_domain::{AuthorityId, delegation::MAX_DEPTH};
use tokio::time::Instant;

/// Questions that may be sent on behalf of one (threat F2: bounded fetches).
pub const MAX_QUERIES: u32 = 32;
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(2);
pub const MAX_DEADLINE: Duration = Duration::from_secs(10);
/// What one registry gets to answer: this, or half of what is left where that is more. A slow branch does not eat the whole
/// of the question's time.
pub const HOP: Duration = Duration::from_secs(1);
/// Kept back at each level, so that a superior can still say what it knows when a subordinate is late.
const RESERVE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone)]
pub struct Budget {
    pub depth_left: u8,
    pub queries_left: u32,
    pub deadline: Instant,
    pub visited: Vec<AuthorityId>,
}

impl Budget {
    pub fn fresh(now: Instant) -> Self {
        Self {
            depth_left: MAX_DEPTH,
            queries_left: MAX_QUERIES,
            deadline: now + DEFAULT_DEADLINE,
            visited: Vec::new(),
        }
    }

    /// What each of `children` gets; `None` when there is not one question for each.
    pub fn split(&self, here: &AuthorityId, children: usize) -> Option<Self> {
        let children = u32::try_from(children).ok().filter(|c| *c > 0)?;
        let share = (self.queries_left / children).checked_sub(1)?;
        let mut visited = self.visited.clone();
        visited.push(here.clone());
        let hop = HOP.max(self.time_left() / 2);
        Some(Self {
            depth_left: self.depth_left.checked_sub(1)?,
            queries_left: share,
            deadline: self.deadline.checked_sub(RESERVE).unwrap_or(self.deadline).min(Instant::now() + hop),
            visited,
        })
    }

    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_only_shrinks() {
        let here = AuthorityId::parse("did:web:a.example").expect("valid");
        let mut budget = Budget::fresh(Instant::now());
        let mut levels = 0;
        while let Some(next) = budget.split(&here, 2) {
            assert!(next.queries_left * 2 + 2 <= budget.queries_left);
            assert!(next.depth_left < budget.depth_left && next.deadline < budget.deadline);
            assert!(next.time_left() <= HOP, "no branch gets all the time");
            budget = next;
            levels += 1;
        }
        assert!(levels <= usize::from(MAX_DEPTH));
    }

    #[test]
    fn who_gives_more_time_gives_each_half_of_it() {
        let here = AuthorityId::parse("did:web:a.example").expect("valid");
        let now = Instant::now();
        let patient = Budget { deadline: now + MAX_DEADLINE, ..Budget::fresh(now) };
        let next = patient.split(&here, 2).expect("enough for two");
        assert!(next.deadline > now + HOP * 4 && next.deadline < now + MAX_DEADLINE, "half of 10 s");
    }
}
