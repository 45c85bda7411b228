//! OpenID Federation 1.0 over what is recorded: whom this registry has delegated to, and what it says of entities as trust
//! marks. The statements are the documents that gRPC carries; a mark is a decision, signed.

use charter_domain::{Delegation, HttpsId, RegistryId, Timestamp};
use charter_federation::LocalAuthority;
use charter_proof::document::FederationEntity;

use crate::{
    App, Error,
    app::document::{HISTORICAL_KEYS, internal},
    hosted::Tenant,
};

pub mod below;
pub mod list;
pub mod mark;
pub mod memory;
pub mod resolve;
pub mod status;
pub mod subject;
pub mod types;

pub const FETCH: &str = "/oidf/fetch";
pub const LIST: &str = "/oidf/list";
pub const RESOLVE: &str = "/oidf/resolve";
pub const TRUST_MARK: &str = "/oidf/trust-mark";
pub const TRUST_MARK_STATUS: &str = "/oidf/trust-mark-status";
pub const TRUST_MARK_LIST: &str = "/oidf/trust-mark-list";

/// What the configuration of a registry says of it as an entity of a federation: its name, and where it answers
/// (5.1.1). `url` is its `public_url`.
pub fn described(name: &str, url: &str) -> FederationEntity {
    let at = |path: &str| Some(format!("{url}{path}"));
    FederationEntity {
        organization_name: name.to_owned(),
        federation_fetch_endpoint: at(FETCH),
        federation_list_endpoint: at(LIST),
        federation_resolve_endpoint: at(RESOLVE),
        federation_trust_mark_status_endpoint: at(TRUST_MARK_STATUS),
        federation_trust_mark_list_endpoint: at(TRUST_MARK_LIST),
        federation_trust_mark_endpoint: at(TRUST_MARK),
        federation_historical_keys_endpoint: at(HISTORICAL_KEYS),
        ..FederationEntity::default()
    }
}

/// Delegations that hold now. Who was suspended, revoked or has ended is no subordinate to this standard, which has no
/// word for it.
pub fn in_force(list: &[Delegation], now: Timestamp) -> impl Iterator<Item = &Delegation> {
    list.iter().filter(move |d| d.standing(now).is_ok())
}

/// The statement about a subordinate as it is on file (8.1), `None` where no delegation to it is in force.
pub async fn statement(app: &App, registry: RegistryId, sub: &HttpsId) -> Result<Option<String>, Error> {
    let view = app.hosted.view(registry).await?;
    let found = in_force(&view.delegations, app.clock.now()).find(|d| d.entity_identifier == *sub);
    Ok(found.and_then(|d| d.document.clone()))
}

/// A token signed with the key that is in use at `now`, and that key's `kid`. Signing may take a token of hardware
/// milliseconds: it has a thread for itself.
async fn signed(
    app: &App,
    tenant: &Tenant,
    (typ, claims): (&'static str, serde_json::Value),
    now: Timestamp,
) -> Result<(String, String), Error> {
    let ring = tenant.fresh_ring(&app.store).await?;
    let sign = move || -> Result<(String, String), String> {
        let signer = ring.signer(now)?;
        let token = signer.sign(typ, claims.to_string().as_bytes()).map_err(|e| e.to_string())?;
        Ok((token, signer.key().kid().to_owned()))
    };
    Ok(tokio::task::spawn_blocking(sign).await.map_err(internal)?.map_err(internal)?)
}
