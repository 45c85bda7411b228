//! That an authority does not say yes: why, to which question, as of when and for how long.

use std::time::Duration;

use charter_domain::{AuthorityId, HttpsId, Outcome, Reason, Timestamp};
use charter_signing::{JwkSet, Signer};
use serde::{Deserialize, Serialize};

use super::{AUTHORITY_DENIAL, Asked, Document, instant};
use crate::Error;

/// Longest life of a denial: it is evidence of a moment, and whoever needs it later asks again.
pub const MAX_LIFE: Duration = Duration::from_secs(3_600);

/// A denial, by the authority that decided. It denies that the authority has a statement in force; of another
/// authority it may only deny that a delegation leads there (see `verify_denial`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// The authority's https identifier, as in the subordinate statement about it.
    pub iss: HttpsId,
    pub authority_id: AuthorityId,
    pub iat: i64,
    /// `valid_until` in whole seconds, rounded up.
    pub exp: i64,
    pub asked: Asked,
    /// A reason of the catalogue whose outcome is no.
    pub reason: Reason,
    /// The instant decided for: the one asked about, else that of asking.
    pub as_of: Timestamp,
    /// Not included; never later than the next change of a fact that the decision used.
    pub valid_until: Timestamp,
    /// The registry's epoch when it decided.
    pub epoch: i64,
    /// How many of those events its log had published.
    pub published_size: i64,
}

impl Denial {
    /// `valid_until` as `exp` has it.
    pub fn expiry(valid_until: Timestamp) -> i64 {
        let secs = valid_until.secs();
        if instant(secs) < valid_until { secs.saturating_add(1) } else { secs }
    }

    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Error> {
        super::sign(self, signer)
    }
    pub fn parse_verified(token: &str, keys: &JwkSet) -> Result<Self, Error> {
        super::parse_verified(token, keys)
    }

    fn fault(&self) -> Option<String> {
        let life = instant(self.exp).since(instant(self.iat));
        let moment = self.asked.time.unwrap_or(self.as_of);
        let faults = [
            (self.reason.outcome() != Outcome::No, format!("`{}` is no reason for a no", self.reason)),
            (life > MAX_LIFE, format!("exp must be at most {} s later than iat", MAX_LIFE.as_secs())),
            (Self::expiry(self.valid_until) != self.exp, "exp must be valid_until, rounded up".to_owned()),
            (moment != self.as_of, "as_of must be the time asked about".to_owned()),
            (self.epoch < 0, "epoch must be 0 or more".to_owned()),
            (
                !(0..=self.epoch).contains(&self.published_size),
                "published_size must be 0 to epoch".to_owned(),
            ),
        ];
        faults.into_iter().find(|(wrong, _)| *wrong).map(|(_, text)| text)
    }
}

impl Document for Denial {
    const TYP: &'static str = AUTHORITY_DENIAL;

    fn iss(&self) -> &HttpsId {
        &self.iss
    }
    fn iat(&self) -> i64 {
        self.iat
    }
    fn exp(&self) -> i64 {
        self.exp
    }
    fn check(&self) -> Result<(), Error> {
        self.asked.check()?;
        self.fault().map_or(Ok(()), |text| Err(Error::Document(text)))
    }
}
