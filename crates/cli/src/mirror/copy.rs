//! A copy that was opened, and its answers: the walk of the resolver over what every registry has signed.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    time::Duration,
};

use charter_domain::{AuthorityId, Kind, Outcome, Query, Reason, Timestamp, decide};
use charter_proof::{AnchorSet, document::Contents, snapshot};

use super::{
    compose::compose,
    folder::Folder,
    registry::{Below, Entries, Registry},
};
use crate::exit::{Exit, Failure};

pub struct LocalCopy {
    /// The top first.
    registries: Vec<Registry>,
    by_authority: HashMap<AuthorityId, usize>,
    anchors: AnchorSet,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub reason: Reason,
    pub detail: String,
    pub decided_by: AuthorityId,
    /// Of a yes, leaf first.
    pub chain: Vec<String>,
    pub unstated: Vec<String>,
    /// The oldest index that it rests on: what was changed later cannot be seen.
    pub as_of: Timestamp,
    /// When it changes by what is known now.
    pub until: Option<Timestamp>,
    pub path: Vec<Step>,
}

impl Said {
    /// Until when it may be given, if nothing newer is fetched.
    pub fn expires(&self, max_staleness: Duration) -> Timestamp {
        let bound = self.as_of.plus(max_staleness);
        self.until.map_or(bound, |until| until.min(bound))
    }
}

/// A registry that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub authority: AuthorityId,
    pub epoch: i64,
    pub reason: Reason,
    /// The way down to it from the asked registry, itself included.
    pub via: Vec<String>,
}

/// When a question is asked, about when, and how old what is answered from may be.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Timestamp,
    now: Timestamp,
    max_staleness: Duration,
}

/// What the files of a registry come to. `None` if one of them is missing or damaged.
pub fn entries(folder: &Folder, contents: &Contents) -> Result<Option<Entries>, Failure> {
    let mut entries = BTreeMap::new();
    for file in contents.files() {
        let Some(bytes) = folder.file(file)? else { return Ok(None) };
        apply(&mut entries, &bytes)?;
    }
    Ok(Some(entries))
}

/// Later lines replace earlier ones of the same target.
pub fn apply(entries: &mut Entries, file: &[u8]) -> Result<(), Failure> {
    let lines = snapshot::parse(file).map_err(|e| Failure::new(Exit::CannotVerify, e.to_string()))?;
    for entry in lines {
        if entry.jws.is_some() {
            entries.insert(entry.target.clone(), entry);
        } else {
            entries.remove(&entry.target);
        }
    }
    Ok(())
}

impl LocalCopy {
    /// Reads and verifies what is in the directory. Blocks.
    pub fn open(dir: &Path, anchors: AnchorSet) -> Result<Self, Failure> {
        let refused = |what: &dyn std::fmt::Display| {
            Failure::new(
                Exit::CannotVerify,
                format!("the copy in `{}` cannot be used: {what}", dir.display()),
            )
            .hint("bring it up to date with `charter mirror sync`")
        };
        let folder = Folder::new(dir);
        let heads = folder.heads()?.ok_or_else(|| refused(&"there is none yet"))?;
        let (mut registries, mut by_authority) = (Vec::new(), HashMap::new());
        for head in heads.registries {
            let name = head.authority_id.clone();
            // A registry comes after its superior, so no way up is a loop.
            if head.superior.as_ref().is_some_and(|s| !by_authority.contains_key(s)) {
                return Err(refused(&format!("the superior of `{name}` is not in it")));
            }
            let claimed = charter_proof::SnapshotIndex::peek(&head.index);
            let contents = claimed.ok_or_else(|| refused(&format!("`{name}` has no index")))?.contents;
            let held = entries(&folder, &contents)?;
            let held = held.ok_or_else(|| refused(&format!("a file of `{name}` is missing or damaged")))?;
            let registry = Registry::open(head, held, &anchors)
                .map_err(|fault| refused(&format!("`{name}`: {fault}")))?;
            by_authority.insert(name, registries.len());
            registries.push(registry);
        }
        if registries.is_empty() {
            return Err(refused(&"it has no registry"));
        }
        Ok(Self { registries, by_authority, anchors })
    }

    /// The authority at the top: who is asked where a question names nobody.
    pub fn top(&self) -> Option<&AuthorityId> {
        self.registries.first().map(|r| &r.head.authority_id)
    }

    pub fn registries(&self) -> usize {
        self.registries.len()
    }

    /// The answer to a question at `now`; from `max_staleness` after the time of an index on, nothing is answered from it.
    pub fn answer(&self, query: &Query, now: Timestamp, max_staleness: Duration) -> Said {
        let moment = Moment { at: query.context.time.unwrap_or(now), now, max_staleness };
        let nobody = || nothing(&query.authority, Reason::UnknownAuthority, now, "it is not in the copy");
        let Some(target) = self.by_authority.get(&query.authority).and_then(|n| self.registries.get(*n))
        else {
            return nobody();
        };
        if self.anchors.is_expired(now) {
            return nothing(&query.authority, Reason::Unverifiable, now, "the anchor set has expired");
        }
        if query.context.known_at.is_some() || query.context.follow_recognition {
            let text = "a copy knows no earlier epoch and follows no recognition: ask the registry itself";
            return nothing(&query.authority, Reason::Unverifiable, target.as_of(), text);
        }
        let Some(way) = self.way(target) else { return nobody() };
        let mut as_of = target.as_of();
        for (superior, below) in way {
            as_of = as_of.min(superior.as_of());
            if let Err(said) = gate(superior, below, query, moment) {
                return said;
            }
        }
        let mut said = self.ask(target, query, moment);
        said.as_of = said.as_of.min(as_of);
        said
    }

