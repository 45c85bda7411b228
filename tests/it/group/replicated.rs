//! Group commit over three nodes: COMMIT waits for a standby as long as it takes, and who gives up before it was sent has
//! kept it from being sent.

use std::{sync::Arc, time::Duration};

use charter_domain::time::Clock;
use charter_store::{Error, Settings, Store, Tx, request::Earlier};
use charter_tests::{TestClock, replica::Replicas};

use super::{held, holding, loads, unknown::call};
use crate::kept::{Kept, record, until};

const LATEST: Duration = Duration::from_secs(30);

async fn replicated() -> (Replicas, Kept) {
    let replicas = Replicas::start("registry").await;
    let (database, clock) = (replicas.database(&[0, 1, 2]), Arc::<TestClock>::default());
    let settings = Settings {
        url: database.url("charter_runtime"),
        pool_size: 4,
        hot_connections: 1,
        // Shorter than any COMMIT here waits.
        statement_timeout: Duration::from_millis(500),
        synchronous_standbys: 1,
        tls: None,
    };
    let store = Store::new(settings, Arc::clone(&clock) as Arc<dyn Clock>).expect("a store");
    (replicas, Kept { database, store, clock })
}

#[tokio::test]
async fn a_commit_that_no_standby_confirms_is_unknown_until_one_does() {
    let (replicas, kept) = replicated().await;
    let (registry, permit) = kept.registry("one").await;
    let (name, next) = ("did:web:a.example", "did:web:b.example");
    replicas.freeze(1);
    replicas.freeze(2);
    let own = permit.clone();
    let change = move |tx: &mut Tx<'_>| {
        tx.load(&own, &[record(name)])?;
        tx.keep(Some(&call()), &"as tested")
    };
    let written = kept.store.write("test.alone", registry.id, change).await;
    assert!(matches!(written, Err(Error::Unknown(_))), "no time limit is a success: {written:?}");
    let admin = replicas.admin(0).await;
    let events =
        async || admin.query_one("select count(*) from events", &[]).await.expect("counted").get::<_, i64>(0);
    assert_eq!(events().await, 1, "nobody sees it before");
    let behind = kept.store.write("test.behind", registry.id, loads(&permit, next)).await;
    assert!(matches!(behind, Err(Error::Unavailable(_) | Error::NotPrimary)), "{behind:?}");
    assert!(kept.store.settled(registry.id, call()).await.is_err(), "it may still come");
    replicas.thaw(1);
    replicas.thaw(2);
    let answer = Some(Earlier::Answer("\"as tested\"".to_owned()));
    until(LATEST, "it was recorded", || async {
        kept.store.settled(registry.id, call()).await.is_ok_and(|found| found == answer)
    })
    .await;
    assert_eq!(events().await, 3, "once, and nothing of the other");
}

#[tokio::test]
async fn a_demand_that_is_taken_back_while_a_commit_waits_is_no_confirmation() {
    let (replicas, kept) = replicated().await;
    let (registry, permit) = kept.registry("one").await;
    replicas.freeze(1);
    replicas.freeze(2);
    let (store, id, change) = (kept.store.clone(), registry.id, loads(&permit, "did:web:a.example"));
    let writes = tokio::spawn(async move { store.write("test.taken_back", id, change).await });
    let admin = replicas.admin(0).await;
    let sql = "select exists (select from pg_stat_activity where wait_event = 'SyncRep')";
    until(LATEST, "it waits for a standby", || async {
        admin.query_one(sql, &[]).await.expect("looked").get::<_, bool>(0)
    })
    .await;
    replicas.sets(0, "synchronous_standby_names", "").await;
    let written = writes.await.expect("ended");
    assert!(matches!(written, Err(Error::Unknown(_))), "it may be there alone: {written:?}");
}

#[tokio::test]
async fn what_was_given_up_before_commit_is_never_committed() {
    let (replicas, kept) = replicated().await;
    let (registry, permit) = kept.registry("one").await;
    let (mut middle, change) = held(loads(&permit, "did:web:a.example"));
    let (store, id) = (kept.store.clone(), registry.id);
    let writes = tokio::spawn(async move { store.write("test.frozen", id, change).await });
    middle.runs.recv().await.expect("it runs");
    replicas.freeze(0);
    drop(middle.go_on);
    // Whoever asks now finds the primary gone.
    until(LATEST, "given up", || async {
        kept.store.epoch(registry.id).await.ok();
        writes.is_finished()
    })
    .await;
    let written = writes.await.expect("ended");
    assert!(matches!(written, Err(Error::Unavailable(_) | Error::NotPrimary)), "an outcome: {written:?}");
    replicas.thaw(0);
    until(LATEST, "it writes again", || async {
        kept.store.write("test.again", registry.id, loads(&permit, "did:web:b.example")).await.is_ok()
    })
    .await;
    assert!(holding(&kept.store, registry.id, "did:web:a.example").await.is_empty());
    assert_eq!(kept.events(registry.id).await.len(), 3);
}
