//! What one registry knows of its subordinates by their feeds: who keeps which entities, how far each is, and what
//! answers rest on for which some were not asked. Pure but for the instants that it is given.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
};

use charter_cache::{BootInstant, DEP_LEASE, Dep, Touched, entity_tag};
use charter_domain::{AuthorityId, Delegation, Timestamp, delegation::MAX_DEPTH, event::Told};
use charter_federation::{
    Lacking,
    protocol::native::watch::{Heard, MAX_BELOW},
};

use super::roster::{MAX_TAGS, Roster};

/// Earlier rolls that are kept in view, for answers that rest on them and could not be confirmed since.
const MAX_PAST: usize = 64;
/// Most bytes of what is told of registries below at once: it fits into a message.
const MAX_TEXT: usize = 128 * 1024;

/// A registry further below, as the subordinate heard of it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Further {
    pub via: Vec<AuthorityId>,
    pub epoch: i64,
    /// Nothing after the epoch that counts had happened there by then.
    pub before: BootInstant,
    /// Entries that its log had published.
    pub published: i64,
}

/// A sign of life of a subordinate.
#[derive(Debug)]
pub struct Sign {
    pub before: BootInstant,
    /// Entries that its log had published.
    pub published: i64,
    /// Of its events, the last that counts.
    pub counted: i64,
    /// All its events are here, its log has proven some, and it has told all entities below it.
    pub sure: bool,
    pub further: Vec<Further>,
}

#[derive(Debug, Default)]
struct Followed {
    roster: Roster,
    fed: Option<BootInstant>,
    counted: i64,
    published: i64,
    /// What its roster leaves out it lacks; until its feed is lost.
    sure: bool,
    further: Vec<Further>,
}

fn alive(before: BootInstant, now: BootInstant) -> bool {
    now.since(before) < DEP_LEASE
}

/// What superiors are told.
#[derive(Debug)]
pub struct Summary {
    pub heard: Vec<Heard>,
    /// Whose rosters leave nobody out.
    sure: Vec<AuthorityId>,
    /// How many tags have appeared.
    pub appeared: usize,
    /// Each that has appeared is listed.
    all_listed: bool,
}

impl Summary {
    /// All that is below is known: each that was delegated to answers through us now, and leaves nobody out.
    pub fn is_complete(&self, delegations: &[Delegation], now: Timestamp) -> bool {
        let of = |d: &Delegation| {
            let same = |other: &&Delegation| other.subordinate == d.subordinate;
            let stands = |other: &Delegation| other.answers_as_own && other.standing(now).is_ok();
            self.sure.contains(&d.subordinate) && delegations.iter().filter(same).any(stands)
        };
        self.all_listed && delegations.iter().all(of)
    }
}

pub struct Below {
    path: Vec<String>,
    followed: BTreeMap<Arc<AuthorityId>, Followed>,
    /// What answers rest on for which somebody was not asked: confirmed as long as all that might have been spared are,
    /// and told of each entity that appears.
    roll: Arc<Dep>,
    past: Vec<Weak<Dep>>,
    /// Number of what has appeared and of who was lost.
    moves: i64,
    /// Tags in the order of their first appearance. What was told of a subordinate that is followed anew is no news.
    appeared: Vec<u32>,
    known: BTreeSet<u32>,
    /// There were more: a superior could not hold them, and asks about everybody.
    unlisted: bool,
    /// Changes with what superiors should hear soon.
    version: u64,
}

impl Below {
    pub fn new(registry: &AuthorityId) -> Self {
        let path = vec![registry.to_string()];
        let roll = Arc::new(Dep::alone(&path, 0));
        let (followed, past, appeared) = (BTreeMap::new(), Vec::new(), Vec::new());
        let known = BTreeSet::new();
        Self { path, followed, roll, past, moves: 0, appeared, known, unlisted: false, version: 0 }
    }

    /// Takes an event of a subordinate, and whether it counts at once: whose answers it touches.
    pub fn event(
        &mut self,
        subordinate: &AuthorityId,
        (seq, counts): (i64, bool),
        (told, body): (Option<&Told>, &[u8]),
    ) -> Touched {
        let followed = self.of(subordinate);
        let (touched, appeared) = followed.roster.event(told, body);
        if counts && seq > followed.counted {
            followed.counted = seq;
            self.version += 1;
        }
        self.appear(appeared);
        touched
    }

    /// Takes tags of entities below a subordinate.
    pub fn tags(&mut self, subordinate: &AuthorityId, tags: Vec<u32>) {
        let appeared = self.of(subordinate).roster.below(tags);
        self.appear(appeared);
    }

    /// Takes a sign of life; true where superiors should hear of it soon.
    pub fn sign(&mut self, subordinate: &AuthorityId, sign: Sign, now: BootInstant) -> bool {
        let (version, sure) = (self.version, sign.sure);
        let followed = self.of(subordinate);
        let known = |f: &Further| followed.further.iter().find(|k| k.via == f.via).map(|k| k.epoch);
        let moved = sign.counted > followed.counted
            || sign.further.iter().any(|f| known(f).is_none_or(|epoch| epoch < f.epoch));
        followed.counted = followed.counted.max(sign.counted);
        followed.fed = followed.fed.max(Some(sign.before));
        followed.published = followed.published.max(sign.published);
        followed.further = sign.further;
        let lost = followed.sure && !sure;
        followed.sure = sure;
        if moved {
            self.version += 1;
        }
        if lost {
            self.renew();
        }
        self.settle(now);
        self.version != version
    }