    /// From the top down to a registry: each superior, with its delegations to the next.
    fn way<'a>(&'a self, target: &'a Registry) -> Option<Vec<(&'a Registry, Vec<&'a Below>)>> {
        let (mut way, mut at) = (Vec::new(), target);
        while let Some(superior) = &at.head.superior {
            if way.len() >= usize::from(super::MAX_DEPTH) {
                return None;
            }
            let above = self.registries.get(*self.by_authority.get(superior)?)?;
            let about = above.below.iter().filter(|b| b.subordinate == at.head.authority_id);
            way.push((above, about.collect()));
            at = above;
        }
        way.reverse();
        Some(way)
    }

    fn ask(&self, here: &Registry, query: &Query, moment: Moment) -> Said {
        if here.is_stale(moment.now, moment.max_staleness) {
            return stale(here);
        }
        let own = here.facts(query).map(|facts| self.own(here, query, &facts, moment.at));
        // What is recognised below is not recognised here.
        let followed = query.kind == Kind::Authorization;
        let covering = if followed { covering(here, query, moment.at) } else { Vec::new() };
        let below = covering.into_iter().map(|below| self.below(here, below, query, moment));
        let mut said = compose(own.into_iter().chain(below).collect())
            .unwrap_or_else(|| of(here, Reason::NotListed, String::new()));
        said.as_of = said.as_of.min(here.as_of());
        said.path.retain(|step| step.authority != here.head.authority_id);
        said.path.insert(0, step(here, said.reason));
        said
    }

    /// What the registry itself says of these terms; a yes only with its proof.
    fn own(
        &self,
        here: &Registry,
        query: &Query,
        facts: &charter_domain::fact::Facts,
        at: Timestamp,
    ) -> Said {
        let decision = decide(query, facts, at);
        let is_yes = decision.outcome() == Outcome::Yes;
        let mut said = of(here, decision.reason, String::new());
        said.until = decision.next_change;
        said.unstated = decision.unstated;
        if !is_yes {
            return said;
        }
        let document = decision.statement.and_then(|s| s.document).unwrap_or_default();
        match here.prove(&document, query, &self.anchors, at) {
            Ok((chain, unstated)) => Said { chain, unstated, ..said },
            Err(fault) => of(here, Reason::Unverifiable, format!("{}: {fault}", here.head.authority_id)),
        }
    }

    fn below(&self, here: &Registry, below: &Below, query: &Query, moment: Moment) -> Said {
        let link = |why: &str| format!("{} -> {}: {why}", here.head.authority_id, below.subordinate);
        if let Err(reason) = below.standing(moment.at) {
            return of(here, reason, link(reason.text()));
        }
        if !below.answers_as_own {
            return of(here, Reason::Unverifiable, link("answers for itself; ask it"));
        }
        let child = self.by_authority.get(&below.subordinate).and_then(|n| self.registries.get(*n));
        match child.filter(|c| c.head.superior.as_ref() == Some(&here.head.authority_id)) {
            Some(child) => {
                let mut said = self.ask(child, query, moment);
                let name = below.subordinate.to_string();
                said.path.iter_mut().for_each(|step| step.via.insert(0, name.clone()));
                said
            }
            None => of(here, Reason::Unverifiable, link("it is not in the copy")),
        }
    }
}

/// Whether a superior lets one of its subordinates answer this; else what is answered.
fn gate(superior: &Registry, about: Vec<&Below>, query: &Query, moment: Moment) -> Result<(), Said> {
    if superior.is_stale(moment.now, moment.max_staleness) {
        return Err(stale(superior));
    }
    let covering: Vec<&Below> = about.into_iter().filter(|b| b.covers(query, moment.at)).collect();
    let standing = covering.iter().map(|b| b.standing(moment.at));
    match standing.reduce(Result::or) {
        Some(Ok(())) => Ok(()),
        Some(Err(reason)) => Err(of(superior, reason, String::new())),
        None => Err(of(superior, Reason::UnknownAuthority, "no delegation covers the question".to_owned())),
    }
}

/// Delegations that cover the question, one of a subordinate: the one in force, if there is one. A locator narrows them.
fn covering<'a>(here: &'a Registry, query: &Query, at: Timestamp) -> Vec<&'a Below> {
    let mut found: BTreeMap<&str, &Below> = BTreeMap::new();
    for below in here.below.iter().filter(|b| b.covers(query, at)) {
        let held = found.entry(below.subordinate.as_str()).or_insert(below);
        if held.standing(at).is_err() {
            *held = below;
        }
    }
    let located = query.context.locator.as_ref().and_then(|l| found.get(l.as_str()).copied());
    located.map_or_else(|| found.into_values().collect(), |one| vec![one])
}

fn step(here: &Registry, reason: Reason) -> Step {
    let (authority, epoch) = (here.head.authority_id.clone(), here.index.contents.epoch);
    Step { authority, epoch, reason, via: Vec::new() }
}

fn of(here: &Registry, reason: Reason, detail: String) -> Said {
    Said {
        detail,
        path: vec![step(here, reason)],
        ..nothing(&here.head.authority_id, reason, here.as_of(), "")
    }
}

fn stale(here: &Registry) -> Said {
    of(here, Reason::Stale, format!("what is held of {} is of {}", here.head.authority_id, here.as_of()))
}

fn nothing(by: &AuthorityId, reason: Reason, as_of: Timestamp, detail: &str) -> Said {
    Said {
        reason,
        detail: detail.to_owned(),
        decided_by: by.clone(),
        chain: Vec::new(),
        unstated: Vec::new(),
        as_of,
        until: None,
        path: Vec::new(),
    }
}
