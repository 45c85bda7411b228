//! Credentials of the deployment, and keys and certificates of services: only SHA-256 of a secret is kept.

use std::collections::BTreeSet;

use charter_domain::{
    RegistryId, Timestamp,
    credential::CredentialKind,
    policy::Power,
    staff::{Role, StaffId},
};
use diesel::{prelude::*, sql_types};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    schema::credentials,
    statement::sql_query,
    tx,
};

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

/// As it is written in events.
pub fn hex(hash: &[u8; 32]) -> String {
    tx::hex(hash)
}

/// A key or certificate of a service, with what its owner is now.
#[derive(Debug, Clone, Deserialize)]
pub struct Credential {
    pub id: Uuid,
    pub staff_id: StaffId,
    pub credential: CredentialKind,
    pub sha256: String,
    pub scopes: BTreeSet<Power>,
    valid_until: i64,
    pub revoked: bool,
    /// The last day on which it was used, `YYYY-MM-DD`.
    pub used: Option<String>,
    pub roles: BTreeSet<Role>,
    pub service: bool,
    pub dismissed: bool,
}

impl Credential {
    pub fn valid_until(&self) -> Timestamp {
        Timestamp::from_micros(self.valid_until)
    }
}

const SQL: &str =
    "select json_build_object('id', c.credential_id, 'staff_id', c.staff_id, 'credential', c.credential,
    'sha256', c.sha256, 'scopes', c.scopes, 'valid_until', micros(c.valid_until),
    'revoked', not upper_inf(c.recorded), 'used', u.day, 'roles', s.roles, 'service', s.service,
    'dismissed', not upper_inf(s.recorded))::text as value
  from staff_credentials c join staff s using (registry_id, staff_id)
  left join credential_uses u using (registry_id, credential_id) where c.registry_id = $1";

impl Store {
    /// All there were, the latest first.
    pub async fn staff_credentials(&self, registry: RegistryId) -> Result<Vec<Credential>, Error> {
        self.read("staff_credential.list", registry, move |conn| {
            let rows: Vec<Json> = sql_query(format!("{SQL} order by lower(c.recorded) desc"))
                .bind::<sql_types::Integer, _>(registry.0)
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }

    pub async fn staff_credential_of(
        &self,
        registry: RegistryId,
        kind: CredentialKind,
        sha256: String,
    ) -> Result<Option<Credential>, Error> {
        self.read("staff_credential.get", registry, move |conn| {
            let rows: Vec<Json> = sql_query(format!("{SQL} and c.sha256 = $2 and c.credential = $3"))
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Text, _>(&sha256)
                .bind::<sql_types::Text, _>(kind.code())
                .load(conn)?;
            rows.first().map(from_json).transpose()
        })
        .await
    }

    /// Writes down the day, once for each.
    pub async fn credential_used(&self, registry: RegistryId, id: Uuid, at: Timestamp) -> Result<(), Error> {
        self.amend("staff_credential.used", registry, move |conn| {
            sql_query(
                "insert into credential_uses values ($1, $2, ($3::timestamptz at time zone 'UTC')::date)
                 on conflict (registry_id, credential_id) do update set day = excluded.day
                  where credential_uses.day < excluded.day",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Text, _>(at.to_string())
            .execute(conn)?;
            Ok(())
        })
        .await
    }
}

impl Tx<'_> {
    pub fn staff_credential(&mut self, id: Uuid) -> Result<Option<Credential>, Error> {
        let rows: Vec<Json> = sql_query(format!("{SQL} and c.credential_id = $2"))
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::Uuid, _>(id)
            .load(self.conn)?;
        rows.first().map(from_json).transpose()
    }
}
