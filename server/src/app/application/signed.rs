//! What an applicant signs for one superior: an application, the notice that it leaves, or the question how that stands.
//! A compact JWS that lives for minutes and counts once; the applicant's own configuration within it shows its keys.

use std::time::Duration;

use charter_domain::{HttpsId, Invalid, NamingConstraints, Timestamp, json, scope::Grant};
use charter_proof::EntityConfiguration;
use charter_signing::{JwkSet, Signer, jws};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `typ` (RFC 8725, 3.11).
pub const TYP: &str = "federation-application+jwt";
/// For how long it may be submitted.
pub const LIFE: Duration = Duration::from_secs(600);
/// How far the clocks of two registries may differ.
const SKEW: Duration = Duration::from_secs(60);
/// Longest that is read, in bytes: eight keys and 64 grants with room to spare.
pub const MAX_BYTES: usize = 48 * 1_024;
/// The member that it arrives in.
const FIELD: &str = "application";

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// OpenID Federation id of the applicant.
    pub iss: HttpsId,
    /// The same of the superior: nobody else may pass it on as meant for themselves.
    pub aud: HttpsId,
    pub iat: i64,
    pub exp: i64,
    /// Counts once.
    pub jti: Uuid,
    /// The applicant's entity configuration, a compact JWS.
    pub configuration: String,
    pub says: Says,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    Join(Join),
    Leave(Leave),
    /// How the application of this id stands.
    Inquire(Uuid),
}

/// What the applicant would like to speak for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    pub scope: Vec<Grant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_path_length: Option<u8>,
    #[serde(default, skip_serializing_if = "NamingConstraints::is_empty")]
    pub naming_constraints: NamingConstraints,
    pub answers_as_own: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// Whom the superior's staff can reach.
    pub contact: String,
}

/// What the applicant's own log says of its leaving.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    pub code: String,
    pub seq: i64,
}

/// One whose signature holds.
#[derive(Debug, Clone)]
pub struct Verified {
    pub signed: Signed,
    pub configuration: EntityConfiguration,
    /// The key that signed it.
    pub kid: String,
}

/// Signs it.
///
/// # Errors
/// When the key cannot sign, as text for the log.
pub fn sign(signed: &Signed, signer: &dyn Signer) -> Result<String, String> {
    let payload = serde_json::to_vec(signed).map_err(|e| e.to_string())?;
    signer.sign(TYP, &payload).map_err(|e| e.to_string())
}

fn fault(why: impl Into<String>) -> Invalid {
    Invalid::new(FIELD, why)
}

fn read(token: &str) -> Result<Signed, Invalid> {
    if token.len() > MAX_BYTES {
        return Err(fault(format!("must not be longer than {MAX_BYTES} bytes")));
    }
    let payload = jws::peek(token).map_err(|e| fault(format!("must be a compact JWS: {e}")))?;
    let text = String::from_utf8(payload).map_err(|_| fault("must hold UTF-8"))?;
    let value = json::parse_strict(&text).map_err(|e| e.at(FIELD))?;
    serde_json::from_value(value).map_err(|e| fault(format!("does not have the right members: {e:.200}")))
}

/// A configuration that is signed with one of the keys that it lists itself (OpenID Federation 1.0, 3.1).
///
/// # Errors
/// Says what does not hold.
pub fn configuration(token: &str, now: Timestamp) -> Result<EntityConfiguration, String> {
    let found = self_signed(token)?;
    if found.exp <= now.secs() || found.iat > now.plus(SKEW).secs() {
        return Err("it is not in force now".to_owned());
    }
    Ok(found)
}

fn self_signed(token: &str) -> Result<EntityConfiguration, String> {
    #[derive(Deserialize)]
    struct Keys {
        jwks: JwkSet,
    }
    let payload = jws::peek(token).map_err(|e| e.to_string())?;
    let Keys { jwks } = serde_json::from_slice(&payload).map_err(|_| "its keys cannot be read".to_owned())?;
    EntityConfiguration::parse_verified(token, &jwks).map_err(|e| e.to_string())
}

/// Verifies what was sent to `own`: who signed it has a key of the configuration in it, and means this registry, now.
/// That the names in it are the applicant's is for people to find out.
///
/// # Errors
/// Says what does not hold.
pub fn verify(token: &str, own: &HttpsId, now: Timestamp) -> Result<Verified, Invalid> {
    let signed = read(token)?;
    let configuration = configuration(&signed.configuration, now)
        .map_err(|why| fault(format!("holds a configuration that does not count: {why:.200}")))?;
    let refused = |e: charter_signing::Error| fault(format!("is not signed by the keys in it: {e}"));
    jws::verify(token, TYP, &configuration.jwks).map_err(refused)?;
    let kid = jws::kid(token).map_err(refused)?;
    if configuration.sub != signed.iss {
        return Err(fault("holds the configuration of another authority"));
    }
    if signed.aud != *own {
        return Err(fault(format!("is meant for `{}`, this registry is `{own}`", signed.aud)));
    }
    if signed.iss == *own {
        return Err(fault("must be of another authority"));
    }
    times(&signed, now)?;
    Ok(Verified { signed, configuration, kid })
}

/// One that was verified when it arrived.
///
/// # Errors
/// When it does not hold any more, as text for the log.
pub fn kept(token: &str) -> Result<(Signed, EntityConfiguration), String> {
    let signed = read(token).map_err(|e| e.to_string())?;
    let configuration = self_signed(&signed.configuration)?;
    Ok((signed, configuration))
}

fn times(signed: &Signed, now: Timestamp) -> Result<(), Invalid> {
    let life = i64::try_from(LIFE.as_secs()).unwrap_or(i64::MAX);
    if signed.exp <= signed.iat || signed.exp.saturating_sub(signed.iat) > life {
        return Err(fault(format!("must live for at most {life} seconds")));
    }
    if signed.iat > now.plus(SKEW).secs() {
        return Err(fault("was signed in the future: compare the clocks"));
    }
    if signed.exp <= now.secs() {
        return Err(fault("has expired: sign it again"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
