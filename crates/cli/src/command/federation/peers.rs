//! `charter federation peers`.

use std::collections::BTreeSet;

use charter_domain::AuthorityId;
use charter_proto::charter::federation::v1 as pb;
use serde::Serialize;
use tonic::metadata::AsciiMetadataValue;

use super::listed;
use crate::{
    args::{Connection, ListFormat},
    connect::Server,
    exit::{Exit, Failure},
    output,
};

const HEADINGS: [&str; 10] = [
    "RELATION",
    "AUTHORITY",
    "STATE",
    "SCOPE",
    "VALID UNTIL",
    "EPOCH",
    "PUBLISHED",
    "HEARD",
    "FAILURES",
    "ENDPOINT",
];
/// Epochs that one call asks for.
const AT_ONCE: usize = 64;

/// Public: members are added, never renamed. A superior is named by its OpenID Federation id and has nothing else.
#[derive(Default, Serialize)]
struct View {
    relation: &'static str,
    id: String,
    state: String,
    scope: String,
    valid_until: Option<String>,
    epoch: Option<i64>,
    published_size: Option<i64>,
    heard_ms: Option<i64>,
    hosted: bool,
    fed: bool,
    failures: u32,
    last_failure: String,
    rests_ms: Option<i64>,
    doubted: bool,
    tls_spki_sha256: Vec<String>,
    /// Differs from the above where the delegation is to be corrected, or another answers; empty where it is not known.
    announced_tls_spki_sha256: Vec<String>,
    endpoint: String,
}

impl From<pb::Peer> for View {
    fn from(p: pb::Peer) -> Self {
        let known = |n: i64| (n >= 0).then_some(n);
        Self {
            relation: "subordinate",
            id: p.subordinate_id,
            state: p.state,
            scope: p.scope,
            valid_until: output::time(p.valid_until),
            epoch: known(p.epoch),
            published_size: known(p.published_size),
            heard_ms: known(p.heard_ms),
            hosted: p.hosted,
            fed: p.fed,
            failures: p.failures,
            last_failure: p.last_failure,
            rests_ms: known(p.rests_ms),
            doubted: p.doubted,
            tls_spki_sha256: p.tls_spki_sha256,
            announced_tls_spki_sha256: p.announced_tls_spki_sha256,
            endpoint: p.endpoint,
        }
    }
}

impl View {
    fn row(&self) -> Vec<String> {
        let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
        let below = self.relation == "subordinate";
        let seconds = |ms: i64| format!("{}.{} s", ms / 1_000, ms % 1_000 / 100);
        let by = match (self.hosted, self.fed) {
            (true, _) => "",
            (false, true) => ", by its feed",
            (false, false) => ", by poll",
        };
        let heard = self.heard_ms.map(|ms| format!("{} ago{by}", seconds(ms)));
        let again = self.rests_ms.map(|ms| format!(", asked again in {}", seconds(ms))).unwrap_or_default();
        let failures = match self.last_failure.as_str() {
            "" if below => self.failures.to_string(),
            "" => String::new(),
            last => format!("{} {last}{again}", self.failures),
        };
        let doubted = if self.doubted { ", doubted" } else { "" };
        let other = other_keys(&self.tls_spki_sha256, &self.announced_tls_spki_sha256);
        let state =
            format!("{}{doubted}{}", self.state, if other { ", announces other TLS keys" } else { "" });
        vec![
            self.relation.to_owned(),
            self.id.clone(),
            state,
            self.scope.clone(),
            self.valid_until.clone().unwrap_or_default(),
            number(self.epoch),
            number(self.published_size),
            heard.unwrap_or_default(),
            failures,
            self.endpoint.clone(),
        ]
    }
}

/// Whether the keys that a subordinate announces are known, and others than the delegation states.
pub(super) fn other_keys(stated: &[String], announced: &[String]) -> bool {
    let all = |keys: &[String]| keys.iter().cloned().collect::<BTreeSet<String>>();
    !announced.is_empty() && all(stated) != all(announced)
}

pub async fn run(
    to: &Connection,
    registry: Option<AuthorityId>,
    poll: bool,
    format: ListFormat,
) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let mut found = listed(&server, registry.as_ref(), &[]).await?;
    if poll {
        polled(&server, &found).await?;
        found = listed(&server, registry.as_ref(), &[]).await?;
    }
    let above = found.authority_hints.into_iter();
    let above = above.map(|id| View { relation: "superior", id, ..View::default() });
    let views: Vec<View> = above.chain(found.peers.into_iter().map(View::from)).collect();
    output::list(format, ("peers", None), &views, &HEADINGS, View::row)?;
    if found.more {
        output::note(&format!("there are more than the first {}", super::MOST));
    }
    Ok(Exit::Ok)
}

/// The registry knows what it is told from then on.
async fn polled(server: &Server, found: &pb::ListPeersResponse) -> Result<(), Failure> {
    let unusable = |_| Failure::new(Exit::Unexpected, "the server's authority is not ASCII");
    let named: AsciiMetadataValue = found.authority_id.parse().map_err(unusable)?;
    let active: Vec<_> = found.peers.iter().filter(|p| p.state == "ACTIVE").collect();
    for part in active.chunks(AT_ONCE) {
        let path = |p: &&pb::Peer| pb::AuthorityPath { via: vec![p.subordinate_id.clone()] };
        let message = pb::GetEpochRequest { authorities: part.iter().map(path).collect() };
        let mut request = server.request(message);
        request.metadata_mut().insert("charter-registry", named.clone());
        server.federation().get_epoch(request).await?;
    }
    Ok(())
}
