//! Eight readers, fillers among them, against a thousand changes: once a change is in the register, no
//! question that starts later is answered from before it.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use charter_cache::{Answers, BootInstant, Register};

use crate::support::{LEASE, REGISTRY, ask, change, filled, now};

const ENTITIES: usize = 4;
const CHANGES: i64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_reader_that_starts_later_gets_an_older_answer() {
    let register = Arc::new(Register::new(LEASE * 60));
    register.start(REGISTRY, 0);
    register.polled(BootInstant::now());
    let answers = Arc::new(Answers::<String>::new(Arc::clone(&register), 10_000, None));
    // The database: the epoch, and of each entity the last change that is committed / in the register.
    let database = Arc::new(AtomicI64::new(0));
    let known: Arc<[AtomicI64]> = (0..ENTITIES).map(|_| AtomicI64::new(0)).collect();
    let done = Arc::new(AtomicBool::new(false));

    let readers: Vec<_> = (0..8)
        .map(|reader| {
            let (answers, database) = (Arc::clone(&answers), Arc::clone(&database));
            let (known, done) = (Arc::clone(&known), Arc::clone(&done));
            tokio::spawn(async move {
                let (mut hits, mut turn) = (0_u64, reader);
                while !done.load(Ordering::Acquire) {
                    turn += 1;
                    let entity = format!("e{}", turn % ENTITIES);
                    let lookup = ask(&entity);
                    let least = known[turn % ENTITIES].load(Ordering::Acquire);
                    if let Some(entry) = answers.get_local(&lookup, now()) {
                        assert!(entry.epoch >= least, "{entity}: {} < {least}", entry.epoch);
                        hits += 1;
                        continue;
                    }
                    let fill = || async {
                        let read = filled(database.load(Ordering::Acquire), &entity);
                        // Time passes between reading and storing, for some more than for others.
                        for _ in 0..turn % 7 {
                            tokio::task::yield_now().await;
                        }
                        Ok::<_, Infallible>(read)
                    };
                    let entry = answers.get_or_fill(&lookup, now(), fill).await.unwrap();
                    assert!(entry.epoch >= least, "{entity}, filled: {} < {least}", entry.epoch);
                    if turn % 50 == 0 {
                        // A slow filler outside of any flight, with what it read long ago.
                        answers.put(&lookup, filled(least.saturating_sub(3), &entity));
                        tokio::task::yield_now().await;
                    }
                }
                hits
            })
        })
        .collect();

    for seq in 1..=CHANGES {
        let which = usize::try_from(seq).unwrap() * 7 % ENTITIES;
        database.store(seq, Ordering::Release);
        register.note(REGISTRY, &[change(seq, &format!("e{which}"))]);
        register.advance(REGISTRY, seq);
        register.polled(BootInstant::now());
        known[which].store(seq, Ordering::Release);
        tokio::task::yield_now().await;
        if seq % 10 == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    done.store(true, Ordering::Release);
    let mut hits = 0;
    for reader in readers {
        hits += reader.await.unwrap();
    }
    assert!(hits > 1_000, "the race was about entries that are served: {hits}");
}
