//! The claims of an access token (RFC 7519, 4.1; RFC 9068, 2.2): parsed once, checked against one provider.

use std::time::Duration;

use charter_domain::Timestamp;
use serde::Deserialize;

use super::{Identity, refused};
use crate::{Error, config};

/// How far the provider's clock may be from ours (RFC 7519, 4.1.4: a few minutes at most).
const SKEW: Duration = Duration::from_secs(60);
const MAX_SUBJECT: usize = 255;

/// Other claims are ignored; one of these twice is refused by the derived parser.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<Date>,
    nbf: Option<Date>,
    iat: Option<Date>,
    acr: Option<String>,
    auth_time: Option<Date>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// RFC 7519, 2: seconds since the epoch, which may have a fraction.
#[derive(Deserialize)]
#[serde(try_from = "serde_json::Number")]
struct Date(Timestamp);

impl TryFrom<serde_json::Number> for Date {
    type Error = &'static str;

    fn try_from(secs: serde_json::Number) -> Result<Self, &'static str> {
        if let Some(secs) = secs.as_i64() {
            return Ok(Self(Timestamp::from_secs(secs)));
        }
        let secs = secs.as_f64().ok_or("a date must be a number of seconds")?;
        // The cast saturates.
        Ok(Self(Timestamp::from_micros((secs * 1e6) as i64)))
    }
}

impl Date {
    const fn at(&self) -> Timestamp {
        self.0
    }
}

fn parse(payload: &[u8]) -> Result<Claims, Error> {
    serde_json::from_slice(payload)
        .map_err(|_| refused("the claims of the bearer token are not those of a JWT; use an access token"))
}

/// Whose token it claims to be.
pub(super) fn unverified_issuer(token: &str) -> Result<String, Error> {
    let payload = charter_signing::jws::peek(token)
        .map_err(|_| refused("the bearer token is not a signed JWT; use an access token in JWT form"))?;
    Ok(parse(&payload)?.iss)
}

/// Who the verified claims speak for.
pub(super) fn identity(payload: &[u8], config: &config::Oidc, now: Timestamp) -> Result<Identity, Error> {
    let claims = parse(payload)?;
    if claims.iss != config.issuer {
        return Err(refused("the bearer token is of another issuer"));
    }
    let meant = match &claims.aud {
        Some(Audience::One(aud)) => *aud == config.audience,
        Some(Audience::Many(list)) => list.contains(&config.audience),
        None => false,
    };
    if !meant {
        let audience = &config.audience;
        return Err(refused(format!(
            "the bearer token is for another service; ask for audience `{audience}`"
        )));
    }
    let expires = in_time(&claims, now)?;
    let subject = claims.sub.filter(|sub| is_subject(sub)).ok_or_else(|| {
        refused(format!(
            "the bearer token needs a `sub` of 1 to {MAX_SUBJECT} bytes without control characters"
        ))
    })?;
    let recent = claims.auth_time.as_ref().is_none_or(|at| is_recent(at.at(), config, now));
    let stepped_up = recent && claims.acr.is_some_and(|acr| config.approve_acr.contains(&acr));
    Ok(Identity { issuer: claims.iss, subject, stepped_up, expires })
}

fn in_time(claims: &Claims, now: Timestamp) -> Result<Timestamp, Error> {
    let expires = claims.exp.as_ref().map(Date::at);
    let expires = expires.ok_or_else(|| refused("the bearer token has no `exp`; use one that expires"))?;
    if expires <= now.minus(SKEW) {
        return Err(refused("the bearer token has expired; get a new one"));
    }
    let latest = now.plus(SKEW);
    if [&claims.nbf, &claims.iat].into_iter().flatten().any(|date| date.at() > latest) {
        return Err(refused("the bearer token is not valid yet; compare the provider's clock with ours"));
    }
    Ok(expires)
}

/// RFC 9470, 4: a provider that says when it authenticated them is held to it.
fn is_recent(at: Timestamp, config: &config::Oidc, now: Timestamp) -> bool {
    let oldest = Duration::from_secs(config.step_up_max_age_secs).saturating_add(SKEW);
    at <= now.plus(SKEW) && now.since(at) <= oldest
}

fn is_subject(sub: &str) -> bool {
    (1..=MAX_SUBJECT).contains(&sub.len()) && !sub.chars().any(char::is_control)
}
