//! Group commit: changes of one registry that arrive while another commits share one transaction after it.
//!
//! A COMMIT that waits for a standby takes as long for one change as for fifty. Who comes to an idle registry waits for
//! nobody. In a group each change has a savepoint of its own: it fails alone, and the others do not see it.

mod gate;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use charter_domain::RegistryId;
use diesel::PgConnection;
use tokio::sync::oneshot;

pub(crate) use self::gate::Gate;
use crate::{
    Committed, Error, Store, Tx,
    line::{Lead, Lines, Turn},
    tx::{self, End},
};

/// Changes of one transaction. More savepoints than 64 would not fit into what Postgres keeps of a transaction in shared
/// memory (PGPROC_MAX_CACHED_SUBXIDS).
const LARGEST: usize = 64;
/// A group takes no further change when it has run for so long: a large one keeps nobody but those behind it.
const LONGEST: Duration = Duration::from_millis(50);
/// For how long a change that met a passing condition is tried again; less than a caller waits by default.
const PATIENCE: Duration = Duration::from_secs(1);

/// Changes that wait for their turn.
pub(crate) type Queue = Lines<Arc<dyn Waiting>>;

/// A change that waits for its turn, whatever it comes to.
pub(crate) trait Waiting: Send + Sync {
    /// Carries it out, and holds what it came to.
    fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error>;
    fn only_try(&self) -> bool;
    /// Nobody waits for it any more.
    fn left(&self) -> bool;
    /// What the transaction came to: without an error, what `run` held is told.
    fn tell(&self, error: Option<Error>);
    /// COMMIT was sent and not answered. What would not have stayed may be tried again.
    fn tell_unknown(&self, text: &str);
}

type Reply<T> = oneshot::Sender<Result<Committed<T>, Error>>;

struct Change<T, F> {
    change: Arc<F>,
    only_try: bool,
    /// Of the change, for who tries it again.
    kept: Arc<AtomicBool>,
    made: Mutex<Option<Committed<T>>>,
    reply: Mutex<Option<Reply<T>>>,
}

impl<T, F> Change<T, F> {
    fn held(&self) -> Option<Committed<T>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn answer(&self, result: Result<Committed<T>, Error>) {
        if let Some(reply) = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Who left does not hear it.
            let _ = reply.send(result);
        }
    }
}

impl<T, F> Waiting for Change<T, F>
where
    T: Send,
    F: Fn(&mut Tx<'_>) -> Result<T, Error> + Send + Sync,
{
    fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        drop(self.held());
        let value = catch_unwind(AssertUnwindSafe(|| (self.change)(tx)))
            .unwrap_or_else(|_| Err(Error::Internal("a change panicked".to_owned())))?;
        self.kept.store(tx.kept, Ordering::SeqCst);
        let made = Committed { value, registry: tx.registry, epoch: tx.epoch };
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        Ok(())
    }

    fn only_try(&self) -> bool {
        self.only_try
    }

    fn left(&self) -> bool {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner);
        reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn tell(&self, error: Option<Error>) {
        let lost = || Error::Internal("a change was told before it was made".to_owned());
        self.answer(error.map_or_else(|| self.held().ok_or_else(lost), Err));
    }

    fn tell_unknown(&self, text: &str) {
        let stays = self.held().is_some() && !self.only_try;
        let text = text.to_owned();
        self.answer(Err(if stays { Error::Unknown(text) } else { Error::Unavailable(text) }));
    }
}

/// What became of one change of a group that committed, or had nothing to commit.
enum Ran {
    Recorded,
    Tried,
    Failed(Error),
}

impl Ran {
    fn of(change: &dyn Waiting, tx: &mut Tx<'_>) -> Self {
        match change.run(tx) {
            Ok(()) if change.only_try() => Self::Tried,
            Ok(()) => Self::Recorded,
            Err(error) => Self::Failed(error),
        }
    }
}

/// A group as it is carried out: in this order, at once or not at all.
struct Group {
    registry: RegistryId,
    changes: Vec<Arc<dyn Waiting>>,
    gate: Gate,
}

impl Group {
    /// What became of its changes, of the first ones where it took too long.
    fn carry_out(&self, conn: &mut PgConnection, store: &Store) -> Result<Vec<Ran>, Error> {
        self.gate.begin()?;
        let work = |conn: &mut PgConnection| {
            let mut tx = Tx::lock(conn, self.registry, store.now(), &self.gate)?;
            store.agrees(tx.clock)?;
            let ran = self.run(&mut tx, store)?;
            let stays = ran.iter().any(|ran| matches!(ran, Ran::Recorded));
            Ok(if stays { End::Commit(ran) } else { End::Rollback(ran) })
        };
        tx::writing(conn, self.registry, store.settings.synchronous_standbys, work, || self.gate.may_commit())
    }

    fn run(&self, tx: &mut Tx<'_>, store: &Store) -> Result<Vec<Ran>, Error> {
        let begun = Instant::now();
        let mut ran = Vec::with_capacity(self.changes.len());
        for change in &self.changes {
            let change = change.as_ref();
            self.gate.step(store.deadline());
            if self.changes.len() == 1 {
                ran.push(Ran::of(change, tx));
            } else if ran.is_empty() || begun.elapsed() < LONGEST {
                ran.push(apart(change, tx, store)?);
            }
        }
        Ok(ran)
    }

