//! One registry of a copy: what it has signed, found by what a question is about.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use charter_domain::{
    Action, AuthorityId, EntityId, Interval, Kind, Query, Reason, Resource, Timestamp,
    fact::{AccreditationFact, Facts, StatementFact},
    status::{self, State, Status},
};
use charter_proof::{
    AnchorSet, AuthorityStatement, Chain, Fault, FaultCode, Issuer, SnapshotIndex, snapshot::Entry, verify,
    verify_anchor, verify_snapshot, verify_subordinate,
};

use super::folder::Head;

/// The newest line of each target.
pub type Entries = BTreeMap<String, Entry>;

type Terms = (Kind, EntityId, Action, Resource);

/// A delegation as its superior signed it.
pub struct Below {
    pub subordinate: AuthorityId,
    pub answers_as_own: bool,
    statuses: Vec<Status>,
    /// When it is in force, suspensions cut out.
    valid: Vec<Interval>,
    scope: charter_domain::Scope,
}

pub struct Registry {
    pub head: Head,
    pub index: SnapshotIndex,
    statements: HashMap<Terms, Vec<StatementFact>>,
    pub below: Vec<Below>,
}

/// Verifies a way up, from the anchor down: who may have signed the index.
pub fn issuer(way: &[String], anchors: &AnchorSet, now: Timestamp) -> Result<Issuer, Fault> {
    let Some((top, statements)) = way.split_last() else {
        let detail = "there is no configuration of an anchor".to_owned();
        return Err(Fault { link: 0, code: FaultCode::Malformed, detail });
    };
    let mut issuer = verify_anchor(top, anchors, now)?;
    for statement in statements.iter().rev() {
        (issuer, _) = verify_subordinate(statement, &issuer, now)?;
    }
    Ok(issuer)
}

impl Registry {
    /// Verifies the index again, by the keys that the way up vouches for.
    pub fn open(head: Head, entries: Entries, anchors: &AnchorSet) -> Result<Self, Fault> {
        let first = head.ways.first().map(Vec::as_slice).unwrap_or_default();
        let issuer = issuer(first, anchors, head.verified_at)?;
        let index = verify_snapshot(&head.index, &issuer, head.verified_at)?;
        let mut statements: HashMap<Terms, Vec<StatementFact>> = HashMap::new();
        let mut below = Vec::new();
        for entry in entries.into_values() {
            if let Some(said) = entry.statement() {
                let terms = (said.kind, said.sub.clone(), said.action.clone(), said.resource.clone());
                statements.entry(terms).or_default().push(fact(said, entry));
            } else if let Some(said) = entry.delegation() {
                let delegated = said.metadata.trust_registry;
                below.push(Below {
                    subordinate: delegated.authority_id,
                    answers_as_own: entry.subordinate.is_some_and(|s| s.answers_as_own),
                    statuses: entry.statuses,
                    valid: delegated.valid,
                    scope: delegated.scope,
                });
            }
        }
        Ok(Self { head, index, statements, below })
    }

    /// The instant that what is held here is of.
    pub fn as_of(&self) -> Timestamp {
        Timestamp::from_secs(self.index.iat)
    }

    pub fn is_stale(&self, now: Timestamp, max_staleness: Duration) -> bool {
        let until = self.as_of().plus(max_staleness).min(Timestamp::from_secs(self.index.exp));
        until <= now
    }

    /// What the registry holds of exactly these terms; nothing where it never said anything of them.
    pub fn facts(&self, query: &Query) -> Option<Facts> {
        let terms = (query.kind, query.entity.clone(), query.action.clone(), query.resource.clone());
        let statements = self.statements.get(&terms)?.clone();
        // A statement names all of its terms, so they are known.
        Some(Facts {
            epoch: self.index.contents.epoch,
            known_entity: true,
            known_action: true,
            known_resource: true,
            entity: Vec::new(),
            statements,
        })
    }

    /// Verifies a statement by each way up until one holds: its chain, and the conditions that were not mentioned.
    pub fn prove(
        &self,
        document: &str,
        query: &Query,
        anchors: &AnchorSet,
        at: Timestamp,
    ) -> Result<(Vec<String>, Vec<String>), String> {
        // The chain is of whoever stands under any of its authorities; the registry itself is one.
        let query = Query { authority: self.head.authority_id.clone(), ..query.clone() };
        let mut refused = "there is no way up to an anchor".to_owned();
        for way in &self.head.ways {
            let links: Vec<String> =
                std::iter::once(document.to_owned()).chain(way.iter().cloned()).collect();
            let chain = Chain::new(links).map_err(|e| e.to_string())?;
            match verify(&chain, &query, anchors, at, self.head.verified_at, None) {
                Ok(verified) => return Ok((chain.links().to_vec(), verified.unstated)),
                Err(fault) => refused = fault.to_string(),
            }
        }
        Err(refused)
    }
}

impl Below {
    /// The question lies inside what was delegated at `at`.
    pub fn covers(&self, query: &Query, at: Timestamp) -> bool {
        self.scope.covers(&query.action, &query.resource, query.context.jurisdiction.as_ref(), at)
    }

    /// Whether the subordinate may speak at `at`; else why not.
    pub fn standing(&self, at: Timestamp) -> Result<(), Reason> {
        match status::state_at(&self.statuses, at) {
            State::Active if self.valid.iter().any(|i| i.contains(at)) => Ok(()),
            State::Active => Err(Reason::AncestorExpired),
            state => Err(state.ancestor_reason()),
        }
    }
}

/// The statement as the decision takes it. Its intervals have suspensions cut out, which `statuses` explain: from the
/// first to the last is when it was to hold.
fn fact(said: AuthorityStatement, entry: Entry) -> StatementFact {
    let hull = |valid: &[Interval]| Interval {
        from: valid.iter().map(|i| i.from).reduce(|a, b| a.zip(b).map(|(a, b)| a.min(b))).flatten(),
        until: valid.iter().map(|i| i.until).reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b))).flatten(),
    };
    let never = Interval { from: None, until: Some(Timestamp::from_secs(0)) };
    let ground = said.accreditation.map(|a| AccreditationFact {
        id: a.id,
        valid: Interval { from: None, until: a.valid_until },
        statuses: Vec::new(),
    });
    StatementFact {
        id: said.seq,
        valid: if said.valid.is_empty() { never } else { hull(&said.valid) },
        jurisdictions: said.jurisdictions,
        conditions: said.conditions,
        statuses: entry.statuses,
        accreditation: ground,
        document: entry.jws,
    }
}
