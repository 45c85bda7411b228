//! Faults put into a resolver on purpose: the simulation must find them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
};

use async_trait::async_trait;
use charter_domain::{Outcome, Query, Reason};
use charter_federation::{Answer, Basis, Budget, Error, Protocol as _, Resolve, resolver::Request};
use tokio::time::Instant;

use crate::{
    network::Wire,
    process::upgraded,
    record::Tuple,
    world::{World, lock},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// What one subordinate says is not verified.
    BelievesUnverified,
    /// A yes is kept, whatever changes.
    KeepsForever,
    /// Who cannot be asked has said no.
    SilenceIsNo,
    /// Each registry begins with a budget of its own.
    ForgetsBudget,
    /// A no is passed on without its denial.
    DropsDenial,
    /// Whatever it is asked, it cannot tell.
    NeverTells,
    /// What is kept rests on nobody else.
    IgnoresEpochs,
    /// A feed that counts the changes, and does not hear whom they touch.
    DeafFeed,
    /// Who could not be reached once is not asked again.
    NeverAsksAgain,
    /// What a peer states in turn is not asked for.
    FollowsOneSided,
    /// A recognition has no end.
    FollowsExpired,
    /// How old a yes may be that cannot be confirmed is not looked at.
    ServesTooOld,
    /// Nobody is told that a yes could not be confirmed.
    HidesStale,
}

impl Plant {
    /// Not of what stands before it or behind it.
    pub fn is_of_resolver(self) -> bool {
        matches!(
            self,
            Self::BelievesUnverified
                | Self::KeepsForever
                | Self::SilenceIsNo
                | Self::ForgetsBudget
                | Self::DropsDenial
                | Self::NeverTells
        )
    }
}

/// The resolver of a process, with the fault around it.
struct Faulty {
    plant: Plant,
    world: Weak<World>,
    wire: Arc<Wire>,
    inner: Arc<dyn Resolve>,
    kept: Mutex<BTreeMap<(i32, Tuple), Answer>>,
}

pub fn within(
    plant: Plant,
    world: &Arc<World>,
    wire: Arc<Wire>,
    inner: Arc<dyn Resolve>,
) -> Arc<dyn Resolve> {
    Arc::new(Faulty { plant, world: Arc::downgrade(world), wire, inner, kept: Mutex::default() })
}

impl Faulty {
    /// What the first subordinate says.
    async fn first_says(&self, request: &Request) -> Option<Answer> {
        let world = upgraded(&self.world);
        let tuple = Tuple::of(&request.query);
        let to = {
            let records = lock(&world.nodes[usize::try_from(request.registry.0).ok()?].records);
            let mut covering = records.edges.iter().filter(|e| e.families.contains(&tuple.family));
            covering.next()?.to
        };
        let node = &world.nodes[to];
        let query = Query { authority: node.party.id.clone(), ..request.query.clone() };
        let said = self.wire.resolve(&node.endpoint(), &node.party.id, &query, &request.budget).await.ok()?;
        Some(Answer { basis: Basis::Delegated, ..said })
    }
}

#[async_trait]
impl Resolve for Faulty {
    async fn resolve(&self, mut request: Request) -> Result<Answer, Error> {
        let key = (request.registry.0, Tuple::of(&request.query));
        match self.plant {
            Plant::BelievesUnverified => {
                let answer = self.inner.resolve(request.clone()).await?;
                if answer.outcome() != Outcome::Indeterminate {
                    return Ok(answer);
                }
                let said = self.first_says(&request).await;
                Ok(said.filter(|said| said.outcome() == Outcome::Yes).unwrap_or(answer))
            }
            Plant::KeepsForever => {
                let kept = lock(&self.kept).get(&key).cloned();
                if let Some(kept) = kept {
                    return Ok(kept);
                }
                let answer = self.inner.resolve(request).await?;
                if answer.outcome() == Outcome::Yes {
                    lock(&self.kept).insert(key, answer.clone());
                }
                Ok(answer)
            }
            Plant::SilenceIsNo => {
                let answer = self.inner.resolve(request).await?;
                let silent = answer.outcome() == Outcome::Indeterminate;
                Ok(if silent { Answer { reason: Reason::NotListed, ..answer } } else { answer })
            }
            Plant::DropsDenial => {
                let answer = self.inner.resolve(request).await?;
                let no = answer.outcome() == Outcome::No;
                Ok(if no { Answer { chain: Vec::new(), ..answer } } else { answer })
            }
            Plant::NeverTells => {
                let answer = self.inner.resolve(request).await?;
                Ok(Answer { reason: Reason::Unverifiable, ..answer })
            }
            Plant::ForgetsBudget => {
                request.budget = Budget::fresh(Instant::now());
                self.inner.resolve(request).await
            }
            // Elsewhere.
            _ => self.inner.resolve(request).await,
        }
    }
}
