//! What is known of a subordinate by its feed, kept from one feed to the next, and what of it counts.

use std::{collections::VecDeque, sync::Arc};

use charter_cache::{Dep, Touched};

use super::tree::Tree;

/// Most events that wait one by one for their proof. Beyond, all of them count with the last.
const MAX_PENDING: usize = 10_000;

#[derive(Default)]
pub struct Known {
    pub tree: Tree,
    /// Number of the last event that counted on receipt.
    negative: i64,
    /// Number of the last event that counts because it is proven.
    proven: i64,
    /// Events that do not count yet, and whom they touch.
    pending: VecDeque<(i64, Touched)>,
    /// How often the feed has confirmed what is kept.
    pub confirmed: u64,
    /// What is told of each event. Before the feed has caught up, nothing is: that all has changed is enough.
    told: Option<Arc<Dep>>,
}

impl Known {
    /// Number of the last event that counts.
    pub fn counted(&self) -> i64 {
        self.negative.max(self.proven)
    }

    /// How many of its events are proven by its log.
    pub fn proven(&self) -> i64 {
        self.proven
    }

    /// What rests on the subordinate is told of its events from now on.
    pub fn tells(&mut self, dep: Option<&Arc<Dep>>) {
        let Some(dep) = dep.filter(|_| self.confirmed > 0) else { return };
        if !self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, dep)) {
            dep.begin(self.counted(), self.tree.heard());
            self.told = Some(Arc::clone(dep));
        }
    }

    /// An event was heard, and takes effect at once if it is negative.
    pub fn heard(&mut self, seq: i64, negative: bool, touched: Touched, dep: Option<&Dep>) {
        if negative {
            self.negative = seq;
            if let Some(dep) = dep {
                dep.tell(seq, if self.confirmed > 0 { &touched } else { &Touched::Everybody });
            }
        } else if self.confirmed > 0 {
            if let Some(dep) = dep {
                dep.heard(seq);
            }
            self.wait(seq, touched);
        }
    }

    fn wait(&mut self, seq: i64, touched: Touched) {
        if self.pending.len() < MAX_PENDING {
            self.pending.push_back((seq, touched));
        } else {
            self.pending.clear();
            self.pending.push_back((seq, Touched::Everybody));
        }
    }

    /// The subordinate has confirmed that all its events are here, of which `proven` are proven.
    pub fn confirmed(&mut self, proven: i64, dep: Option<&Arc<Dep>>) {
        self.proven = self.proven.max(proven);
        let heard = self.tree.heard();
        if self.confirmed == 0 && heard > self.proven {
            // Which of those that came before this wait for their proof was not written down.
            self.wait(heard, Touched::Everybody);
        }
        self.confirmed += 1;
        self.tells(dep);
        while let Some((seq, touched)) = self.pending.front()
            && *seq <= self.proven
        {
            if let Some(dep) = dep {
                dep.tell(*seq, touched);
            }
            self.pending.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use charter_cache::Dependencies;

    use super::*;

    fn entity(tag: u32) -> Touched {
        Touched::Entities(vec![tag])
    }

    /// Hears an event in the tree and as news.
    fn hears(known: &mut Known, seq: i64, negative: bool, touched: Touched, dep: &Arc<Dep>) {
        known.tree.event(seq, &[]).expect("in order");
        known.tells(Some(dep));
        known.heard(seq, negative, touched, Some(dep));
    }

    #[test]
    fn bad_news_counts_at_once_and_good_news_when_it_is_proven() {
        let dep = Dependencies::new().get_or_track(&["did:web:a.example".to_owned()], 0);
        let mut known = Known::default();
        hears(&mut known, 1, false, entity(1), &dep);
        known.confirmed(1, Some(&dep));
        hears(&mut known, 2, true, entity(1), &dep);
        assert!(dep.epoch() == 2 && !dep.accepts(1, 1) && dep.accepts(2, 1));
        hears(&mut known, 3, false, entity(2), &dep);
        assert!(dep.epoch() == 2 && dep.accepts(2, 1), "it is not proven");
        known.confirmed(2, Some(&dep));
        assert!(dep.accepts(2, 1));
        known.confirmed(3, Some(&dep));
        assert!(!dep.accepts(2, 1) && dep.accepts(2, 3) && dep.accepts(3, 1));
        assert_eq!(known.counted(), 3);
    }

    #[test]
    fn what_was_heard_before_the_feed_had_caught_up_touches_everybody() {
        let dep = Dependencies::new().get_or_track(&["did:web:a.example".to_owned()], 0);
        let mut known = Known::default();
        hears(&mut known, 1, true, entity(1), &dep);
        assert!(dep.epoch() == 1 && !dep.accepts(2, 0));
        hears(&mut known, 2, false, entity(1), &dep);
        known.confirmed(1, Some(&dep));
        assert!(dep.accepts(2, 1), "event 2 is not proven");
        known.confirmed(2, Some(&dep));
        assert!(!dep.accepts(2, 1) && dep.accepts(2, 2));
    }

    #[test]
    fn too_many_that_wait_count_with_the_last() {
        let dep = Dependencies::new().get_or_track(&["did:web:a.example".to_owned()], 0);
        let mut known = Known::default();
        known.confirmed(0, Some(&dep));
        let last = i64::try_from(MAX_PENDING).expect("small") + 1;
        for seq in 1..=last {
            hears(&mut known, seq, false, entity(1), &dep);
        }
        assert_eq!(known.pending.len(), 1);
        known.confirmed(last - 1, Some(&dep));
        assert!(dep.accepts(2, 0));
        known.confirmed(last, Some(&dep));
        assert!(!dep.accepts(2, 0));
    }
}
