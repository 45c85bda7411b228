//! A registry's own superiors: those of its configuration, and what its staff recorded since. Its log says whom it joined
//! and left; its entity configuration names who is left of them, and the way up is fetched from the one joined last.

use std::sync::{Arc, PoisonError};

use charter_domain::{
    HttpsId, Invalid, RegistryId, Timestamp, delegation,
    event::{Change, SuperiorJoined, SuperiorLeft},
    policy::Refusal,
};
use charter_federation::protocol::Superior as _;
use charter_proof::SubordinateStatement;
use charter_store::Tx;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{application::signed, peers::sites};
use crate::{App, Error, hosted::Tenant};

/// Most superiors that an entity configuration may name.
const MOST: usize = 8;

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JoinSuperior {
    /// The superior's statement about this registry, a compact JWS.
    pub statement: String,
    /// The superior's entity configuration, a compact JWS.
    pub configuration: String,
    #[serde(default)]
    pub endpoint: String,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LeaveSuperior {
    pub superior: String,
    pub code: String,
}

/// The event that a superior's statement comes to: it must be about this registry, its keys among those stated, in force
/// now, and signed with a key of the superior's configuration. That this is the superior is for people to compare.
pub async fn joined(
    app: &App,
    tenant: &Tenant,
    w: &JoinSuperior,
    now: Timestamp,
) -> Result<SuperiorJoined, Error> {
    let invalid = |field: &str, why: String| Error::from(Invalid::new(field, why));
    if w.statement.len() > signed::MAX_BYTES || w.configuration.len() > signed::MAX_BYTES {
        return Err(invalid("statement", format!("must not be longer than {} bytes", signed::MAX_BYTES)));
    }
    let superior = signed::configuration(&w.configuration, now)
        .map_err(|why| invalid("configuration", format!("does not count: {why:.200}")))?;
    let statement = SubordinateStatement::parse_verified(&w.statement, &superior.jwks)
        .map_err(|e| invalid("statement", format!("is not the superior's: {e}")))?;
    let about = &statement.metadata.trust_registry;
    if statement.iss != superior.sub {
        return Err(invalid("statement", "is another authority's".to_owned()));
    }
    if statement.sub != tenant.registry.entity_identifier || about.authority_id != tenant.registry.authority {
        return Err(invalid("statement", "is about another authority".to_owned()));
    }
    if statement.exp <= now.secs() || !about.valid.iter().any(|valid| valid.contains(now)) {
        return Err(invalid("statement", "is not in force now".to_owned()));
    }
    let ring = tenant.fresh_ring(&app.store).await?;
    let voucher = ring.voucher(now).map_err(super::document::internal)?;
    if statement.jwks.find(voucher.key().kid()).is_none() {
        let why = "does not state the key of this registry: the superior corrects its delegation first";
        return Err(invalid("statement", why.to_owned()));
    }
    let metadata = superior.metadata.trust_registry;
    let endpoint = if w.endpoint.is_empty() { &metadata.grpc_endpoint } else { &w.endpoint };
    Ok(SuperiorJoined {
        entity_identifier: superior.sub,
        authority_id: metadata.authority_id,
        endpoint: delegation::endpoint(endpoint)?,
        tls_spki_sha256: metadata.tls_spki_sha256,
        statement_sha256: format!("{:x}", Sha256::digest(&w.statement)),
    })
}

/// The event that leaving is.
pub fn left(tenant: &Tenant, w: &LeaveSuperior) -> Result<SuperiorLeft, Error> {
    let entity_identifier = HttpsId::parse(&w.superior).map_err(|e| e.at("superior"))?;
    if !tenant.above().hints.contains(&entity_identifier) {
        return Err(Error::not_found("superior", entity_identifier));
    }
    let reason = super::status::code(&w.code).map_err(|e| e.at("code"))?;
    Ok(SuperiorLeft { entity_identifier, reason })
}

/// Looked at when it is proposed.
pub async fn check(app: &App, registry: RegistryId, change: &Change) -> Result<(), Error> {
    let tenant = app.tenant(registry)?;
    tenant.fresh_above(&app.store).await?;
    let above = tenant.above();
    match change {
        Change::SuperiorJoined(j)
            if !above.hints.contains(&j.entity_identifier) && above.hints.len() >= MOST =>
        {
            let text = format!("a registry has at most {MOST} superiors: leave one first");
            Err(Refusal::Illegal(text).into())
        }
        Change::SuperiorLeft(l) if !above.hints.contains(&l.entity_identifier) => {
            Err(Error::not_found("superior", &l.entity_identifier))
        }
        _ => Ok(()),
    }
}

/// The same under the registry's lock.
pub fn locked(tx: &mut Tx<'_>, change: &Change) -> Result<(), charter_store::Error> {
    let Change::SuperiorLeft(left) = change else { return Ok(()) };
    let recorded = tx.superiors()?;
    let last = recorded.iter().find(|r| *r.entity_identifier() == left.entity_identifier);
    if last.is_some_and(|r| r.joined().is_none()) {
        return Err(Refusal::Illegal("this superior was left already".to_owned()).into());
    }
    Ok(())
}

/// Fetches the way up of a registry; true when there is nothing to wait for.
pub async fn fetch(app: &App, tenant: &Tenant) -> bool {
    if let Err(error) = tenant.fresh_above(&app.store).await {
        tracing::debug!(registry = %tenant.registry.authority, %error, "its superiors cannot be read");
    }
    let above = tenant.above();
    app.peer_keys.keep_above(tenant.registry.id, &above.hints);
    let Some(endpoint) = &above.endpoint else {
        put(tenant, Vec::new());
        return true;
    };
    sites::begin_above(app, tenant, endpoint);
    match app.protocol.way_up(endpoint, &tenant.registry.authority).await {
        Ok(chain) if issuer(&chain).is_some_and(|id| above.was_left(&id)) => {
            put(tenant, Vec::new());
            true
        }
        Ok(chain) => {
            let whole = ends_at_an_anchor(&chain);
            app.peer_keys.learn_above(tenant, &chain, app.clock.now());
            sites::learn_above(app, tenant, endpoint, &chain).await;
            put(tenant, chain);
            whole
        }
        Err(error) => {
            tracing::debug!(registry = %tenant.registry.authority, %error, "the way up could not be had");
            false
        }
    }
}

/// Who says that it is the superior.
fn issuer(chain: &[String]) -> Option<HttpsId> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: HttpsId,
    }
    let payload = charter_signing::jws::peek(chain.first()?).ok()?;
    serde_json::from_slice::<Issuer>(&payload).ok().map(|said| said.iss)
}

fn put(tenant: &Tenant, chain: Vec<String>) {
    *tenant.upward.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(chain);
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
