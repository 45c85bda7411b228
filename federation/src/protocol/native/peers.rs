//! Whom another authority has delegated to, asked and parsed.

use std::time::Duration;

use charter_domain::{AuthorityId, HttpsId, Reason, SpkiPins};
use charter_proto::charter::federation::v1 as pb;
use futures::future::BoxFuture;

use super::{Failure, Native, PeerEndpoint, addressed, resolve::time, timed};
use crate::peers::{Heard, MAX_PEERS, MAX_SCOPE, Page, Peer, Peers};

/// As long as it may take at most; a page of the federation waits for it.
const LONGEST: Duration = Duration::from_millis(800);
/// Most superiors that a configuration may name.
const MAX_HINTS: usize = 8;
/// Longest name, URL or code that is taken over, in characters.
const MAX_TEXT: usize = 2_048;

impl Native {
    /// Whom the authority that `via` leads to from `authority` has delegated to. Nothing of it is proven.
    pub async fn peers(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        via: &[AuthorityId],
        page: &Page,
        left: Duration,
    ) -> Result<Peers, Failure> {
        let left = left.min(LONGEST);
        let text = |id: &Option<AuthorityId>| id.as_ref().map(ToString::to_string).unwrap_or_default();
        let message = &pb::ListPeersRequest {
            authority_id: String::new(),
            via: via.iter().map(ToString::to_string).collect(),
            subordinate_id: text(&page.only),
            after_id: text(&page.after),
            page_size: u32::try_from(page.size()).unwrap_or_default(),
        };
        let ask = move |to: PeerEndpoint, left: Duration| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let mut client = self.client(&to)?;
                let asked = client.list_peers(addressed(timed(message.clone(), left), authority));
                self.ask((&to, authority), left, asked).await
            })
        };
        let reply = self.over((endpoint, authority), left, ask).await?;
        let found = decode(&reply).map_err(Failure::Malformed)?;
        if found.authority != *via.last().unwrap_or(authority) {
            return Err(Failure::Malformed("another authority than was asked for".to_owned()));
        }
        Ok(found)
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Negative for none.
fn millis(n: i64) -> Option<Duration> {
    u64::try_from(n).ok().map(Duration::from_millis)
}

fn https(text: &str) -> Result<HttpsId, String> {
    HttpsId::parse(text).map_err(|e| e.to_string())
}

fn authority(text: &str) -> Result<AuthorityId, String> {
    AuthorityId::parse(text).map_err(|e| e.to_string())
}

fn pins(texts: &[String]) -> Result<SpkiPins, String> {
    SpkiPins::parse(texts).map_err(|e| e.to_string())
}

fn decode(reply: &pb::ListPeersResponse) -> Result<Peers, String> {
    if reply.peers.len() > MAX_PEERS || reply.authority_hints.len() > MAX_HINTS {
        return Err("more delegations or superiors than a page may have".to_owned());
    }
    Ok(Peers {
        authority: authority(&reply.authority_id)?,
        name: cut(&reply.name, MAX_TEXT),
        public_url: cut(&reply.public_url, MAX_TEXT),
        epoch: reply.epoch,
        published: reply.published_size,
        superiors: reply.authority_hints.iter().map(|h| https(h)).collect::<Result<_, _>>()?,
        list: reply.peers.iter().map(peer).collect::<Result<_, _>>()?,
        more: reply.more,
    })
}

fn peer(p: &pb::Peer) -> Result<Peer, String> {
    Ok(Peer {
        authority: authority(&p.subordinate_id)?,
        entity_identifier: https(&p.entity_identifier)?,
        endpoint: cut(&p.endpoint, MAX_TEXT),
        state: Reason::parse(&p.state).ok_or_else(|| format!("unknown state `{:.64}`", p.state))?,
        valid_until: time(p.valid_until),
        scope: cut(&p.scope, MAX_SCOPE),
        answers_as_own: p.answers_as_own,
        stated: pins(&p.tls_spki_sha256)?,
        announced: pins(&p.announced_tls_spki_sha256)?,
        heard: Heard {
            hosted: p.hosted,
            epoch: p.epoch,
            published: p.published_size,
            ago: millis(p.heard_ms),
            fed: p.fed,
            failures: p.failures,
            last_failure: cut(&p.last_failure, 32),
            rests: millis(p.rests_ms),
        },
        doubted: p.doubted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(count: usize) -> pb::ListPeersResponse {
        let peer = |n: usize| pb::Peer {
            subordinate_id: format!("did:web:n{n}.example"),
            entity_identifier: format!("https://n{n}.example"),
            state: "SUSPENDED".to_owned(),
            scope: "x".repeat(10_000),
            heard_ms: -1,
            rests_ms: 1_500,
            ..Default::default()
        };
        pb::ListPeersResponse {
            authority_id: "did:web:root.example".to_owned(),
            name: "<script>".repeat(2_000),
            peers: (0..count).map(peer).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn what_a_peer_says_is_parsed_and_bounded() {
        let found = decode(&reply(2)).expect("understood");
        assert_eq!((found.name.len(), found.list[1].scope.len()), (MAX_TEXT, MAX_SCOPE));
        assert_eq!((found.list[0].state, found.list[0].heard.ago), (Reason::Suspended, None));
        assert_eq!(found.list[0].heard.rests, Some(Duration::from_millis(1_500)));
        assert!(decode(&reply(MAX_PEERS + 1)).is_err(), "more than were asked for");
        let mut strange = reply(1);
        strange.peers[0].state = "SOMETHING".to_owned();
        assert!(decode(&strange).is_err());
        let mut nobody = reply(1);
        nobody.peers[0].subordinate_id = "nobody".to_owned();
        assert!(decode(&nobody).is_err());
    }
}
