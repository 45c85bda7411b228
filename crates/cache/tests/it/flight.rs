//! Single flight: one filler for many, nobody hangs, and nobody gets an answer older than the question.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use charter_cache::{Answers, Error, MAX_FILLERS, PATIENCE};
use tokio::sync::Notify;

use crate::support::{REGISTRY, ask, change, filled, local, now};

/// Lets every task that can run do so; nothing here waits for real time.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn many_who_miss_together_are_filled_once() {
    let (answers, ..) = local();
    let (answers, fills) = (Arc::new(answers), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let (answers, fills) = (Arc::clone(&answers), Arc::clone(&fills));
            tokio::spawn(async move {
                let fill = || async {
                    fills.fetch_add(1, Ordering::AcqRel);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Ok::<_, Infallible>(filled(10, "e"))
                };
                answers.get_or_fill(&ask("e"), now(), fill).await.unwrap().value.clone()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "e@10");
    }
    assert_eq!(fills.load(Ordering::Acquire), 1);
    answers.run_pending_tasks();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_cancelled_leader_leaves_nobody_waiting() {
    let (answers, ..) = local();
    let answers = Arc::new(answers);
    let leader = tokio::spawn({
        let answers = Arc::clone(&answers);
        async move { answers.get_or_fill::<Infallible, _, _>(&ask("e"), now(), std::future::pending).await }
    });
    settle().await;
    let followers: Vec<_> = (0..100)
        .map(|_| {
            let answers = Arc::clone(&answers);
            let fill = || async { Ok::<_, Infallible>(filled(10, "e")) };
            tokio::spawn(async move { answers.get_or_fill(&ask("e"), now(), fill).await.is_ok() })
        })
        .collect();
    settle().await;
    assert!(followers.iter().all(|f| !f.is_finished()));
    leader.abort();
    for follower in followers {
        assert!(tokio::time::timeout(Duration::from_secs(5), follower).await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn an_error_reaches_all_who_waited_and_is_not_kept() {
    let (answers, ..) = local();
    let fail = || async {
        tokio::task::yield_now().await;
        Err("database is away")
    };
    let (lookup, now) = (ask("e"), now());
    let (a, b) = tokio::join!(
        answers.get_or_fill(&lookup, now, fail),
        answers.get_or_fill(&lookup, now, || async { Err("not asked") })
    );
    for outcome in [a, b] {
        assert!(matches!(outcome, Err(Error::Fill(e)) if *e == "database is away"));
    }
    let again = answers.get_or_fill(&lookup, now, || async { Ok::<_, &str>(filled(10, "e")) }).await;
    assert_eq!(again.unwrap().value, "e@10");
}

#[tokio::test]
async fn what_was_found_in_a_history_that_is_over_is_not_kept() {
    let (answers, ..) = local();
    let fill = || async {
        answers.begin_history(2, &HashMap::new());
        Ok::<_, Infallible>(filled(10, "e"))
    };
    assert_eq!(answers.get_or_fill(&ask("e"), now(), fill).await.unwrap().value, "e@10");
    assert!(answers.get_local(&ask("e"), now()).is_none());
    let asked = ask("e");
    let again = answers.get_or_fill(&asked, now(), || async { Ok::<_, Infallible>(filled(10, "e")) });
    assert_eq!(again.await.unwrap().value, "e@10");
    assert!(answers.get_local(&ask("e"), now()).is_some());
}

/// Two ask the same; the first one's filler reads at epoch 10 before, the second asks after, `between`.
async fn asked_after(answers: &Arc<Answers<String>>, between: impl FnOnce()) -> String {
    let gate = Arc::new(Notify::new());
    let first = tokio::spawn({
        let (answers, gate) = (Arc::clone(answers), Arc::clone(&gate));
        let fill = || async move {
            let read = filled(10, "e");
            gate.notified().await;
            Ok::<_, Infallible>(read)
        };
        async move { answers.get_or_fill(&ask("e"), now(), fill).await.unwrap().value.clone() }
    });
    settle().await;
    between();
    let second = tokio::spawn({
        let answers = Arc::clone(answers);
        let fill = || async { Ok::<_, Infallible>(filled(11, "e")) };
        async move { answers.get_or_fill(&ask("e"), now(), fill).await.unwrap().value.clone() }
    });
    settle().await;
    gate.notify_one();
    assert_eq!(first.await.unwrap(), "e@10", "asked before the change, may hear of before");
    second.await.unwrap()
}

#[tokio::test]
async fn a_follower_refuses_what_was_read_before_its_question() {
    let (answers, register, _) = local();
    let answers = Arc::new(answers);
    assert_eq!(asked_after(&answers, || ()).await, "e@10", "nothing changed: shared");

    let (answers, register2, _) = local();
    let answers = Arc::new(answers);
    assert_eq!(asked_after(&answers, || register2.note(REGISTRY, &[change(11, "e")])).await, "e@11");

    // Without the lease nobody knows whether something changed.
    let (answers, register3, _) = local();
    let answers = Arc::new(answers);
    assert_eq!(asked_after(&answers, || register3.drop_lease()).await, "e@11");
    drop(register);
}

#[tokio::test]
async fn beyond_the_bound_fillers_wait_for_a_moment() {
    let (answers, ..) = local();
    let answers = Arc::new(answers);
    let busy: Vec<_> = (0..MAX_FILLERS)
        .map(|i| {
            let answers = Arc::clone(&answers);
            let fill = std::future::pending;
            tokio::spawn(async move {
                answers.get_or_fill::<Infallible, _, _>(&ask(&format!("e{i}")), now(), fill).await.is_ok()
            })
        })
        .collect();
    settle().await;
    let fill = || async { Ok::<_, Infallible>(filled(10, "e")) };
    let began = Instant::now();
    assert!(matches!(answers.get_or_fill(&ask("e"), now(), fill).await, Err(Error::Overloaded)));
    assert!(began.elapsed() >= PATIENCE);
    // Who waits when a place becomes free gets it.
    let waiting = tokio::spawn({
        let answers = Arc::clone(&answers);
        async move { answers.get_or_fill(&ask("f"), now(), fill).await.is_ok() }
    });
    settle().await;
    busy[0].abort();
    assert!(waiting.await.expect("no panic"));
    busy.iter().for_each(tokio::task::JoinHandle::abort);
}
