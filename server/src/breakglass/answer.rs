//! Where answers leave: a yes that is denied is a no, also while nothing can be looked up.

use std::{sync::Arc, time::Duration};

use charter_cache::BootInstant;
use charter_domain::{EvidenceLevel, Outcome, Query, Reason, RegistryId, Timestamp};
use charter_federation::{Answer, LocalAuthority as _};
use charter_proof::{Denial, document::Asked as Repeated};
use tokio::time::Instant;

use super::Held;
use crate::{
    App, Error,
    app::{
        answer::{Kept, Reply, filled},
        query::{self, Asked, lookup},
    },
};

/// How long records are waited for, for a better reason to say no.
const PATIENCE: Duration = Duration::from_secs(1);
/// Life of a signed no, as that of others: it is signed again for who asks again.
const DENIAL_LIFE: Duration = Duration::from_secs(600);

/// A question, as it is asked of an answer that was found or kept.
struct About<'a> {
    /// The asked registry, and its authority.
    registry: RegistryId,
    own: &'a str,
    authority: &'a str,
    entity: &'a str,
    time: Option<Timestamp>,
}

impl About<'_> {
    /// It is asked of the denying authority, or about it.
    fn is_under(&self, held: &Held) -> bool {
        held.is_of(self.own) || held.is_of(self.authority)
    }

    /// The answer rests on the denying authority.
    fn rests_on(&self, held: &Held, kept: &Kept) -> bool {
        self.is_under(held) || kept.path.iter().any(|step| held.is_of(&step.authority))
    }

    fn named(&self, held: &Held) -> bool {
        held.reaches(self.time) && held.is_about(self.entity)
    }
}

/// The subject of the statement that a yes stands on: the entity by its first name, whichever it was asked by.
fn subject(kept: &Kept) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Leaf {
        sub: String,
    }
    let payload = charter_signing::jws::peek(kept.chain.first()?).ok()?;
    serde_json::from_slice::<Leaf>(&payload).ok().map(|leaf| leaf.sub)
}

/// What denies an answer that was found.
fn against(app: &App, about: &About<'_>, kept: &Kept) -> Option<Arc<Held>> {
    if app.hosted.breakglass.is_idle() || kept.reason.outcome() == Outcome::No {
        return None;
    }
    let subject = subject(kept);
    let known = |held: &Held| subject.as_deref().is_some_and(|name| held.is_about(name));
    app.hosted.breakglass.find(|held| {
        about.rests_on(held, kept) && held.reaches(about.time) && (held.is_about(about.entity) || known(held))
    })
}

/// Whether a kept answer to a plain question must not be given as it is.
pub fn is_denied(app: &App, lookup: &charter_cache::Lookup<'_>, kept: &Kept) -> bool {
    if app.hosted.breakglass.is_idle() {
        return false;
    }
    let Some(tenant) = app.hosted.tenant(lookup.registry) else { return false };
    let about = About {
        registry: lookup.registry,
        own: tenant.registry.authority.as_str(),
        authority: lookup.authority,
        entity: lookup.entity,
        time: None,
    };
    against(app, &about, kept).is_some()
}

/// Answers while something is denied. A no stays what it is; every other answer about who is denied becomes one.
pub async fn answer(app: &App, asked: Asked) -> Result<Reply, Error> {
    let (registry, query, deadline) = (asked.registry, asked.query.clone(), asked.budget.deadline);
    let proven = !asked.budget.visited.is_empty() || query.context.evidence != EvidenceLevel::None;
    let about = About {
        registry,
        own: app.tenant(registry)?.registry.authority.as_str(),
        authority: query.authority.as_str(),
        entity: query.entity.as_str(),
        time: query.context.time,
    };
    let all = &app.hosted.breakglass;
    let named = all.find(|held| about.is_under(held) && about.named(held));
    let found = match &named {
        // Nothing that is kept may be used now, and nothing can be confirmed.
        Some(_) if !app.register.usable() => Err(query::late()),
        Some(_) => query::within(app, asked, deadline.min(Instant::now() + PATIENCE)).await,
        None => query::within(app, asked, deadline).await,
    };
    // Somebody below could have said no: the denial says who.
    let below = || all.find(|held| held.registry == about.registry && about.named(held));
    let held = match &found {
        Ok(reply) if reply.reason.outcome() == Outcome::No => None,
        Ok(reply) if reply.is_yes() => named.or_else(|| against(app, &about, reply)),
        Ok(reply) => named.or_else(|| against(app, &about, reply)).or_else(below),
        Err(_) => named.or_else(below),
    };
    match held {
        Some(held) => no(app, registry, &query, (held.as_ref(), proven)).await,
        None => found,
    }
}

/// The no, in this registry's own name; signed where it is to be proven, with the keys in memory.
async fn no(
    app: &App,
    registry: RegistryId,
    query: &Query,
    (held, proven): (&Held, bool),
) -> Result<Reply, Error> {
    let (now, ends) = (app.clock.now(), held.terms().ends());
    let authority = &app.tenant(registry)?.registry.authority;
    let epoch = app.register.watched(registry).unwrap_or_default();
    let at = query.context.time.unwrap_or(now);
    let text = format!("denied in an emergency by `{}` until {ends}", held.terms().authority_id);
    let mut answer = Answer::of(authority, epoch, Reason::Suspended, at, ends).with_detail(text);
    answer.next_change = Some(ends);
    if proven {
        answer.chain = signed(app, registry, query, (at, now, ends)).await;
    }
    let filled = filled(app, answer, BootInstant::now(), now);
    let entry = app.answers.entry(&lookup(registry, query), filled);
    Ok(Reply::new(app, query.kind, entry, now))
}

/// Of another authority that was named this registry signs nothing (`charter_proof::verify_denial`).
async fn signed(
    app: &App,
    registry: RegistryId,
    query: &Query,
    (at, now, ends): (Timestamp, Timestamp, Timestamp),
) -> Vec<String> {
    let Ok(tenant) = app.tenant(registry) else { return Vec::new() };
    let of = &tenant.registry;
    if query.authority != of.authority || query.context.known_at.is_some() {
        return Vec::new();
    }
    let epoch = app.register.watched(registry).unwrap_or_default();
    let valid_until = ends.min(now.plus(DENIAL_LIFE));
    let denial = Denial {
        iss: of.entity_identifier.clone(),
        authority_id: of.authority.clone(),
        iat: now.secs(),
        exp: Denial::expiry(valid_until),
        asked: Repeated::from(query),
        reason: Reason::Suspended,
        as_of: at,
        valid_until,
        epoch,
        published_size: app.hosted.published(registry).clamp(0, epoch),
    };
    match app.hosted.deny(registry, denial).await {
        Ok(token) => vec![token],
        Err(error) => {
            tracing::warn!(%registry, %error, "a denial could not be signed");
            Vec::new()
        }
    }
}
