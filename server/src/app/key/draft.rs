//! From what somebody wants of keys to the event that it would be.

use charter_domain::{
    Invalid,
    event::{Change, EntityKeyAdded, EntityKeyRevoked, EvidenceRecorded, KeyAdded, KeyRetired, KeyRevoked},
    key::{self, RevocationReason},
};
use charter_signing::Algorithm;

use super::{
    internal, owner, parse_jwk,
    wish::{AddEntityKey, RecordEvidence, RetireKey, RevokeEntityKey, RevokeKey, RotateKey},
};
use crate::{
    App, Error,
    app::govern::draft::{Draft, entity},
    hosted::Tenant,
};

/// The key is made here, and is worth nothing until its event is approved.
pub async fn rotate(app: &App, tenant: &Tenant, w: &RotateKey) -> Result<Draft, Error> {
    let algorithm: Algorithm = app.config.keys.algorithm.parse().map_err(internal)?;
    let vault = tenant.vault.clone();
    let made = tokio::task::spawn_blocking(move || vault.generate(algorithm)).await.map_err(internal)?;
    let made = made.map_err(internal)?;
    let key = made.signer.key();
    let kid = key.kid().to_owned();
    let added = KeyAdded { kid: kid.clone(), jwk: key.to_jwk(), active_from: w.active_from };
    Ok(Draft { private: Some((kid, made.kept)), ..Change::KeyAdded(added).into() })
}

pub fn retire(w: &RetireKey) -> Result<Change, Invalid> {
    Ok(Change::KeyRetired(KeyRetired { kid: key::kid(&w.kid)?, from: w.from }))
}

pub fn revoke(w: &RevokeKey) -> Result<Change, Invalid> {
    Ok(Change::KeyRevoked(KeyRevoked {
        kid: key::kid(&w.kid)?,
        reason: RevocationReason::parse(&w.reason)?,
        compromised_since: w.compromised_since,
    }))
}

pub async fn add(app: &App, tenant: &Tenant, w: &AddEntityKey) -> Result<Change, Error> {
    let (kid, jwk) = parse_jwk(&w.jwk_json)?;
    Ok(Change::EntityKeyAdded(EntityKeyAdded {
        entity_id: entity(app, tenant, &w.entity_id).await?,
        kid,
        jwk,
        valid_from: w.valid_from,
        valid_until: w.valid_until,
    }))
}

pub async fn revoke_of_entity(app: &App, tenant: &Tenant, w: &RevokeEntityKey) -> Result<Change, Error> {
    Ok(Change::EntityKeyRevoked(EntityKeyRevoked {
        entity_id: entity(app, tenant, &w.entity_id).await?,
        kid: key::kid(&w.kid)?,
        reason: RevocationReason::parse(&w.reason)?,
        compromised_since: w.compromised_since,
    }))
}

pub async fn evidence(app: &App, tenant: &Tenant, w: &RecordEvidence) -> Result<Change, Error> {
    let about = owner(app, tenant.registry.id, &w.entity_id).await?;
    Ok(Change::EvidenceRecorded(EvidenceRecorded { sha256: key::sha256(&w.sha256)?, about }))
}
