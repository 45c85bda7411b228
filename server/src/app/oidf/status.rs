//! Whether a trust mark counts now (OpenID Federation 1.0, 8.4): what is signed about a moment, by who issued the mark.

use std::time::Duration;

use charter_domain::{EntityId, Invalid, Outcome, RegistryId, Timestamp};
use charter_signing::jws;
use serde::Deserialize;
use serde_json::json;

use super::{
    mark::{self, TRUST_MARK},
    memory::{Key, State},
    subject, types,
};
use crate::{App, Error, app::document::internal};

/// `typ` of the answer (8.4.2).
const RESPONSE: &str = "trust-mark-status-response+jwt";
/// Longest mark that is looked at: three identifiers of the largest size fit.
const MAX_MARK: usize = 16 * 1024;
/// How long an answer is given again, while nothing changes.
const AGAIN: Duration = Duration::from_secs(60);

/// What is claimed by somebody, before anything was verified.
#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

fn claimed(token: &str) -> Option<Claimed> {
    let payload = jws::peek(token).ok()?;
    // The derived parser takes a list of the members too.
    let object = payload.trim_ascii_start().starts_with(b"{");
    serde_json::from_slice(&payload).ok().filter(|_| object)
}

#[derive(Deserialize)]
struct Claims {
    sub: EntityId,
    trust_mark_type: String,
    exp: i64,
}

/// `status`, and until when it is so by what is known now.
type Found = (&'static str, Option<Timestamp>);

/// The signed status of a mark; `None` for one of another issuer.
pub async fn status(app: &App, registry: RegistryId, token: &str) -> Result<Option<String>, Error> {
    let (tenant, now) = (app.tenant(registry)?, app.clock.now());
    if token.len() > MAX_MARK {
        return Err(Invalid::new("trust_mark", format!("must have at most {MAX_MARK} bytes")).into());
    }
    let claimed = claimed(token).ok_or_else(|| Invalid::new("trust_mark", "must be a signed trust mark"))?;
    if claimed.iss != tenant.registry.entity_identifier.as_str() {
        return Ok(None);
    }
    let state = mark::state(app, registry, now).await?;
    let key = Key::new(registry, &["status", token]);
    if let Some(kept) = app.marks.get(key, &state, now) {
        return Ok(Some(kept));
    }
    let (status, until) = found(app, registry, token, now).await?;
    let claims = json!({
        "iss": tenant.registry.entity_identifier, "iat": now.secs(), "trust_mark": token, "status": status,
    });
    let (answer, kid) = super::signed(app, tenant, (RESPONSE, claims), now).await?;
    // What anybody can make is not kept.
    if let Some(until) = until {
        app.marks.put(key, State { kid, ..state }, until.min(now.plus(AGAIN)), &answer);
    }
    Ok(Some(answer))
}

async fn found(app: &App, registry: RegistryId, token: &str, now: Timestamp) -> Result<Found, Error> {
    let tenant = app.tenant(registry)?;
    let own = tenant.fresh_ring(&app.store).await?.own().map_err(internal)?;
    // A compromised key's signatures count for nothing; a retired one's count for what it signed.
    let payload = jws::verify(token, TRUST_MARK, &own).ok();
    let claims = payload.and_then(|payload| serde_json::from_slice::<Claims>(&payload).ok());
    let about = claims
        .and_then(|c| Some((types::resource(&tenant.registry.entity_identifier, &c.trust_mark_type)?, c)));
    let Some((resource, claims)) = about else { return Ok(("invalid", None)) };
    if claims.exp <= now.secs() {
        return Ok(("expired", None));
    }
    let decision = subject::decide(app, registry, &claims.sub, &resource).await?;
    let ends = Timestamp::from_secs(claims.exp);
    let until = decision.next_change.map_or(ends, |change| change.min(ends));
    let status = if decision.outcome() == Outcome::Yes { "active" } else { "revoked" };
    Ok((status, Some(until)))
}
