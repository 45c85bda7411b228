//! The message by which a peer shows what it states of us.

use std::time::Duration;

use charter_domain::AuthorityId;
use charter_proto::charter::federation::v1 as pb;

use super::{Native, addressed, with_trace};
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
    let message = pb::GetRecognitionRequest {
        authority_id: authority.to_string(),
        peer_id: peer.to_string(),
        ..Default::default()
    };
    let mut client = native.client(endpoint)?;
    let asked = client.get_recognition(addressed(with_trace(message, within), authority));
    let reply = native.ask((endpoint, authority), within, asked).await?;
    if reply.recognition_statements.len() > MAX_STATEMENTS {
        return Err(Failure::Malformed("more recognitions than there can be".to_owned()));
    }
    Ok(reply.recognition_statements)
}
