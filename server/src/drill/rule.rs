//! The log's start-up rule on a restored database: what was published according to the file, witnesses and mirrors,
//! against what the database has. Where entries are missing, or are others, nothing may be signed.

use std::collections::{BTreeMap, BTreeSet};

use charter_domain::RegistryId;
use charter_store::{Store, log::MAX_LEAVES};
use charter_tlog::{Hash, checkpoint::SignedCheckpoint, hash, tree::Frontier};

use super::{check::text, report::Recovered};
use crate::{App, hosted::Tenant, log::file, mirror, mirror::remote::Remote, witness::client};

/// What somebody besides the database knows of the log.
#[derive(Default)]
struct Memory {
    told: Vec<Told>,
    /// Who could not tell, and why.
    silent: Vec<String>,
}

struct Told {
    by: String,
    /// Base URL, where the entries can be had there.
    mirror: Option<String>,
    size: u64,
    root: Hash,
}

impl Memory {
    fn note(&mut self, by: &str, mirror: Option<String>, found: &SignedCheckpoint) {
        let (size, root) = (found.checkpoint().size(), found.checkpoint().root());
        self.told.push(Told { by: by.to_owned(), mirror, size, root });
    }

    fn most(&self) -> u64 {
        self.told.iter().map(|told| told.size).max().unwrap_or(0)
    }
}

async fn remembered(app: &App, tenant: &Tenant) -> Memory {
    let (mut memory, log) = (Memory::default(), &tenant.log_keys.log().vkey);
    match file::read(&file::path(&app.config.log_store.dir, &tenant.registry.slug), log) {
        Ok(Some(found)) => memory.note("the file", None, &found),
        Ok(None) => {}
        Err(e) => memory.silent.push(e.to_string()),
    }
    for mirror in &tenant.config.log.mirrors {
        let remote = Remote::new(&app.mirrors.http, mirror, log);
        match remote.checkpoint().await {
            Ok(Some(found)) => memory.note(&mirror.url, Some(mirror.url.clone()), &found),
            Ok(None) => {}
            Err(why) => memory.silent.push(format!("`{}`: {why}", mirror.url)),
        }
    }
    let cosigned = client::latest(app, tenant.registry.id).await.checkpoints;
    let silent = tenant.config.log.witnesses.len().saturating_sub(cosigned.len());
    if silent > 0 {
        memory.silent.push(format!("{silent} of {} witnesses", tenant.config.log.witnesses.len()));
    }
    for found in &cosigned {
        memory.note("a witness", None, found);
    }
    memory
}

/// Applies the rule to one registry; with `refill`, after what is missing was put back.
pub async fn hold(app: &App, tenant: &Tenant, refill: bool) -> anyhow::Result<Recovered> {
    let registry = tenant.registry.id;
    let memory = remembered(app, tenant).await;
    let recorded = app.store.recorded_until(registry).await.map_err(|e| text(&e))?;
    let mut events = epoch(&app.store, registry).await?;
    let missing = memory.most().saturating_sub(events);
    let own = app.store.log_head(registry).await.map_err(|e| text(&e))?.published.map_or(0, |own| own.size);
    let mut verdict = judge(&memory, &roots(&app.store, registry, &memory, events).await?, (events, own));
    if refill && missing > 0 && !verdict.forked {
        verdict = match mirror::refill::ensure(app, tenant, memory.most()).await {
            Ok(_) => {
                events = epoch(&app.store, registry).await?;
                let roots = roots(&app.store, registry, &memory, events).await?;
                let judged = judge(&memory, &roots, (events, own));
                let text = format!("{missing} entries are back from a mirror; {}", judged.text);
                Verdict { text, ..judged }
            }
            Err(why) => Verdict { text: why, whole: false, forked: false },
        };
    }
    Ok(Recovered {
        authority: tenant.registry.authority.clone(),
        events,
        recorded_until: recorded,
        published: memory.most(),
        remembered: memory.told.iter().map(|told| format!("{}: {}", told.by, told.size)).collect(),
        silent: memory.silent,
        missing,
        verdict: verdict.text,
        whole: verdict.whole,
    })
}

async fn epoch(store: &Store, registry: RegistryId) -> anyhow::Result<u64> {
    let epoch = store.epoch(registry).await.map_err(|e| text(&e))?;
    Ok(u64::try_from(epoch)?)
}

