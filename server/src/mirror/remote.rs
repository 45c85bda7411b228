//! A mirror of our own log, as it is read (C2SP tlog-tiles). Nothing of it is believed before it leads to a root that
//! our own key signed.

use std::sync::Arc;

use charter_tlog::{
    Hash, bundle,
    checkpoint::SignedCheckpoint,
    hash,
    note::Vkey,
    tile::{HashTile, Level, TilePath},
};
use http::StatusCode;

use super::upload::Place;
use crate::{config::log::Mirror, https, witness::state};

/// What uploads go to, and below it what copies are read from: registries have both side by side.
const UPLOADS: &str = "/witness";
const COPIES: &str = "/mirror";

#[derive(Clone)]
pub struct Remote {
    http: Arc<https::Client>,
    log: Vkey,
    pub base: String,
}

impl Remote {
    /// Of the log with this key. A mirror of another kind is read where it takes uploads.
    pub fn new(http: &Arc<https::Client>, mirror: &Mirror, log: &Vkey) -> Self {
        let url = mirror.url.trim_end_matches('/');
        let prefix =
            url.strip_suffix(UPLOADS).map_or_else(|| url.to_owned(), |base| format!("{base}{COPIES}"));
        let base = format!("{prefix}/{}", state::hash(log.name().as_str()));
        Self { http: Arc::clone(http), log: log.clone(), base }
    }

    /// With a good signature by the log; none if the mirror has nothing yet.
    pub async fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, String> {
        let (status, body) = self.http.get(&format!("{}/checkpoint", self.base)).await?;
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            other => return Err(format!("it answered with {other}")),
        }
        let checkpoint = SignedCheckpoint::parse(&body).map_err(|e| e.to_string())?;
        checkpoint.verify_log(&self.log).map_err(|e| e.to_string())?;
        Ok(Some(checkpoint))
    }

    /// Leaf hashes, unverified.
    pub async fn leaves(&self, place: Place) -> Result<Vec<Hash>, String> {
        let path = path(Level::Hashes(0), place)?;
        let tile = HashTile::from_bytes(path, &self.tile(path).await?).map_err(|e| e.to_string())?;
        Ok(tile.hashes()[usize::from(place.before())..].to_vec())
    }

    /// Entries that have these hashes.
    pub async fn entries(&self, place: Place, hashes: &[Hash]) -> Result<Vec<Vec<u8>>, String> {
        let path = path(Level::Entries, place)?;
        let bytes = self.tile(path).await?;
        let all = bundle::decode(&bytes, path.width()).map_err(|e| e.to_string())?;
        let own = &all[usize::from(place.before())..];
        if !own.iter().map(|entry| hash::leaf(entry)).eq(hashes.iter().copied()) {
            return Err(format!("`{}/{path}` has other entries than its hashes say", self.base));
        }
        Ok(own.iter().map(|entry| entry.to_vec()).collect())
    }

    async fn tile(&self, path: TilePath) -> Result<Vec<u8>, String> {
        let url = format!("{}/{path}", self.base);
        match self.http.get(&url).await? {
            (StatusCode::OK, body) => Ok(body.to_vec()),
            (other, _) => Err(format!("`{url}` was answered with {other}")),
        }
    }
}

fn path(level: Level, place: Place) -> Result<TilePath, String> {
    TilePath::new(level, place.index, place.width()).map_err(|e| e.to_string())
}
