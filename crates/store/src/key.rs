//! Keys of a registry: public in an event, private as ciphertext beside it.

use charter_domain::{
    RegistryId,
    event::{Change, KeyAdded},
    policy::{Open, Permit},
};
use diesel::prelude::*;

use crate::{
    Error, Store, Tx,
    schema::{documents, registry_epochs, sealed_keys},
};

/// What a registry is started with, read at once.
#[derive(Debug)]
pub struct Opening {
    /// Ciphertext of the private key, if there is one yet.
    pub jwe: Option<String>,
    pub configuration: Option<String>,
    pub epoch: i64,
}

impl Store {
    pub async fn opening(&self, registry: RegistryId) -> Result<Opening, Error> {
        self.read("registry.opening", registry, move |conn| {
            Ok(Opening {
                jwe: sealed_keys::table.select(sealed_keys::jwe).first(conn).optional()?,
                configuration: documents::table
                    .find((registry.0, "configuration"))
                    .select(documents::jws)
                    .first(conn)
                    .optional()?,
                epoch: registry_epochs::table.find(registry.0).select(registry_epochs::epoch).first(conn)?,
            })
        })
        .await
    }
}

impl Tx<'_> {
    /// Keeps a new key unless the registry has one already (another server was first). True when it was kept.
    pub fn add_first_key(
        &mut self,
        permit: &Permit<Open>,
        kid: &str,
        jwk: &serde_json::Value,
        jwe: &str,
    ) -> Result<bool, Error> {
        let held: i64 = sealed_keys::table.count().get_result(self.conn)?;
        if held > 0 {
            return Ok(false);
        }
        self.record(permit, &[Change::KeyAdded(KeyAdded { kid: kid.to_owned(), jwk: jwk.clone() })])?;
        diesel::insert_into(sealed_keys::table)
            .values((
                sealed_keys::registry_id.eq(self.registry.0),
                sealed_keys::kid.eq(kid),
                sealed_keys::jwe.eq(jwe),
            ))
            .execute(self.conn)?;
        Ok(true)
    }
}
