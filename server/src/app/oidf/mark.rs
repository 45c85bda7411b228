//! Trust marks (OpenID Federation 1.0, 7): that an entity may issue a credential type, while it is so.

use std::time::Duration;

use charter_domain::{EntityId, Outcome, RegistryId, Timestamp};
use charter_federation::LocalAuthority;
use serde_json::json;

use super::{
    memory::{Key, State},
    subject, types,
};
use crate::{App, Error, app::document::internal};

/// `typ` of a mark (7.1).
pub const TRUST_MARK: &str = "trust-mark+jwt";

/// The state at which an answer made now will hold: read before the facts.
pub(super) async fn state(app: &App, registry: RegistryId, now: Timestamp) -> Result<State, Error> {
    let denials = app.hosted.breakglass.revision();
    let epoch = app.hosted.epoch(registry).await?;
    let ring = app.tenant(registry)?.ring();
    let kid = ring.signer(now).map_err(internal)?.key().kid().to_owned();
    Ok(State { epoch, kid, denials })
}

/// A mark of a type for somebody (8.6), `None` while this registry does not say yes of them. It lives as long as a document
/// and never past the next change of a fact that the decision used.
pub async fn mark(
    app: &App,
    registry: RegistryId,
    name: &str,
    sub: &EntityId,
) -> Result<Option<String>, Error> {
    let (tenant, now) = (app.tenant(registry)?, app.clock.now());
    let state = state(app, registry, now).await?;
    let key = Key::new(registry, &["mark", name, sub.as_str()]);
    if let Some(kept) = app.marks.get(key, &state, now) {
        return Ok(Some(kept));
    }
    let Some(resource) = types::known(app, registry, name).await? else { return Ok(None) };
    let decision = subject::decide(app, registry, sub, &resource).await?;
    let longest = now.plus(Duration::from_secs(app.config.documents.lifetime_secs));
    let exp = decision.next_change.map_or(longest, |change| change.min(longest)).secs();
    if decision.outcome() != Outcome::Yes || exp <= now.secs() {
        return Ok(None);
    }
    let mut claims = json!({
        "iss": tenant.registry.entity_identifier, "sub": sub, "trust_mark_type": name,
        "iat": now.secs(), "exp": exp,
    });
    if !decision.unstated.is_empty() {
        // As TRQP's answers have it: restrictions that the question left open.
        claims["unstated"] = json!(decision.unstated);
    }
    let (token, kid) = super::signed(app, tenant, (TRUST_MARK, claims), now).await?;
    let half = Timestamp::from_secs(now.secs().midpoint(exp));
    app.marks.put(key, State { kid, ..state }, half, &token);
    Ok(Some(token))
}