    async fn attempt(self: &Arc<Self>, store: &Store) -> Result<Vec<Ran>, Error> {
        let begun = store.begin().await?;
        let (group, whose) = (Arc::clone(self), store.clone());
        let work = move |conn: &mut PgConnection| group.carry_out(conn, &whose);
        store.finish("group", begun, |node| self.late(store, node), work).await
    }

    /// Ready when this is to be given up: a step takes too long, or the node is gone. A COMMIT that was sent is waited for.
    async fn late(&self, store: &Store, node: usize) {
        let gone = async {
            store.nodes.node(node).gone().await;
            if !self.gate.is_running() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.gate.overdue() => {}
            () = gone => {}
        }
    }

    /// Tells everybody; returns those whose turn did not come.
    fn tell(&self, result: Result<Vec<Ran>, Error>) -> &[Arc<dyn Waiting>] {
        let ran = match result {
            Ok(ran) => ran,
            Err(Error::Unknown(text)) if self.gate.give_up() => {
                return self.all(|one| one.tell(Some(Error::Unavailable(text.clone()))));
            }
            Err(Error::Unknown(text)) => return self.all(|one| one.tell_unknown(&text)),
            Err(error) => return self.all(|one| one.tell(Some(error.clone()))),
        };
        let come = ran.len();
        for (change, ran) in self.changes.iter().zip(ran) {
            change.tell(match ran {
                Ran::Recorded | Ran::Tried => None,
                Ran::Failed(error) => Some(error),
            });
        }
        self.changes.get(come..).unwrap_or_default()
    }

    fn all(&self, tell: impl Fn(&dyn Waiting)) -> &[Arc<dyn Waiting>] {
        self.changes.iter().for_each(|one| tell(one.as_ref()));
        &[]
    }
}

/// Stands in line; where nobody leads, a leader begins at once.
fn join(store: &Store, registry: RegistryId, change: Arc<dyn Waiting>) -> Result<(), Error> {
    if let Some(lead) = store.queue.push(registry, change)? {
        tokio::spawn(lead_groups(store.clone(), registry, lead));
    }
    Ok(())
}

/// One group after the other, of those who still wait for an answer.
async fn lead_groups(store: Store, registry: RegistryId, mut lead: Lead<Arc<dyn Waiting>>) {
    while let Some(changes) = next_group(&mut lead) {
        metrics::counter!("charter_groups_total").increment(1);
        metrics::counter!("charter_group_changes_total").increment(changes.len() as u64);
        let gate = Gate::new(store.deadline());
        let group = Arc::new(Group { registry, changes, gate });
        let result = group.attempt(&store).await;
        lead.back(group.tell(result).iter().map(Arc::clone));
    }
}

fn next_group(lead: &mut Lead<Arc<dyn Waiting>>) -> Option<Vec<Arc<dyn Waiting>>> {
    let mut room = LARGEST;
    lead.next(|change| match room {
        0 => Turn::Waits,
        _ if change.left() => Turn::Left,
        _ => {
            room -= 1;
            Turn::Comes
        }
    })
}

/// One change among others. An error is the whole group's: the connection is gone.
fn apart(change: &dyn Waiting, tx: &mut Tx<'_>, store: &Store) -> Result<Ran, Error> {
    let before = tx.savepoint(store.now())?;
    let ran = match Ran::of(change, tx) {
        Ran::Recorded => tx.release().map_or_else(Ran::Failed, |()| Ran::Recorded),
        other => other,
    };
    if !matches!(ran, Ran::Recorded) {
        tx.back_to(before)?;
    }
    Ok(ran)
}

/// A change of a registry, in a group with those that wait beside it, and again where it met what passes.
pub(crate) async fn write<T, F>(
    store: &Store,
    registry: RegistryId,
    only_try: bool,
    change: F,
) -> Result<Committed<T>, Error>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T, Error> + Send + Sync + 'static,
{
    let (change, kept) = (Arc::new(change), Arc::new(AtomicBool::new(false)));
    let attempt = || {
        let (reply, told) = oneshot::channel();
        let waiting = Change {
            change: Arc::clone(&change),
            only_try,
            kept: Arc::clone(&kept),
            made: Mutex::new(None),
            reply: Mutex::new(Some(reply)),
        };
        let joined = join(store, registry, Arc::new(waiting));
        async move {
            joined?;
            let lost = |_| Err(Error::Unknown("a group ended without a word".to_owned()));
            told.await.unwrap_or_else(lost)
        }
    };
    patiently(&kept, attempt).await
}

/// Tries again what met a passing condition. What may have been recorded is tried again only where it keeps the id of
/// its request: the database refuses it the second time.
///
/// # Errors
/// `Unknown` when it may have been recorded: whatever a later attempt met does not say that it was not.
pub(crate) async fn patiently<T, A>(kept: &AtomicBool, attempt: impl Fn() -> A) -> Result<T, Error>
where
    A: Future<Output = Result<T, Error>>,
{
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut unknown = None;
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let again = match &error {
            Error::Unknown(text) => {
                unknown = Some(text.clone());
                kept.load(Ordering::SeqCst)
            }
            other => other.is_passing(),
        };
        if !again || tokio::time::Instant::now() >= until {
            return Err(unknown.map_or(error, Error::Unknown));
        }
        metrics::counter!("charter_transaction_retries_total").increment(1);
        tokio::time::sleep(Duration::from_millis(10 + u64::from(rand::random::<u8>()) * 90 / 255)).await;
    }
}
