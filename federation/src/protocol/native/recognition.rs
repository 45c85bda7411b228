//! The message by which a peer shows what it states of us.

use std::time::Duration;

use charter_domain::AuthorityId;
use charter_proto::charter::federation::v1 as pb;
use futures::future::BoxFuture;

use super::{Native, addressed, timed};
use crate::protocol::{Failure, PeerEndpoint};

/// Recognitions of one peer: one for each action and resource.
const MAX_STATEMENTS: usize = 64;

/// Asks `authority` what it states of `peer`.
pub(super) async fn shown(
    native: &Native,
    endpoint: &PeerEndpoint,
    (authority, peer): (&AuthorityId, &AuthorityId),
    within: Duration,
) -> Result<Vec<String>, Failure> {
    let message = &pb::GetRecognitionRequest {
        authority_id: authority.to_string(),
        peer_id: peer.to_string(),
        ..Default::default()
    };
    let ask = move |to: PeerEndpoint, left: Duration| -> BoxFuture<'_, _> {
        Box::pin(async move {
            let mut client = native.client(&to)?;
            let asked = client.get_recognition(addressed(timed(message.clone(), left), authority));
            native.ask((&to, authority), left, asked).await
        })
    };
    let reply = native.over((endpoint, authority), within, ask).await?;
    if reply.recognition_statements.len() > MAX_STATEMENTS {
        return Err(Failure::Malformed("more recognitions than there can be".to_owned()));
    }
    Ok(reply.recognition_statements)
}
