//! A mirror's copy of one log: what it has, what it takes, and what it signs for (C2SP tlog-mirror, Updating a Mirror).
//!
//! A package is kept as soon as its proof leads to the pending checkpoint, so a copy never holds two histories; what
//! goes beyond the mirror's own checkpoint is not shown before all of it is here.

use std::{io, path::Path};

use charter_tlog::{
    Hash, bundle,
    checkpoint::SignedCheckpoint,
    cosign, hash,
    note::{NoteSigner, SignatureLine, Vkey},
    tile::{Edge, HashTile, Level, TilePath, WIDTH, new_tiles, right_edge, tile_hash},
};

use super::{
    folder::Folder,
    subtree,
    upload::{Package, Place},
};
use crate::witness::state;

/// Why nothing was kept, or nothing signed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("the copy cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// The sender's: the entries are not in the tree.
    #[error("the entries are not those of the checkpoint: {0}")]
    Proof(#[from] charter_tlog::proof::Error),
    #[error("the copy is damaged ({0}): remove its folder, and the log uploads it again")]
    Damaged(&'static str),
    #[error("the mirror's key does not sign: {0}")]
    Key(#[from] charter_tlog::note::SignError),
}

impl From<charter_tlog::tile::Error> for Fault {
    fn from(_: charter_tlog::tile::Error) -> Self {
        Self::Damaged("a tile is missing or too short")
    }
}

impl From<bundle::Error> for Fault {
    fn from(_: bundle::Error) -> Self {
        Self::Damaged("a bundle")
    }
}

/// The copy of a log under one origin.
#[derive(Debug, Clone)]
pub struct LogCopy {
    folder: Folder,
    log: Vkey,
}

/// What a copy has.
#[derive(Debug, Clone)]
pub struct Have {
    /// The newest that the log had cosigned here as a witness: entries up to it are taken.
    pub pending: Option<SignedCheckpoint>,
    /// What this mirror signed for.
    pub signed: Option<SignedCheckpoint>,
    /// Index of the first entry that is not here.
    pub next: u64,
}

impl Have {
    /// Entries that this mirror signed for.
    pub fn size(&self) -> u64 {
        size(self.signed.as_ref())
    }

    /// The checkpoint of this size, if entries may be uploaded up to it.
    pub fn known(&self, size: u64) -> Option<&SignedCheckpoint> {
        let both = [self.pending.as_ref(), self.signed.as_ref()];
        both.into_iter().flatten().find(|checkpoint| checkpoint.checkpoint().size() == size)
    }
}

fn size(checkpoint: Option<&SignedCheckpoint>) -> u64 {
    checkpoint.map_or(0, |checkpoint| checkpoint.checkpoint().size())
}

fn path(level: Level, index: u64, width: u16) -> Result<TilePath, Fault> {
    TilePath::new(level, index, width).map_err(|_| Fault::Damaged("it is too large"))
}

impl LogCopy {
    /// In the directory of logs, of the registry with this slug. Blocks from here on.
    pub fn new(dir: &Path, slug: &str, log: &Vkey) -> Self {
        Self { folder: Folder::new(dir, slug, &state::hash(log.name().as_str())), log: log.clone() }
    }

    /// `witness` is the folder of the registry's witness, which holds pending checkpoints.
    pub fn have(&self, witness: &Path) -> Result<Have, Fault> {
        let pending = state::shown(witness, &state::hash(self.log.name().as_str()))?;
        let pending = pending.map(|bytes| self.read(&bytes)).transpose()?;
        let signed = self.signed()?;
        Ok(Have { next: self.next(size(signed.as_ref()))?, pending, signed })
    }

    /// What this mirror signed for.
    pub fn signed(&self) -> Result<Option<SignedCheckpoint>, Fault> {
        self.folder.checkpoint()?.map(|bytes| self.read(&bytes)).transpose()
    }

    fn read(&self, bytes: &[u8]) -> Result<SignedCheckpoint, Fault> {
        let read = SignedCheckpoint::parse(bytes).map_err(|_| Fault::Damaged("a checkpoint"))?;
        read.verify_log(&self.log).map_err(|_| Fault::Damaged("the log's signature"))?;
        Ok(read)
    }

    fn next(&self, from: u64) -> Result<u64, Fault> {
        let mut index = from / subtree::WIDTH;
        while self.folder.widest(Level::Entries, index)? == Some(WIDTH) {
            index += 1;
        }
        let partial = self.folder.widest(Level::Entries, index)?.unwrap_or(0);
        Ok(from.max(index * subtree::WIDTH + u64::from(partial)))
    }

    /// Keeps a package if it is in the tree of this checkpoint.
    pub fn take(&self, place: Place, package: &Package, under: &SignedCheckpoint) -> Result<(), Fault> {
        let (size, root) = (under.checkpoint().size(), under.checkpoint().root());
        let _held = self.folder.hold()?;
        let (width, before) = self.before(place)?;
        let mut entries = if width == 0 { Vec::new() } else { bundle::decode(&before, width)? };
        entries.extend(package.entries.iter().map(AsRef::as_ref));
        let leaves: Vec<Hash> = entries.iter().map(|entry| hash::leaf(entry)).collect();
        subtree::verify(place.index, &leaves, size, &package.proof, root)?;
        if self.folder.widest(Level::Entries, place.index)?.is_some_and(|width| width >= place.width()) {
            return Ok(());
        }
        let tile = HashTile::new(0, place.index, leaves)?;
        // In this order: where the entries are, their hashes are.
        self.folder.write(tile.path(), &tile.to_bytes())?;
        self.folder.write(path(Level::Entries, place.index, place.width())?, &bundle::encode(&entries)?)?;
        Ok(())
    }

    /// How many entries of the same 256 come before a package, and their bundle.
    fn before(&self, place: Place) -> Result<(u16, Vec<u8>), Fault> {
        let width = place.before();
        if width == 0 {
            return Ok((0, Vec::new()));
        }
        let found = self.folder.read(path(Level::Entries, place.index, width)?)?;
        Ok((width, found.ok_or(Fault::Damaged("a bundle is missing or too short"))?))
    }

    /// Signs for a checkpoint whose entries are all here, and shows them; `None` if this mirror has signed for more by
    /// now. `now` is in seconds since 1970.
    pub fn sign(
        &self,
        checkpoint: &SignedCheckpoint,
        now: u64,
        signer: &NoteSigner<'_>,
    ) -> Result<Option<SignatureLine>, Fault> {
        let _held = self.folder.hold()?;
        let old = size(self.signed()?.as_ref());
        let said = checkpoint.checkpoint();
        if old > said.size() {
            return Ok(None);
        }
        self.complete(old, said.size(), said.root())?;
        let line = cosign::cosign(said, now, signer)?;
        let alone = checkpoint.only(std::slice::from_ref(&self.log));
        let note = alone.and_then(|note| note.with_signatures(std::slice::from_ref(&line)));
        let note = note.map_err(|_| Fault::Damaged("a checkpoint"))?;
        self.folder.put_checkpoint(&note.to_string())?;
        self.tidy(old, said.size())?;
        Ok(Some(line))
    }

    /// Makes the tiles above the leaves, and compares the root with the signed one.
    fn complete(&self, old: u64, new: u64, root: Hash) -> Result<(), Fault> {
        for tile in new_tiles(old, new) {
            if let Level::Hashes(level @ 1..) = tile.level() {
                let held = self.folder.widest(tile.level(), tile.index())?.unwrap_or(0);
                if held < tile.width() {
                    self.raise(level, tile, held)?;
                }
            }
        }
        let edge = right_edge(new).into_iter().map(|path| self.tile(path)).collect::<Result<Vec<_>, _>>()?;
        let whole = Edge::new(new, edge)?.root() == root;
        if whole { Ok(()) } else { Err(Fault::Damaged("its root is not the signed one")) }
    }

    /// Writes a tile whose first `held` hashes are here, from the full tiles below.
    fn raise(&self, level: u8, tile: TilePath, held: u16) -> Result<(), Fault> {
        let mut hashes = match held {
            0 => Vec::new(),
            held => self.tile(path(tile.level(), tile.index(), held)?)?.into_hashes(),
        };
        for n in u64::from(held)..u64::from(tile.width()) {
            let below = path(Level::Hashes(level - 1), tile.index() * subtree::WIDTH + n, WIDTH)?;
            let below: Result<[Hash; WIDTH as usize], _> = self.tile(below)?.into_hashes().try_into();
            hashes.push(tile_hash(&below.map_err(|_| Fault::Damaged("a tile is too short"))?));
        }
        let made = HashTile::new(level, tile.index(), hashes)?;
        Ok(self.folder.write(tile, &made.to_bytes())?)
    }

    fn tile(&self, path: TilePath) -> Result<HashTile, Fault> {
        let bytes = self.folder.read(path)?.ok_or(Fault::Damaged("a tile is missing"))?;
        Ok(HashTile::from_bytes(path, &bytes)?)
    }

    /// Narrower files of what is wider now: their contents are read from the wider ones.
    fn tidy(&self, old: u64, new: u64) -> Result<(), Fault> {
        for tile in new_tiles(old, new) {
            self.folder.tidy(tile)?;
            if let Some(entries) = tile.entries() {
                self.folder.tidy(entries)?;
            }
        }
        Ok(())
    }

    /// The mirror's checkpoint as it is shown.
    pub fn checkpoint(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.folder.checkpoint()?)
    }

    /// A tile or a bundle of entries, within what this mirror signed for.
    pub fn shown(&self, path: TilePath) -> Result<Option<Vec<u8>>, Fault> {
        if !within(path, size(self.signed()?.as_ref())) {
            return Ok(None);
        }
        Ok(self.folder.read(path)?)
    }
}

/// Whether a tree of `size` leaves has as much of a tile.
fn within(path: TilePath, size: u64) -> bool {
    let level = match path.level() {
        Level::Hashes(level) => u32::from(level),
        Level::Entries => 0,
    };
    let there = size.checked_shr(8 * level).unwrap_or(0);
    path.index().checked_mul(subtree::WIDTH).and_then(|first| there.checked_sub(first))
        >= Some(u64::from(path.width()))
}

#[cfg(test)]
mod tests;
