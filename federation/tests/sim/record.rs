//! One registry's records: what it states, whom it delegates to, and the documents that say so.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use charter_domain::{
    Delegation, Interval, NamingConstraints, Query, Registry, RegistryId, Scope, SpkiPins, Timestamp,
    fact::{Facts, StatementFact},
    registry::Phase,
    scope::{Conditions, Jurisdiction},
    status::{State, Status, in_force},
};
use charter_federation::{PeerEndpoint, RegistryView};

use crate::{
    paper::{LIFETIME, PLACE, Party, scope},
    recognition::Recognition,
};

/// What is asked about: an entity, and one resource of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    pub entity: usize,
    pub family: usize,
}

impl Tuple {
    pub fn entity_id(self) -> String {
        format!("did:web:e{}.example", self.entity)
    }
    pub fn resource(self) -> String {
        format!("f{}:x", self.family)
    }

    /// The reverse of the two.
    pub fn of(query: &Query) -> Self {
        let number = |text: &str, before: &str, after: &str| {
            let inside = text.strip_prefix(before).and_then(|t| t.strip_suffix(after));
            inside.and_then(|t| t.parse().ok()).expect("a term of the simulation")
        };
        Self {
            entity: number(query.entity.as_str(), "did:web:e", ".example"),
            family: number(query.resource.as_str(), "f", ":x"),
        }
    }
}

/// A statement, with the states that it has been in.
#[derive(Debug, Default)]
pub struct Stated {
    pub seq: i64,
    pub statuses: Vec<Status>,
    signed: Option<(Timestamp, String)>,
}

/// A delegation.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Position of the subordinate among the registries.
    pub to: usize,
    pub families: BTreeSet<usize>,
    pub may_delegate: bool,
    pub path: Option<u8>,
    pub statuses: Vec<Status>,
    /// The superior has seen two histories of the subordinate.
    pub doubted: bool,
}

impl Edge {
    pub fn scope(&self) -> Scope {
        scope(self.families.iter().copied(), self.may_delegate)
    }
    pub fn stands(&self) -> bool {
        open(&self.statuses) == State::Active
    }
}

/// The state that was set last and not lifted.
pub fn open(statuses: &[Status]) -> State {
    let open = statuses.iter().filter(|s| s.effective.until.is_none());
    open.map(|s| s.state).max().unwrap_or(State::Active)
}

/// Ends the states that are open, and begins another.
pub fn set(statuses: &mut Vec<Status>, state: State, now: Timestamp) {
    for status in statuses.iter_mut().filter(|s| s.effective.until.is_none()) {
        status.effective.until = Some(now);
    }
    // What was lifted in the instant in which it was set was never so.
    statuses.retain(|s| s.effective.from != s.effective.until);
    if state != State::Active {
        statuses.push(Status { state, effective: Interval { from: Some(now), until: None } });
    }
}

/// A change, as the feed tells it.
#[derive(Debug, Clone)]
pub struct Event {
    pub seq: i64,
    /// It may take a yes away.
    pub negative: bool,
    /// What it is about; none where it is about the whole registry.
    pub tuple: Option<Tuple>,
}

#[derive(Debug, Default)]
pub struct Records {
    pub epoch: i64,
    pub events: Vec<Event>,
    pub statements: BTreeMap<Tuple, Stated>,
    pub edges: Vec<Edge>,
    pub recognitions: Vec<Recognition>,
    /// As last read, while nothing has changed.
    view: Option<(Timestamp, Arc<RegistryView>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    Honest,
    /// Says whatever harms most.
    Liar,
    /// Says yes to some who ask and no to others.
    Equivocator,
}

#[derive(Debug)]
pub struct Node {
    pub party: Party,
    /// The process that serves it.
    pub site: usize,
    /// Delegations from the anchor.
    pub level: usize,
    pub nature: Nature,
    pub records: Mutex<Records>,
}

impl Node {
    /// Where it answers, as delegations to it say.
    pub fn endpoint(&self) -> PeerEndpoint {
        PeerEndpoint { url: format!("sim://{}", self.site), pins: SpkiPins::default() }
    }
}

/// A document is good for more than half of its life.
fn is_fresh(signed: Timestamp, now: Timestamp) -> bool {
    now.secs() - signed.secs() < LIFETIME / 2
}

impl Records {
    /// Those of a registry of which one event tells that it was made.
    pub fn begun() -> Self {
        Self { epoch: 1, ..Self::default() }
    }

