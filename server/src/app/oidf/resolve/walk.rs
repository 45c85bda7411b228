//! The way from an entity up to where its chain is anchored: bottom-up along `authority_hints` (OpenID Federation 1.0,
//! 10.1), through registries of this process and what is known below them.
//!
//! Anybody below may state anything of anybody. So a statement counts only under the verified chain of its issuer; the
//! registry from which it is looked is heard before all others, and those of this process before others about an entity
//! of this process, whose keys are known; and superiors of equal rank that state different keys of one entity are none of
//! them believed, wherever they are served.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use charter_domain::{Delegation, HttpsId, RegistryId, Timestamp, delegation::MAX_DEPTH};
use charter_federation::{LocalAuthority as _, RegistryView};
use charter_proof::document::ENTITY_STATEMENT;
use charter_signing::jws;
use futures::{FutureExt as _, future::BoxFuture};

use super::{
    Unresolved,
    chain::{self, Verified},
    hosted,
    kept::Ground,
};
use crate::{
    App,
    app::oidf::below::{Known, Node},
};

/// Most statements that are looked at for one entity.
const MOST_STEPS: usize = 64;

/// Where a chain goes on from: a registry of this process, and the links above its own.
pub struct Base {
    pub registry: RegistryId,
    pub id: HttpsId,
    /// Statements about it and its superiors, the anchor's configuration last.
    pub tail: Vec<String>,
}

/// An entity with a chain that holds.
#[derive(Debug, Clone)]
pub struct Settled {
    pub configuration: String,
    /// That about the entity first.
    pub statements: Vec<String>,
    /// Authorities elsewhere that issued some of them.
    issuers: Vec<(usize, usize)>,
}

/// Somebody states something of an entity.
struct Claim {
    rank: Rank,
    superior: HttpsId,
    statement: String,
    configuration: String,
    /// The issuer, where it is elsewhere.
    issuer: Option<(usize, usize)>,
}

/// Who is heard first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The registry from which it is looked.
    Base,
    /// Another of this process, about one of this process.
    Here,
    /// Any other: whoever shares a process with the base is not more than its siblings.
    Elsewhere,
}

const RANKS: [Rank; 3] = [Rank::Base, Rank::Here, Rank::Elsewhere];

pub struct Walk<'a> {
    app: &'a App,
    base: &'a Base,
    now: Timestamp,
    known: Arc<Known>,
    views: BTreeMap<RegistryId, Arc<RegistryView>>,
    pub ground: Ground,
    /// The register could not say how new what was read is.
    pub fleeting: bool,
    settled: HashMap<HttpsId, Option<Settled>>,
    /// Whose superiors are being looked for.
    open: Vec<HttpsId>,
    steps: usize,
    /// Why the last chain that was tried does not hold.
    pub why: Option<String>,
}

impl<'a> Walk<'a> {
    pub fn new(app: &'a App, base: &'a Base, now: Timestamp) -> Self {
        let known = app.below.known();
        let ground = Ground { revision: known.revision, ..Ground::default() };
        Self {
            app,
            base,
            now,
            known,
            views: BTreeMap::new(),
            ground,
            fleeting: false,
            settled: HashMap::new(),
            open: Vec::new(),
            steps: 0,
            why: None,
        }
    }

    /// The documents of a registry of this process.
    pub async fn view(&mut self, registry: RegistryId) -> Result<Arc<RegistryView>, Unresolved> {
        if let Some(view) = self.views.get(&registry) {
            return Ok(Arc::clone(view));
        }
        let register = &self.app.register;
        // Before what is read: see `Register`.
        match register.turns_now(registry) {
            Some(turns) => self.ground.turns.push((registry, turns)),
            None => self.fleeting = true,
        }
        let view = self.app.hosted.view(registry).await.map_err(|e| Unresolved::Failed(e.into()))?;
        self.views.insert(registry, Arc::clone(&view));
        Ok(view)
    }

