//! One question with the way of its answer: each party, and the link by which it is reached.

use charter_domain::{AuthorityId, Outcome, Reason, RegistryId, Timestamp};
use charter_federation::peers::{Page, Peer};
use tokio::time::Instant;

use crate::{
    App, Error,
    app::{
        answer::Reply,
        peers,
        query::{self, Asked},
        resolve::{Place, locate},
    },
};

/// What is shown of a question.
#[derive(Debug, Clone)]
pub struct Way {
    pub outcome: Outcome,
    pub reason: Reason,
    /// One sentence.
    pub message: String,
    pub decided_by: String,
    pub evaluated_at: Timestamp,
    pub expires_at: Timestamp,
    /// The asked registry first, the entity last.
    pub hops: Vec<Hop>,
}

/// A party on the way.
#[derive(Debug, Clone)]
pub struct Hop {
    pub id: String,
    /// What it is here.
    pub role: &'static str,
    /// The link that leads to it; none at the first.
    pub link: Option<Link>,
}

#[derive(Debug, Clone)]
pub struct Link {
    /// State of a delegation, reason of an answer, or `NOT_KNOWN`.
    pub state: &'static str,
    /// The way leads over it: a delegation in force, or a statement that says yes.
    pub holds: bool,
    /// What the link is, in words.
    pub words: String,
}

/// How delegations on the way are looked up.
struct Look<'a> {
    app: &'a App,
    registry: RegistryId,
    deadline: Instant,
    /// Those of other registries are not asked for.
    spared: bool,
}

impl Look<'_> {
    /// The delegation to `below` of the registry that `via` leads to.
    async fn delegation(&self, via: &[AuthorityId], below: &AuthorityId) -> Option<Peer> {
        let far = !matches!(locate(self.app, self.registry, via).await, Some(Place::Here(_)));
        if self.spared && far {
            return None;
        }
        let page = Page { only: Some(below.clone()), ..Page::default() };
        let found = peers::of(self.app, self.registry, via, &page, self.deadline).await;
        found.ok()?.list.into_iter().next()
    }

    /// The delegation at which the way ended, where it is one of who decided.
    async fn broken(&self, via: &[AuthorityId], reply: &Reply) -> Option<Peer> {
        self.delegation(via, &reply.failing.as_ref()?.authority_id).await
    }
}

/// Asks as TRQP does, and looks up each delegation on the way.
pub async fn of(app: &App, asked: Asked) -> Result<Way, Error> {
    let (registry, query) = (asked.registry, &asked.query);
    let look = Look { app, registry, deadline: asked.budget.deadline, spared: asked.is_spared() };
    let tenant = app.tenant(registry)?;
    let top = tenant.registry.authority.to_string();
    let (entity, said) = (query.entity.to_string(), format!("{} {}", query.action, query.resource));
    let reply = query::answer(app, asked).await?;
    let mut hops = vec![Hop { id: top, role: "asked registry", link: None }];
    let via = down(&reply);
    for (at, id) in via.iter().enumerate() {
        let peer = look.delegation(&via[..at], id).await;
        let link = peer.as_ref().map_or_else(unknown, delegated);
        hops.push(Hop { id: id.to_string(), role: "registry", link: Some(link) });
    }
    if let Some(peer) = look.broken(&via, &reply).await {
        let mut link = delegated(&peer);
        if link.holds {
            link = Link { state: reply.reason.code(), holds: false, ..link };
        }
        hops.push(Hop { id: peer.authority.to_string(), role: "registry", link: Some(link) });
    }
    let link = Link { state: reply.reason.code(), holds: reply.is_yes(), words: said };
    hops.push(Hop { id: entity, role: "entity", link: Some(link) });
    Ok(Way {
        outcome: reply.reason.outcome(),
        reason: reply.reason,
        message: reply.message(),
        decided_by: reply.decided_by.clone(),
        evaluated_at: reply.evaluated_at,
        expires_at: reply.expires_at,
        hops,
    })
}

/// The way down to who decided; none where that is not known.
fn down(reply: &Reply) -> Vec<AuthorityId> {
    let via = reply.decider().map(|step| step.via.as_slice()).unwrap_or_default();
    via.iter().map(|id| AuthorityId::parse(id)).collect::<Result<_, _>>().unwrap_or_default()
}

fn delegated(peer: &Peer) -> Link {
    let end = peer.valid_until.map_or_else(|| "without end".to_owned(), |until| format!("until {until}"));
    let words = format!("may speak for {}, {end}", peer.scope);
    Link { state: peer.state.code(), holds: peer.state == Reason::Active, words }
}

fn unknown() -> Link {
    Link { state: "NOT_KNOWN", holds: false, words: "the delegation could not be asked for".to_owned() }
}
