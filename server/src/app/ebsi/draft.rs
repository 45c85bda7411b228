//! Attributes before they are signed: pure, from what is recorded and an instant.

use std::{collections::BTreeMap, time::Duration};

use charter_domain::{
    AuthorityId, Delegation, Interval, Timestamp, atu,
    scope::{Grant, Jurisdiction, Pattern},
    status::{self, State, in_force, state_at},
};
use charter_store::{
    document::StatementSnapshot,
    ebsi::{Holder, Name},
};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::{TSR, above::Above};
use crate::app::document;

/// The only action that an accreditation to attest says something about.
pub(super) const ISSUE: &str = "issue";
/// Most lines of one accreditation; one that would have more is not made.
const MOST_LINES: usize = 100;
/// Longest such lines, in bytes: the signed accreditation stays below the 64 KiB that readers take.
const MOST_BYTES: usize = 40 * 1024;
/// What ids of attributes begin with before they are hashed.
const DOMAIN: &str = "charter ebsi attribute 1";

/// About whom, and by whom.
pub(super) struct Subject<'a> {
    pub registry: &'a AuthorityId,
    /// Of URLs, without a slash at the end.
    pub base: &'a str,
    /// Where the registry's statements hold that name no place.
    pub place: &'a str,
    /// Nothing is known of the time before.
    pub since: Timestamp,
    pub did: &'a str,
    pub above: &'a Above,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of an anchor by itself.
    Chain,
    /// Of a subordinate.
    Accredit,
    /// Of an entity.
    Attest,
}

/// One line of `accreditedFor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub schema_id: String,
    pub types: Vec<String>,
    #[serde(serialize_with = "alone_or_list")]
    pub limit_jurisdiction: Vec<String>,
}

