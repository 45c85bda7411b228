//! Which entities one subordinate keeps, and those below it, as its feed tells: every identifier that was ever given to
//! one, also those that were corrected since. Identifiers are in the public bytes of events, which nothing erases; a
//! subordinate with an event that gives an entity none that can be read is asked about everybody. Pure.

use std::collections::BTreeSet;

use charter_cache::{Touched, entity_tag};
use charter_domain::event::{Change, STAFF, Told};

/// Most tags of one subordinate, those below it included. Who has more is asked about every entity.
pub const MAX_TAGS: usize = 2_000_000;

/// Tags stand for identifiers (`charter_cache::entity_tag`): two that meet cost a question, and spare none.
#[derive(Debug, Default)]
pub struct Roster {
    own: BTreeSet<u32>,
    /// Tag of an entity's number, tag of an identifier of it.
    of: BTreeSet<(u32, u32)>,
    below: BTreeSet<u32>,
    /// It has entities of which nobody here knows the identifiers.
    unsure: bool,
    full: bool,
}

impl Roster {
    /// Takes an event: whose answers it touches, and the tags that have not been there before.
    pub fn event(&mut self, told: Option<&Told>, body: &[u8]) -> (Touched, Vec<u32>) {
        let Some(told) = told.filter(|told| Change::is_kind(&told.kind)) else {
            // It may have named an entity in a way of its own.
            self.unsure = true;
            return (Touched::Everybody, Vec::new());
        };
        if told.subject == STAFF {
            return (Touched::Nobody, Vec::new());
        }
        let entity = entity_tag(&told.subject);
        let appeared = match told.identifiers(body) {
            Some(identifiers) if identifiers.is_empty() => {
                self.unsure = true;
                Vec::new()
            }
            Some(identifiers) => self.named(entity, &identifiers),
            None => Vec::new(),
        };
        let tags: Vec<u32> = self.of.range((entity, 0)..=(entity, u32::MAX)).map(|(_, tag)| *tag).collect();
        let touched = if tags.is_empty() { Touched::Everybody } else { Touched::Entities(tags) };
        (touched, appeared)
    }

    fn named(&mut self, entity: u32, identifiers: &[String]) -> Vec<u32> {
        let tags: Vec<u32> = identifiers.iter().map(|identifier| entity_tag(identifier)).collect();
        if self.size() + 2 * tags.len() > MAX_TAGS {
            self.give_up();
        }
        if self.full {
            return Vec::new();
        }
        self.of.extend(tags.iter().map(|tag| (entity, *tag)));
        tags.into_iter().filter(|tag| self.own.insert(*tag)).collect()
    }

    /// Takes the tags of entities below the subordinate: those that have not been there before.
    pub fn below(&mut self, tags: Vec<u32>) -> Vec<u32> {
        if self.size() + tags.len() > MAX_TAGS {
            self.give_up();
        }
        if self.full {
            return Vec::new();
        }
        tags.into_iter().filter(|tag| self.below.insert(*tag)).collect()
    }

    /// Neither the subordinate nor anybody below it was told to have the entity.
    pub fn lacks(&self, tag: u32) -> bool {
        self.is_whole() && !self.own.contains(&tag) && !self.below.contains(&tag)
    }

    /// It names all entities that were told.
    pub fn is_whole(&self) -> bool {
        !self.unsure && !self.full
    }

    /// How many tags are held.
    pub fn size(&self) -> usize {
        self.own.len() + self.of.len() + self.below.len()
    }

    /// It has too many: it lacks none from now on.
    pub fn give_up(&mut self) {
        *self = Self { unsure: self.unsure, full: true, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(roster: &mut Roster, body: &str) -> (Touched, Vec<u32>) {
        roster.event(Told::parse(body.as_bytes()).as_ref(), body.as_bytes())
    }
    fn registered(entity: &str, identifier: &str) -> String {
        format!(
            r#"{{"kind":"EntityRegistered","subject":"{entity}","data":{{"identifiers":[{{"type":"did","value":"{identifier}"}}]}}}}"#
        )
    }

    #[test]
    fn what_was_named_once_is_not_lacked() {
        let mut roster = Roster::default();
        let (a, b, c) = (entity_tag("a"), entity_tag("b"), entity_tag("c"));
        assert!(roster.lacks(a));
        assert_eq!(takes(&mut roster, &registered("1", "a")), (Touched::Entities(vec![a]), vec![a]));
        assert!(!roster.lacks(a) && roster.lacks(b));
        let corrected =
            r#"{"kind":"EntityCorrected","subject":"1","data":{"identifiers":[{"type":"did","value":"b"}]}}"#;
        let mut both = vec![a, b];
        both.sort_unstable();
        assert_eq!(takes(&mut roster, corrected), (Touched::Entities(both), vec![b]));
        assert!(!roster.lacks(a) && !roster.lacks(b), "an earlier identifier was somebody's");
        assert_eq!(roster.below(vec![c, c]), [c]);
        assert!(!roster.lacks(c));
        assert_eq!(roster.size(), 5);
    }

    #[test]
    fn a_change_touches_its_subject() {
        let mut roster = Roster::default();
        takes(&mut roster, &registered("1", "a"));
        let status = |subject: &str| {
            format!(r#"{{"kind":"StatusChanged","subject":"{subject}","data":{{"state":"REVOKED"}}}}"#)
        };
        assert_eq!(takes(&mut roster, &status("1")).0, Touched::Entities(vec![entity_tag("a")]));
        assert_eq!(takes(&mut roster, &status("2")).0, Touched::Everybody, "nobody knows who that is");
        assert_eq!(takes(&mut roster, &status("*")).0, Touched::Everybody);
        assert_eq!(
            takes(&mut roster, r#"{"kind":"StaffAppointed","subject":"staff","data":{}}"#).0,
            Touched::Nobody
        );
        assert!(roster.lacks(entity_tag("b")));
    }

    #[test]
    fn who_cannot_be_understood_or_has_too_many_lacks_nobody() {
        let b = entity_tag("b");
        for body in [
            r#"{"kind":"EntityRegistered","subject":"1","data":{}}"#,
            r#"{"kind":"Newer","subject":"1"}"#,
            "?",
        ] {
            let mut roster = Roster::default();
            takes(&mut roster, body);
            assert!(!roster.lacks(b), "{body}");
        }
        let mut roster = Roster::default();
        takes(&mut roster, &registered("1", "a"));
        assert!(roster.below((0..).take(MAX_TAGS).collect()).is_empty());
        assert!(!roster.lacks(b) && roster.size() == 0);
        assert_eq!(takes(&mut roster, &registered("2", "b")), (Touched::Everybody, vec![]));
    }
}
