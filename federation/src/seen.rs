//! The newest document seen of each kind: who shows an older one again is hiding what came after it.
//!
//! In scope: `iat` per issuer, subject and statement may not go back, but to a document that states what the newest does,
//! which was renewed since; a statement of before a denial does not count against it. An issuer is a name on one way down
//! from one of our registries: by another way, somebody else may have vouched for other keys under that name. Out of
//! scope: telling who went back; a restart forgets, and then the documents' own expiry is the bound.

use std::{
    cmp::Ordering,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use charter_domain::{Action, EntityId, Kind, Reason, Resource, Timestamp};
use charter_proof::{
    Issuer,
    verify::{Denied, Link, LinkKind, SKEW, Verified},
};
use charter_signing::jws;
use moka::sync::Cache;
use serde_json::{Map, Value};

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
    newest: Cache<u64, Newest>,
    /// What was taken away, by question.
    taken: Cache<u64, Taken>,
}

/// The newest document of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Newest {
    iat: Timestamp,
    /// What it states, hashed; `None` where that is not known: of two in one second that differ, either may be the newer.
    claims: Option<u64>,
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
    /// Refuses a proof with a link that is older than one seen before; remembers its links otherwise. `chain` is what was
    /// verified, leaf first.
    pub fn admit(&self, verified: &Verified, chain: &[String]) -> Result<(), String> {
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
        self.admit_links((&verified.links, chain), &verified.issuer, Some(verified.leaf.seq))
    }

    /// The same for a no: its denial is the newest about the entity, whatever was asked about it.
    pub fn admit_denial(&self, denied: &Denied, chain: &[String]) -> Result<(), String> {
        self.admit_links((&denied.links, chain), &denied.issuer, None)?;
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

    fn admit_links(
        &self,
        (links, chain): (&[Link], &[String]),
        issuer: &Issuer,
        statement: Option<i64>,
    ) -> Result<(), String> {
        let above: Vec<&str> = issuer.above.iter().map(|a| a.entity_id.as_str()).collect();
        for (n, link) in links.iter().enumerate() {
            let seq = statement.filter(|_| link.kind == LinkKind::Statement);
            let way = above.get(..above.len().saturating_sub(n)).unwrap_or_default();
            let key = self.hasher.hash_one((way, link.kind as u8, link.iss.as_str(), &link.sub, seq));
            let levels = u32::try_from(links.len() - n).unwrap_or(u32::MAX);
            let claims = chain.get(n).and_then(|token| self.claims(link, token));
            let shown = Newest { iat: link.iat, claims };
            if !self.is_admitted(key, shown, KEPT.saturating_mul(levels)) {
                return Err(format!("link {n} (0 is the statement) is older than one seen before"));
            }
        }
        Ok(())
    }

    /// What a document states, but for when it says so: of a renewal it is the same. A denial is of one question, and stands
    /// for all of its entity: no two are the same.
    fn claims(&self, link: &Link, token: &str) -> Option<u64> {
        if link.kind == LinkKind::Denial {
            return None;
        }
        let mut claims: Map<String, Value> = serde_json::from_slice(&jws::peek(token).ok()?).ok()?;
        for time in ["iat", "exp"] {
            claims.remove(time);
        }
        Some(self.hasher.hash_one(Value::Object(claims).to_string()))
    }

    /// Whether no newer document is known that says something else; what others may have `kept` so long is not old.
    fn is_admitted(&self, key: u64, shown: Newest, kept: Duration) -> bool {
        let Some(newest) = self.newest.get(&key) else {
            self.newest.insert(key, shown);
            return true;
        };
        let same = shown.claims.is_some() && shown.claims == newest.claims;
        match shown.iat.cmp(&newest.iat) {
            Ordering::Less => return same || shown.iat.plus(kept) >= newest.iat,
            Ordering::Equal if !same && newest.claims.is_some() => {
                self.newest.insert(key, Newest { claims: None, ..newest });
            }
            Ordering::Equal => {}
            Ordering::Greater => self.newest.insert(key, shown),
        }
        true
    }
}

#[cfg(test)]
mod tests;