/// One URI stands alone: simple readers take no list.
fn alone_or_list<S: Serializer>(list: &[String], to: S) -> Result<S::Ok, S::Error> {
    match list {
        [one] => one.serialize(to),
        list => list.serialize(to),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    /// 32 bytes in hex; the same whatever becomes of what it says.
    pub id: String,
    pub kind: Kind,
    pub revoked: bool,
    /// Who accredited, and whose own attribute is the ground.
    pub tao: String,
    pub root: String,
    /// When it is or was good, without gaps.
    pub from: Timestamp,
    pub until: Option<Timestamp>,
    /// When it has to be looked at again at the latest.
    pub next: Option<Timestamp>,
    pub lines: Vec<Line>,
}

impl Draft {
    /// The same while its subject is denied in an emergency; `None` where it was good at no time before.
    pub fn denied(mut self, span: Interval) -> Option<Self> {
        self.until = [self.until, span.from].into_iter().flatten().min();
        self.next = [self.next, span.until].into_iter().flatten().min();
        self.revoked = true;
        self.lasts().then_some(self)
    }

    fn fits(&self) -> bool {
        serde_json::to_string(&self.lines).is_ok_and(|text| text.len() <= MOST_BYTES)
    }

    /// JWTs count seconds: there is one in which it was good.
    fn lasts(&self) -> bool {
        self.until.is_none_or(|until| self.from.plus(Duration::from_micros(999_999)).secs() < until.secs())
    }
}

/// Of which attribute: by the registry, about the DID, for this.
pub(super) fn id(registry: &str, did: &str, what: &[&str]) -> String {
    let parts: Vec<&str> = [DOMAIN, registry, did].into_iter().chain(what.iter().copied()).collect();
    // A JSON list: parts cannot run into one another.
    format!("{:x}", Sha256::digest(serde_json::json!(parts).to_string()))
}

/// Of the accreditation that a registry gave another, or an anchor itself.
pub(super) fn accredited(registry: &str, did: &str) -> String {
    id(registry, did, &["accredited"])
}

/// All attributes of a subject, in the order of what they are about.
pub(super) fn all(of: &Subject<'_>, held: &Holder, now: Timestamp) -> Vec<Draft> {
    let names = Names(&held.names);
    let mut drafts = Vec::new();
    if of.did == of.registry.as_str() {
        drafts.extend(of.above.superior.is_none().then(|| anchor(of, held, &names, now)).flatten());
    } else {
        drafts.extend(subordinate(of, held, &names, now));
    }
    let mut by_resource: BTreeMap<&str, Vec<&StatementSnapshot>> = BTreeMap::new();
    for s in held.statements.iter().flatten().filter(|s| exported(s)) {
        by_resource.entry(s.resource.as_str()).or_default().push(s);
    }
    drafts.extend(by_resource.iter().filter_map(|(resource, list)| entity(of, resource, list, &names, now)));
    drafts.retain(|draft| draft.lasts() && draft.fits());
    drafts
}

/// Conditions cannot be said: without them the statement would be wider.
pub(super) fn exported(s: &StatementSnapshot) -> bool {
    !s.is_recognition() && s.action.as_str() == ISSUE && s.conditions.is_empty()
}

fn entity(
    of: &Subject<'_>,
    resource: &str,
    list: &[&StatementSnapshot],
    names: &Names<'_>,
    now: Timestamp,
) -> Option<Draft> {
    let pieces = list.iter().flat_map(|s| document::valid(s).into_iter().map(move |piece| (piece, *s)));
    let pieces: Vec<(Interval, &StatementSnapshot)> = pieces.collect();
    let (piece, statement) = *chosen(&pieces, now)?;
    let statuses: Vec<_> = list.iter().flat_map(|s| s.statuses()).collect();
    let turns = pieces.iter().filter_map(|(piece, _)| piece.next_change(now));
    let next = turns.chain(status::next_change(&statuses, now)).min();
    let limits = limits(&statement.jurisdictions, of.place)?;
    Some(Draft {
        id: id(of.registry.as_str(), of.did, &[ISSUE, resource]),
        kind: Kind::Attest,
        revoked: !piece.contains(now) && state_at(&statement.statuses(), now) != State::Active,
        tao: of.registry.to_string(),
        root: of.above.root.clone(),
        from: begin(of, piece),
        until: piece.until,
        next,
        lines: vec![names.line(of.base, resource, &limits)],
    })
}

/// The piece that holds now, else the one that ended last. What has not begun is not shown.
fn chosen<T>(pieces: &[(Interval, T)], now: Timestamp) -> Option<&(Interval, T)> {
    let held = pieces.iter().find(|(piece, _)| piece.contains(now));
    held.or_else(|| {
        pieces.iter().filter(|(piece, _)| piece.is_before(now)).max_by_key(|(piece, _)| piece.until)
    })
}

fn begin(of: &Subject<'_>, piece: Interval) -> Timestamp {
    piece.from.map_or(of.since, |from| from.max(of.since))
}

fn subordinate(of: &Subject<'_>, held: &Holder, names: &Names<'_>, now: Timestamp) -> Option<Draft> {
    let did = AuthorityId::parse(of.did).ok()?;
    let d = Delegation::current(&held.delegations, &did, now)?;
    let pieces: Vec<(Interval, ())> =
        in_force(d.valid, &d.statuses).into_iter().map(|piece| (piece, ())).collect();
    let (piece, ()) = *chosen(&pieces, now)?;
    let held_now = piece.contains(now);
    let at = if held_now { now } else { begin(of, piece) };
    let (lines, ends) = lines(of, &d.scope.0, names, at);
    let until = [piece.until, ends].into_iter().flatten().min();
    Some(Draft {
        id: accredited(of.registry.as_str(), of.did),
        kind: Kind::Accredit,
        revoked: !held_now && state_at(&d.statuses, now) != State::Active,
        tao: of.registry.to_string(),
        root: of.above.root.clone(),
        from: begin(of, piece),
        until,
        // Also of those that another delegation to it will replace, or be replaced by.
        next: held.delegations.iter().filter_map(|d| d.next_change(now)).min(),
        lines,
    })
    .filter(|draft| (1..=MOST_LINES).contains(&draft.lines.len()))
}

/// What an anchor says of itself: all that it knows in its own place, and all that it passes on.
fn anchor(of: &Subject<'_>, held: &Holder, names: &Names<'_>, now: Timestamp) -> Option<Draft> {
    let own = limits(&[], of.place).unwrap_or_default();
    let mut all: Vec<Line> = match own.is_empty() {
        true => Vec::new(),
        false => held.names.iter().map(|name| names.line(of.base, &name.resource, &own)).collect(),
    };
    let standing = held.delegations.iter().filter(|d| d.standing(now).is_ok());
    for line in standing.flat_map(|d| lines(of, &d.scope.0, names, now).0) {
        if !all.contains(&line) {
            all.push(line);
        }
    }
    all.truncate(MOST_LINES);
    Some(Draft {
        id: accredited(of.registry.as_str(), of.did),
        kind: Kind::Chain,
        revoked: false,
        tao: of.registry.to_string(),
        root: of.above.root.clone(),
        from: of.since,
        until: None,
        next: held.delegations.iter().filter_map(|d| d.next_change(now)).min(),
        lines: all,
    })
    .filter(|draft| !draft.lines.is_empty())
}

/// What grants come to, and when the first of them ends.
fn lines(
    of: &Subject<'_>,
    grants: &[Grant],
    names: &Names<'_>,
    at: Timestamp,
) -> (Vec<Line>, Option<Timestamp>) {
    let said = |g: &&Grant| {
        g.conditions.is_empty()
            && g.until.is_none_or(|until| at < until)
            && g.actions.iter().any(|action| action.matches(ISSUE))
    };
    let mut lines: Vec<Line> = Vec::new();
    for grant in grants.iter().filter(said) {
        let Some(limits) = limits(&grant.jurisdictions, of.place) else { continue };
        for resource in names.of(&grant.resources) {
            let line = names.line(of.base, resource, &limits);
            if !lines.contains(&line) && lines.len() <= MOST_LINES {
                lines.push(line);
            }
        }
    }
    (lines, grants.iter().filter(said).filter_map(|g| g.until).min())
}

/// Places as EBSI names them: those that have a name there. Who named none is limited to the registry's own.
fn limits(places: &[Jurisdiction], own: &str) -> Option<Vec<String>> {
    let own: Vec<Jurisdiction> = Jurisdiction::parse(own).into_iter().collect();
    let places = if places.is_empty() { own.as_slice() } else { places };
    let limits: Vec<String> = places.iter().filter_map(atu::uri).collect();
    (!limits.is_empty()).then_some(limits)
}

struct Names<'a>(&'a [Name]);

impl Names<'_> {
    /// Resources that fit these patterns: the names themselves, and of what is known here whatever a `*` covers.
    fn of<'b>(&'b self, patterns: &'b [Pattern]) -> impl Iterator<Item = &'b str> {
        let fits = move |name: &&Name| patterns.iter().any(|pattern| pattern.matches(&name.resource));
        self.0.iter().filter(fits).map(|name| name.resource.as_str())
    }

    fn line(&self, base: &str, resource: &str, limits: &[String]) -> Line {
        let name = self.0.iter().find(|name| name.resource == resource);
        let vc_type = name.and_then(|name| name.vc_type.as_deref()).unwrap_or(resource);
        let schema = name.and_then(|name| name.schema.as_ref());
        let types = ["VerifiableCredential", "VerifiableAttestation", vc_type];
        Line {
            schema_id: schema
                .map_or_else(|| resource.to_owned(), |hex| format!("{base}{TSR}/schemas/0x{hex}")),
            types: types.map(str::to_owned).to_vec(),
            limit_jurisdiction: limits.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests;