/// Roots of the restored events at the sizes that somebody speaks of.
async fn roots(
    store: &Store,
    registry: RegistryId,
    memory: &Memory,
    events: u64,
) -> anyhow::Result<BTreeMap<u64, Hash>> {
    let sizes: BTreeSet<u64> = memory.told.iter().map(|told| told.size).collect();
    let last = sizes.range(..=events).next_back().copied().unwrap_or(0);
    let (mut roots, mut tree) = (BTreeMap::from([(0, hash::EMPTY)]), Frontier::new());
    while tree.size() < last {
        let leaves = store.leaf_hashes(registry, tree.size(), MAX_LEAVES).await.map_err(|e| text(&e))?;
        anyhow::ensure!(!leaves.is_empty(), "the database says {events} events and has {}", tree.size());
        for leaf in leaves {
            tree.append(Hash::new(leaf))?;
            if sizes.contains(&tree.size()) {
                roots.insert(tree.size(), tree.root());
            }
        }
    }
    Ok(roots)
}

struct Verdict {
    text: String,
    /// It could go on, now or after a refill.
    whole: bool,
    /// Somebody remembers another history: nothing is put back.
    forked: bool,
}

/// Of `events` that were restored, `own` are published as the database itself says.
fn judge(memory: &Memory, roots: &BTreeMap<u64, Hash>, (events, own): (u64, u64)) -> Verdict {
    let most = memory.most();
    let wrong = |told: &&Told| told.size <= events && roots.get(&told.size) != Some(&told.root);
    if let Some(told) = memory.told.iter().find(wrong) {
        let text = format!(
            "refuses to sign: {} knows {} entries that are others than those restored",
            told.by, told.size
        );
        return Verdict { text, whole: false, forked: true };
    }
    if memory.told.is_empty() && !memory.silent.is_empty() {
        let text = format!(
            "nobody could tell what was published ({}): nothing may be signed before one is asked",
            memory.silent.join("; ")
        );
        return Verdict { text, whole: false, forked: false };
    }
    if most <= events {
        let text = format!("would sign from size {} on, with the root that was published", most.max(own));
        return Verdict { text, whole: true, forked: false };
    }
    let missing = most - events;
    let full = memory.told.iter().find(|told| told.size >= most && told.mirror.is_some());
    match full.and_then(|told| told.mirror.as_ref()) {
        Some(mirror) => {
            let text = format!(
                "refuses to sign: {missing} entries are missing; `charterd log refill` brings them from `{mirror}`"
            );
            Verdict { text, whole: true, forked: false }
        }
        None => {
            let text = format!(
                "refuses to sign: {missing} entries are missing and no mirror has them: restore a newer backup or \
                 reach a mirror"
            );
            Verdict { text, whole: false, forked: false }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(by: &str, size: u64, root: u8) -> Told {
        let mirror = by.starts_with("http").then(|| by.to_owned());
        Told { by: by.to_owned(), mirror, size, root: Hash::new([root; 32]) }
    }

    #[test]
    fn what_others_remember_decides() {
        let roots = BTreeMap::from([(5, Hash::new([5; 32])), (8, Hash::new([8; 32]))]);
        let silent = || vec!["`http://m`: no answer".to_owned()];
        let cases = [
            (vec![], vec![], true, "from size 3"),
            (vec![told("the file", 5, 5)], vec![], true, "from size 5"),
            (vec![told("the file", 5, 5), told("a witness", 8, 8)], silent(), true, "from size 8"),
            (vec![told("the file", 5, 9)], vec![], false, "are others"),
            (vec![told("http://m", 5, 6), told("http://n", 12, 1)], vec![], false, "http://m knows 5"),
            (vec![told("a witness", 12, 1)], vec![], false, "4 entries are missing and no mirror"),
            (vec![told("a witness", 12, 1), told("http://m", 11, 1)], vec![], false, "no mirror has them"),
            (vec![told("http://m", 12, 1)], vec![], true, "4 entries are missing; `charterd log refill`"),
            (vec![], silent(), false, "nobody could tell"),
        ];
        for (told, silent, whole, word) in cases {
            let verdict = judge(&Memory { told, silent }, &roots, (8, 3));
            assert_eq!(verdict.whole, whole, "{}", verdict.text);
            assert!(verdict.text.contains(word), "{}", verdict.text);
        }
    }
}
