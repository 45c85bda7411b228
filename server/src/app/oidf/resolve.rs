//! Resolving an entity (OpenID Federation 1.0, 8.3 and 10): its chain to a trust anchor, and the metadata that the chain
//! leaves to it. Nothing is fetched for whoever asks: what this process does not know by then, it says so.

use std::{collections::BTreeSet, sync::Arc};

use charter_domain::{HttpsId, RegistryId, Timestamp};
use charter_federation::LocalAuthority as _;
use serde_json::{Value, json};

use self::{
    kept::{Ground, Resolved},
    walk::{Base, Walk},
};
use crate::{App, Error, hosted::Tenant};

mod chain;
pub mod kept;
mod walk;

/// `typ` of the answer (8.3.2).
pub const RESPONSE: &str = "resolve-response+jwt";
/// Most registries of this process above one.
const MOST_ABOVE: usize = 16;

/// Who is to be resolved, up to which of these anchors, and which of the metadata is wanted: all, where no type is named.
#[derive(Debug)]
pub struct Wish {
    pub sub: HttpsId,
    pub anchors: Vec<HttpsId>,
    pub types: BTreeSet<String>,
}

/// Why there is no answer. The texts are for the caller.
#[derive(Debug)]
pub enum Unresolved {
    /// Not known here.
    Subject(String),
    /// Not one that this registry resolves to.
    Anchor(String),
    /// No chain holds.
    Chain(String),
    /// A chain holds, and what it says of metadata does not.
    Metadata(String),
    /// Not enough is known now.
    Later(String),
    Failed(Error),
}

impl Unresolved {
    fn later(why: &str) -> Self {
        Self::Later(format!("{why}; try again"))
    }
}

