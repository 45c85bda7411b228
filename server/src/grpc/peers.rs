//! `FederationService.ListPeers`: whom an authority has delegated to, as gRPC shows it.

use std::time::Duration;

use charter_domain::{AuthorityId, delegation::MAX_DEPTH};
use charter_federation::peers::{Page, Peer, Peers};
use charter_proto::charter::federation::v1 as pb;
use tonic::Response;

use super::{Doorway, Reply, convert, federation::authorities};
use crate::{Error, app::peers, door::Here};

pub(super) async fn list(
    door: &Doorway,
    here: &Here,
    r: pb::ListPeersRequest,
) -> Reply<pb::ListPeersResponse> {
    let registry = door.named(here, &r.authority_id)?;
    let via = authorities("via", &r.via, usize::from(MAX_DEPTH)).map_err(Error::from)?;
    let page = Page {
        only: optional("subordinate_id", &r.subordinate_id)?,
        after: optional("after_id", &r.after_id)?,
        size: usize::try_from(r.page_size).ok(),
    };
    let found = peers::of(&door.app, registry, &via, &page, here.deadline).await?;
    Ok(Response::new(encode(found)))
}

fn optional(field: &str, text: &str) -> Result<Option<AuthorityId>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(AuthorityId::parse(text).map_err(|e| e.at(field))?))
}

fn encode(found: Peers) -> pb::ListPeersResponse {
    pb::ListPeersResponse {
        authority_id: found.authority.to_string(),
        name: found.name,
        public_url: found.public_url,
        epoch: found.epoch,
        authority_hints: found.superiors.into_iter().map(String::from).collect(),
        peers: found.list.into_iter().map(peer).collect(),
        more: found.more,
        published_size: found.published,
    }
}

fn peer(p: Peer) -> pb::Peer {
    let millis = |d: Option<Duration>| d.map_or(-1, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
    pb::Peer {
        subordinate_id: p.authority.into(),
        entity_identifier: p.entity_identifier.into(),
        endpoint: p.endpoint,
        state: p.state.code().to_owned(),
        valid_until: p.valid_until.map(convert::time),
        scope: p.scope,
        answers_as_own: p.answers_as_own,
        hosted: p.heard.hosted,
        epoch: p.heard.epoch,
        heard_ms: millis(p.heard.ago),
        failures: p.heard.failures,
        last_failure: p.heard.last_failure,
        doubted: p.doubted,
        rests_ms: millis(p.heard.rests),
        fed: p.heard.fed,
        tls_spki_sha256: p.stated.iter().map(ToString::to_string).collect(),
        announced_tls_spki_sha256: p.announced.iter().map(ToString::to_string).collect(),
        published_size: p.heard.published,
    }
}
