//! A log sends its entries to its mirrors before it publishes them (C2SP tlog-mirror): who reads a checkpoint finds its
//! entries in two places.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use charter_domain::RegistryId;
use charter_tlog::{
    Hash,
    checkpoint::SignedCheckpoint,
    cosign,
    note::SignatureLine,
    proof::{self, HashReader as _},
    tile::{HashTile, Level, TileSet, tiles_of},
    tree::Node,
    witness::AddCheckpoint,
};
use futures::future::join_all;
use http::StatusCode;

use super::{
    receive::Info,
    subtree::Needed,
    upload::{self, Header, MAX_PACKAGES, Place, places},
};
use crate::{
    App, Error,
    config::log::Mirror,
    error::Code,
    https::{self, Bounds},
    tls,
};

/// For one checkpoint at all mirrors; what arrived stays there, and the next attempt goes on from it.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// For one request. An answer may be a bundle: 256 entries of 65,535 bytes, and their lengths.
const BOUNDS: Bounds = Bounds { deadline: Duration::from_secs(10), max_answer: 256 * (2 + 65_535), idle: 2 };
/// Bytes of one request: the package that goes beyond is its last one.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// A process' way to mirrors, and how many entries each is known to have.
pub struct Client {
    pub http: Arc<https::Client>,
    next: Mutex<HashMap<(RegistryId, String), u64>>,
    /// Held by who puts events back.
    pub(super) refilling: tokio::sync::Mutex<()>,
}

impl Client {
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            http: Arc::new(https::Client::new(tls::client(None)?, BOUNDS)),
            next: Mutex::default(),
            refilling: tokio::sync::Mutex::default(),
        })
    }

    fn next(&self, registry: RegistryId, url: &str) -> Option<u64> {
        let known = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(registry, url.to_owned())).copied()
    }

    fn has(&self, registry: RegistryId, url: &str, next: Option<u64>) {
        let mut known = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        match next {
            Some(next) => known.insert((registry, url.to_owned()), next),
            None => known.remove(&(registry, url.to_owned())),
        };
    }
}

/// One log on its way to one mirror.
struct Push<'a> {
    app: &'a App,
    registry: RegistryId,
    mirror: &'a Mirror,
    checkpoint: &'a SignedCheckpoint,
    size: u64,
}

/// Brings every configured mirror up to a checkpoint of our log, which the tiles of the database are of. An error names
/// the mirror that does not have it: the checkpoint must not be published then.
pub async fn push(app: &App, registry: RegistryId, checkpoint: &SignedCheckpoint) -> Result<(), Error> {
    let tenant = app.tenant(registry)?;
    let sent = tenant.config.log.mirrors.iter().map(|mirror| async move {
        let size = checkpoint.checkpoint().size();
        let push = Push { app, registry, mirror, checkpoint, size };
        let done = tokio::time::timeout(DEADLINE, push.run()).await;
        let done = done.unwrap_or_else(|_| Err("it does not have all entries yet".to_owned()));
        let outcome = if done.is_ok() { "kept" } else { "failed" };
        metrics::counter!("charter_mirror_pushes_total", "outcome" => outcome).increment(1);
        done.map_err(|why| {
            app.mirrors.has(registry, &mirror.url, None);
            Error::new(Code::Unavailable, format!("the mirror `{}` holds up publication: {why}", mirror.url))
        })
    });
    join_all(sent).await.into_iter().collect()
}

/// What the mirror said.
enum Said {
    Signed(Vec<SignatureLine>),
    Goes(Info),
    /// It has no checkpoint of this log.
    Unready,
}

