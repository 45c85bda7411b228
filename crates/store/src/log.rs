//! The transparency log of a registry: how far its events are in the tree, the tree's tiles, and what was published.

use charter_domain::{Invalid, RegistryId, Timestamp};
use diesel::{PgConnection, RunQueryDsl, prelude::*, sql_types};
use time::OffsetDateTime;

use crate::{
    Error, Store,
    statement::sql_query,
    tx::{offset, stamp},
};

/// Root of the tree without leaves: SHA-256 of nothing (RFC 6962, section 2.1).
pub const EMPTY_ROOT: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];
/// Most leaves, or entries, read at once.
pub const MAX_LEAVES: i64 = 20_000;
/// Most tiles read at once.
pub const MAX_TILES: usize = 4_096;

/// How far the log is. Without a row (nobody has taken the log yet) it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// Leaves in the tree.
    pub size: u64,
    pub root: [u8; 32],
    /// When the newest checkpoint was signed; never goes back.
    pub at: Timestamp,
    /// How often a process took the log.
    pub term: i64,
    /// Which key of the log signs, from 1.
    pub generation: i32,
    pub published: Option<Published>,
}

/// What the outside may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub size: u64,
    /// Signed note with its cosignatures (C2SP tlog-checkpoint).
    pub checkpoint: String,
    pub at: Timestamp,
}

/// A head that takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHead {
    pub size: u64,
    pub root: [u8; 32],
    pub at: Timestamp,
}

/// A tile of hashes (C2SP tlog-tiles), as wide as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTile {
    pub level: u8,
    pub n: u64,
    /// 32 bytes for each hash.
    pub hashes: Vec<u8>,
}

#[derive(QueryableByName)]
struct HeadRow {
    #[diesel(sql_type = sql_types::BigInt)]
    size: i64,
    #[diesel(sql_type = sql_types::Binary)]
    root: Vec<u8>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: OffsetDateTime,
    #[diesel(sql_type = sql_types::BigInt)]
    term: i64,
    #[diesel(sql_type = sql_types::Integer)]
    generation: i32,
    #[diesel(sql_type = sql_types::BigInt)]
    published_size: i64,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    checkpoint: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    published_at: Option<OffsetDateTime>,
}

#[derive(QueryableByName)]
struct BytesRow {
    #[diesel(sql_type = sql_types::Binary)]
    value: Vec<u8>,
}

#[derive(QueryableByName)]
struct TileRow {
    #[diesel(sql_type = sql_types::SmallInt)]
    level: i16,
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
    #[diesel(sql_type = sql_types::Binary)]
    hashes: Vec<u8>,
}

/// Numbers of the database that are no sizes.
fn broken(_: impl std::fmt::Debug) -> Error {
    Error::Internal("a number of the log is out of range: run `charterd log fsck`".to_owned())
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], Error> {
    bytes.try_into().map_err(broken)
}

pub(crate) fn signed(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Invalid::new("size", "must be below 2^63").into())
}

fn head(row: HeadRow) -> Result<LogHead, Error> {
    let size = |size: i64| u64::try_from(size).map_err(broken);
    let published = match row.checkpoint.zip(row.published_at) {
        Some((checkpoint, at)) => {
            Some(Published { size: size(row.published_size)?, checkpoint, at: stamp(at) })
        }
        None => None,
    };
    Ok(LogHead {
        size: size(row.size)?,
        root: hash(&row.root)?,
        at: stamp(row.at),
        term: row.term,
        generation: row.generation,
        published,
    })
}

fn tile(row: TileRow) -> Result<StoredTile, Error> {
    let level = u8::try_from(row.level).map_err(broken)?;
    Ok(StoredTile { level, n: u64::try_from(row.n).map_err(broken)?, hashes: row.hashes })
}

