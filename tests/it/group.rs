//! Group commit: changes of one registry at once, of which some fail; connections that end meanwhile; who leaves.

mod replicated;
mod unknown;
mod wire;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use charter_domain::{
    RegistryId,
    policy::{Caller, Init, Load, Permit, permit},
    registry::Phase,
    time::Clock,
};
use charter_store::{Error, Settings, Store, Tx};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
};

use crate::{
    kept::{Dice, Kept, record, until},
    store::verify_history,
};

const CHANGES: usize = 240;
const FIRST: &str = "did:web:first.example";

/// What a change is made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Record,
    /// Records, then finds that it must not.
    Refuse,
    /// An entity that exists.
    Repeat,
    /// The same, and takes no notice of the error.
    Hide,
    Try,
    Panic,
}

impl Act {
    const ALL: [Self; 8] = [
        Self::Record,
        Self::Record,
        Self::Record,
        Self::Refuse,
        Self::Repeat,
        Self::Hide,
        Self::Try,
        Self::Panic,
    ];

    fn carry_out(self, tx: &mut Tx<'_>, permit: &Permit<Load>, name: &str) -> Result<(), Error> {
        let load = |tx: &mut Tx<'_>, name: &str| tx.load(permit, &[record(name)]).map(drop);
        match self {
            Self::Repeat => load(tx, FIRST),
            Self::Hide => {
                load(tx, name)?;
                drop(load(tx, FIRST));
                Ok(())
            }
            _ => {
                load(tx, name)?;
                assert!(self != Self::Panic, "as tested");
                if self == Self::Refuse { Err(Error::Conflict("as tested".to_owned())) } else { Ok(()) }
            }
        }
    }

    /// Whether it came to what it must come to.
    fn is(self, result: &Result<i64, Error>) -> bool {
        match self {
            Self::Record | Self::Try => result.is_ok(),
            Self::Refuse => matches!(result, Err(Error::Conflict(text)) if text == "as tested"),
            Self::Repeat => matches!(result, Err(Error::DuplicateEntity)),
            Self::Hide | Self::Panic => matches!(result, Err(Error::Internal(_))),
        }
    }
}

