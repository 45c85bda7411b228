//! Keys and certificates by which services sign in: never a person, never for longer than a year, and never for more
//! than their owner's roles give.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Invalid, Timestamp,
    policy::{Power, Refusal, Right, action, rights},
    staff::Role,
};

/// Longest life of a credential; a new one is proposed in time.
pub const MAX_LIFE: Duration = Duration::from_secs(366 * 86_400);
/// What every key begins with, so that one that leaked is recognised wherever it turns up.
pub const KEY_PREFIX: &str = "charter_";
/// 256 random bits in base64url without padding.
const KEY_SECRET: usize = 43;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CredentialKind {
    /// A secret, sent as a bearer token.
    ApiKey,
    /// A client certificate, known by its public key.
    Certificate,
}

impl CredentialKind {
    pub const ALL: [Self; 2] = [Self::ApiKey, Self::Certificate];

    pub const fn code(self) -> &'static str {
        match self {
            Self::ApiKey => "API_KEY",
            Self::Certificate => "CERTIFICATE",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|k| k.code() == text);
        known.ok_or_else(|| Invalid::new("credential", "must be API_KEY or CERTIFICATE"))
    }
}

/// Whether a bearer token is meant as a key of ours, and well-formed.
pub fn is_key(token: &str) -> bool {
    token.strip_prefix(KEY_PREFIX).is_some_and(|secret| {
        secret.len() == KEY_SECRET && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    })
}

/// SHA-256 in lower-case hex, as events have it.
pub fn fingerprint(text: &str) -> Result<String, Invalid> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 64 && text.bytes().all(hex) {
        return Ok(text.to_owned());
    }
    Err(Invalid::new("sha256", "must be 64 lower-case hexadecimal digits"))
}

/// At least one thing that it is for.
pub fn scopes(codes: &[String]) -> Result<BTreeSet<Power>, Invalid> {
    let scopes = codes.iter().map(|code| Power::parse(code)).collect::<Result<BTreeSet<_>, _>>()?;
    if scopes.is_empty() {
        return Err(Invalid::new("scopes", "must name what the credential is for, such as `READ_PROPOSALS`"));
    }
    Ok(scopes)
}

/// Somebody with these roles may do all of it, and without step-up: a service has no second factor.
pub fn within(roles: &BTreeSet<Role>, scopes: &BTreeSet<Power>) -> Result<(), Refusal> {
    let given = |power: &Power| match *power {
        Power::Propose(measure) => {
            !measure.takes_step_up() && roles.iter().any(|role| rights::may(*role, Right::Propose, measure))
        }
        Power::Act(act) => !act.needs_step_up() && roles.iter().any(|role| action::may(*role, act)),
    };
    let Some(power) = scopes.iter().find(|power| !given(power)) else { return Ok(()) };
    let code = power.code();
    Err(Refusal::Illegal(format!(
        "the roles of its owner give no service `{code}`: leave it out, or appoint a service with other roles"
    )))
}

/// In the future, and at most [`MAX_LIFE`] away.
pub fn life(valid_until: Timestamp, now: Timestamp) -> Result<(), Invalid> {
    if now < valid_until && valid_until <= now.plus(MAX_LIFE) {
        return Ok(());
    }
    Err(Invalid::new("valid_until", "must be in the future, and at most a year away"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_prefix_and_256_bits() {
        assert!(is_key(&format!("charter_{}", "A".repeat(43))));
        for bad in ["charter_", "Charter_", "charter"] {
            assert!(!is_key(&format!("{bad}{}", "A".repeat(42))), "{bad}");
        }
        assert!(!is_key(&format!("charter_{}", "=".repeat(43))));
        assert!(!is_key(&"A".repeat(51)));
    }

    #[test]
    fn a_credential_lives_a_year_at_most_and_is_for_something() {
        let now = Timestamp::from_secs(1_000);
        assert!(life(now.plus(MAX_LIFE), now).is_ok());
        assert!(life(now.plus(MAX_LIFE).plus(Duration::from_secs(1)), now).is_err());
        assert!(life(now, now).is_err(), "it would be over already");
        assert!(scopes(&[]).is_err());
        assert!(scopes(&["EVERYTHING".to_owned()]).is_err());
        assert_eq!(scopes(&["SUSPEND".to_owned(), "SUSPEND".to_owned()]).map(|s| s.len()), Ok(1));
    }

    #[test]
    fn scopes_are_within_the_roles_and_need_no_second_factor() {
        let roles = [Role::Officer, Role::Operator].into();
        let asks = |code: &str| {
            let scopes = scopes(&[code.to_owned()]).expect("a code");
            within(&roles, &scopes).is_ok()
        };
        for good in ["SUSPEND", "READ_PROPOSALS", "READ_CREDENTIALS"] {
            assert!(asks(good), "{good}");
        }
        for bad in ["APPOINT", "DELEGATE", "READ_ACCESSES", "MANAGE_WEBHOOKS", "REVOKE_CREDENTIAL"] {
            assert!(!asks(bad), "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_is_written_in_one_way() {
        assert!(fingerprint(&"0a".repeat(32)).is_ok());
        for bad in ["0A".repeat(32), "0a".repeat(31), "0g".repeat(32)] {
            assert!(fingerprint(&bad).is_err(), "{bad}");
        }
    }
}
