//! A subordinate's log as its events make it. Whoever has all events from the first on makes the root of a checkpoint
//! of them: if it is the same, each of these events is in the log, and the tree begins with every tree before it.
//!
//! Pure: signatures are verified before a checkpoint comes here.

use std::collections::VecDeque;

use charter_tlog::{checkpoint::SignedCheckpoint, hash, tree::Frontier, witness::Equivocation};

/// Most events that may wait for the checkpoint that proves them: 32 bytes each.
const MAX_AHEAD: usize = 100_000;
/// Most checkpoints that may wait for their events.
const MAX_CHECKPOINTS: usize = 100;

/// Why a feed cannot be followed any further.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("event {0} came where event {1} was due")]
    Gap(i64, i64),
    #[error("more than {MAX_AHEAD} events wait to be published")]
    TooManyEvents,
    #[error("more than {MAX_CHECKPOINTS} checkpoints wait for their events")]
    TooManyCheckpoints,
    #[error("its log went back to {0} entries")]
    Back(u64),
    #[error("its checkpoint of {0} entries is not of the events that it sent")]
    Differs(u64),
    /// Two checkpoints of one size.
    #[error("its log showed two histories")]
    TwoRoots(Box<Equivocation>),
}

/// What was heard of a log, from its first entry on.
#[derive(Debug, Default)]
pub struct Tree {
    /// The events up to the last checkpoint, or up to where the next one can be compared.
    frontier: Frontier,
    /// Hashes of the events after these.
    ahead: VecDeque<charter_tlog::Hash>,
    /// Checkpoints of more events than were heard, smaller ones first.
    waiting: VecDeque<SignedCheckpoint>,
    /// The largest whose events were all heard.
    proven: Option<SignedCheckpoint>,
}

impl Tree {
    /// The number of the last event heard.
    pub fn heard(&self) -> i64 {
        let heard = self.frontier.size().saturating_add(self.ahead.len() as u64);
        i64::try_from(heard).unwrap_or(i64::MAX)
    }

    /// The largest checkpoint that proves the events heard.
    pub fn proven(&self) -> Option<&SignedCheckpoint> {
        self.proven.as_ref()
    }

    /// The next event; true when more is proven by it.
    pub fn event(&mut self, seq: i64, body: &[u8]) -> Result<bool, Fault> {
        let due = self.heard().saturating_add(1);
        if seq != due {
            return Err(Fault::Gap(seq, due));
        }
        if self.ahead.len() >= MAX_AHEAD {
            return Err(Fault::TooManyEvents);
        }
        self.ahead.push_back(hash::leaf(body));
        self.compare()
    }

    /// A checkpoint, verified by the log's key; true when more is proven by it.
    pub fn checkpoint(&mut self, signed: SignedCheckpoint) -> Result<bool, Fault> {
        let size = signed.checkpoint().size();
        if let Some(last) = self.waiting.back().or(self.proven.as_ref()) {
            let known = last.checkpoint().size();
            if size < known {
                return Err(Fault::Back(size));
            }
            if size == known {
                return match Equivocation::new(last.clone(), signed) {
                    Ok(found) => Err(Fault::TwoRoots(Box::new(found))),
                    Err(_) => Ok(false),
                };
            }
        }
        if self.waiting.len() >= MAX_CHECKPOINTS {
            return Err(Fault::TooManyCheckpoints);
        }
        self.waiting.push_back(signed);
        self.compare()
    }

    /// Compares with as many checkpoints as there are events for.
    fn compare(&mut self) -> Result<bool, Fault> {
        let mut more = false;
        while let Some(next) = self.waiting.front() {
            let size = next.checkpoint().size();
            while self.frontier.size() < size {
                let Some(leaf) = self.ahead.pop_front() else { return Ok(more) };
                self.frontier.append(leaf).map_err(|_| Fault::TooManyEvents)?;
            }
            if self.frontier.root() != next.checkpoint().root() {
                return Err(Fault::Differs(size));
            }
            self.proven = self.waiting.pop_front();
            more = true;
        }
        Ok(more)
    }
}

#[cfg(test)]
mod tests;
