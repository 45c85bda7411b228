//! Which events of a subordinate count, of those that its feed tells: what may take a yes away on receipt, what only adds
//! when it is proven.

use std::{collections::VecDeque, sync::Arc};

use crate::{dependency::Dep, touch::Touched};

/// Most events that wait one by one for their proof. Beyond, all of them count with the last.
const MAX_PENDING: usize = 10_000;

/// What of one subordinate's events counts, kept from one feed to the next.
#[derive(Debug, Default)]
pub struct Counted {
    /// Number of the last event that counted on receipt.
    negative: i64,
    /// Number of the last event that counts because it is proven.
    proven: i64,
    /// Events that do not count yet, and whom they touch.
    pending: VecDeque<(i64, Touched)>,
    /// How often the feed has confirmed what is kept.
    confirmed: u64,
    /// What is told of each event. Before the feed has caught up, nothing is: that all has changed is enough.
    told: Option<Arc<Dep>>,
}

impl Counted {
    /// Number of the last event that counts.
    pub fn last(&self) -> i64 {
        self.negative.max(self.proven)
    }

    /// How many of its events are proven by its log.
    pub fn proven(&self) -> i64 {
        self.proven
    }

    /// How often the feed has confirmed what is kept.
    pub fn confirmations(&self) -> u64 {
        self.confirmed
    }

    /// What rests on the subordinate is told of its events from now on; `heard` is the number of the last one.
    pub fn tells(&mut self, dep: Option<&Arc<Dep>>, heard: i64) {
        let Some(dep) = dep.filter(|_| self.confirmed > 0) else { return };
        if !self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, dep)) {
            dep.begin(self.last(), heard);
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

    /// The subordinate has confirmed that all its events, `heard`, are here, of which `proven` are proven.
    pub fn confirmed(&mut self, proven: i64, heard: i64, dep: Option<&Arc<Dep>>) {
        self.proven = self.proven.max(proven);
        if self.confirmed == 0 && heard > self.proven {
            // Which of those that came before this wait for their proof was not written down.
            self.wait(heard, Touched::Everybody);
        }
        self.confirmed += 1;
        self.tells(dep, heard);
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
    use super::*;
    use crate::Dependencies;

    fn entity(tag: u32) -> Touched {
        Touched::Entities(vec![tag])
    }

    /// Hears an event, the last of all.
    fn hears(known: &mut Counted, seq: i64, negative: bool, touched: Touched, dep: &Arc<Dep>) {
        known.tells(Some(dep), seq);
        known.heard(seq, negative, touched, Some(dep));
    }

    #[test]
    fn bad_news_counts_at_once_and_good_news_when_it_is_proven() {
        let dep = Dependencies::new().get_or_track(&["did:web:a.example".to_owned()], 0);
        let mut known = Counted::default();
        hears(&mut known, 1, false, entity(1), &dep);
        known.confirmed(1, 1, Some(&dep));
        hears(&mut known, 2, true, entity(1), &dep);
        assert!(dep.epoch() == 2 && !dep.accepts(1, 1) && dep.accepts(2, 1));
        hears(&mut known, 3, false, entity(2), &dep);
        assert!(dep.epoch() == 2 && dep.accepts(2, 1), "it is not proven");
        known.confirmed(2, 3, Some(&dep));
        assert!(dep.accepts(2, 1));
        known.confirmed(3, 3, Some(&dep));
        assert!(!dep.accepts(2, 1) && dep.accepts(2, 3) && dep.accepts(3, 1));
        assert_eq!(known.last(), 3);
    }

    #[test]
    fn what_was_heard_before_the_feed_had_caught_up_touches_everybody() {
        let dep = Dependencies::new().get_or_track(&["did:web:a.example".to_owned()], 0);
        let mut known = Counted::default();
        hears(&mut known, 1, true, entity(1), &dep);
        assert!(dep.epoch() == 1 && !dep.accepts(2, 0));
        hears(&mut known, 2, false, entity(1), &dep);
        known.confirmed(1, 2, Some(&dep));
        assert!(dep.accepts(2, 1), "event 2 is not proven");
        known.confirmed(2, 2, Some(&dep));
        assert!(!dep.accepts(2, 1) && dep.accepts(2, 2));
    }

    #[test]
    fn too_many_that_wait_count_with_the_last() {
        let dep = Dependencies::new().get_or_track(&["did:web:a.example".to_owned()], 0);
        let mut known = Counted::default();
        known.confirmed(0, 0, Some(&dep));
        let last = i64::try_from(MAX_PENDING).expect("small") + 1;
        for seq in 1..=last {
            hears(&mut known, seq, false, entity(1), &dep);
        }
        assert_eq!(known.pending.len(), 1);
        known.confirmed(last - 1, last, Some(&dep));
        assert!(dep.accepts(2, 0));
        known.confirmed(last, last, Some(&dep));
        assert!(!dep.accepts(2, 0));
    }
}