    /// Looks for a chain from an entity to the base.
    pub async fn find(&mut self, id: &HttpsId) -> Result<Settled, Unresolved> {
        let base = self.view(self.base.registry).await?;
        let found = self.settle(id.clone()).await?;
        if let Some(found) = found {
            self.ground.issuers.clone_from(&found.issuers);
            let confirmed = |place: &(usize, usize)| self.known.node(*place).is_some_and(Node::is_confirmed);
            if !found.issuers.iter().all(confirmed) {
                return Err(Unresolved::later("a superior of `sub` was not heard lately"));
            }
            return Ok(found);
        }
        let stated = in_force(&base, self.now).any(|d| d.entity_identifier == *id);
        let elsewhere = self.known.named(id).next().is_some();
        let unheard = stated && !elsewhere && hosted(self.app, id).is_none();
        if unheard || self.known.revision == 0 || self.known.may_hide(id) {
            return Err(Unresolved::later("not everybody below was heard yet"));
        }
        if let Some(why) = self.why.take() {
            return Err(Unresolved::Chain(format!("no chain to the trust anchor holds: {why}")));
        }
        if elsewhere || hosted(self.app, id).is_some() || self.is_stated_here(id) {
            return Err(Unresolved::Chain("no way leads from `sub` to the trust anchor".to_owned()));
        }
        Err(Unresolved::Subject(format!("`{id}` is not known under this trust anchor")))
    }

