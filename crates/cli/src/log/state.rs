//! Who may do what, rebuilt from the entries of a log alone: the questions that its statements answer, and the answers.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use charter_domain::{
    Context, Decision, EntityId, Invalid, Kind, Query, Timestamp, decide,
    event::{Change, Identifier, StatementMade},
    replay::{self, Recorded},
    status::TargetKind,
};

/// The events that answers rest on, by the entity that they are about. Replay reads all events for one question;
/// given only those that bear on it, it says the same.
#[derive(Default)]
pub struct State {
    events: Vec<Recorded>,
    /// Events about each entity.
    entities: HashMap<String, Vec<usize>>,
    /// The entities that ever had an identifier.
    named: HashMap<String, BTreeSet<String>>,
    /// The identifier to ask about an entity by.
    canonical: HashMap<String, String>,
    /// Whose each accreditation and statement is.
    owners: HashMap<String, String>,
    /// The first statement of each action and of each resource: from then on they are known.
    terms: HashMap<String, usize>,
    /// Schemas and credential types, which bear on every question.
    shared: Vec<usize>,
    statements: Vec<usize>,
    last: i64,
}

/// What a statement answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    pub kind: Kind,
    pub entity: String,
    pub action: String,
    pub resource: String,
}

impl State {
    /// Takes the next event's bytes.
    pub fn take(&mut self, body: &[u8]) -> Result<(), Invalid> {
        let mut event = Recorded::parse(body)?;
        self.last = event.seq;
        let (at, seq) = (self.events.len(), event.seq.to_string());
        let about = match &mut event.change {
            Change::EntityRegistered(e) => {
                let id = e.entity_id.to_string();
                self.name(&id, &e.identifiers);
                Some(id)
            }
            Change::EntityCorrected(e) => {
                let id = e.entity_id.to_string();
                self.name(&id, e.identifiers.as_deref().unwrap_or_default());
                Some(id)
            }
            Change::AccreditationGranted(a) => {
                self.owners.insert(a.accreditation_id.to_string(), a.entity_id.to_string());
                Some(a.entity_id.to_string())
            }
            Change::AccreditationCorrected(a) => Some(a.entity_id.to_string()),
            Change::StatementMade(s) => {
                self.state(at, s);
                self.owners.insert(seq, s.entity_id.to_string());
                Some(s.entity_id.to_string())
            }
            Change::Renewed(r) => self.owner(r.target, &r.target_id),
            Change::StatusChanged(s) => self.owner(s.target, &s.target_id),
            Change::CourtRuled(r) => self.owner(r.target, &r.target_id),
            Change::SchemaPublished(s) => {
                // What it says bears on no answer, and may be long.
                s.schema = serde_json::Value::Null;
                self.shared.push(at);
                self.events.push(event);
                return Ok(());
            }
            Change::CredentialTypeDefined(_) => {
                self.shared.push(at);
                self.events.push(event);
                return Ok(());
            }
            _ => None,
        };
        if let Some(about) = about {
            self.entities.entry(about).or_default().push(at);
            self.events.push(event);
        }
        Ok(())
    }

    fn name(&mut self, id: &str, identifiers: &[Identifier]) {
        for identifier in identifiers {
            self.named.entry(identifier.value.clone()).or_default().insert(id.to_owned());
        }
        if let Some(first) = identifiers.first() {
            self.canonical.insert(id.to_owned(), first.value.clone());
        }
    }

    fn state(&mut self, at: usize, made: &StatementMade) {
        self.statements.push(at);
        for term in [format!("action {}", made.action), format!("resource {}", made.resource)] {
            if let Entry::Vacant(free) = self.terms.entry(term) {
                free.insert(at);
            }
        }
    }

    fn owner(&self, target: TargetKind, id: &str) -> Option<String> {
        match target {
            TargetKind::Entity => Some(id.to_owned()),
            TargetKind::Accreditation | TargetKind::Statement => self.owners.get(id).cloned(),
            TargetKind::Delegation => None,
        }
    }

    /// The number of the last event.
    pub fn epoch(&self) -> i64 {
        self.last
    }

    /// What each statement answers, without repetition, in the order of the statements.
    pub fn questions(&self) -> Vec<Question> {
        let mut seen = BTreeSet::new();
        let question = |at: &usize| match self.events.get(*at).map(|event| &event.change) {
            Some(Change::StatementMade(s)) => Some(Question {
                kind: s.statement,
                entity: self.canonical.get(&s.entity_id.to_string())?.clone(),
                action: s.action.to_string(),
                resource: s.resource.to_string(),
            }),
            _ => None,
        };
        let all = self.statements.iter().filter_map(question);
        // What is no URI cannot be asked about.
        all.filter(|q| EntityId::parse(&q.entity).is_ok() && seen.insert(q.clone())).collect()
    }

    /// The question as of the last event, at an instant.
    pub fn query(&self, question: &Question, authority: &str, at: Timestamp) -> Result<Query, Invalid> {
        let terms =
            (authority, question.entity.as_str(), question.action.as_str(), question.resource.as_str());
        let context = Context { time: Some(at), known_at: Some(self.last), ..Context::default() };
        Query::parse(question.kind, terms, context)
    }

    /// The answer that the events give.
    pub fn answer(&self, query: &Query, at: Timestamp) -> Decision {
        let mut bearing: BTreeSet<usize> = self.shared.iter().copied().collect();
        for id in self.named.get(query.entity.as_str()).into_iter().flatten() {
            bearing.extend(self.entities.get(id).into_iter().flatten());
        }
        let terms = [format!("action {}", query.action), format!("resource {}", query.resource)];
        bearing.extend(terms.iter().filter_map(|term| self.terms.get(term)));
        let events: Vec<Recorded> = bearing.iter().filter_map(|at| self.events.get(*at)).cloned().collect();
        decide(query, &replay::facts(&events, query), at)
    }
}

/// So many of them, spread evenly.
pub fn sample<T>(all: Vec<T>, count: usize) -> Vec<T> {
    let len = all.len();
    if len <= count {
        return all;
    }
    let chosen: BTreeSet<usize> = (0..count).map(|n| n * len / count).collect();
    all.into_iter().enumerate().filter(|(n, _)| chosen.contains(n)).map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests;
