//! Keys and their history: which one signs at an instant, what may follow, and whether a signature counts that claims
//! to have been made at some time.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Invalid, Timestamp, govern::lifecycle::GRACE, policy::Refusal};

mod verdict;

pub use self::verdict::{Claim, Verdict, verdict};

/// Keys of a registry that are announced or active at once. A verifier takes eight in a set; half of them leaves room.
pub const MAX_USABLE: usize = 4;
/// Keys that an entity has ever had.
pub const MAX_ENTITY_KEYS: usize = 64;
const MAX_KID: usize = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RevocationReason {
    /// Somebody else has it, or may have.
    Compromised,
    /// Another took its place; what it signed before stays good.
    Superseded,
}

impl RevocationReason {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Compromised => "COMPROMISED",
            Self::Superseded => "SUPERSEDED",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "COMPROMISED" => Ok(Self::Compromised),
            "SUPERSEDED" => Ok(Self::Superseded),
            _ => Err(Invalid::new("reason", "must be COMPROMISED or SUPERSEDED")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyState {
    /// Made known ahead of its use.
    Announced,
    Active,
    Retired,
    Revoked,
}

impl KeyState {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Announced => "ANNOUNCED",
            Self::Active => "ACTIVE",
            Self::Retired => "RETIRED",
            Self::Revoked => "REVOKED",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    pub at: Timestamp,
    pub reason: RevocationReason,
    pub compromised_since: Option<Timestamp>,
}

/// A key as it is known now, with what was said of it since it was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub kid: String,
    pub jwk: Value,
    pub added_at: Timestamp,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
    pub revoked: Option<Revocation>,
}

impl Key {
    pub fn state(&self, at: Timestamp) -> KeyState {
        if self.revoked.is_some() {
            KeyState::Revoked
        } else if self.until.is_some_and(|until| until <= at) {
            KeyState::Retired
        } else if self.from > at {
            KeyState::Announced
        } else {
            KeyState::Active
        }
    }

    /// Others may meet signatures by it, now or soon.
    pub fn is_usable(&self, at: Timestamp) -> bool {
        matches!(self.state(at), KeyState::Announced | KeyState::Active)
    }

    pub fn is_compromised(&self) -> bool {
        self.revoked.is_some_and(|r| r.reason == RevocationReason::Compromised)
    }