impl From<Error> for Unresolved {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The signed answer of a registry. Of several anchors the first counts that it resolves to.
pub async fn resolve(app: &App, registry: RegistryId, wish: &Wish) -> Result<String, Unresolved> {
    let tenant = app.tenant(registry)?;
    let mut last = Unresolved::Anchor("name a `trust_anchor`".to_owned());
    for anchor in &wish.anchors {
        match one(app, tenant, &wish.sub, anchor).await {
            Ok(resolved) => return answer(app, tenant, wish, &resolved).await,
            Err(why) => last = telling(last, why),
        }
    }
    Err(last)
}

/// What is told where no anchor leads to an answer: that an anchor is unknown says least.
fn telling(held: Unresolved, found: Unresolved) -> Unresolved {
    if matches!(found, Unresolved::Anchor(_)) && !matches!(held, Unresolved::Anchor(_)) {
        held
    } else {
        found
    }
}

async fn one(
    app: &App,
    tenant: &Tenant,
    sub: &HttpsId,
    anchor: &HttpsId,
) -> Result<Arc<Resolved>, Unresolved> {
    let (key, now) = ((tenant.registry.id, sub.clone(), anchor.clone()), app.clock.now());
    if let Some(kept) = app.resolved.get(app, &key, now) {
        return Ok(kept);
    }
    let own = app.register.turns(tenant.registry.id).map(|turns| (tenant.registry.id, turns));
    let Standing { base, upward, read } = standing(app, tenant, anchor).await?;
    let mut walk = Walk::new(app, &base, now);
    let links = links(&mut walk, (&base, sub), anchor).await?;
    let verified = chain::verify(&links, now).map_err(Unresolved::Chain)?;
    let metadata = verified.metadata().map_err(Unresolved::Metadata)?;
    let Walk { ground, fleeting, .. } = walk;
    // What is kept ends with what this registry signs with, too.
    let turns = ground.turns.into_iter().chain(own).chain(read).collect();
    let ground = Ground { turns, upward, ..ground };
    let resolved = Arc::new(Resolved::new(metadata, links, verified.exp, ground));
    if !fleeting && own.is_some() && read.is_some() {
        app.resolved.put(key, &resolved);
    }
    Ok(resolved)
}

/// From the subject's configuration to the anchor's.
async fn links(
    walk: &mut Walk<'_>,
    (base, sub): (&Base, &HttpsId),
    anchor: &HttpsId,
) -> Result<Vec<String>, Unresolved> {
    if sub == anchor {
        return Ok(base.tail.last().cloned().into_iter().collect());
    }
    let found = walk.find(sub).await?;
    let mut links = vec![found.configuration];
    links.extend(found.statements);
    links.extend(base.tail.iter().cloned());
    Ok(links)
}

/// Where chains to an anchor go on, and what that rests on.
struct Standing {
    base: Base,
    upward: Option<(RegistryId, Arc<Vec<String>>)>,
    /// What the register had noted of the base before its configuration was read.
    read: Option<(RegistryId, u64)>,
}

/// The anchor itself where this process serves it, else this registry with its way up.
async fn standing(app: &App, tenant: &Tenant, anchor: &HttpsId) -> Result<Standing, Unresolved> {
    let noted = |registry| app.register.turns(registry).map(|turns| (registry, turns));
    // Who stands above is read again with it, where that has changed.
    app.hosted.view(tenant.registry.id).await.map_err(Error::from)?;
    if let Some(registry) = above(app, tenant, anchor) {
        let read = noted(registry);
        let view = app.hosted.view(registry).await.map_err(Error::from)?;
        let tail = vec![view.configuration.clone()];
        return Ok(Standing { base: Base { registry, id: anchor.clone(), tail }, upward: None, read });
    }
    let upward = tenant.upward();
    let top = upward.last().and_then(|configuration| chain::subject(configuration));
    // One that was left may still be kept.
    let direct = upward.first().and_then(|statement| chain::issuer(statement));
    let is_superior = direct.is_some_and(|direct| tenant.above().hints.contains(&direct));
    if is_superior && top.as_ref() == Some(anchor) {
        let (registry, id) = (tenant.registry.id, tenant.registry.entity_identifier.clone());
        let base = Base { registry, id, tail: upward.to_vec() };
        return Ok(Standing { base, upward: Some((registry, upward)), read: noted(registry) });
    }
    let unheard = upward.last().is_none_or(|last| !chain::hints(last).is_empty());
    if !tenant.above().hints.is_empty() && unheard {
        return Err(Unresolved::later("the superiors of this registry were not heard yet"));
    }
    let why = format!("`{anchor}` is neither this registry nor the anchor above it");
    Err(Unresolved::Anchor(why))
}

/// A registry of this process with that name, if it is this one or stands above it.
fn above(app: &App, tenant: &Tenant, anchor: &HttpsId) -> Option<RegistryId> {
    let (mut met, mut next) = (vec![tenant.registry.id], 0);
    while let Some(found) = met.get(next).and_then(|registry| app.hosted.tenant(*registry)) {
        if found.registry.entity_identifier == *anchor {
            return Some(found.registry.id);
        }
        let above = found.above();
        let here = above.hints.iter().filter_map(|hint| hosted(app, hint));
        for registry in here.take(MOST_ABOVE) {
            if met.len() < MOST_ABOVE && !met.contains(&registry) {
                met.push(registry);
            }
        }
        next += 1;
    }
    None
}

/// The registry of that name, where this process serves it.
fn hosted(app: &App, id: &HttpsId) -> Option<RegistryId> {
    let registry = app.hosted.by_host(id.as_str().strip_prefix("https://")?)?;
    app.hosted.hosted(&app.hosted.tenant(registry)?.registry.authority)
}

/// The answer with the types that are wanted, signed now or when it was asked for before.
async fn answer(app: &App, tenant: &Tenant, wish: &Wish, resolved: &Resolved) -> Result<String, Unresolved> {
    let wanted = |kind: &&String| wish.types.is_empty() || wish.types.contains(*kind);
    let types: BTreeSet<String> = resolved.metadata.keys().filter(wanted).cloned().collect();
    if let Some(signed) = resolved.signed(&types) {
        return Ok(signed);
    }
    let now = app.clock.now();
    let token =
        super::signed(app, tenant, (RESPONSE, claims(tenant, wish, resolved, &types, now)), now).await?.0;
    resolved.sign(types, &token);
    Ok(token)
}

/// No trust marks: configurations of registries carry none, and only verified ones may be in an answer.
fn claims(
    tenant: &Tenant,
    wish: &Wish,
    resolved: &Resolved,
    types: &BTreeSet<String>,
    now: Timestamp,
) -> Value {
    let mut metadata = resolved.metadata.clone();
    metadata.retain(|kind, _| types.contains(kind));
    json!({
        "iss": tenant.registry.entity_identifier,
        "sub": wish.sub,
        "iat": now.secs(),
        "exp": resolved.exp,
        "metadata": metadata,
        "trust_chain": resolved.chain,
    })
}
