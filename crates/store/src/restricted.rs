//! The restricted part of an event: about natural persons, kept beside it and erasable. The event itself holds only
//! SHA-256 over 32 random bytes and the canonical bytes, so that nothing of it can be guessed from the log.

use charter_domain::{RegistryId, json};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Error,
    schema::event_restricted,
    tx::{hex, unhex},
};

/// What approvers see of a proposal is what its event commits to: the salt is drawn when it is drafted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restricted {
    /// 32 random bytes, lower-case hex.
    salt: String,
    pub body: Value,
}

impl Restricted {
    pub fn new(body: Value) -> Self {
        Self { salt: hex(&rand::random::<[u8; 32]>()), body }
    }

    /// What the event says of it, lower-case hex.
    pub fn commitment(&self) -> Result<String, Error> {
        let bytes = json::canonical(&self.body)?;
        Ok(hex(&Sha256::new().chain_update(unhex(&self.salt)).chain_update(bytes).finalize()))
    }

    pub(crate) fn keep(&self, conn: &mut PgConnection, registry: RegistryId, seq: i64) -> Result<(), Error> {
        diesel::insert_into(event_restricted::table)
            .values((
                event_restricted::registry_id.eq(registry.0),
                event_restricted::seq.eq(seq),
                event_restricted::salt.eq(unhex(&self.salt)),
                event_restricted::body.eq(json::canonical(&self.body)?),
            ))
            .execute(conn)?;
        Ok(())
    }
}
