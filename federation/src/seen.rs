//! The newest document seen of each kind: who shows an older one again is hiding what came after it.
//!
//! In scope: `iat` per issuer, subject and statement may not go back; a statement of before a denial does not count
//! against it. An issuer is a name on one way down from one of
//! our registries: by another way, somebody else may have vouched for other keys under that name. Out of scope: telling
//! who went back; a restart forgets, and then the documents' own expiry is the bound.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use charter_domain::{Action, EntityId, Kind, Reason, Resource, Timestamp};
use charter_proof::{
    Issuer,
    verify::{Denied, Link, LinkKind, SKEW, Verified},
};
use moka::sync::Cache;

/// How long one registry may go on answering from what it kept (the resolver's longest time). A document of the
/// n-th registry below may have been kept by each of those on the way.
const KEPT: Duration = Duration::from_secs(300);
/// Documents remembered; each costs about 100 bytes.
const CAPACITY: u64 = 100_000;
/// No document lives longer than this by the settings' bounds, and what has expired cannot come back.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

pub struct Seen {
    /// Seeded per process: nobody outside can make two documents meet.
    hasher: RandomState,
    newest: Cache<u64, Timestamp>,
    /// What was taken away, by question.
    taken: Cache<u64, Taken>,
}

/// That a statement was revoked, suspended or ended.
#[derive(Debug, Clone, Copy)]
struct Taken {
    as_of: Timestamp,
    said_at: Timestamp,
}

impl Default for Seen {
    fn default() -> Self {
        let newest = Cache::builder().max_capacity(CAPACITY).time_to_idle(REMEMBERED).build();
        let taken = Cache::builder().max_capacity(CAPACITY).time_to_live(REMEMBERED).build();
        Self { hasher: RandomState::new(), newest, taken }
    }
}

impl Seen {
    /// Refuses a proof with a link that is older than one seen before; remembers its links otherwise.
    pub fn admit(&self, verified: &Verified) -> Result<(), String> {
        let leaf = &verified.leaf;
        let terms = (leaf.kind, &leaf.sub, &leaf.action, &leaf.resource);
        let taken = self.taken.get(&self.question(&verified.issuer, terms));
        let contradicts = |taken: Taken| {
            Timestamp::from_secs(leaf.iat).plus(SKEW) < taken.said_at
                && leaf.valid.iter().any(|i| i.contains(taken.as_of))
        };
        if taken.is_some_and(contradicts) {
            return Err("link 0 (0 is the statement) is of before its issuer denied it".to_owned());
        }
        self.admit_links(&verified.links, &verified.issuer, Some(verified.leaf.seq))
    }

    /// The same for a no: its denial is the newest about the entity, whatever was asked about it.
    pub fn admit_denial(&self, denied: &Denied) -> Result<(), String> {
        self.admit_links(&denied.links, &denied.issuer, None)?;
        let (leaf, asked) = (&denied.leaf, &denied.leaf.asked);
        // With a condition or a place, it may be one of several statements that was denied; of a time, it may be over.
        let plain = asked.time.is_none() && asked.jurisdiction.is_none() && asked.conditions.is_empty();
        let own = asked.authority == denied.issuer.authority_id;
        if plain && own && matches!(leaf.reason, Reason::Revoked | Reason::Suspended | Reason::Ended) {
            let terms = (asked.kind, &asked.entity, &asked.action, &asked.resource);
            let (key, said_at) = (self.question(&denied.issuer, terms), Timestamp::from_secs(leaf.iat));
            if self.taken.get(&key).is_none_or(|taken| taken.said_at < said_at) {
                self.taken.insert(key, Taken { as_of: leaf.as_of, said_at });
            }
        }
        Ok(())
    }

    /// What an issuer was asked, on the way down to it.
    fn question(&self, issuer: &Issuer, terms: (Kind, &EntityId, &Action, &Resource)) -> u64 {
        let above: Vec<&str> = issuer.above.iter().map(|a| a.entity_id.as_str()).collect();
        self.hasher.hash_one((above, issuer.entity_id.as_str(), terms))
    }

    fn admit_links(&self, links: &[Link], issuer: &Issuer, statement: Option<i64>) -> Result<(), String> {
        let above: Vec<&str> = issuer.above.iter().map(|a| a.entity_id.as_str()).collect();
        for (n, link) in links.iter().enumerate() {
            let seq = statement.filter(|_| link.kind == LinkKind::Statement);
            let way = above.get(..above.len().saturating_sub(n)).unwrap_or_default();
            let key = self.hasher.hash_one((way, link.kind as u8, link.iss.as_str(), &link.sub, seq));
            let newest = self.newest.get(&key);
            let levels = u32::try_from(links.len() - n).unwrap_or(u32::MAX);
            if newest.is_some_and(|newest| link.iat.plus(KEPT.saturating_mul(levels)) < newest) {
                return Err(format!("link {n} (0 is the statement) is older than one seen before"));
            }
            if newest.is_none_or(|newest| newest < link.iat) {
                self.newest.insert(key, link.iat);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