fn put_tiles(conn: &mut PgConnection, registry: RegistryId, tiles: &[StoredTile]) -> Result<(), Error> {
    let levels: Vec<i16> = tiles.iter().map(|tile| i16::from(tile.level)).collect();
    let numbers = tiles.iter().map(|tile| signed(tile.n)).collect::<Result<Vec<i64>, _>>()?;
    let hashes: Vec<&[u8]> = tiles.iter().map(|tile| tile.hashes.as_slice()).collect();
    sql_query(
        "insert into log_tiles (registry_id, level, n, hashes)
           select $1, t.level, t.n, t.hashes from unnest($2, $3, $4) as t(level, n, hashes)
           on conflict (registry_id, level, n) do update set hashes = excluded.hashes
           where log_tiles.hashes <> excluded.hashes",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Array<sql_types::SmallInt>, _>(levels)
    .bind::<sql_types::Array<sql_types::BigInt>, _>(numbers)
    .bind::<sql_types::Array<sql_types::Binary>, _>(hashes)
    .execute(conn)?;
    Ok(())
}

impl Store {
    /// How far the log is, and what of it was published.
    pub async fn log_head(&self, registry: RegistryId) -> Result<LogHead, Error> {
        self.read("log.head", registry, move |conn| {
            let rows: Vec<HeadRow> = sql_query(
                "select size, root, at, term, generation, published_size, checkpoint, published_at
                   from log_heads where registry_id = $1",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .load(conn)?;
            let none = LogHead {
                size: 0,
                root: EMPTY_ROOT,
                at: Timestamp::from_secs(0),
                term: 0,
                generation: 1,
                published: None,
            };
            rows.into_iter().next().map_or(Ok(none), head)
        })
        .await
    }

    /// Leaf hashes of events from index `from` on (the index is the event's number less one), in order. At most
    /// [`MAX_LEAVES`].
    pub async fn leaf_hashes(
        &self,
        registry: RegistryId,
        from: u64,
        limit: i64,
    ) -> Result<Vec<[u8; 32]>, Error> {
        let (from, limit) = (signed(from)?, limit.clamp(0, MAX_LEAVES));
        self.read("log.leaves", registry, move |conn| {
            let rows: Vec<BytesRow> = sql_query(
                "select leaf_hash as value from events where registry_id = $1 and seq > $2 order by seq limit $3",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::BigInt, _>(from)
            .bind::<sql_types::BigInt, _>(limit)
            .load(conn)?;
            rows.iter().map(|row| hash(&row.value)).collect()
        })
        .await
    }

    /// Tiles by level and index, those that there are, in no order. At most [`MAX_TILES`].
    pub async fn log_tiles(
        &self,
        registry: RegistryId,
        wanted: Vec<(u8, u64)>,
    ) -> Result<Vec<StoredTile>, Error> {
        if wanted.len() > MAX_TILES {
            return Err(Invalid::new("tiles", format!("must be at most {MAX_TILES}")).into());
        }
        let levels: Vec<i16> = wanted.iter().map(|(level, _)| i16::from(*level)).collect();
        let numbers = wanted.iter().map(|(_, n)| signed(*n)).collect::<Result<Vec<i64>, _>>()?;
        self.read("log.tiles", registry, move |conn| {
            let rows: Vec<TileRow> = sql_query(
                "select t.level, t.n, t.hashes from unnest($2, $3) as w(level, n)
                   join log_tiles t on t.registry_id = $1 and t.level = w.level and t.n = w.n",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Array<sql_types::SmallInt>, _>(&levels)
            .bind::<sql_types::Array<sql_types::BigInt>, _>(&numbers)
            .load(conn)?;
            rows.into_iter().map(tile).collect()
        })
        .await
    }

    /// Public bytes of events from index `from` up to and without `until`, in order. At most [`MAX_LEAVES`].
    pub async fn entries(&self, registry: RegistryId, from: u64, until: u64) -> Result<Vec<Vec<u8>>, Error> {
        let (from, until) = (signed(from)?, signed(until)?);
        if until.saturating_sub(from) > MAX_LEAVES {
            return Err(Invalid::new("until", format!("must be at most {MAX_LEAVES} after from")).into());
        }
        self.read("log.entries", registry, move |conn| {
            let rows: Vec<BytesRow> = sql_query(
                "select body as value from events where registry_id = $1 and seq > $2 and seq <= $3 order by seq",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::BigInt, _>(from)
            .bind::<sql_types::BigInt, _>(until)
            .load(conn)?;
            Ok(rows.into_iter().map(|row| row.value).collect())
        })
        .await
    }

    /// Compare-and-swap of the head, with the tiles that grew. False: the term is over, or the size is another; nothing
    /// was written. An error leaves it open whether it was written: what is known must be read again.
    pub async fn advance_log(
        &self,
        registry: RegistryId,
        term: i64,
        old_size: u64,
        new: NewHead,
        tiles: Vec<StoredTile>,
    ) -> Result<bool, Error> {
        let (old, size) = (signed(old_size)?, signed(new.size)?);
        self.amend("log.advance", registry, move |conn| {
            // Nobody waits for the disk: all of it follows from the events. What a crash takes away is computed again,
            // and what was published by then is compared with it.
            sql_query("set local synchronous_commit = off").execute(conn)?;
            let moved = sql_query(
                "update log_heads set size = $4, root = $5, at = greatest(at, $6)
                  where registry_id = $1 and term = $2 and size = $3",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::BigInt, _>(term)
            .bind::<sql_types::BigInt, _>(old)
            .bind::<sql_types::BigInt, _>(size)
            .bind::<sql_types::Binary, _>(new.root.as_slice())
            .bind::<sql_types::Timestamptz, _>(offset(new.at))
            .execute(conn)?;
            if moved == 1 {
                put_tiles(conn, registry, &tiles)?;
            }
            Ok(moved == 1)
        })
        .await
    }

    /// Lets the outside see a checkpoint. False: the term is over, or more was published already. An error leaves it
    /// open whether it was written.
    pub async fn publish_log(
        &self,
        registry: RegistryId,
        term: i64,
        published: Published,
    ) -> Result<bool, Error> {
        let size = signed(published.size)?;
        self.amend("log.publish", registry, move |conn| {
            let moved = sql_query(
                "update log_heads set published_size = $3, checkpoint = $4, published_at = $5, at = greatest(at, $5)
                  where registry_id = $1 and term = $2 and size >= $3 and published_size <= $3",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::BigInt, _>(term)
            .bind::<sql_types::BigInt, _>(size)
            .bind::<sql_types::Text, _>(&published.checkpoint)
            .bind::<sql_types::Timestamptz, _>(offset(published.at))
            .execute(conn)?;
            Ok(moved == 1)
        })
        .await
    }
}
