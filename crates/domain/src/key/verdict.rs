//! Whether a signature counts that says when it was made. Anybody who has a key can write any time into what they
//! sign, so a claimed time counts only while the key is good, or if something else proves it.

use std::time::Duration;

use super::{Key, KeyState, RevocationReason};
use crate::Timestamp;

/// How far a signer's clock may be ahead of ours.
const SKEW: Duration = Duration::from_secs(60);

/// What is said of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Claim {
    /// When it says it was made; now when it does not say.
    pub signed_at: Option<Timestamp>,
    /// It is proven to have existed at this instant.
    pub existed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    UnknownKey,
    /// Claimed to be made in the future.
    ClaimedLater,
    /// Existed before the time at which it claims to have been made.
    ClaimRefuted,
    NotYetValid,
    /// Made after the key's time.
    Expired,
    /// Claims a time at which the key was in use; nothing proves that it existed then.
    ExpiredUnproven,
    Revoked,
    RevokedUnproven,
    /// Not proven to have existed before the key was compromised: the proof is of a later time.
    Compromised,
    /// Nothing proves that it existed before the key was compromised.
    CompromisedUnproven,
}

impl Verdict {
    pub const ALL: [Self; 11] = [
        Self::Accepted,
        Self::UnknownKey,
        Self::ClaimedLater,
        Self::ClaimRefuted,
        Self::NotYetValid,
        Self::Expired,
        Self::ExpiredUnproven,
        Self::Revoked,
        Self::RevokedUnproven,
        Self::Compromised,
        Self::CompromisedUnproven,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::UnknownKey => "UNKNOWN_KEY",
            Self::ClaimedLater => "CLAIMED_LATER",
            Self::ClaimRefuted => "CLAIM_REFUTED",
            Self::NotYetValid => "NOT_YET_VALID",
            Self::Expired => "EXPIRED",
            Self::ExpiredUnproven => "EXPIRED_UNPROVEN",
            Self::Revoked => "REVOKED",
            Self::RevokedUnproven => "REVOKED_UNPROVEN",
            Self::Compromised => "COMPROMISED",
            Self::CompromisedUnproven => "COMPROMISED_UNPROVEN",
        }
    }

    /// What it means, for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Accepted => "the key was good for this signature",
            Self::UnknownKey => "this key is not known of this party",
            Self::ClaimedLater => "it claims to be made in the future",
            Self::ClaimRefuted => "it existed before the time at which it claims to be made",
            Self::NotYetValid => "it was made before the key was valid",
            Self::Expired => "it was made after the key was retired",
            Self::ExpiredUnproven => "the key is retired; nothing proves that the signature is older",
            Self::Revoked => "it was made after the key was revoked",
            Self::RevokedUnproven => "the key is revoked; nothing proves that the signature is older",
            Self::Compromised => "the key was compromised before the signature is proven to have existed",
            Self::CompromisedUnproven => {
                "the key is compromised; nothing proves that the signature is older than that"
            }
        }
    }
}

/// `history` holds the keys of one party, as they are known now.
pub fn verdict(history: &[Key], kid: &str, claim: Claim, now: Timestamp) -> Verdict {
    let Some(key) = history.iter().find(|k| k.kid == kid) else { return Verdict::UnknownKey };
    let signed = claim.signed_at.unwrap_or(now);
    if signed > now.plus(SKEW) {
        return Verdict::ClaimedLater;
    }
    // A proof from the future is none.
    let existed = claim.existed_at.filter(|at| *at <= now);
    if claim.signed_at.is_some_and(|signed| existed.is_some_and(|existed| existed.plus(SKEW) < signed)) {
        return Verdict::ClaimRefuted;
    }
    // Not made after it existed: of the two the earlier is nearer to the truth.
    let made = existed.map_or(signed, |existed| existed.min(signed));
    if made < key.from {
        return Verdict::NotYetValid;
    }
    match key.state(now) {
        KeyState::Announced => Verdict::NotYetValid,
        KeyState::Active => Verdict::Accepted,
        KeyState::Retired | KeyState::Revoked => after_its_time(key, made, existed),
    }
}

/// Of a key that is good no longer, only what is proven to have existed while it was.
fn after_its_time(key: &Key, made: Timestamp, existed: Option<Timestamp>) -> Verdict {
    let (end, late, unproven) = end(key);
    match existed {
        Some(existed) if existed < end => Verdict::Accepted,
        Some(_) => late,
        None if made >= end && !key.is_compromised() => late,
        None => unproven,
    }
}

/// From when on the key is good no longer, and what to say of signatures after it.
fn end(key: &Key) -> (Timestamp, Verdict, Verdict) {
    let retired = key.until.map(|until| (until, Verdict::Expired, Verdict::ExpiredUnproven));
    let revoked = key.revoked.map(|r| match r.reason {
        RevocationReason::Superseded => (r.at, Verdict::Revoked, Verdict::RevokedUnproven),
        // A compromise without a date has no time before it.
        RevocationReason::Compromised => {
            let since = r.compromised_since.unwrap_or(Timestamp::BEGINNING);
            (since.min(r.at), Verdict::Compromised, Verdict::CompromisedUnproven)
        }
    });
    match (retired, revoked) {
        // A compromise is said first, whatever else is true; but no proof reaches beyond the key's own time.
        (Some(retired), Some(revoked)) if key.is_compromised() => {
            (retired.0.min(revoked.0), revoked.1, revoked.2)
        }
        (retired, revoked) => {
            let none = (Timestamp::BEGINNING, Verdict::Revoked, Verdict::RevokedUnproven);
            [retired, revoked].into_iter().flatten().min_by_key(|e| e.0).unwrap_or(none)
        }
    }
}