/// How many events hold this, as a whole text.
async fn holding(store: &Store, registry: RegistryId, text: &str) -> Vec<i64> {
    let text = format!("\"{text}\"");
    let bodies = store.event_bodies(registry, 0, i64::MAX).await.expect("events");
    let holds = |body: &Vec<u8>| String::from_utf8_lossy(body).contains(&text);
    (1..).zip(&bodies).filter(|(_, body)| holds(body)).map(|(seq, _)| seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_of_a_crowd_is_recorded_once_or_leaves_nothing() {
    let kept = Kept::new().await;
    let (registry, permit) = kept.registry("one").await;
    kept.load(&permit, vec![record(FIRST)]).await;
    let mut dice = Dice::new(7);
    let mut crowd = JoinSet::new();
    for n in 0..CHANGES {
        let (act, name) = (*dice.pick(&Act::ALL), format!("did:web:c{n}.example"));
        let (store, permit, id) = (kept.store.clone(), permit.clone(), registry.id);
        crowd.spawn(async move {
            let own = name.clone();
            let change = move |tx: &mut Tx<'_>| act.carry_out(tx, &permit, &own);
            let done = store.write_or_try("test.crowd", id, act == Act::Try, change).await;
            (act, name, done.map(|done| done.epoch))
        });
    }
    let mut recorded = 0;
    for (act, name, result) in crowd.join_all().await {
        assert!(act.is(&result), "{name} {act:?}: {result:?}");
        let found = holding(&kept.store, registry.id, &name).await;
        match (act, result) {
            // The entity's event, and its statement's, which was the last of the change.
            (Act::Record, Ok(epoch)) => {
                assert_eq!(found, [epoch - 1], "{name}");
                recorded += 1;
            }
            _ => assert!(found.is_empty(), "{name} {act:?} left {found:?}"),
        }
    }
    assert_eq!(verify_history(&kept, registry.id).await.len(), 1 + 2 * (1 + recorded));
}

/// A change that says when it runs, and goes on when `go_on` is dropped.
struct Held {
    runs: UnboundedReceiver<()>,
    go_on: mpsc::Sender<()>,
}

fn held<T>(
    change: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + Sync,
) -> (Held, impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + Sync) {
    let (says, runs) = unbounded_channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let holds = move |tx: &mut Tx<'_>| {
        says.send(()).expect("the test goes on");
        // Ends with an error, at once when it is carried out again.
        waits.lock().expect("not poisoned").recv().ok();
        change(tx)
    };
    (Held { runs, go_on }, holds)
}

fn loads(
    permit: &Permit<Load>,
    name: &str,
) -> impl Fn(&mut Tx<'_>) -> Result<i64, Error> + Send + Sync + use<> {
    let (permit, name) = (permit.clone(), name.to_owned());
    move |tx: &mut Tx<'_>| tx.load(&permit, &[record(&name)])
}

/// Somebody is under way, so that whoever comes now shares the next transaction.
async fn busy(kept: &Kept, permit: &Permit<Load>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<i64>) {
    let (mut lead, change) = held(loads(permit, "did:web:lead.example"));
    let (store, registry) = (kept.store.clone(), permit.registry());
    let leads =
        tokio::spawn(async move { store.write("test.lead", registry, change).await.expect("led").epoch });
    lead.runs.recv().await.expect("it runs");
    (lead.go_on, leads)
}

/// Two changes wait, the connection ends while the second runs. Whether they shared a transaction.
async fn cut_off() -> bool {
    let kept = Kept::new().await;
    let (registry, permit) = kept.registry("one").await;
    let (go_on, leads) = busy(&kept, &permit).await;
    let mut one = Box::pin(kept.store.write("test.one", registry.id, loads(&permit, "did:web:a.example")));
    let (mut last, change) = held(loads(&permit, "did:web:b.example"));
    let mut other = Box::pin(kept.store.write("test.other", registry.id, change));
    assert!(futures::poll!(one.as_mut()).is_pending());
    assert!(futures::poll!(other.as_mut()).is_pending());
    drop(go_on);
    assert_eq!(leads.await.expect("led"), 3);
    last.runs.recv().await.expect("the second runs, after the first");
    let seen = kept.events(registry.id).await.len();
    assert!(kept.database.end_connections().await > 0);
    drop(last.go_on);
    let (one, other) = tokio::join!(one, other);
    let epochs = BTreeSet::from([one.expect("recorded").epoch, other.expect("recorded").epoch]);
    assert_eq!(epochs, BTreeSet::from([5, 7]));
    assert_eq!(verify_history(&kept, registry.id).await.len(), 7);
    // Else the first was committed by itself, before the second ran.
    seen == 3
}

#[tokio::test]
async fn a_group_whose_connection_ends_is_carried_out_again_and_recorded_once() {
    let mut rounds = 1;
    // A machine that stands still for 50 ms ends a group after its first change.
    while !cut_off().await {
        assert!(rounds < 5, "changes that wait share no transaction");
        rounds += 1;
    }
}

#[tokio::test]
async fn who_leaves_in_line_is_passed_over_and_what_is_under_way_is_not_undone() {
    let kept = Kept::new().await;
    let (registry, permit) = kept.registry("one").await;
    let (go_on, leads) = busy(&kept, &permit).await;
    let mut left = Box::pin(kept.store.write("test.left", registry.id, loads(&permit, "did:web:a.example")));
    let mut stays =
        Box::pin(kept.store.write("test.stays", registry.id, loads(&permit, "did:web:b.example")));
    assert!(futures::poll!(left.as_mut()).is_pending());
    assert!(futures::poll!(stays.as_mut()).is_pending());
    drop(left);
    leads.abort();
    drop(go_on);
    assert_eq!(stays.await.expect("recorded").epoch, 5);
    let of = async |name: &str| holding(&kept.store, registry.id, name).await;
    assert_eq!(of("did:web:lead.example").await, [2], "its caller had gone");
    assert!(of("did:web:a.example").await.is_empty());
    verify_history(&kept, registry.id).await;
}

#[tokio::test]
async fn a_change_sees_what_those_before_it_in_its_group_left() {
    let kept = Kept::new().await;
    let (registry, load) = kept.registry("one").await;
    let init = permit::<Init>(&Caller::Bootstrap, registry.id, registry.phase).expect("permitted");
    let (go_on, leads) = busy(&kept, &load).await;
    let seals = move |tx: &mut Tx<'_>| {
        tx.seal(&init)?;
        Ok::<_, Error>((tx.phase, tx.epoch))
    };
    let sees = |tx: &mut Tx<'_>| Ok::<_, Error>((tx.phase, tx.epoch));
    let mut tries = Box::pin(kept.store.write_or_try("test.tries", registry.id, true, seals.clone()));
    let mut before = Box::pin(kept.store.write("test.before", registry.id, sees));
    let mut sealed = Box::pin(kept.store.write("test.seals", registry.id, seals));
    let mut after = Box::pin(kept.store.write("test.after", registry.id, sees));
    let mut late = Box::pin(kept.store.write("test.late", registry.id, loads(&load, "did:web:late.example")));
    assert!(futures::poll!(tries.as_mut()).is_pending());
    assert!(futures::poll!(before.as_mut()).is_pending());
    assert!(futures::poll!(sealed.as_mut()).is_pending());
    assert!(futures::poll!(after.as_mut()).is_pending());
    assert!(futures::poll!(late.as_mut()).is_pending());
    drop(go_on);
    assert_eq!(leads.await.expect("led"), 3);
    let (tries, before, sealed, after, late) = tokio::join!(tries, before, sealed, after, late);
    assert_eq!(tries.expect("tried").epoch, 4);
    assert_eq!(before.expect("seen").value, (Phase::Bootstrap, 3), "what was tried is not there");
    assert_eq!(sealed.expect("sealed").epoch, 4);
    assert_eq!(after.expect("seen").value, (Phase::Governed, 4));
    assert!(late.is_err(), "the database looks too: {late:?}");
    assert_eq!(verify_history(&kept, registry.id).await.len(), 4);
}

