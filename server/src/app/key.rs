//! Keys: what is shown of them, whether a signature counts, and those that are used no longer.

use charter_domain::{
    Invalid, RegistryId, Timestamp,
    key::{self, Claim, Key, KeyState, Verdict},
};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{App, Error, hosted::Tenant};

pub mod check;
pub mod draft;
pub mod wish;

/// `typ` of the signed set of historical keys (OpenID Federation 1.0, 8.7.2).
const JWK_SET: &str = "jwk-set+jwt";

/// A key as both doors show it.
#[derive(Debug, Serialize)]
pub struct View {
    pub kid: String,
    pub alg: String,
    pub jwk: Value,
    pub state: &'static str,
    pub added_at: Timestamp,
    pub valid_from: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compromised_since: Option<Timestamp>,
    pub signs: bool,
}

fn view(key: &Key, signs: bool, now: Timestamp) -> View {
    View {
        kid: key.kid.clone(),
        alg: key.algorithm().to_owned(),
        jwk: key.jwk.clone(),
        state: key.state(now).code(),
        added_at: key.added_at,
        valid_from: key.from,
        valid_until: key.until,
        revoked_at: key.revoked.map(|r| r.at),
        reason: key.revoked.map(|r| r.reason.code()),
        compromised_since: key.revoked.and_then(|r| r.compromised_since),
        signs,
    }
}

/// The keys of the registry, or of one of its entities; oldest first.
pub async fn list(app: &App, registry: RegistryId, entity: Option<Uuid>) -> Result<Vec<View>, Error> {
    let history = app.store.keys(registry, entity).await?;
    let now = app.clock.now();
    let signing = key::signing(&history, now).filter(|_| entity.is_none()).map(|k| k.kid.as_str());
    Ok(history.iter().map(|k| view(k, signing == Some(k.kid.as_str()), now)).collect())
}

/// An entity by any of its identifiers; none for the registry itself.
pub async fn owner(app: &App, registry: RegistryId, entity: &str) -> Result<Option<Uuid>, Error> {
    if entity.is_empty() {
        return Ok(None);
    }
    let id = charter_domain::EntityId::parse(entity)?;
    Ok(Some(super::entity::get(app, registry, id.as_str()).await?.entity_id))
}

/// What is asked of a signature.
#[derive(Debug, Default)]
pub struct Question {
    pub entity: String,
    pub kid: String,
    pub claimed_at: Option<Timestamp>,
    pub sha256: String,
}

#[derive(Debug)]
pub struct Checked {
    pub verdict: Verdict,
    /// The event that proves that the object existed, and when that was.
    pub proof: Option<(i64, Timestamp)>,
    pub at: Timestamp,
}

pub async fn check(app: &App, registry: RegistryId, asked: Question) -> Result<Checked, Error> {
    let kid = key::kid(&asked.kid)?;
    let entity = owner(app, registry, &asked.entity).await?;
    let proof = match asked.sha256.as_str() {
        "" => None,
        text => app.store.existed(registry, key::sha256(text)?).await?,
    };
    let history = app.store.keys(registry, entity).await?;
    let at = app.clock.now();
    let claim = Claim { signed_at: asked.claimed_at, existed_at: proof.map(|(_, at)| at) };
    Ok(Checked { verdict: key::verdict(&history, &kid, claim, at), proof, at })
}

/// The registry's keys that are used no longer, signed by one that is (OpenID Federation 1.0, 8.7).
pub async fn historical(app: &App, registry: RegistryId) -> Result<String, Error> {
    let tenant = app.tenant(registry)?;
    let history = app.store.keys(registry, None).await?;
    let now = app.clock.now();
    let keys: Vec<Value> = history.iter().filter_map(|key| former(key, now)).collect();
    let claims = json!({ "iss": tenant.registry.entity_identifier, "iat": now.secs(), "keys": keys });
    let ring = tenant.fresh_ring(&app.store).await?;
    let sign = move || -> Result<String, String> {
        let signer = ring.voucher(now)?;
        signer.sign(JWK_SET, claims.to_string().as_bytes()).map_err(|e| e.to_string())
    };
    Ok(tokio::task::spawn_blocking(sign).await.map_err(internal)?.map_err(internal)?)
}

fn internal(e: impl std::fmt::Display) -> charter_store::Error {
    super::document::internal(e)
}

fn former(key: &Key, now: Timestamp) -> Option<Value> {
    let mut jwk = key.jwk.clone();
    let ends = [key.until, key.revoked.map(|r| r.at)].into_iter().flatten().min()?;
    if !matches!(key.state(now), KeyState::Retired | KeyState::Revoked) {
        return None;
    }
    jwk["iat"] = key.added_at.secs().into();
    jwk["nbf"] = key.from.secs().into();
    jwk["exp"] = ends.secs().into();
    if let Some(revoked) = key.revoked {
        let reason = revoked.reason.code().to_ascii_lowercase();
        jwk["revoked"] = json!({ "revoked_at": revoked.at.secs(), "reason": reason });
        if let Some(since) = revoked.compromised_since {
            jwk["revoked"]["compromised_since"] = since.secs().into();
        }
    }
    Some(jwk)
}

/// Forgets a private key that was made for a proposal which came to nothing.
pub async fn forget(tenant: &Tenant, (kid, kept): (String, String)) {
    let vault = tenant.vault.clone();
    let forgotten = tokio::task::spawn_blocking(move || vault.discard(&kept)).await;
    if !matches!(forgotten, Ok(Ok(()))) {
        tracing::warn!(%kid, "a private key that came to nothing could not be removed from its token");
    }
}

/// A public JWK that an entity calls by a name of its own.
pub fn parse_jwk(text: &str) -> Result<(String, Value), Invalid> {
    let invalid = |why: String| Invalid::new("jwk_json", why);
    let mut jwk = charter_domain::json::parse_strict(text).map_err(|e| e.at("jwk_json"))?;
    let members = jwk.as_object_mut().ok_or_else(|| invalid("must be a JSON object".to_owned()))?;
    let named = members.shift_remove("kid");
    let key = charter_signing::PublicKey::from_jwk(&jwk).map_err(|e| invalid(e.to_string()))?;
    let kid = match named {
        None => key.kid().to_owned(),
        Some(Value::String(kid)) => key::kid(&kid).map_err(|e| e.at("jwk_json"))?,
        Some(_) => return Err(invalid("its kid must be text".to_owned())),
    };
    let mut jwk = key.to_jwk();
    jwk["kid"] = kid.clone().into();
    Ok((kid, jwk))
}
