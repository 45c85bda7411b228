//! Who waits for which registry, and the one who leads: takes the next group, carries it out, tells, until nobody waits.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use charter_domain::RegistryId;
use diesel::PgConnection;

use super::{Gate, Group, Waiting};
use crate::{Error, Store};

/// Changes of one transaction. More savepoints than 64 would not fit into what Postgres keeps of a transaction in shared
/// memory (PGPROC_MAX_CACHED_SUBXIDS).
const LARGEST: usize = 64;
/// Changes that wait for one registry.
const MOST: usize = 1_024;

/// Those who wait, by registry. INVARIANT: a registry that is here has somebody who leads.
#[derive(Default)]
pub(crate) struct Queues(Mutex<HashMap<RegistryId, Line>>);

type Line = VecDeque<Arc<dyn Waiting>>;

impl Queues {
    fn lines(&self) -> MutexGuard<'_, HashMap<RegistryId, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a change at the end; whether nobody leads there yet.
    fn push(&self, registry: RegistryId, change: Arc<dyn Waiting>) -> Result<bool, Error> {
        let mut lines = self.lines();
        let leads = !lines.contains_key(&registry);
        let line = lines.entry(registry).or_default();
        if line.len() >= MOST {
            return Err(Error::Unavailable(format!("{MOST} changes wait for this registry")));
        }
        line.push_back(change);
        Ok(leads)
    }

    /// The next group, of those who still wait for an answer. Without one nobody leads any more.
    fn next(&self, registry: RegistryId) -> Option<Vec<Arc<dyn Waiting>>> {
        let mut lines = self.lines();
        let line = lines.get_mut(&registry)?;
        let mut group = Vec::new();
        while group.len() < LARGEST
            && let Some(change) = line.pop_front()
        {
            if !change.left() {
                group.push(change);
            }
        }
        if group.is_empty() {
            lines.remove(&registry);
            return None;
        }
        Some(group)
    }

    /// Puts those whose turn did not come before all others, in their order.
    fn back(&self, registry: RegistryId, rest: &[Arc<dyn Waiting>]) {
        if let Some(line) = self.lines().get_mut(&registry) {
            rest.iter().rev().for_each(|change| line.push_front(Arc::clone(change)));
        }
    }
}

/// Ends with the queue's end; where it ends before (the program stops), who waits hears that.
struct Leader {
    store: Store,
    registry: RegistryId,
    over: bool,
}

impl Drop for Leader {
    fn drop(&mut self) {
        if !self.over {
            self.store.queues.lines().remove(&self.registry);
        }
    }
}

impl Leader {
    async fn lead(mut self) {
        while let Some(changes) = self.store.queues.next(self.registry) {
            metrics::counter!("charter_groups_total").increment(1);
            metrics::counter!("charter_group_changes_total").increment(changes.len() as u64);
            let gate = Gate::new(self.store.deadline());
            let group = Arc::new(Group { registry: self.registry, changes, gate });
            let (work, store) = (Arc::clone(&group), self.store.clone());
            let late = |node| group.late(&self.store, node);
            let work = move |conn: &mut PgConnection| work.carry_out(conn, &store);
            let result = self.store.interact_until("group", late, work).await;
            self.store.queues.back(self.registry, group.tell(result));
        }
        self.over = true;
    }
}

/// Stands in line; where nobody leads, a leader begins at once.
///
/// # Errors
/// `Unavailable` when too many wait.
pub(super) fn join(store: &Store, registry: RegistryId, change: Arc<dyn Waiting>) -> Result<(), Error> {
    if store.queues.push(registry, change)? {
        let leader = Leader { store: store.clone(), registry, over: false };
        tokio::spawn(leader.lead());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tx;

    const HERE: RegistryId = RegistryId(1);

    /// By its number; it left if that is odd.
    struct Numbered(usize);

    impl Waiting for Numbered {
        fn run(&self, _: &mut Tx<'_>) -> Result<(), Error> {
            Ok(())
        }
        fn only_try(&self) -> bool {
            false
        }
        fn left(&self) -> bool {
            self.0 % 2 == 1
        }
        fn tell(&self, _: Option<Error>) {}
        fn tell_unknown(&self, _: &str) {}
    }

    fn change(n: usize) -> Arc<dyn Waiting> {
        Arc::new(Numbered(n))
    }

    #[test]
    fn groups_are_bounded_leave_out_who_left_and_the_queue_ends_with_the_last() {
        let queues = Queues::default();
        assert!(queues.push(HERE, change(0)).expect("room"), "the first leads");
        for n in 1..MOST {
            assert!(!queues.push(HERE, change(n)).expect("room"));
        }
        assert!(matches!(queues.push(HERE, change(0)), Err(Error::Unavailable(_))));
        assert!(queues.push(RegistryId(2), change(0)).expect("another registry has its own"));
        let first = queues.next(HERE).expect("a group");
        assert_eq!(first.len(), LARGEST);
        assert!(first.iter().all(|change| !change.left()));
        queues.back(HERE, &first[1..]);
        let mut left = 1;
        while let Some(group) = queues.next(HERE) {
            left += group.len();
        }
        assert_eq!(left, MOST / 2);
        assert!(queues.push(HERE, change(0)).expect("room"), "and somebody leads anew");
    }
}
