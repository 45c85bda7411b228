//! Bringing a copy up to date: the registry at the top, then level by level those that it and they have delegated to. Of one
//! that cannot be had or is refused the copy keeps what it has, if that still verifies; without the top nothing changes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    time::Duration,
};

use charter_domain::{AuthorityId, Timestamp};
use charter_proof::{AnchorSet, Issuer, SnapshotIndex, verify_snapshot, verify_subordinate};
use futures::StreamExt as _;

use super::{
    MAX_DEPTH, MAX_REGISTRIES,
    fetch::{self, Found, Round, Wanted},
    folder::{Folder, Head, Heads},
};
use crate::{args::Connection, exit::Failure, log::bar};

/// Registries that are read at the same time.
const AT_ONCE: usize = 8;
/// Most ways up to one registry: several delegations on each level multiply.
const MAX_WAYS: usize = 8;

/// The server that is copied from, and how it is reached.
#[derive(Debug, Clone)]
pub struct Source(Connection);

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synced {
    /// In the copy now.
    pub registries: usize,
    /// Bytes of files that were fetched.
    pub fetched: u64,
    /// What was not brought up to date, by its authority, and why.
    pub failed: Vec<(String, String)>,
}

impl Source {
    /// With the authorities of the system, and ten seconds for an answer.
    pub fn at(server: &str) -> Self {
        Self(Connection {
            server: server.to_owned(),
            profile: String::new(),
            ca_file: None,
            client_cert: None,
            client_key: None,
            timeout: Duration::from_secs(10).into(),
        })
    }
}

impl From<&Connection> for Source {
    fn from(to: &Connection) -> Self {
        Self(to.clone())
    }
}

/// What is gathered level by level.
#[derive(Default)]
struct Gathered {
    heads: Vec<Head>,
    /// Met already: whoever is nearer to the top comes first.
    seen: HashSet<AuthorityId>,
    synced: Synced,
}

/// Fetches what is new at `now`, verifies it, and puts it in place.
pub async fn sync(from: &Source, dir: &Path, anchors: &AnchorSet, now: Timestamp) -> Result<Synced, Failure> {
    let folder = Folder::new(dir);
    let _alone = folder.lock()?;
    let held = folder.heads()?.map(|heads| heads.registries).unwrap_or_default();
    let bar = bar::bytes();
    let round = Round { to: &from.0, folder: &folder, anchors, now, bar: &bar };
    let gathered = gather(&round, &held).await;
    bar.finish_and_clear();
    let Gathered { heads, mut synced, .. } = gathered?;
    synced.registries = heads.len();
    let indexes = heads.iter().filter_map(|head| SnapshotIndex::peek(&head.index));
    let files = |index: SnapshotIndex| index.contents.files().map(|f| f.sha256.clone()).collect::<Vec<_>>();
    let named: HashSet<String> = indexes.flat_map(files).collect();
    folder.replace(&Heads::new(heads), &named)?;
    Ok(synced)
}

async fn gather(round: &Round<'_>, held: &[Head]) -> Result<Gathered, Failure> {
    let by_authority: HashMap<&AuthorityId, &Head> = held.iter().map(|h| (&h.authority_id, h)).collect();
    let top = fetch::top(round).await?;
    if let Some(other) = held.first().filter(|h| h.authority_id != top.issuer.authority_id) {
        let text = format!("the directory has a copy of `{}`", other.authority_id);
        return Err(Failure::usage(text).hint("give another directory"));
    }
    let mut gathered = Gathered::default();
    gathered.seen.insert(top.issuer.authority_id.clone());
    let found = fetch::registry(round, top, held.first()).await?;
    let mut level = gathered.take(round, found);
    for _ in 0..MAX_DEPTH {
        let reads = level.into_iter().map(|wanted| {
            let issuer = wanted.issuer.clone();
            let before = by_authority.get(&issuer.authority_id).copied();
            async move { (issuer, fetch::registry(round, wanted, before).await) }
        });
        // One after the other: what was read of a registry is out of memory before many more are.
        let mut done = futures::stream::iter(reads).buffered(AT_ONCE);
        level = Vec::new();
        while let Some((issuer, result)) = done.next().await {
            match result {
                Ok(found) => level.extend(gathered.take(round, found)),
                Err(failure) => gathered.keep(&issuer, failure.message, held),
            }
        }
    }
    Ok(gathered)
}

impl Gathered {
    /// Takes a registry, and gives those below it that were not met yet.
    fn take(&mut self, round: &Round<'_>, found: Found) -> Vec<Wanted> {
        self.synced.fetched += found.fetched;
        let mut below = self.below(round, &found);
        self.heads.push(found.head);
        below.retain(|authority, _| !self.seen.contains(authority));
        let room = MAX_REGISTRIES.saturating_sub(self.seen.len());
        for authority in below.keys().skip(room) {
            let why = format!("the copy has {MAX_REGISTRIES} registries, and no room for more");
            self.synced.failed.push((authority.to_string(), why));
        }
        let taken: Vec<Wanted> = below.into_values().take(room).collect();
        self.seen.extend(taken.iter().map(|w| w.issuer.authority_id.clone()));
        taken
    }

    /// Those that a registry has delegated to, where the delegation is in force now.
    fn below(&mut self, round: &Round<'_>, found: &Found) -> BTreeMap<AuthorityId, Wanted> {
        let mut below: BTreeMap<AuthorityId, Wanted> = BTreeMap::new();
        for entry in found.entries.values().filter(|e| e.target.starts_with("delegation:")) {
            let (Some(jws), Some(how)) = (&entry.jws, &entry.subordinate) else { continue };
            let (issuer, statement) = match verify_subordinate(jws, &found.issuer, round.now) {
                Ok(verified) => verified,
                Err(fault) => {
                    let about = format!("`{}` of {}", entry.target, found.issuer.authority_id);
                    self.synced.failed.push((about, fault.to_string()));
                    continue;
                }
            };
            if !statement.metadata.trust_registry.valid.iter().any(|i| i.contains(round.now)) {
                continue;
            }
            let longer = |way: &Vec<String>| std::iter::once(jws).chain(way).cloned().collect();
            let wanted = below.entry(issuer.authority_id.clone()).or_insert_with(|| Wanted {
                endpoint: how.endpoint.clone(),
                superior: Some(found.issuer.authority_id.clone()),
                issuer,
                ways: Vec::new(),
            });
            let room = MAX_WAYS.saturating_sub(wanted.ways.len());
            wanted.ways.extend(found.head.ways.iter().map(longer).take(room));
        }
        below
    }

    /// Keeps what is held of a registry that could not be had, and of those below it; unless a key signed it that its
    /// superior does not state any more: it may be a stolen one.
    fn keep(&mut self, issuer: &Issuer, mut why: String, held: &[Head]) {
        let authority = &issuer.authority_id;
        let (mut kept, mut left_out) = (HashSet::new(), false);
        for head in held {
            let Some(superior) = &head.superior else { continue };
            let named = head.authority_id == *authority;
            let is_it = named && verify_snapshot(&head.index, issuer, head.verified_at).is_ok();
            left_out |= named && !is_it;
            let is_below = kept.contains(superior) && self.seen.insert(head.authority_id.clone());
            let has_place = self.heads.iter().any(|h| h.authority_id == *superior);
            if has_place && (is_it || is_below) {
                kept.insert(head.authority_id.clone());
                self.heads.push(head.clone());
            }
        }
        if left_out {
            why.push_str("; what was held of it is left out: its superior states its key no longer");
        }
        self.synced.failed.push((authority.to_string(), why));
    }
}
