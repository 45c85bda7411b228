//! One node of the database, and what it says of itself: its role, its cluster, whether its records may be believed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use charter_domain::RegistryId;
use tokio::sync::watch;
use tokio_postgres::{Client, Row};

use crate::{Error, nodes::address::Address};

/// A statement of a poll; longer, and the node is no help.
const STATEMENT: Duration = Duration::from_millis(800);
const EPOCHS: &str = "select registry_id, epoch, moved_at is not null, head from registry_epochs";
/// What was replayed is read before what was received: the other way round a standby that is being streamed to would seem
/// to be ahead of its stream. At the end of a segment that was left early it is ahead until the rest of it, nothing but
/// zeros, has come; and a position at the very start of a segment may be one that was only asked for.
const STATE: &str = "select pg_is_in_recovery(),
  case when pg_is_in_recovery() then '' else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end,
  coalesce(replayed <= received or (replayed % size = 0 and replayed - received < size), false),
  coalesce(received % size = 0 or (replayed % size = 0 and received is not null), false),
  (select system_identifier from pg_control_system()),
  (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
  coalesce(replayed, 0),
  (extract(epoch from clock_timestamp()) * 1000000)::bigint
from (select (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint as replayed,
             (pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::bigint as received) as positions,
     (select pg_size_bytes(current_setting('wal_segment_size')) as size) as segments";
/// A standby that was started again is open before it has replayed what it has itself, and may have confirmed. It asks to be
/// streamed to once that is done.
const WHOLE: &str = "select not pg_is_in_recovery() or pg_last_wal_receive_lsn() is not null";

/// What a node is, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// Not asked yet, or it has failed somebody since it was asked.
    #[default]
    Unknown,
    Primary,
    Standby,
    /// It has not answered.
    Down,
}

/// One running server: two hosts that lead to the same one are one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    /// Of the cluster: copies of one database share it.
    pub(crate) cluster: i64,
    /// Microseconds.
    pub(crate) started: i64,
}

/// What a node has said last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) role: Role,
    /// Of a primary; each promotion begins a new one.
    pub(crate) timeline: u32,
    /// Of a standby: it has replayed nothing but what it was streamed since it started, so nothing that a primary kept to
    /// itself when it crashed.
    pub(crate) streamed: bool,
    /// Of a standby that has turned to another timeline and was not streamed anything of it yet: the newest timeline when
    /// it was last seen to follow its stream.
    pub(crate) turning: Option<u32>,
    /// Of a primary: it was seen as a standby, and was not started anew since.
    pub(crate) promoted: bool,
    /// Where replay stands; of a primary that was promoted, where it left the timeline before.
    pub(crate) replayed: i64,
    /// Microseconds since 1970, by its own clock.
    pub(crate) clock: i64,
    pub(crate) server: Option<Server>,
    pub(crate) answered: Option<Instant>,
}

/// A registry's row on one node.
#[derive(Debug, Clone)]
pub(crate) struct Stand {
    pub(crate) registry: RegistryId,
    pub(crate) epoch: i64,
    pub(crate) moved: bool,
    /// The hash of the event of that epoch.
    pub(crate) head: Option<Vec<u8>>,
}

/// One answer of a node, and the way to ask it more.
pub(crate) struct Heard {
    pub(crate) node: usize,
    pub(crate) seen: Seen,
    pub(crate) stands: Vec<Stand>,
    pub(crate) client: Arc<Client>,
}

/// A connection for polls. It ends with every start of recovery.
struct Link {
    client: Arc<Client>,
    /// The node was seen to have replayed all that it has itself.
    whole: AtomicBool,
}

impl Link {
    /// Whether rows that are read from here on hold what the node has confirmed.
    async fn is_whole(&self) -> Result<bool, Error> {
        if !self.whole.load(Ordering::Acquire) {
            let whole = self.client.query_one(WHOLE, &[]).await?.try_get(0)?;
            self.whole.store(whole, Ordering::Release);
        }
        Ok(self.whole.load(Ordering::Acquire))
    }
}

pub(crate) struct Node {
    index: usize,
    pub(crate) address: Address,
    link: Mutex<Option<Arc<Link>>>,
    seen: watch::Sender<Seen>,
    /// The newest timeline of all nodes.
    top: Arc<AtomicU32>,
    memory: Mutex<Memory>,
    /// Answers in a row that did not come in time.
    late: AtomicU32,
}

/// What a server was seen to be since it was started.
#[derive(Default)]
struct Memory {
    /// It followed its stream, when this was the newest timeline.
    followed: Option<(Server, u32)>,
    standby: Option<Server>,
}