    /// `None` where no chain holds.
    fn settle(&mut self, id: HttpsId) -> BoxFuture<'_, Result<Option<Settled>, Unresolved>> {
        async move {
            if id == self.base.id {
                let view = self.view(self.base.registry).await?;
                let configuration = view.configuration.clone();
                return Ok(Some(Settled { configuration, statements: Vec::new(), issuers: Vec::new() }));
            }
            if let Some(known) = self.settled.get(&id) {
                return Ok(known.clone());
            }
            // What stands above itself, or too far down, leads nowhere.
            if self.open.contains(&id) || self.open.len() >= usize::from(MAX_DEPTH) {
                return Ok(None);
            }
            self.open.push(id.clone());
            let found = self.climb(&id).await;
            self.open.pop();
            let found = found?;
            // One on the way may have been skipped because it is open: what that leaves is no answer for later.
            if found.is_some() || self.open.is_empty() {
                self.settled.insert(id, found.clone());
            }
            Ok(found)
        }
        .boxed()
    }

    async fn climb(&mut self, id: &HttpsId) -> Result<Option<Settled>, Unresolved> {
        let claims = self.claims(id).await?;
        for rank in RANKS {
            let mut good: Vec<(Settled, Verified)> = Vec::new();
            let mut of_here = false;
            for claim in claims.iter().filter(|claim| claim.rank == rank) {
                self.steps += 1;
                if self.steps > MOST_STEPS {
                    return Err(Unresolved::Chain(
                        "too many superiors would have to be looked at".to_owned(),
                    ));
                }
                if let Some(found) = self.tried(claim).await? {
                    of_here |= claim.issuer.is_none();
                    good.push(found);
                }
            }
            // Who is stated here, though not by a chain that holds, is stated by nobody else.
            if rank == Rank::Elsewhere && !of_here && self.is_stated_here(id) {
                break;
            }
            if good.is_empty() {
                continue;
            }
            if !agree(&good) {
                let why = format!("superiors of `{id}` state different keys of it");
                return Err(Unresolved::Chain(why));
            }
            if rank == Rank::Elsewhere && self.known.may_hide(id) {
                return Err(Unresolved::later("not everybody who may state `sub` was heard yet"));
            }
            // The shortest chain (10.2).
            let found = good.into_iter().map(|(settled, _)| settled);
            return Ok(found.min_by_key(|settled| settled.statements.len()));
        }
        Ok(None)
    }

    /// The chain that a claim makes, if its issuer has one and it holds.
    async fn tried(&mut self, claim: &Claim) -> Result<Option<(Settled, Verified)>, Unresolved> {
        let Some(above) = self.settle(claim.superior.clone()).await? else { return Ok(None) };
        let mut statements = vec![claim.statement.clone()];
        statements.extend(above.statements);
        let mut links = vec![claim.configuration.clone()];
        links.extend(statements.iter().cloned());
        links.extend(self.base.tail.iter().cloned());
        match chain::verify(&links, self.now) {
            Ok(verified) => {
                let issuers = above.issuers.into_iter().chain(claim.issuer).collect();
                let configuration = claim.configuration.clone();
                Ok(Some((Settled { configuration, statements, issuers }, verified)))
            }
            Err(why) => {
                self.why = Some(why);
                Ok(None)
            }
        }
    }

    /// A registry of this process on the way knows the entity, though it may have suspended it: nobody else does then.
    fn is_stated_here(&self, id: &HttpsId) -> bool {
        self.views.values().any(|view| view.delegations.iter().any(|d| d.entity_identifier == *id))
    }

    /// Everybody who states something of an entity.
    async fn claims(&mut self, id: &HttpsId) -> Result<Vec<Claim>, Unresolved> {
        let mut claims = Vec::new();
        let own = match hosted(self.app, id) {
            Some(registry) => Some(self.view(registry).await?.configuration.clone()),
            None => None,
        };
        if let Some(configuration) = &own {
            for superior in chain::hints(configuration) {
                if let Some(registry) = hosted(self.app, &superior) {
                    claims.extend(self.claim(registry, id, configuration).await?);
                }
            }
        }
        let known = Arc::clone(&self.known);
        for (b, n) in known.named(id) {
            let (Some(branch), Some(node)) = (known.branches.get(b), known.node((b, n))) else { continue };
            // What an entity of this process says of itself, nobody else says.
            let configuration = own.clone().unwrap_or_else(|| node.configuration.to_string());
            match &node.statement {
                None => claims.extend(self.claim(branch.registry, id, &configuration).await?),
                Some(statement) => claims.extend(known.node((b, node.above)).map(|superior| Claim {
                    rank: Rank::Elsewhere,
                    superior: superior.id.clone(),
                    statement: statement.to_string(),
                    configuration,
                    issuer: Some((b, node.above)),
                })),
            }
        }
        Ok(claims)
    }

    /// What a registry of this process states of an entity now.
    async fn claim(
        &mut self,
        registry: RegistryId,
        id: &HttpsId,
        configuration: &str,
    ) -> Result<Option<Claim>, Unresolved> {
        let view = self.view(registry).await?;
        let stated = in_force(&view, self.now).find(|d| d.entity_identifier == *id);
        let statement = stated.and_then(|d| d.document.clone());
        // Of a log that showed two histories nothing is believed.
        let Some(statement) = statement.filter(|_| !self.app.hosted.doubts(registry, id)) else {
            return Ok(None);
        };
        let rank = match hosted(self.app, id) {
            _ if registry == self.base.registry => Rank::Base,
            Some(_) => Rank::Here,
            None => Rank::Elsewhere,
        };
        Ok(Some(Claim {
            rank,
            superior: view.registry.entity_identifier.clone(),
            statement,
            configuration: configuration.to_owned(),
            issuer: None,
        }))
    }
}

fn in_force(view: &RegistryView, now: Timestamp) -> impl Iterator<Item = &Delegation> {
    crate::app::oidf::in_force(&view.delegations, now)
}

/// All of them state keys by which the configurations that the others have are signed too.
fn agree(good: &[(Settled, Verified)]) -> bool {
    let signed = |configuration: &str, verified: &Verified| {
        jws::verify(configuration, ENTITY_STATEMENT, &verified.keys).is_ok()
    };
    let Some(((first, by_first), rest)) = good.split_first() else { return true };
    rest.iter().all(|(other, by_other)| {
        signed(&first.configuration, by_other) && signed(&other.configuration, by_first)
    })
}
