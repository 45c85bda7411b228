//! A trust chain verified, and the metadata that its statements leave to its subject (OpenID Federation 1.0, 4 and 10.2).
//! Pure: the links and the time come from the caller. Whoever made the chain is not believed in anything.

use std::{str, time::Duration};

use charter_domain::{
    HttpsId, Interval, Timestamp,
    constraints::Constraints,
    delegation::MAX_DEPTH,
    json::parse_strict,
    metadata_policy::{Metadata, MetadataPolicy},
};
use charter_proof::document::ENTITY_STATEMENT;
use charter_signing::{JwkSet, jws};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Most superiors that are looked at of those that an entity names.
pub const MAX_HINTS: usize = 16;
/// Longest link, in bytes.
const MAX_LINK: usize = 64 * 1024;
/// How far clocks may differ.
const SKEW: Duration = Duration::from_secs(60);

type Claims = Map<String, Value>;

/// A chain that holds.
#[derive(Debug)]
pub struct Verified {
    /// Of each link: the subject's configuration first, the anchor's last.
    claims: Vec<Claims>,
    /// Keys of the subject, as its superior states them.
    pub keys: JwkSet,
    /// The instant at which the first of the links, or of the delegations that they state, is over.
    pub exp: i64,
}

/// One link whose signature holds.
struct Opened {
    claims: Claims,
    who: Who,
}

/// Claims that every link has (3.1.1). Others are read where they matter.
#[derive(Deserialize)]
struct Who {
    iss: HttpsId,
    sub: HttpsId,
    iat: i64,
    exp: i64,
    jwks: JwkSet,
}

/// Superiors that a configuration names; not verified.
pub fn hints(token: &str) -> Vec<HttpsId> {
    let payload = jws::peek(token).ok().and_then(|payload| String::from_utf8(payload).ok());
    let claims = payload.and_then(|text| parse_strict(&text).ok());
    claims.as_ref().and_then(Value::as_object).map(hints_of).unwrap_or_default()
}

fn hints_of(claims: &Claims) -> Vec<HttpsId> {
    let list = claims.get("authority_hints").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().take(MAX_HINTS).filter_map(|hint| HttpsId::parse(hint.as_str()?).ok()).collect()
}

/// Whom a configuration is about; not verified.
pub fn subject(token: &str) -> Option<HttpsId> {
    #[derive(Deserialize)]
    struct Subject {
        sub: HttpsId,
    }
    let payload = jws::peek(token).ok()?;
    serde_json::from_slice::<Subject>(&payload).ok().map(|found| found.sub)
}

/// Who made a link; not verified.
pub fn issuer(token: &str) -> Option<HttpsId> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: HttpsId,
    }
    let payload = jws::peek(token).ok()?;
    serde_json::from_slice::<Issuer>(&payload).ok().map(|found| found.iss)
}

/// Verifies links from the subject's configuration up to the anchor's, which the caller trusts.
///
/// # Errors
/// Says which link does not hold and why, in our words alone.
pub fn verify(links: &[String], now: Timestamp) -> Result<Verified, String> {
    if links.len() > usize::from(MAX_DEPTH) + 2 {
        return Err(format!("it has more than {MAX_DEPTH} statements"));
    }
    let (top, rest) = links.split_last().ok_or("it is empty")?;
    let anchor = configuration(top, None, now).map_err(|why| format!("the anchor's configuration {why}"))?;
    let mut exp = anchor.who.exp;
    let (mut issuer, mut keys) = (anchor.who.sub.clone(), anchor.who.jwks.clone());
    let (mut claims, mut met) = (vec![anchor.claims], vec![issuer.clone()]);
    if let Some((subject, statements)) = rest.split_first() {
        for statement in statements.iter().rev() {
            let link = step(statement, (&issuer, &keys), now)
                .map_err(|why| format!("the statement of `{issuer}` {why}"))?;
            if met.contains(&link.who.sub) {
                return Err(format!("it leads to `{:.200}` twice", link.who.sub.as_str()));
            }
            exp = exp.min(link.who.exp).min(in_force(&link.claims, now)?);
            (issuer, keys) = (link.who.sub.clone(), link.who.jwks);
            met.push(link.who.sub);
            claims.push(link.claims);
        }
        let link = configuration(subject, Some((&issuer, &keys)), now)
            .map_err(|why| format!("the configuration of `{issuer}` {why}"))?;
        if let Some(superior) = met.iter().rev().nth(1)
            && !hints_of(&link.claims).contains(superior)
        {
            return Err(format!("`{issuer}` does not name `{superior}` as its superior"));
        }
        exp = exp.min(link.who.exp);
        claims.push(link.claims);
    }
    claims.reverse();
    let verified = Verified { claims, keys, exp };
    constrained(&verified, &met)?;
    Ok(verified)
}

fn open(token: &str, keys: &JwkSet, now: Timestamp) -> Result<Opened, String> {
    if token.len() > MAX_LINK {
        return Err(format!("is longer than {MAX_LINK} bytes"));
    }
    let payload = jws::verify(token, ENTITY_STATEMENT, keys).map_err(|e| format!("does not count: {e}"))?;
    let text = str::from_utf8(&payload).map_err(|_| "is not UTF-8")?;
    let Ok(Value::Object(claims)) = parse_strict(text) else {
        return Err("is no object of JSON in which every member stands once".to_owned());
    };
    let who: Who = serde_json::from_value(Value::Object(claims.clone()))
        .map_err(|_| "lacks iss, sub, iat, exp or jwks, or has them in another form")?;
    if who.iat > now.plus(SKEW).secs() {
        return Err("was issued in the future".to_owned());
    }
    if who.exp <= now.secs() {
        return Err("has expired".to_owned());
    }
    // 3.1.1: claims that are critical are none of the standard's, and no others are understood.
    if claims.contains_key("crit") {
        return Err("has claims that must be understood and are not".to_owned());
    }
    Ok(Opened { claims, who })
}

