//! What an authority says about an entity: TRQP's tuple, with when and on what ground it holds.

use charter_domain::{
    Action, AuthorityId, EntityId, HttpsId, Interval, Kind, Resource, Timestamp,
    scope::{Claim, Conditions, Jurisdiction},
};
use charter_signing::{JwkSet, Signer};
use serde::{Deserialize, Serialize};

use super::{AUTHORITY_STATEMENT, Document};
use crate::Error;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityStatement {
    /// The authority's https identifier, as in the subordinate statement about it.
    pub iss: HttpsId,
    pub authority_id: AuthorityId,
    pub sub: EntityId,
    pub iat: i64,
    pub exp: i64,
    pub kind: Kind,
    pub action: Action,
    pub resource: Resource,
    /// Empty is unrestricted, as far as the delegated scope allows that.
    pub jurisdictions: Vec<Jurisdiction>,
    pub conditions: Conditions,
    /// When the statement is in force, suspensions cut out; empty is never.
    pub valid: Vec<Interval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accreditation: Option<Accreditation>,
    /// The event that made the statement; the registry's log has it at leaf `seq - 1`.
    pub seq: i64,
}

/// The ground that the statement stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accreditation {
    pub id: String,
    pub body: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

impl Document for AuthorityStatement {
    const TYP: &'static str = AUTHORITY_STATEMENT;

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
        if self.seq < 1 {
            return Err(Error::Document("seq must be 1 or more".to_owned()));
        }
        Ok(())
    }
}

impl AuthorityStatement {
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Error> {
        super::sign(self, signer)
    }
    pub fn parse_verified(token: &str, keys: &JwkSet) -> Result<Self, Error> {
        super::parse_verified(token, keys)
    }

    /// What has to lie inside the delegated scope.
    pub fn claim(&self) -> Claim<'_> {
        Claim {
            action: &self.action,
            resource: &self.resource,
            jurisdictions: &self.jurisdictions,
            conditions: &self.conditions,
        }
    }
}
