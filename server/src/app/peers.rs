//! Who is below a registry, and how fresh is what is known of them: everything here is public.

pub mod announced;
pub mod contact;
pub mod sites;
pub mod tree;
pub mod way;

use std::{collections::BTreeMap, time::Duration};

use charter_domain::{
    AuthorityId, Delegation, Reason, RegistryId, Timestamp,
    scope::words,
    status::{State, state_at},
};
use charter_federation::{
    LocalAuthority, PeerEndpoint,
    peers::{Heard, MAX_SCOPE, Page, Peer, Peers},
    protocol::{Failure, native::FAIR},
};
use tokio::time::Instant;

pub use self::{announced::Announced, contact::Contacts};
use crate::{
    App, Error,
    app::{
        log::state::shown,
        resolve::{Place, locate},
    },
    error::Code,
    hosted::Tenant,
};

/// A page ends after so many bytes of text: peers take no answer above 256 KiB.
const MOST_BYTES: usize = 160 * 1024;

/// A key of TLS in an answer: 64 digits, a tag, a length.
const KEY: usize = 67;

/// Kept back at each level, so that a superior can still say that a subordinate was late.
const RESERVE: Duration = Duration::from_millis(100);

/// Whom the authority that `via` leads to has delegated to: asked of the next registry on the way where that is not
/// one of this process, with an answer before `end`.
pub async fn of(
    app: &App,
    registry: RegistryId,
    via: &[AuthorityId],
    page: &Page,
    end: Instant,
) -> Result<Peers, Error> {
    match locate(app, registry, via).await {
        Some(Place::Here(id)) => own(app, id, page).await,
        Some(Place::Peer { endpoint, authority, rest }) => {
            let left = end.saturating_duration_since(Instant::now()).saturating_sub(RESERVE);
            if left.is_zero() {
                return Err(Error::new(Code::DeadlineExceeded, "no time is left to ask the next registry"));
            }
            let went = app.protocol.peers(&endpoint, &authority, &rest, page, left).await;
            // As with breakers: whoever asks with little time must not make others look dead.
            if left >= FAIR || !matches!(went, Err(Failure::Late)) {
                app.contacts.note(&endpoint.url, &went);
            }
            went.map_err(|failure| {
                tracing::debug!(peer = %authority, error = %failure, "delegations below could not be had");
                // Not an unavailable service: this one has answered, and a superior must not take it for dead.
                Error::new(Code::NotFound, format!("`{authority}` could not be asked; try again later"))
            })
        }
        None => {
            let last = via.last().map(ToString::to_string).unwrap_or_default();
            Err(Error::not_found("a way down to", last))
        }
    }
}

/// The same of a registry of this process.
async fn own(app: &App, registry: RegistryId, page: &Page) -> Result<Peers, Error> {
    let tenant = app.tenant(registry)?;
    let view = app.hosted.view(registry).await?;
    let now = app.clock.now();
    let (mut list, mut bytes, mut more) = (Vec::new(), 0, false);
    for (id, delegation) in current(&view.delegations, now) {
        let wanted = page.only.as_ref().is_none_or(|only| only == id)
            && page.after.as_ref().is_none_or(|after| id > after);
        if !wanted {
            continue;
        }
        if list.len() == page.size() || bytes > MOST_BYTES {
            more = true;
            break;
        }
        let peer = peer(app, tenant, delegation, now).await;
        let keys = peer.stated.iter().chain(peer.announced.iter()).count();
        bytes += 2 * id.as_str().len() + peer.endpoint.len() + peer.scope.len() + keys * KEY;
        list.push(peer);
    }
    Ok(Peers {
        authority: tenant.registry.authority.clone(),
        name: tenant.registry.name.clone(),
        public_url: tenant.config.public_url.clone(),
        epoch: app.hosted.epoch(registry).await?,
        published: shown(app, registry),
        superiors: tenant.above().hints.clone(),
        list,
        more,
    })
}

/// One delegation for each subordinate: the one in force, else the last.
fn current(all: &[Delegation], now: Timestamp) -> BTreeMap<&AuthorityId, &Delegation> {
    let mut found: BTreeMap<&AuthorityId, &Delegation> = BTreeMap::new();
    for delegation in all {
        let held = found.entry(&delegation.subordinate).or_insert(delegation);
        *held = held.or_later(delegation, now);
    }
    found
}

async fn peer(app: &App, superior: &Tenant, d: &Delegation, now: Timestamp) -> Peer {
    let scope = words::scope(&d.scope, str::to_owned);
    Peer {
        authority: d.subordinate.clone(),
        entity_identifier: d.entity_identifier.clone(),
        endpoint: d.endpoint.clone(),
        state: state(d, now),
        valid_until: d.valid.until,
        scope: scope.chars().take(MAX_SCOPE).collect(),
        answers_as_own: d.answers_as_own,
        stated: d.tls_spki_sha256.clone(),
        announced: app.announced.of(superior.registry.id, &d.subordinate),
        heard: heard(app, superior, d).await,
        doubted: app.hosted.doubts(superior.registry.id, &d.entity_identifier),
    }
}

fn state(d: &Delegation, now: Timestamp) -> Reason {
    match state_at(&d.statuses, now) {
        State::Active if d.valid.from.is_some_and(|from| now < from) => Reason::NotYetValid,
        State::Active if !d.valid.contains(now) => Reason::Expired,
        state => state.reason(),
    }
}

async fn heard(app: &App, superior: &Tenant, d: &Delegation) -> Heard {
    if let Some(id) = app.hosted.hosted(&d.subordinate) {
        let epoch = app.hosted.epoch(id).await.unwrap_or(-1);
        let (published, ago) = (shown(app, id), Some(Duration::ZERO));
        let (failures, last_failure, rests) = (0, String::new(), None);
        return Heard { hosted: true, epoch, published, ago, fed: false, failures, last_failure, rests };
    }
    let path = [superior.registry.authority.to_string(), d.subordinate.to_string()];
    let dep = app.dependencies.find(&path);
    let ago = dep.as_ref().and_then(|dep| dep.age());
    let known = dep.filter(|_| ago.is_some());
    let trouble = app.contacts.of(&d.endpoint);
    // Failed questions are known to the breaker alone, failures that are no silence to `contacts` alone.
    let resting = app.protocol.resting(&PeerEndpoint::from(d));
    let last = if resting.is_some() && trouble.last.is_empty() { contact::SILENT } else { trouble.last };
    Heard {
        hosted: false,
        epoch: known.as_ref().map_or(-1, |dep| dep.epoch()),
        published: known.as_ref().map_or(-1, |dep| dep.published()),
        ago,
        fed: known.as_ref().is_some_and(|dep| dep.is_fed()),
        failures: resting.as_ref().map_or(0, |r| r.failures).max(trouble.failures),
        last_failure: last.to_owned(),
        rests: resting.map(|r| r.again_in),
    }
}
