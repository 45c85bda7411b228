//! Credentials of the deployment: only the SHA-256 of a token is kept.

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use crate::{Error, Store, schema::credentials};

impl Store {
    /// Hashes of the tokens that hold a role.
    pub async fn credentials(&self, role: &'static str) -> Result<Vec<[u8; 32]>, Error> {
        self.read_shared("credential.list", move |conn| {
            let rows: Vec<Vec<u8>> = credentials::table
                .filter(credentials::role.eq(role))
                .select(credentials::sha256)
                .load(conn)?;
            Ok(rows.into_iter().filter_map(|r| r.try_into().ok()).collect())
        })
        .await
    }

    pub async fn add_credential(&self, role: &'static str, token: &str) -> Result<(), Error> {
        let hash = hash(token);
        self.interact("credential.add", move |conn| {
            diesel::insert_into(credentials::table)
                .values((credentials::sha256.eq(hash.to_vec()), credentials::role.eq(role)))
                .on_conflict_do_nothing()
                .execute(conn)?;
            Ok(())
        })
        .await
    }
}

pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
