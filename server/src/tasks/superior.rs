//! The way up: the superior's statement about each registry here, and what stands above it, fetched again and again,
//! so that a chain asked of a sector registry ends at the anchor too. Verifiers check it; this task only carries it.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use charter_federation::{PeerEndpoint, protocol::Superior};
use futures::{StreamExt as _, stream};

use crate::{App, hosted::Tenant};

/// A superior that has not been heard is asked often; one that has, as often as its statement may change unseen.
const UNTIL_HEARD: Duration = Duration::from_secs(1);
const THEN: Duration = Duration::from_secs(30);
/// Asked at the same time: a superior that is silent delays those of other registries here by little.
const AT_ONCE: usize = 8;

pub async fn run(app: Arc<App>) {
    loop {
        let asking: Vec<_> = app.hosted.tenants().map(|tenant| fetch(&app, tenant)).collect();
        let heard: Vec<bool> = stream::iter(asking).buffer_unordered(AT_ONCE).collect().await;
        let all = heard.into_iter().all(|one| one);
        tokio::time::sleep(if all { THEN } else { UNTIL_HEARD }).await;
    }
}

/// True when there is nothing to wait for.
pub async fn fetch(app: &App, tenant: &Tenant) -> bool {
    let Some(endpoint) = &tenant.config.superior_endpoint else {
        return true;
    };
    let pins = tenant.config.superior_tls_spki_sha256.clone();
    let endpoint = PeerEndpoint { url: endpoint.clone(), pins };
    match app.protocol.way_up(&endpoint, &tenant.registry.authority).await {
        Ok(chain) => {
            let whole = ends_at_an_anchor(&chain);
            app.peer_keys.learn_above(tenant, &chain, app.clock.now());
            *tenant.upward.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(chain);
            whole
        }
        Err(error) => {
            tracing::debug!(registry = %tenant.registry.authority, %error, "the way up could not be had");
            false
        }
    }
}

/// The superior may not have heard its own superior yet: only an anchor's configuration names none.
fn ends_at_an_anchor(chain: &[String]) -> bool {
    #[derive(serde::Deserialize)]
    struct Hints {
        authority_hints: Option<Vec<String>>,
    }
    let payload = chain.last().and_then(|c| charter_signing::jws::peek(c).ok());
    let hints = payload.and_then(|p| serde_json::from_slice::<Hints>(&p).ok());
    hints.is_some_and(|h| h.authority_hints.is_none())
}
