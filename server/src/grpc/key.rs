//! `charter.registry.v1.KeyService`, and proposals about keys.

use charter_domain::Invalid;
use charter_proto::charter::registry::v1::{
    self as pb, key_service_server::KeyService, propose_request::Change,
};
use tonic::{Request, Response};

use super::{
    Doorway, Reply,
    convert::{optional_time, time},
};
use crate::{
    Error,
    app::{
        govern::wish::{
            AddEntityKey, RecordEvidence, RetireKey, RevokeEntityKey, RevokeKey, RotateKey, Wish,
        },
        key::{self, Question, View},
    },
};

pub(super) fn encode(key: View) -> pb::Key {
    pb::Key {
        kid: key.kid,
        alg: key.alg,
        jwk_json: key.jwk.to_string(),
        state: key.state.to_owned(),
        added_at: Some(time(key.added_at)),
        valid_from: Some(time(key.valid_from)),
        valid_until: key.valid_until.map(time),
        revoked_at: key.revoked_at.map(time),
        reason: key.reason.unwrap_or_default().to_owned(),
        compromised_since: key.compromised_since.map(time),
        signs: key.signs,
    }
}

#[tonic::async_trait]
impl KeyService for Doorway {
    async fn list_keys(&self, request: Request<pb::ListKeysRequest>) -> Reply<pb::ListKeysResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let entity = key::owner(&self.app, registry, &r.entity_id).await?;
        let list = key::list(&self.app, registry, entity).await?;
        Ok(Response::new(pb::ListKeysResponse { keys: list.into_iter().map(encode).collect() }))
    }

    async fn check_key(&self, request: Request<pb::CheckKeyRequest>) -> Reply<pb::CheckKeyResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let question = Question {
            entity: r.entity_id,
            kid: r.kid,
            claimed_at: optional_time("claimed_at", r.claimed_at).map_err(Error::from)?,
            sha256: r.sha256,
        };
        let checked = key::check(&self.app, registry, question).await?;
        Ok(Response::new(pb::CheckKeyResponse {
            verdict: checked.verdict.code().to_owned(),
            message: checked.verdict.text().to_owned(),
            accepted: checked.verdict == charter_domain::key::Verdict::Accepted,
            evidence_seq: checked.proof.map_or(0, |(seq, _)| seq),
            existed_at: checked.proof.map(|(_, at)| time(at)),
            evaluated_at: Some(time(checked.at)),
        }))
    }
}

/// A proposed change of keys.
pub(super) fn wish(change: Change) -> Result<Wish, Invalid> {
    let since = |at| optional_time("compromised_since", at);
    Ok(match change {
        Change::RotateKey(c) => {
            Wish::RotateKey(RotateKey { active_from: optional_time("active_from", c.active_from)? })
        }
        Change::RetireKey(c) => {
            Wish::RetireKey(RetireKey { kid: c.kid, from: optional_time("from", c.from)? })
        }
        Change::RevokeKey(c) => Wish::RevokeKey(RevokeKey {
            kid: c.kid,
            reason: c.reason,
            compromised_since: since(c.compromised_since)?,
        }),
        Change::AddEntityKey(c) => Wish::AddEntityKey(AddEntityKey {
            entity_id: c.entity_id,
            jwk_json: c.jwk_json,
            valid_from: optional_time("valid_from", c.valid_from)?,
            valid_until: optional_time("valid_until", c.valid_until)?,
        }),
        Change::RevokeEntityKey(c) => Wish::RevokeEntityKey(RevokeEntityKey {
            entity_id: c.entity_id,
            kid: c.kid,
            reason: c.reason,
            compromised_since: since(c.compromised_since)?,
        }),
        Change::RecordEvidence(c) => {
            Wish::RecordEvidence(RecordEvidence { sha256: c.sha256, entity_id: c.entity_id })
        }
        _ => return Err(Invalid::new("change", "must be one change")),
    })
}
