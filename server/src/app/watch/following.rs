//! Which registries of this process superiors follow.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use charter_domain::RegistryId;
use tokio::time::Instant;

/// A feed that ends is opened anew: for this long its registry counts as followed.
const LATELY: Duration = Duration::from_secs(60);

/// How many feeds a registry has, and when the last one ended.
type Feeds = Arc<Mutex<HashMap<RegistryId, (usize, Option<Instant>)>>>;

#[derive(Default)]
pub struct Following(Feeds);

/// One who follows, until it is dropped.
pub struct Follower {
    registry: RegistryId,
    feeds: Feeds,
}

impl Following {
    pub fn add(&self, registry: RegistryId) -> Follower {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.entry(registry).or_default().0 += 1;
        Follower { registry, feeds: Arc::clone(&self.0) }
    }

    /// Somebody follows the registry, or did lately.
    pub fn contains(&self, registry: RegistryId, now: Instant) -> bool {
        let feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = |ended: &Option<Instant>| {
            ended.is_some_and(|ended| now.saturating_duration_since(ended) < LATELY)
        };
        feeds.get(&registry).is_some_and(|(count, ended)| *count > 0 || lately(ended))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, ended)) = feeds.get_mut(&self.registry) {
            *count = count.saturating_sub(1);
            *ended = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_left_follows_for_a_moment_still() {
        let following = Following::default();
        let (one, other) = (RegistryId(1), RegistryId(2));
        let later = || Instant::now() + LATELY;
        let follower = following.add(one);
        let second = following.add(one);
        assert!(following.contains(one, later()) && !following.contains(other, later()));
        drop(follower);
        assert!(following.contains(one, later()), "another follows it");
        drop(second);
        assert!(following.contains(one, Instant::now()), "it may come back");
        assert!(!following.contains(one, later()));
    }
}
