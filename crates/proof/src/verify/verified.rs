//! What a verified chain says.

use std::time::Duration;

use charter_domain::{
    AuthorityId, HttpsId, Timestamp,
    scope::{Jurisdiction, words},
};
use serde::Serialize;

use crate::{
    AuthorityStatement, Denial, EntityConfiguration, Fault, FaultCode, Issuer, RecognitionStatement,
    SubordinateStatement,
    document::{Document, instant},
    error::shown,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Leaf first, as in the chain file.
    pub links: Vec<Link>,
    /// Who made the statement.
    pub decided_by: AuthorityId,
    /// The oldest issue time of the statement and the delegations: what was revoked later cannot be seen.
    pub as_of: Timestamp,
    /// The first expiry of anything the proof rests on.
    pub good_until: Timestamp,
    /// Until when the statement holds if nothing changes; `None` has no end.
    pub valid_until: Option<Timestamp>,
    /// Conditions of the statement that the question says nothing about.
    pub unstated: Vec<String>,
    pub leaf: AuthorityStatement,
    /// Who made the statement, with the keys that the authority above vouches for.
    #[serde(skip)]
    pub issuer: Issuer,
    /// The instant that the question is about.
    #[serde(skip)]
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    pub kind: LinkKind,
    pub iss: HttpsId,
    /// An https identifier, or the entity at the leaf.
    pub sub: String,
    /// The anchor, the authority delegated to, or the one that speaks.
    pub authority_id: AuthorityId,
    pub iat: Timestamp,
    pub exp: Timestamp,
    /// What it says, for people.
    pub note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    Configuration,
    Delegation,
    Statement,
    Denial,
    /// Of a peer, which is its own anchor from there on.
    Recognition,
}

impl Verified {
    /// Refuses a proof whose statement or one of whose delegations was issued longer ago than that.
    pub fn check_age(&self, now: Timestamp, max_age: Option<Duration>) -> Result<(), Fault> {
        check_age(&self.links, now, max_age)
    }
}

/// Refuses links of which one, but the configuration, was issued longer ago than that.
pub(super) fn check_age(links: &[Link], now: Timestamp, max_age: Option<Duration>) -> Result<(), Fault> {
    let dated = links.iter().enumerate().filter(|(_, l)| l.kind != LinkKind::Configuration);
    match (max_age, dated.min_by_key(|(_, l)| l.iat)) {
        (Some(max), Some((n, oldest))) if now.since(oldest.iat) > max => {
            let detail = format!("it was issued at {}, more than {} s ago", oldest.iat, max.as_secs());
            Err(Fault::new(n, FaultCode::TooOld, detail))
        }
        _ => Ok(()),
    }
}

impl Link {
    /// `sub` is whom it is about, `authority` as of [`Self::authority_id`].
    fn of<D: Document>(
        kind: LinkKind,
        document: &D,
        (sub, authority): (String, &AuthorityId),
        note: String,
    ) -> Self {
        Self {
            kind,
            iss: document.iss().clone(),
            sub,
            authority_id: authority.clone(),
            iat: instant(document.iat()),
            exp: instant(document.exp()),
            note,
        }
    }

    pub(super) fn configuration(c: &EntityConfiguration) -> Self {
        let about = (c.sub.to_string(), &c.metadata.trust_registry.authority_id);
        let note =
            format!("{}, an anchor you pinned", shown(&c.metadata.federation_entity.organization_name));
        Self::of(LinkKind::Configuration, c, about, note)
    }

    pub(super) fn delegation(d: &SubordinateStatement, until: Option<Timestamp>) -> Self {
        let delegated = &d.metadata.trust_registry;
        let note = format!("may speak for {}, {}", words::scope(&delegated.scope, shown), ending(until));
        Self::of(LinkKind::Delegation, d, (d.sub.to_string(), &delegated.authority_id), note)
    }

    pub(super) fn recognition(r: &RecognitionStatement, until: Option<Timestamp>) -> Self {
        let note = format!("a peer, recognised for {}, {}", words::scope(&r.scope, shown), ending(until));
        Self::of(LinkKind::Recognition, r, (r.sub.to_string(), &r.peer_id), note)
    }

    fn statement(s: &AuthorityStatement, until: Option<Timestamp>) -> Self {
        let place = words::list(s.jurisdictions.iter().map(Jurisdiction::as_str), " in ");
        let (kind, sub, action, resource) = (s.kind.as_str(), &s.sub, &s.action, &s.resource);
        let note = format!("{kind}: {sub} may {action} {resource}{place}, {}", ending(until));
        Self::of(LinkKind::Statement, s, (sub.to_string(), &s.authority_id), note)
    }

    pub(super) fn denial(d: &Denial) -> Self {
        let (kind, sub) = (d.asked.kind.as_str(), &d.asked.entity);
        let (action, resource, reason) = (&d.asked.action, &d.asked.resource, d.reason);
        let note = format!("{kind}: it does not say that {sub} may {action} {resource}: {reason}");
        Self::of(LinkKind::Denial, d, (sub.to_string(), &d.authority_id), note)
    }
}

fn ending(until: Option<Timestamp>) -> String {
    until.map_or_else(|| "without end".to_owned(), |u| format!("until {u}"))
}

/// What is gathered on the way down.
#[derive(Default)]
pub(super) struct Walk {
    /// Anchor first while walking.
    links: Vec<Link>,
    until: Option<Timestamp>,
}

impl Walk {
    pub(super) fn pass(&mut self, link: Link, until: Option<Timestamp>) {
        self.until = [self.until, until].into_iter().flatten().min();
        self.links.push(link);
    }

    pub(super) fn end(
        self,
        leaf: AuthorityStatement,
        until: Option<Timestamp>,
        unstated: Vec<String>,
        (issuer, at): (Issuer, Timestamp),
    ) -> Verified {
        let valid_until = [self.until, until].into_iter().flatten().min();
        let last = Link::statement(&leaf, until);
        let (links, as_of, good_until) = self.close(last);
        Verified {
            links,
            decided_by: leaf.authority_id.clone(),
            as_of,
            good_until,
            valid_until,
            unstated,
            leaf,
            issuer,
            at,
        }
    }

    /// The links leaf first, the oldest issue time and the first expiry among them.
    pub(super) fn close(mut self, last: Link) -> (Vec<Link>, Timestamp, Timestamp) {
        let (iat, exp) = (last.iat, last.exp);
        let as_of = self.links.iter().map(|l| l.iat).min().map_or(iat, |t| t.min(iat));
        let good_until = self.links.iter().map(|l| l.exp).min().map_or(exp, |t| t.min(exp));
        self.links.push(last);
        self.links.reverse();
        (self.links, as_of, good_until)
    }
}