/// What an entity says of itself: signed with a key that it lists, and that its superior lists, where it has one.
fn configuration(token: &str, stated: Option<(&HttpsId, &JwkSet)>, now: Timestamp) -> Result<Opened, String> {
    #[derive(Deserialize)]
    struct Keys {
        jwks: JwkSet,
    }
    let payload = jws::peek(token).map_err(|e| format!("does not count: {e}"))?;
    let listed: Keys = serde_json::from_slice(&payload).map_err(|_| "lists no keys")?;
    let link = open(token, &listed.jwks, now)?;
    if link.who.iss != link.who.sub {
        return Err("is about somebody else".to_owned());
    }
    for own in ["constraints", "metadata_policy", "metadata_policy_crit"] {
        if link.claims.contains_key(own) {
            return Err(format!("has {own}, which only a statement may have"));
        }
    }
    if let Some((id, keys)) = stated {
        if link.who.sub != *id {
            return Err("is about somebody else".to_owned());
        }
        jws::verify(token, ENTITY_STATEMENT, keys)
            .map_err(|_| "is not signed with a key that its superior states")?;
    }
    Ok(link)
}

/// What an issuer says of a subordinate.
fn step(token: &str, (issuer, keys): (&HttpsId, &JwkSet), now: Timestamp) -> Result<Opened, String> {
    let link = open(token, keys, now)?;
    if link.who.iss != *issuer {
        return Err("is of another issuer".to_owned());
    }
    if link.claims.contains_key("authority_hints") {
        return Err("has authority_hints, which only a configuration may have".to_owned());
    }
    Ok(link)
}

/// Until when a delegation of ours is in force: such a statement may outlive what it states.
fn in_force(claims: &Claims, now: Timestamp) -> Result<i64, String> {
    let stated = claims.get("metadata").and_then(|metadata| metadata.get("trust_registry"));
    let Some(valid) = stated.and_then(|stated| stated.get("valid")) else { return Ok(i64::MAX) };
    let valid: Vec<Interval> = serde_json::from_value(valid.clone())
        .map_err(|_| "a delegation says in another form when it is valid")?;
    let current = valid.into_iter().find(|interval| interval.contains(now));
    let current = current.ok_or("a delegation is not in force now")?;
    Ok(current.until.map_or(i64::MAX, Timestamp::secs))
}

/// The constraints of each statement, for everybody below its issuer. `met` has the entities from the anchor down.
fn constrained(chain: &Verified, met: &[HttpsId]) -> Result<(), String> {
    let below: Vec<&HttpsId> = met.iter().skip(1).collect();
    // From the top down: the subjects of the statement and of those below it.
    for (n, statement) in chain.statements().rev().enumerate() {
        let Some(claim) = statement.get("constraints") else { continue };
        let set = Constraints::parse(claim).map_err(|e| e.to_string())?;
        set.check(below.get(n..).unwrap_or_default()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

impl Verified {
    /// Those of the subject's superior first.
    fn statements(&self) -> impl DoubleEndedIterator<Item = &Claims> + ExactSizeIterator {
        let inner = self.claims.len().saturating_sub(1);
        self.claims.get(1..inner.max(1)).unwrap_or_default().iter()
    }

    /// The subject's metadata: with what its superior gives it, without the types that are not allowed, after the policy
    /// of the whole chain.
    ///
    /// # Errors
    /// Says which metadata or which policies are wrong, or contradict each other.
    pub fn metadata(&self) -> Result<Metadata, String> {
        let subject = self.claims.first().and_then(|claims| claims.get("metadata"));
        let mut metadata = subject.map_or_else(|| Ok(Metadata::new()), sound)?;
        if let Some(given) = self.statements().next().and_then(|direct| direct.get("metadata")) {
            for (kind, given) in sound(given)? {
                if let (Some(Value::Object(held)), Value::Object(given)) = (metadata.get_mut(&kind), given) {
                    held.extend(given);
                }
            }
        }
        for claim in self.statements().filter_map(|statement| statement.get("constraints")) {
            Constraints::parse(claim).map_err(|e| e.to_string())?.strip(&mut metadata);
        }
        let top_down: Vec<&Claims> = self.statements().rev().collect();
        let policy = MetadataPolicy::resolve(&top_down).map_err(|e| e.to_string())?;
        policy.apply(&mut metadata).map_err(|e| e.to_string())?;
        Ok(metadata)
    }
}

/// Metadata has an object for each type, and no null (5).
fn sound(claim: &Value) -> Result<Metadata, String> {
    let kinds = claim.as_object().ok_or("`metadata` must be an object")?;
    let good = |kind: &Value| kind.as_object().is_some_and(|kind| !kind.values().any(Value::is_null));
    if kinds.values().all(good) {
        return Ok(kinds.clone());
    }
    Err("`metadata` must have an object for each entity type, without null".to_owned())
}

#[cfg(test)]
mod tests;