    /// Something was decided: what was read before is out of date.
    pub fn changed(&mut self, tuple: Option<Tuple>, negative: bool) {
        self.epoch += 1;
        self.events.push(Event { seq: self.epoch, negative, tuple });
        match tuple.and_then(|t| self.statements.get_mut(&t)) {
            Some(stated) => stated.signed = None,
            None => self.view = None,
        }
    }

    /// What bears on a question, each statement with its document.
    pub fn facts(&mut self, party: &Party, query: &Query, now: Timestamp) -> Facts {
        let tuple = Tuple::of(query);
        let known = |same: &dyn Fn(&Tuple) -> bool| self.statements.keys().any(same);
        let (known_entity, known_resource) =
            (known(&|t| t.entity == tuple.entity), known(&|t| t.family == tuple.family));
        let known_action = !self.statements.is_empty();
        let statements = self.statements.get_mut(&tuple).map(|s| s.fact(party, query, now));
        Facts {
            epoch: self.epoch,
            known_entity,
            known_action,
            known_resource,
            entity: Vec::new(),
            statements: statements.into_iter().collect(),
        }
    }

    pub fn view(
        &mut self,
        node: &Node,
        peers: &[Node],
        registry: usize,
        now: Timestamp,
    ) -> Arc<RegistryView> {
        if let Some((_, view)) = self.view.as_ref().filter(|(signed, _)| is_fresh(*signed, now)) {
            return Arc::clone(view);
        }
        let party = &node.party;
        let delegation = |(n, edge): (usize, &Edge)| {
            let to = &peers[edge.to];
            let valid = in_force(Interval::ALWAYS, &edge.statuses);
            Delegation {
                id: i64::try_from(n).unwrap_or_default(),
                subordinate: to.party.id.clone(),
                entity_identifier: to.party.https.clone(),
                jwks: to.party.jwks_json().to_owned(),
                endpoint: to.endpoint().url,
                tls_spki_sha256: SpkiPins::default(),
                scope: edge.scope(),
                max_path_length: edge.path,
                naming_constraints: NamingConstraints::default(),
                answers_as_own: true,
                valid: Interval::ALWAYS,
                statuses: edge.statuses.clone(),
                document: Some(party.delegates(&to.party, edge.scope(), edge.path, valid, now)),
            }
        };
        let view = Arc::new(RegistryView {
            registry: Registry {
                id: RegistryId(i32::try_from(registry).unwrap_or_default()),
                authority: party.id.clone(),
                entity_identifier: party.https.clone(),
                slug: format!("r{registry}"),
                name: party.id.to_string(),
                jurisdiction: PLACE.to_owned(),
                phase: Phase::Governed,
                history_since: Timestamp::BEGINNING,
            },
            epoch: self.epoch,
            delegations: self.edges.iter().enumerate().map(delegation).collect(),
            keys: party.jwks().clone(),
            configuration: party.configuration(now),
        });
        self.view = Some((now, Arc::clone(&view)));
        view
    }
}

impl Stated {
    fn fact(&mut self, party: &Party, query: &Query, now: Timestamp) -> StatementFact {
        let fresh = self.signed.take().filter(|(signed, _)| is_fresh(*signed, now));
        let valid = || in_force(Interval::ALWAYS, &self.statuses);
        let signed = fresh.unwrap_or_else(|| (now, party.states(query, self.seq, valid(), PLACE, now)));
        let document = signed.1.clone();
        self.signed = Some(signed);
        StatementFact {
            id: self.seq,
            valid: Interval::ALWAYS,
            jurisdictions: vec![Jurisdiction::parse(PLACE).expect("a code")],
            conditions: Conditions::new(),
            statuses: self.statuses.clone(),
            accreditation: None,
            document: Some(document),
        }
    }
}