    /// A feed begins anew: until it is alive, its subordinate lacks nobody. What was named stays.
    pub fn lost(&mut self, subordinate: &AuthorityId) {
        let Some(followed) = self.followed.get_mut(subordinate) else { return };
        followed.fed = None;
        if std::mem::take(&mut followed.sure) {
            self.renew();
        }
    }

    /// A subordinate is followed no more: the tags that were held of it.
    pub fn forget(&mut self, subordinate: &AuthorityId) -> usize {
        self.lost(subordinate);
        self.followed.remove(subordinate).map_or(0, |followed| followed.roster.size())
    }

    /// How many tags are held of a subordinate.
    pub fn size(&self, subordinate: &AuthorityId) -> usize {
        self.followed.get(subordinate).map_or(0, |followed| followed.roster.size())
    }

    pub fn give_up(&mut self, subordinate: &AuthorityId) {
        self.of(subordinate).roster.give_up();
    }

    /// Who is known to lack an entity.
    pub fn lacking(&mut self, entity: &str, now: BootInstant) -> Lacking {
        self.settle(now);
        let tag = entity_tag(entity);
        let lacks =
            |(_, followed): &(&Arc<AuthorityId>, &Followed)| followed.sure && followed.roster.lacks(tag);
        let subordinates = self.followed.iter().filter(lacks).map(|(id, _)| Arc::clone(id)).collect();
        Lacking { subordinates, epoch: self.moves }
    }

    /// What answers rest on for which somebody was not asked.
    pub fn roll(&self) -> Arc<Dep> {
        Arc::clone(&self.roll)
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    /// What has appeared after the first `from` tags, at most `most`.
    pub fn appeared(&self, from: usize, most: usize) -> Vec<u32> {
        self.appeared.iter().skip(from).take(most).copied().collect()
    }

    pub fn summary(&mut self, now: BootInstant) -> Summary {
        self.settle(now);
        let mut heard = Vec::new();
        for (id, followed) in &self.followed {
            let Some(fed) = followed.fed.filter(|fed| alive(*fed, now)) else { continue };
            let (via, published) = (vec![AuthorityId::clone(id)], followed.published);
            heard.push(Heard { via, epoch: followed.counted, age: now.since(fed), published });
            for further in followed.further.iter().filter(|f| alive(f.before, now) && self.may_tell(id, f)) {
                let via = std::iter::once(id.as_ref()).chain(&further.via).cloned().collect();
                let (age, published) = (now.since(further.before), further.published);
                heard.push(Heard { via, epoch: further.epoch, age, published });
            }
        }
        heard.truncate(MAX_BELOW);
        let mut room = MAX_TEXT;
        heard.retain(|heard| {
            let size = heard.via.iter().map(|id| id.as_str().len() + 4).sum::<usize>() + 32;
            room = room.saturating_sub(size);
            room > 0
        });
        let leaves_nobody_out = |f: &Followed| f.sure && f.roster.is_whole();
        let sure = self
            .followed
            .iter()
            .filter(|(_, f)| leaves_nobody_out(f))
            .map(|(id, _)| AuthorityId::clone(id))
            .collect();
        Summary { heard, sure, appeared: self.appeared.len(), all_listed: !self.unlisted }
    }

    /// The way is one that a walk can go: not too long, and nowhere twice.
    fn may_tell(&self, subordinate: &AuthorityId, further: &Further) -> bool {
        let again = |id: &AuthorityId| id == subordinate || self.path.iter().any(|own| own == id.as_str());
        further.via.len() < usize::from(MAX_DEPTH) && !further.via.iter().any(again)
    }

    fn of(&mut self, subordinate: &AuthorityId) -> &mut Followed {
        self.followed.entry(Arc::new(subordinate.clone())).or_default()
    }

    /// Answers for which a subordinate was not asked about these rest on what is no longer so.
    fn appear(&mut self, tags: Vec<u32>) {
        if tags.is_empty() {
            return;
        }
        self.moves += 1;
        self.version += 1;
        for tag in &tags {
            if self.known.len() == MAX_TAGS {
                self.unlisted |= !self.known.contains(tag);
            } else if self.known.insert(*tag) {
                self.appeared.push(*tag);
            }
        }
        let touched = Touched::Entities(tags);
        self.roll.tell(self.moves, &touched);
        for dep in self.past.iter().filter_map(Weak::upgrade) {
            dep.tell(self.moves, &touched);
        }
    }

    /// Somebody who may have been spared is no longer known to lack anybody: answers rest on another roll from now on, and
    /// nothing confirms what rests on this one.
    fn renew(&mut self) {
        self.moves += 1;
        let next = Arc::new(Dep::alone(&self.path, self.moves));
        let last = std::mem::replace(&mut self.roll, next);
        self.past.push(Arc::downgrade(&last));
        drop(last);
        self.past.retain(|dep| dep.strong_count() > 0);
        let surplus = self.past.len().saturating_sub(MAX_PAST);
        self.past.drain(..surplus);
    }

    /// Whose feed was lost is sure no more; the roll is confirmed as of the sign of life that is longest ago.
    fn settle(&mut self, now: BootInstant) {
        let mut lost = false;
        for followed in self.followed.values_mut() {
            if followed.sure && !followed.fed.is_some_and(|fed| alive(fed, now)) {
                followed.sure = false;
                lost = true;
            }
        }
        if lost {
            self.renew();
        }
        let sure = self.followed.values().filter(|followed| followed.sure);
        if let Some(oldest) = sure.filter_map(|followed| followed.fed).min() {
            self.roll.polled(self.moves, oldest);
        }
    }
}

#[cfg(test)]
mod tests;
