//! Asks witnesses to cosign (C2SP tlog-witness, add-checkpoint): all that are configured, at once, each within its
//! deadline. Whoever is slow, down or lying gives no signature and holds nobody else up.

use std::time::Duration;

use async_trait::async_trait;
use charter_domain::RegistryId;
use charter_tlog::{
    Hash,
    checkpoint::SignedCheckpoint,
    cosign,
    note::{SignatureLine, Vkey},
    witness::AddCheckpoint,
};
use futures::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use http::StatusCode;
use tokio::time::Instant;

use super::{
    key,
    peers::{Outcome, Peers},
};
use crate::{
    App, Error,
    config::log::Witness,
    https::{self, Bounds, Silence},
    tls,
};

/// For one request to one witness. An answer is a size, signature lines, or a checkpoint.
const BOUNDS: Bounds = Bounds { deadline: Duration::from_secs(2), max_answer: 64 * 1024, idle: 2 };

/// How long the other witnesses have once the quorum is reached.
const GRACE: Duration = Duration::from_millis(500);

/// Proofs over a log's own tiles.
#[async_trait]
pub trait ConsistencyProofs: Send + Sync {
    /// That the tree of `new` leaves begins with the one of `old` (RFC 6962, 2.1.2); both are 1 or more.
    async fn proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error>;
}

/// A registry's way to its witnesses.
pub struct Client {
    http: https::Client,
    pub peers: Peers,
}

impl Client {
    pub fn new() -> Result<Self, String> {
        Ok(Self { http: https::Client::new(tls::client(None)?, BOUNDS), peers: Peers::default() })
    }
}

/// One checkpoint on its way to one witness.
struct Submission<'a> {
    client: &'a Client,
    registry: RegistryId,
    witness: &'a Witness,
    checkpoint: &'a SignedCheckpoint,
    proofs: &'a dyn ConsistencyProofs,
}

/// What a witness said, of what it may say.
enum Said {
    Cosigned(SignatureLine),
    /// The size that it has.
    Has(u64),
}

/// Cosignatures on a checkpoint by the configured witnesses, verified; those that gave none are counted and logged. With
/// the quorum reached, the others have a little longer, and those that were silent last are left to rest.
pub async fn collect(
    app: &App,
    registry: RegistryId,
    checkpoint: &SignedCheckpoint,
    proofs: &dyn ConsistencyProofs,
) -> Vec<SignatureLine> {
    let Some(tenant) = app.hosted.tenant(registry) else { return Vec::new() };
    let (client, log) = (&app.witness.client, &tenant.config.log);
    let published = app.logs.published(registry).map_or(0, |published| published.size);
    let asked = client.peers.awake(registry, log);
    let mut waiting: Vec<&Vkey> = asked.iter().map(|witness| &witness.vkey).collect();
    let mut answers: FuturesUnordered<_> = asked
        .into_iter()
        .map(|witness| async move {
            let submission = Submission { client, registry, witness, checkpoint, proofs };
            (&witness.vkey, submission.ask(app, published).await)
        })
        .collect();
    let (mut lines, mut end) = (Vec::new(), Instant::now() + 2 * BOUNDS.deadline);
    while let Ok(Some((witness, answer))) = tokio::time::timeout_at(end, answers.next()).await {
        waiting.retain(|waiting| *waiting != witness);
        lines.extend(answer);
        if lines.len() >= log.quorum {
            end = end.min(Instant::now() + GRACE);
        }
    }
    for late in waiting {
        client.peers.heard(registry, late, Outcome::TimedOut);
    }
    lines
}

/// What the witnesses of a log cosigned last, as far as they tell: checkpoints with a good signature of the log's own
/// key (C2SP tlog-witness, Monitor Retrieval Mechanism).
#[derive(Default)]
pub struct Latest {
    pub checkpoints: Vec<SignedCheckpoint>,
    /// Somebody has answered, if only that the log is not known there.
    pub answered: bool,
}

pub async fn latest(app: &App, registry: RegistryId) -> Latest {
    let (Some(tenant), Some(log)) = (app.hosted.tenant(registry), key::log(app, registry)) else {
        return Latest::default();
    };
    let http = &app.witness.client.http;
    let asked = tenant.config.log.witnesses.iter().map(|witness| shown(http, witness, &log));
    let told = join_all(asked).await;
    let answered = told.iter().any(Option::is_some);
    Latest { checkpoints: told.into_iter().flatten().flatten().collect(), answered }
}

/// `None`: no answer that can be believed.
async fn shown(http: &https::Client, witness: &Witness, log: &Vkey) -> Option<Option<SignedCheckpoint>> {
    let url = format!("{}/{}/checkpoint", base(witness), super::hash(log.name().as_str()));
    match http.get(&url).await.ok()? {
        (StatusCode::OK, body) => {
            let checkpoint = SignedCheckpoint::parse(&body).ok()?;
            checkpoint.verify_log(log).ok()?;
            Some(Some(checkpoint))
        }
        (StatusCode::NOT_FOUND, _) => Some(None),
        _ => None,
    }
}

