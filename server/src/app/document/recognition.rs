//! What a recognition statement says, from what is recorded of it.

use charter_domain::{
    AuthorityId, HttpsId, Scope, Timestamp,
    scope::{Grant, Pattern},
};
use charter_proof::RecognitionStatement;
use charter_signing::JwkSet;
use charter_store::{Error, document::StatementSnapshot};

use super::{internal, valid};

/// Only for a statement with a peer; its entity is the peer, by its DID.
pub(super) fn of(
    (https, authority): (&HttpsId, &AuthorityId),
    s: &StatementSnapshot,
    (iat, exp): (Timestamp, Timestamp),
) -> Result<RecognitionStatement, Error> {
    let peer = s.peer.as_ref().ok_or_else(|| internal("the statement names no peer"))?;
    Ok(RecognitionStatement {
        iss: https.clone(),
        sub: peer.entity_identifier.clone(),
        iat: iat.secs(),
        exp: exp.secs(),
        authority_id: authority.clone(),
        peer_id: AuthorityId::parse(s.entity.as_str()).map_err(internal)?,
        jwks: JwkSet::parse(peer.jwks.to_string().as_bytes()).map_err(internal)?,
        endpoint: peer.endpoint.clone(),
        scope: scope(s)?,
        may_follow: peer.may_follow,
        one_sided: peer.one_sided,
        valid: valid(s),
        tls_spki_sha256: peer.tls_spki_sha256.clone(),
        seq: s.id,
    })
}

fn scope(s: &StatementSnapshot) -> Result<Scope, Error> {
    let grant = Grant {
        actions: vec![Pattern::parse(s.action.as_str()).map_err(internal)?],
        resources: vec![Pattern::parse(s.resource.as_str()).map_err(internal)?],
        jurisdictions: s.jurisdictions.clone(),
        conditions: s.conditions.clone(),
        may_delegate: false,
        until: None,
    };
    Scope::parse(vec![grant]).map_err(internal)
}