    /// The algorithm that the public key names.
    pub fn algorithm(&self) -> &str {
        self.jwk.get("alg").and_then(Value::as_str).unwrap_or_default()
    }
}

/// The key that signs: the one most recently active. Where a revocation leaves none, the next that is announced takes
/// over at once.
pub fn signing(history: &[Key], at: Timestamp) -> Option<&Key> {
    let active = history.iter().filter(|k| k.state(at) == KeyState::Active);
    let announced = || history.iter().filter(|k| k.state(at) == KeyState::Announced);
    active.max_by_key(|k| (k.from, k.added_at)).or_else(|| announced().min_by_key(|k| (k.from, k.added_at)))
}

/// The key that signs the registry's statement about itself: the oldest in use, which verifiers have pinned longest.
pub fn vouching(history: &[Key], at: Timestamp) -> Option<&Key> {
    let active = history.iter().filter(|k| k.state(at) == KeyState::Active);
    active.min_by_key(|k| (k.from, k.added_at)).or_else(|| signing(history, at))
}

/// Another key for the registry.
pub fn may_rotate(
    history: &[Key],
    kid: &str,
    active_from: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Refusal> {
    if history.iter().any(|k| k.kid == kid) {
        return Err(Refusal::illegal(format!("key `{kid}` was added before: a key is used once")));
    }
    if active_from.is_some_and(|from| from < now.minus(GRACE)) {
        return Err(Refusal::illegal(
            "a key cannot have been active before it was added: choose a later `active_from`",
        ));
    }
    if history.iter().filter(|k| k.is_usable(now)).count() >= MAX_USABLE {
        return Err(Refusal::illegal(format!("at most {MAX_USABLE} keys at once: retire one first")));
    }
    Ok(())
}

/// The same of a registry below another: what the key signs is worth nothing before the superior states it, so it is
/// announced at least `hold_down` ahead. (Where a revocation leaves no other, an announced key takes over at once.)
pub fn held_down(active_from: Option<Timestamp>, hold_down: Duration, now: Timestamp) -> Result<(), Refusal> {
    let earliest = now.plus(hold_down);
    if active_from.unwrap_or(now) >= earliest {
        return Ok(());
    }
    Err(Refusal::illegal(format!(
        "the superior must state a key before it signs: choose an `active_from` from {earliest} on, and leave time for \
         approvals"
    )))
}

pub fn may_retire(
    history: &[Key],
    kid: &str,
    from: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let key = found(history, kid)?;
    let at = from.unwrap_or(now);
    if at < now.minus(GRACE) {
        return Err(Refusal::illegal("a key retires now or later: choose a later `from`"));
    }
    if !key.is_usable(at) {
        let state = key.state(at).code();
        return Err(Refusal::illegal(format!("key `{kid}` is {state} then: only one in use can retire")));
    }
    let remains =
        history.iter().any(|k| k.kid != kid && k.until.is_none() && k.state(at) == KeyState::Active);
    if !remains {
        return Err(Refusal::illegal(format!(
            "no other key is active at {at}: rotate first, or retire it later"
        )));
    }
    Ok(())
}

pub fn may_revoke(
    history: &[Key],
    (kid, reason, since): (&str, RevocationReason, Option<Timestamp>),
    now: Timestamp,
) -> Result<(), Refusal> {
    revocable(found(history, kid)?, reason, since, now)?;
    if history.iter().any(|k| k.kid != kid && k.until.is_none() && k.is_usable(now)) {
        return Ok(());
    }
    Err(Refusal::illegal(
        "no other key remains in use: add one first with a rotation, which may be active at once",
    ))
}

/// A key of an entity: it may be left without any.
pub fn may_add_entity_key(
    history: &[Key],
    kid: &str,
    (from, until): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
) -> Result<(), Refusal> {
    if history.iter().any(|k| k.kid == kid) {
        return Err(Refusal::illegal(format!("key `{kid}` was added before: a key is used once")));
    }
    if history.len() >= MAX_ENTITY_KEYS {
        return Err(Refusal::illegal(format!(
            "an entity has at most {MAX_ENTITY_KEYS} keys, old ones included"
        )));
    }
    let from = from.unwrap_or(now);
    if from < now.minus(GRACE) {
        return Err(Refusal::illegal("a key may not begin in the past: choose a later `valid_from`"));
    }
    if until.is_some_and(|until| until <= from) {
        return Err(Refusal::illegal("`valid_until` must be later than `valid_from`"));
    }
    Ok(())
}

pub fn may_revoke_entity_key(
    history: &[Key],
    (kid, reason, since): (&str, RevocationReason, Option<Timestamp>),
    now: Timestamp,
) -> Result<(), Refusal> {
    revocable(found(history, kid)?, reason, since, now)
}

fn found<'a>(history: &'a [Key], kid: &str) -> Result<&'a Key, Refusal> {
    let known = history.iter().find(|k| k.kid == kid);
    known.ok_or_else(|| Refusal::illegal(format!("key `{kid:.64}` is not known: look at the list of keys")))
}

/// Revoked once; after that only a compromise can be added, or found to be older.
fn revocable(
    key: &Key,
    reason: RevocationReason,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Refusal> {
    match (reason, since) {
        (RevocationReason::Compromised, None) => {
            return Err(Refusal::illegal(
                "a compromise needs `compromised_since`: the earliest it can have been",
            ));
        }
        (RevocationReason::Compromised, Some(since)) if since > now => {
            return Err(Refusal::illegal("`compromised_since` must not be in the future"));
        }
        (RevocationReason::Superseded, Some(_)) => {
            return Err(Refusal::illegal("only a compromise has `compromised_since`: leave it out"));
        }
        _ => {}
    }
    let Some(before) = key.revoked else { return Ok(()) };
    let worse = reason == RevocationReason::Compromised
        && before.compromised_since.is_none_or(|known| since.is_some_and(|since| since < known));
    if worse {
        return Ok(());
    }
    Err(Refusal::illegal(format!(
        "key `{}` is revoked already: only an earlier compromise can follow",
        key.kid
    )))
}

/// A kid as an entity may choose it: printable, without spaces.
pub fn kid(text: &str) -> Result<String, Invalid> {
    if (1..=MAX_KID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(Invalid::new("kid", format!("must be 1 to {MAX_KID} printable characters without spaces")))
}

/// SHA-256 in lower-case hex.
pub fn sha256(text: &str) -> Result<String, Invalid> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 64 && text.bytes().all(hex) {
        return Ok(text.to_owned());
    }
    Err(Invalid::new("sha256", "must be a SHA-256 in 64 lower-case hexadecimal digits"))
}

#[cfg(test)]
mod tests;
