//! Where registries above and below answer besides the endpoint that is recorded: each says so in its entity configuration,
//! and is believed if it signed that with a key by which it is known already.

use charter_domain::{Delegation, Timestamp};
use charter_federation::{PeerEndpoint, protocol::native::sites};
use charter_proof::EntityConfiguration;
use charter_signing::JwkSet;

use crate::{App, hosted::Tenant, peer_keys::above};

/// What a subordinate says of itself, signed by one of the keys that were delegated to.
pub fn said(
    delegation: &Delegation,
    configuration: &str,
    now: Timestamp,
) -> Result<EntityConfiguration, String> {
    let jwks = JwkSet::parse(delegation.jwks.as_bytes()).map_err(|e| e.to_string())?;
    let said = EntityConfiguration::parse_verified(configuration, &jwks).map_err(|e| e.to_string())?;
    if said.iss != delegation.entity_identifier
        || said.metadata.trust_registry.authority_id != delegation.subordinate
    {
        return Err("the configuration is of another authority".to_owned());
    }
    if Timestamp::from_secs(said.exp) <= now {
        return Err("the configuration has expired".to_owned());
    }
    Ok(said)
}

/// Learns the endpoints of a subordinate from what it says of itself.
pub fn learn_below(app: &App, delegation: &Delegation, said: &EntityConfiguration) {
    let recorded = PeerEndpoint::from(delegation);
    let others = sites::named(&recorded, &said.metadata.trust_registry.endpoints);
    app.protocol.learn(&delegation.subordinate, &recorded, others);
}

/// Until its configuration was heard, the superior is at the sites that are configured.
pub fn begin_above(app: &App, tenant: &Tenant, recorded: &PeerEndpoint) {
    let name = &tenant.registry.authority;
    if app.protocol.others(name, recorded).is_empty() {
        app.protocol.learn(name, recorded, configured(tenant, recorded));
    }
}

/// Learns the endpoints of a superior: the way up that it sent holds its keys, and an anchor's its configuration. What does
/// not fit together changes nothing.
pub async fn learn_above(app: &App, tenant: &Tenant, recorded: &PeerEndpoint, chain: &[String]) {
    let now = app.clock.now();
    let found = match above::superior(chain, &tenant.registry.entity_identifier, now) {
        Ok(found) if tenant.above().hints.contains(&found.entity) => found,
        _ => return,
    };
    let text = match chain {
        [_, top] => Ok(top.clone()),
        _ => app.protocol.configuration(recorded, &found.authority, &found.authority).await,
    };
    let said = text.ok().and_then(|text| EntityConfiguration::parse_verified(&text, &found.keys).ok());
    let Some(said) = said.filter(|said| said.sub == found.entity && now < Timestamp::from_secs(said.exp))
    else {
        return;
    };
    let mut others = configured(tenant, recorded);
    for other in sites::named(recorded, &said.metadata.trust_registry.endpoints) {
        if others.len() < sites::MAX_SITES && !others.contains(&other) {
            others.push(other);
        }
    }
    app.protocol.learn(&found.authority, recorded, others.clone());
    app.protocol.learn(&tenant.registry.authority, recorded, others);
}

/// Those of the settings, if it is the superior of the settings.
fn configured(tenant: &Tenant, recorded: &PeerEndpoint) -> Vec<PeerEndpoint> {
    let own = &tenant.config;
    let ours = own.superior_endpoint.as_ref() == Some(&recorded.url);
    let sites = if ours { own.superior_sites.as_slice() } else { &[] };
    sites.iter().map(|url| PeerEndpoint { url: url.clone(), pins: recorded.pins.clone() }).collect()
}