/// A store on the same database, by another way.
fn beside(kept: &Kept, url: String, synchronous_standbys: usize) -> Store {
    let settings = Settings {
        url,
        pool_size: 4,
        hot_connections: 1,
        statement_timeout: Duration::from_secs(10),
        synchronous_standbys,
        tls: None,
    };
    Store::new(settings, Arc::clone(&kept.clock) as Arc<dyn Clock>).expect("a store")
}

#[tokio::test]
async fn nothing_is_written_where_fewer_standbys_are_demanded_than_must_confirm_it() {
    let kept = Kept::new().await;
    let (registry, permit) = kept.registry("one").await;
    // Two ways to the one node there is.
    let (wire, url) = (wire::Wire::start(), kept.database.url("charter_runtime"));
    let url = url.replacen(" port=5432", &format!(",{} port=5432,5432", wire.dir().display()), 1);
    let careful = beside(&kept, url, 1);
    let write = careful.write("test.alone", registry.id, loads(&permit, "did:web:a.example")).await;
    assert!(matches!(&write, Err(Error::Unavailable(text)) if text.contains("standby")), "{write:?}");
    assert!(matches!(careful.forget_requests(registry.id).await, Err(Error::Unavailable(_))));
    assert_eq!(kept.events(registry.id).await.len(), 1);
}

/// Checked at COMMIT, one would fail a whole group for the change of one.
#[tokio::test]
async fn no_constraint_waits_for_commit() {
    let kept = Kept::new().await;
    let admin = kept.database.admin(&kept.database.name).await;
    let sql = "select conname::text from pg_constraint where condeferrable
               union all select tgname::text from pg_trigger where tgdeferrable";
    let rows = admin.query(sql, &[]).await.expect("the catalogue");
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(names, Vec::<String>::new());
}

/// A large change keeps others for as long as it takes, not for as long as all those behind it take.
#[tokio::test]
async fn a_group_that_takes_long_ends_and_the_next_goes_on_in_order() {
    let kept = Kept::new().await;
    let (registry, permit) = kept.registry("one").await;
    let (go_on, leads) = busy(&kept, &permit).await;
    let (mut slow, change) = held(loads(&permit, "did:web:slow.example"));
    let mut first = Box::pin(kept.store.write("test.slow", registry.id, change));
    let mut second =
        Box::pin(kept.store.write("test.next", registry.id, loads(&permit, "did:web:a.example")));
    let (mut after, change) = held(loads(&permit, "did:web:b.example"));
    let mut third = Box::pin(kept.store.write("test.after", registry.id, change));
    assert!(futures::poll!(first.as_mut()).is_pending());
    assert!(futures::poll!(second.as_mut()).is_pending());
    assert!(futures::poll!(third.as_mut()).is_pending());
    drop(go_on);
    leads.await.expect("led");
    slow.runs.recv().await.expect("it runs");
    let begun = std::time::Instant::now();
    until(
        Duration::from_secs(5),
        "time passes",
        || async move { begun.elapsed() > Duration::from_millis(60) },
    )
    .await;
    drop(slow.go_on);
    assert_eq!(first.await.expect("alone").epoch, 5, "the others' turn had not come");
    after.runs.recv().await.expect("it runs");
    drop(after.go_on);
    let (second, third) = tokio::join!(second, third);
    assert_eq!((second.expect("next").epoch, third.expect("after").epoch), (7, 9));
}