impl Node {
    pub(crate) fn new(index: usize, address: Address, top: Arc<AtomicU32>) -> Self {
        Self {
            index,
            address,
            link: Mutex::new(None),
            seen: watch::Sender::new(Seen::default()),
            top,
            memory: Mutex::default(),
            late: AtomicU32::new(0),
        }
    }

    #[cfg(test)]
    pub(crate) fn pretend(&self, seen: Seen) {
        self.seen.send_replace(seen);
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    /// Ready once the node does not answer. What is under way on one that has failed somebody else goes on.
    pub(crate) async fn gone(&self) {
        let mut seen = self.seen.subscribe();
        let gone = seen.wait_for(|seen| seen.role == Role::Down).await.is_ok();
        if !gone {
            std::future::pending::<()>().await;
        }
    }

    /// It has failed somebody: not to be used until it has answered again.
    pub(crate) fn suspect(&self) {
        self.seen.send_modify(|seen| seen.role = Role::Unknown);
    }

    /// Asks what it is and where its registries stand.
    pub(crate) async fn ask(&self, limit: Duration) -> Result<Heard, Error> {
        let heard = match tokio::time::timeout(limit, self.questions()).await {
            Ok(heard) => heard,
            Err(_) if self.late.fetch_add(1, Ordering::AcqRel) == 0 => {
                // A machine that is busy for a moment is not to be burdened with new connections, too.
                return Err(Error::Unavailable("it has not answered in time once".to_owned()));
            }
            Err(_) => Err(Error::Unavailable("it does not answer in time".to_owned())),
        };
        if heard.is_ok() {
            self.late.store(0, Ordering::Release);
        }
        let role = heard.as_ref().map_or(Role::Down, |heard| heard.seen.role);
        let before = self.seen().role;
        match &heard {
            Ok(heard) => self.seen.send_modify(|seen| *seen = heard.seen),
            Err(_) => {
                *lock(&self.link) = None;
                self.seen.send_modify(|seen| seen.role = Role::Down);
            }
        }
        if role != before && (role == Role::Down || before == Role::Down) {
            let why = heard.as_ref().err().and_then(Error::source_text).unwrap_or_default();
            tracing::warn!(node = self.index, ?role, why, "a node of the database has come or gone");
        }
        heard
    }

    async fn questions(&self) -> Result<Heard, Error> {
        let link = self.connected().await?;
        // In this order: what the rows show was replayed before the node says what it has replayed, and they are read after
        // it had replayed what it confirmed before it was started.
        let whole = link.is_whole().await?;
        let rows = link.client.query(EPOCHS, &[]).await?;
        let state = link.client.query_one(STATE, &[]).await?;
        let stands = rows.iter().map(stand).collect::<Result<_, _>>()?;
        let mut seen = self.read(&state)?;
        if !whole {
            (seen.streamed, seen.turning) = (false, None);
        }
        Ok(Heard { node: self.index, seen, stands, client: Arc::clone(&link.client) })
    }

    async fn connected(&self) -> Result<Arc<Link>, Error> {
        if let Some(link) = lock(&self.link).as_ref().filter(|link| !link.client.is_closed()) {
            return Ok(Arc::clone(link));
        }
        let client = Arc::new(self.address.way(STATEMENT)?.connect().await?);
        let link = Arc::new(Link { client, whole: AtomicBool::new(false) });
        *lock(&self.link) = Some(Arc::clone(&link));
        Ok(link)
    }

    fn read(&self, row: &Row) -> Result<Seen, Error> {
        let (standby, timeline): (bool, String) = (row.try_get(0)?, row.try_get(1)?);
        let (within_stream, at_edge): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
        let server = Server { cluster: row.try_get(4)?, started: row.try_get(5)? };
        let mut memory = lock(&self.memory);
        let followed = memory.followed.filter(|(known, _)| *known == server).map(|(_, top)| top);
        let streamed = standby && within_stream && (!at_edge || followed.is_some());
        if streamed {
            memory.followed = Some((server, self.top.load(Ordering::Acquire)));
        }
        if standby {
            memory.standby = Some(server);
        }
        Ok(Seen {
            role: if standby { Role::Standby } else { Role::Primary },
            timeline: u32::from_str_radix(&timeline, 16).unwrap_or_default(),
            streamed,
            turning: followed.filter(|_| standby && !streamed && at_edge),
            promoted: !standby && memory.standby == Some(server),
            replayed: row.try_get(6)?,
            clock: row.try_get(7)?,
            server: Some(server),
            answered: Some(Instant::now()),
        })
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stand(row: &Row) -> Result<Stand, Error> {
    Ok(Stand {
        registry: RegistryId(row.try_get(0)?),
        epoch: row.try_get(1)?,
        moved: row.try_get(2)?,
        head: row.try_get(3)?,
    })
}
