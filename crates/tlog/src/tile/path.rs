//! Names of tiles: `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]` (C2SP tlog-tiles, Merkle Tree and Log entries).

use std::{fmt, str::FromStr};

use crate::{
    tile::{Error, HEIGHT, WIDTH},
    tree::MAX_SIZE,
};

/// Highest level that the format admits; trees of 2^63 - 1 leaves end at [`crate::tile::MAX_LEVEL`].
const LAST_LEVEL: u8 = 63;
/// Highest index: that of the last tile of leaves.
const MAX_INDEX: u64 = MAX_SIZE >> HEIGHT;
/// Longest path: level, six groups of digits, width.
const MAX_BYTES: usize = "tile/entries/x000/x000/x000/x000/x000/000.p/255".len();

/// What is in a tile: hashes of a level from 0 to 63, or the entries themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Hashes(u8),
    Entries,
}

/// Which tile, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    level: Level,
    index: u64,
    width: u16,
}

impl TilePath {
    /// The first `width` (1 to 256) hashes or entries of the `index`-th tile of a level, from 0.
    pub fn new(level: Level, index: u64, width: u16) -> Result<Self, Error> {
        let number = match level {
            Level::Hashes(level) => level,
            Level::Entries => 0,
        };
        if number > LAST_LEVEL || index > MAX_INDEX || !(1..=WIDTH).contains(&width) {
            return Err(Error::Tile { level: number, index, width: usize::from(width) });
        }
        Ok(Self { level, index, width })
    }

    /// One that follows from the size of a tree and cannot be wrong.
    pub(crate) const fn known(level: u8, index: u64, width: u16) -> Self {
        Self { level: Level::Hashes(level), index, width }
    }

    pub fn level(&self) -> Level {
        self.level
    }

    pub fn index(&self) -> u64 {
        self.index
    }

    /// Hashes or entries, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    pub fn is_full(&self) -> bool {
        self.width == WIDTH
    }

    /// The tile with all 256 hashes: where a server may have it, it serves for a partial one.
    pub fn full(self) -> Self {
        Self { width: WIDTH, ..self }
    }

    /// The bundle of the entries that a tile of level 0 has the hashes of; `None` above level 0.
    pub fn entries(self) -> Option<Self> {
        let leaves = matches!(self.level, Level::Hashes(0) | Level::Entries);
        leaves.then_some(Self { level: Level::Entries, ..self })
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Hashes(level) => write!(f, "tile/{level}/")?,
            Level::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1_000];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            groups.push(rest % 1_000);
            rest /= 1_000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// One tile has one path: what would be written otherwise is refused.
impl FromStr for TilePath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let short = || Error::Path(text.chars().take(MAX_BYTES).collect());
        if text.len() > MAX_BYTES {
            return Err(short());
        }
        read(text).filter(|path| path.to_string() == text).ok_or_else(short)
    }
}

/// Reads more than is allowed: [`FromStr`] compares with what would be written.
fn read(text: &str) -> Option<TilePath> {
    let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok().filter(|width| *width != WIDTH)?),
        None => (rest, WIDTH),
    };
    let level = if level == "entries" { Level::Entries } else { Level::Hashes(level.parse().ok()?) };
    let index = index.split('/').try_fold(0_u64, |index, group| {
        let group: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
        index.checked_mul(1_000)?.checked_add(group)
    })?;
    TilePath::new(level, index, width).ok()
}
