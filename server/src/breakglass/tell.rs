//! Passing denials on: to the other servers of a registry and to its superior, who need no database to take them.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use charter_domain::SpkiPins;
use charter_federation::protocol::tls::Tls;
use futures::{StreamExt as _, stream};
use http::StatusCode;
use tokio::time::Instant;

use super::Held;
use crate::{
    App,
    https::{Bounds, Client},
    tls,
};

/// Where denials are posted, after the base URL of a server.
pub const PATH: &str = "/api/v1/emergency-denials";
/// A server that does not answer is tried again each second for a minute, then twice a minute until the denial is over. One
/// that takes none such is asked twice a minute: it may learn of those who signed it.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(30);
const TRIES: u32 = 60;
/// Told at the same time.
const AT_ONCE: usize = 16;
const BOUNDS: Bounds = Bounds { deadline: Duration::from_secs(2), max_answer: 16 * 1024, idle: 1 };

/// What a server has made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    Taken,
    Refused,
    Nowhere,
}

/// How passing it on to one server stands.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    done: bool,
    tries: u32,
    next: Instant,
}

/// A server, and the keys by which it is known in TLS; none: its certificate is checked by who issued it.
type Place = (String, SpkiPins);

/// The ways out, kept open.
pub struct Ways {
    tls: Tls,
    clients: HashMap<Vec<String>, Arc<Client>>,
}

impl Ways {
    pub fn new(app: &App) -> Result<Self, String> {
        Ok(Self { tls: tls::to_peers(&app.config.peer_tls, &app.clock)?, clients: HashMap::new() })
    }

    fn client(&mut self, pins: &SpkiPins) -> Result<Arc<Client>, String> {
        let key: Vec<String> = pins.iter().map(ToString::to_string).collect();
        if let Some(client) = self.clients.get(&key) {
            return Ok(Arc::clone(client));
        }
        let mut config = self.tls.config(pins).map_err(|e| e.to_string())?;
        // REST, and not the gRPC that is spoken with them otherwise.
        config.alpn_protocols.clear();
        let client = Arc::new(Client::new(config, BOUNDS));
        self.clients.insert(key, Arc::clone(&client));
        Ok(client)
    }

    /// Passes on what is due.
    pub async fn tell(&mut self, app: &App) {
        let mut due = Vec::new();
        for held in app.hosted.breakglass.in_force() {
            for (url, pins) in places(app, &held) {
                if !held.is_due(&url) {
                    continue;
                }
                match self.client(&pins) {
                    Ok(client) => due.push((Arc::clone(&held), url, client)),
                    Err(error) => tracing::warn!(%error, "a denial cannot be passed on"),
                }
            }
        }
        let telling = due.into_iter().map(|(held, url, client)| async move {
            let (to, body) = (format!("{url}{PATH}"), held.denial.to_bytes().to_vec());
            let went = match client.post(&to, "application/json", body).await {
                Ok((status, _)) if status.is_success() => Went::Taken,
                Ok((status, _)) if is_refusal(status) => {
                    tracing::warn!(server = %url, %status, "a denial was passed on and not taken");
                    Went::Refused
                }
                Ok((status, _)) => {
                    tracing::debug!(server = %url, %status, "a denial could not be passed on");
                    Went::Nowhere
                }
                Err(error) => {
                    tracing::debug!(server = %url, %error, "a denial could not be passed on");
                    Went::Nowhere
                }
            };
            held.was_told(url, went);
        });
        stream::iter(telling).buffer_unordered(AT_ONCE).for_each(|()| std::future::ready(())).await;
    }
}

fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error()
        && status != StatusCode::TOO_MANY_REQUESTS
        && status != StatusCode::REQUEST_TIMEOUT
}

/// The other servers of the registry that a denial belongs to, its other sites, and its superior at all of its own.
fn places(app: &App, held: &Held) -> Vec<Place> {
    let Some(tenant) = app.hosted.tenant(held.registry) else { return Vec::new() };
    let (own, above) = (&tenant.config, tenant.above());
    let ours = own.emergency.nodes.iter().chain(&own.sites);
    let mut places: Vec<Place> = ours.map(|url| (url.clone(), own.tls_spki_sha256.clone())).collect();
    if let Some(recorded) = &above.endpoint {
        let others = app.protocol.others(&tenant.registry.authority, recorded);
        places.extend(
            std::iter::once(recorded).chain(others.iter()).map(|to| (to.url.clone(), to.pins.clone())),
        );
    }
    places.into_iter().map(|(url, pins)| (url.trim_end_matches('/').to_owned(), pins)).collect()
}

impl Held {
    fn is_due(&self, url: &str) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(url).is_none_or(|told| !told.done && told.next <= Instant::now())
    }

    fn was_told(&self, url: String, went: Went) {
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = all.entry(url).or_insert(Told { done: false, tries: 0, next: Instant::now() });
        told.tries = told.tries.saturating_add(1);
        let pause = if went == Went::Nowhere && told.tries < TRIES { SOON } else { LATER };
        (told.done, told.next) = (went == Went::Taken, Instant::now() + pause);
    }
}