fn base(witness: &Witness) -> &str {
    witness.url.trim_end_matches('/')
}

impl Submission<'_> {
    /// The cosignature, if there is one; how it went is noted.
    async fn ask(&self, app: &App, published: u64) -> Option<SignatureLine> {
        let answered = tokio::time::timeout(BOUNDS.deadline, self.submit(published)).await;
        let answered = answered.unwrap_or(Err(Outcome::TimedOut));
        let outcome = answered.as_ref().map_or_else(|outcome| *outcome, |_| Outcome::Cosigned);
        self.client.peers.heard(self.registry, &self.witness.vkey, outcome);
        if outcome == Outcome::Ahead {
            self.ahead(app).await;
        }
        answered.ok()
    }

    /// Once from the size that the witness is known to have; if it has another, once more from that.
    async fn submit(&self, published: u64) -> Result<SignatureLine, Outcome> {
        let size = self.checkpoint.checkpoint().size();
        let old = self.client.peers.size(self.registry, &self.witness.vkey).unwrap_or(published).min(size);
        let line = match self.send(old).await? {
            Said::Cosigned(line) => line,
            Said::Has(theirs) if theirs > size => return Err(Outcome::Ahead),
            Said::Has(theirs) if theirs == old => return Err(Outcome::Refused),
            Said::Has(theirs) => match self.send(theirs).await? {
                Said::Cosigned(line) => line,
                Said::Has(_) => return Err(Outcome::Refused),
            },
        };
        self.client.peers.has(self.registry, &self.witness.vkey, size);
        Ok(line)
    }

    async fn send(&self, old: u64) -> Result<Said, Outcome> {
        let size = self.checkpoint.checkpoint().size();
        let proof = match old {
            0 => Vec::new(),
            old if old == size => Vec::new(),
            old => self.proofs.proof(old, size).await.map_err(|_| Outcome::NoProof)?,
        };
        let request = AddCheckpoint { old, proof, checkpoint: self.checkpoint.clone() };
        let url = format!("{}/add-checkpoint", base(self.witness));
        let (status, body) =
            self.client.http.post(&url, https::TEXT, request.to_string()).await.map_err(Outcome::from)?;
        match status {
            StatusCode::OK => self.cosigned(&body).map(Said::Cosigned),
            StatusCode::CONFLICT => {
                let theirs = size_line(&body).ok_or(Outcome::Unusable)?;
                self.client.peers.has(self.registry, &self.witness.vkey, theirs.min(size));
                Ok(Said::Has(theirs))
            }
            _ => Err(Outcome::Refused),
        }
    }

    /// The line by the configured key, if it verifies; lines by others are left out.
    fn cosigned(&self, body: &[u8]) -> Result<SignatureLine, Outcome> {
        let key = &self.witness.vkey;
        let text = std::str::from_utf8(body).map_err(|_| Outcome::Unusable)?;
        let lines = SignatureLine::parse_all(text).map_err(|_| Outcome::Unusable)?;
        let by_it = |line: &SignatureLine| line.name() == key.name() && line.key_id() == key.key_id();
        let line = lines.into_iter().find(by_it).ok_or(Outcome::Unsigned)?;
        let with = self.checkpoint.with_signatures(std::slice::from_ref(&line));
        let verified = with.and_then(|with| cosign::verify(&with, std::slice::from_ref(key)));
        verified.map(|_| line).map_err(|_| Outcome::Unsigned)
    }

    /// A witness says that it has more than this log. Anybody can say so: it counts if the log's own key signed it.
    async fn ahead(&self, app: &App) {
        let Some(log) = key::log(app, self.registry) else { return };
        let Some(Some(theirs)) = shown(&self.client.http, self.witness, &log).await else { return };
        if theirs.checkpoint().size() > self.checkpoint.checkpoint().size() {
            app.logs.ahead(self.registry, theirs.checkpoint().size(), self.witness.vkey.name().as_str());
        }
    }
}

/// The body of a 409: a decimal without leading zeroes, and a newline.
fn size_line(body: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let plain = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
    digits.parse().ok().filter(|_| plain)
}

impl From<Silence> for Outcome {
    fn from(silence: Silence) -> Self {
        match silence {
            Silence::Unreachable(_) => Self::Unreachable,
            Silence::TimedOut(_) => Self::TimedOut,
            Silence::NoUrl | Silence::Plaintext | Silence::Unusable(_) => Self::Unusable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_one_spelling() {
        for (body, size) in [
            ("0\n", Some(0)),
            ("20852014\n", Some(20_852_014)),
            ("18446744073709551615\n", Some(u64::MAX)),
            ("", None),
            ("\n", None),
            ("7", None),
            ("07\n", None),
            ("+7\n", None),
            ("-7\n", None),
            ("7\n\n", None),
            ("18446744073709551616\n", None),
        ] {
            assert_eq!(size_line(body.as_bytes()), size, "{body:?}");
        }
    }
}
