//! What is known of a subordinate by its feed, kept from one feed to the next.

use std::sync::Arc;

use charter_cache::{Counted, Dep};

use super::tree::Tree;

#[derive(Default)]
pub struct Known {
    pub tree: Tree,
    /// What of its events counts.
    pub counted: Counted,
}

impl Known {
    /// What rests on the subordinate is told of its events from now on.
    pub fn tells(&mut self, dep: Option<&Arc<Dep>>) {
        self.counted.tells(dep, self.tree.heard());
    }

    /// The subordinate has confirmed that all its events are here, of which `proven` are proven.
    pub fn confirmed(&mut self, proven: i64, dep: Option<&Arc<Dep>>) {
        self.counted.confirmed(proven, self.tree.heard(), dep);
    }
}