impl Push<'_> {
    /// Until it has signed. Each round sends more; the checkpoint is submitted once.
    async fn run(&self) -> Result<(), String> {
        // Where it is not known, the mirror is asked with nothing.
        let mut start =
            self.app.mirrors.next(self.registry, &self.mirror.url).unwrap_or(self.size).min(self.size);
        // A witness has it already.
        let mut submitted = !self.is_witness();
        if submitted {
            self.submit().await?;
        }
        loop {
            match self.upload(start).await? {
                Said::Signed(lines) => {
                    self.check(&lines)?;
                    self.app.mirrors.has(self.registry, &self.mirror.url, Some(self.size));
                    return Ok(());
                }
                Said::Goes(info)
                    if info.size == self.size && info.next != start && info.next <= self.size =>
                {
                    start = info.next;
                }
                Said::Goes(_) | Said::Unready if !submitted => {
                    self.submit().await?;
                    submitted = true;
                }
                Said::Goes(info) => {
                    return Err(format!("it is at size {} and entry {}", info.size, info.next));
                }
                Said::Unready => return Err("it takes no entries of this log".to_owned()),
            }
        }
    }

    fn is_witness(&self) -> bool {
        let bare = |url: &str| url.trim_end_matches('/').to_owned();
        let tenant = self.app.hosted.tenant(self.registry);
        tenant.is_some_and(|t| t.config.log.witnesses.iter().any(|w| bare(&w.url) == bare(&self.mirror.url)))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.mirror.url.trim_end_matches('/'))
    }

    /// Entries from `start` on, as many as go into one request.
    async fn upload(&self, start: u64) -> Result<Said, String> {
        let origin = self.checkpoint.checkpoint().origin().to_owned();
        let mut body = Header { origin, start, end: self.size }.encode();
        let places: Vec<Place> = places(start, self.size).take(MAX_PACKAGES).collect();
        let proofs = self.proofs(&places).await?;
        for (place, proof) in places.iter().zip(proofs) {
            let entries = self.app.log_store.entries(self.registry, place.start, place.end).await;
            let entries = entries.map_err(|e| e.to_string())?;
            if entries.len() as u64 != place.end - place.start {
                return Err(format!("entries {} to {} are not all here", place.start, place.end));
            }
            upload::encode(&entries, &proof, &mut body).ok_or("an entry is longer than 65,535 bytes")?;
            if body.len() > MAX_BODY {
                break;
            }
        }
        let url = self.url("add-entries");
        let (status, answer) = self.app.mirrors.http.post(&url, "application/octet-stream", body).await?;
        let text = std::str::from_utf8(&answer).map_err(|_| "its answer is no text".to_owned())?;
        match status {
            StatusCode::OK => SignatureLine::parse_all(text).map(Said::Signed).map_err(|e| e.to_string()),
            StatusCode::ACCEPTED | StatusCode::CONFLICT => {
                info(text).map(Said::Goes).ok_or_else(|| "its answer is none of a mirror".to_owned())
            }
            StatusCode::UNPROCESSABLE_ENTITY => Ok(Said::Unready),
            other => Err(format!("it answered add-entries with {other}")),
        }
    }

    /// The proofs of several packages, with their hashes read at once.
    async fn proofs(&self, places: &[Place]) -> Result<Vec<Vec<Hash>>, String> {
        let needed = places.iter().map(|place| Needed::new(place.index, self.size));
        let needed = needed.collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
        let nodes: Vec<Node> = needed.iter().flat_map(|needed| needed.nodes().iter().copied()).collect();
        let hashes = self.hashes(&nodes).await?;
        let mut rest = hashes.as_slice();
        let assemble = |needed: &Needed| {
            let (own, after) = rest.split_at(needed.nodes().len());
            rest = after;
            needed.assemble(own).map_err(|e| e.to_string())
        };
        needed.iter().map(assemble).collect()
    }

    /// From the tiles of the database.
    async fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>, String> {
        let broken = |e: charter_tlog::tile::Error| format!("our tiles: {e}; run `charterd log fsck`");
        let paths = tiles_of(nodes, self.size).map_err(broken)?;
        let wanted = paths.iter().filter_map(|path| match path.level() {
            Level::Hashes(level) => Some((level, path.index())),
            Level::Entries => None,
        });
        let found =
            self.app.log_store.log_tiles(self.registry, wanted.collect()).await.map_err(|e| e.to_string())?;
        let mut set = TileSet::new(self.size);
        for tile in found {
            let (hashes, _) = tile.hashes.as_chunks::<{ charter_tlog::hash::BYTES }>();
            let hashes = hashes.iter().copied().map(Hash::new).collect();
            set.insert(HashTile::new(tile.level, tile.n, hashes).map_err(broken)?);
        }
        set.read(nodes).map_err(broken)
    }

    /// Makes the checkpoint the mirror's pending one, as to a witness: from the size that it has (C2SP tlog-witness).
    async fn submit(&self) -> Result<(), String> {
        let mut old = self.app.mirrors.next(self.registry, &self.mirror.url).unwrap_or(0).min(self.size);
        for _ in 0..2 {
            let plan = proof::needed_for_consistency(old, self.size).map_err(|e| e.to_string())?;
            let proof = plan.assemble(&self.hashes(plan.nodes()).await?).map_err(|e| e.to_string())?;
            let request = AddCheckpoint { old, proof, checkpoint: self.checkpoint.clone() }.to_string();
            let url = self.url("add-checkpoint");
            let sent = self.app.mirrors.http.post(&url, https::TEXT, request);
            match sent.await? {
                (StatusCode::OK, _) => return Ok(()),
                (StatusCode::CONFLICT, size) => {
                    let size = std::str::from_utf8(&size).ok().and_then(|text| text.trim_end().parse().ok());
                    old = size.filter(|size| *size <= self.size).ok_or("it has more of this log than we")?;
                }
                (other, _) => return Err(format!("it answered add-checkpoint with {other}")),
            }
        }
        Err("it took no checkpoint of this log".to_owned())
    }

    /// Where its key is known, the mirror must have signed.
    fn check(&self, lines: &[SignatureLine]) -> Result<(), String> {
        let Some(vkey) = &self.mirror.vkey else { return Ok(()) };
        let by_it = |line: &&SignatureLine| line.name() == vkey.name() && line.key_id() == vkey.key_id();
        let line = lines.iter().find(by_it).ok_or("its key did not sign")?;
        let with = self.checkpoint.with_signatures(std::slice::from_ref(line));
        let verified = with.and_then(|with| cosign::verify(&with, std::slice::from_ref(vkey)));
        verified.map(drop).map_err(|e| e.to_string())
    }
}

/// `text/x.tlog.mirror-info`: size, next entry, ticket.
fn info(text: &str) -> Option<Info> {
    let mut lines = text.split('\n');
    let size = lines.next()?.parse().ok()?;
    Some(Info { size, next: lines.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_send_next_is_three_lines() {
        assert_eq!(info("300\n256\n\n"), Some(Info { size: 300, next: 256 }));
        assert_eq!(info("300\n256\ndGlja2V0\n"), Some(Info { size: 300, next: 256 }));
        for none in ["", "300", "300\n", "x\n1\n\n", "-1\n2\n\n"] {
            assert_eq!(info(none), None, "{none:?}");
        }
    }
}
