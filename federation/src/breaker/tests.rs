//! How long endpoints rest, and what ends a rest.

use std::sync::atomic::{AtomicUsize, Ordering};

use charter_domain::SpkiPins;
use tokio::{sync::oneshot, task::yield_now, time::advance};

use super::*;

fn peer(port: u16) -> PeerEndpoint {
    PeerEndpoint { url: format!("http://127.0.0.1:{port}"), pins: SpkiPins::default() }
}

fn fails(breakers: &Breakers, started: Instant, now: Instant) {
    breakers.failed(&peer(1), (started, now), "gone".to_owned());
}

fn resting(turn: Turn) -> Resting {
    match turn {
        Turn::Rest(resting) | Turn::Try(resting) => resting,
        Turn::Ask => unreachable!("it rests"),
    }
}

#[test]
fn rests_grow_from_one_second_to_five_minutes() {
    let (breakers, mut now) = (Breakers::default(), Instant::now());
    fails(&breakers, now, now);
    for failures in 1..=20 {
        let resting = resting(breakers.turn(&peer(1), now));
        let whole = Duration::from_secs(1 << (failures - 1).min(16)).min(LONGEST);
        assert!(resting.again_in <= whole && resting.again_in >= whole * 4 / 5, "{failures}: {resting}");
        assert_eq!(resting.failures, failures);
        now += resting.again_in;
        assert!(matches!(breakers.turn(&peer(1), now), Turn::Try(_)), "its turn");
        fails(&breakers, now, now);
    }
}

#[test]
fn one_trial_decides_for_all_and_nobody_is_let_through_before() {
    let (breakers, start) = (Breakers::default(), Instant::now());
    fails(&breakers, start, start);
    let later = start + FIRST;
    assert!(matches!(breakers.turn(&peer(1), later), Turn::Try(_)));
    for ms in [0, 1_000, 100_000] {
        let turn = breakers.turn(&peer(1), later + Duration::from_millis(ms));
        assert!(matches!(turn, Turn::Rest(_)), "{ms}");
    }
    assert_eq!(breakers.turn(&peer(2), later), Turn::Ask, "another endpoint");
    // What was under way since before ends no rest.
    breakers.succeeded(&peer(1));
    assert!(breakers.look(&peer(1), later).is_some());
    breakers.answered(&peer(1), later);
    assert_eq!(breakers.look(&peer(1), later), None);
    assert!((0..2).all(|_| breakers.turn(&peer(1), later) == Turn::Ask));
}

#[test]
fn who_answers_trials_and_no_questions_rests_longer_each_time() {
    let (breakers, start) = (Breakers::default(), Instant::now());
    fails(&breakers, start, start);
    breakers.answered(&peer(1), start + FIRST);
    fails(&breakers, start, start + FIRST);
    assert_eq!(breakers.turn(&peer(1), start + FIRST), Turn::Ask, "it was asked before it was tried");
    fails(&breakers, start + FIRST, start + FIRST);
    assert_eq!(resting(breakers.turn(&peer(1), start + FIRST)).failures, 2);
    breakers.answered(&peer(1), start + FIRST * 3);
    breakers.succeeded(&peer(1));
    fails(&breakers, start + FIRST * 3, start + FIRST * 3);
    assert_eq!(resting(breakers.turn(&peer(1), start + FIRST * 3)).failures, 1, "a question was answered");
}

#[test]
fn questions_that_fail_together_are_one_failure() {
    let (breakers, start) = (Breakers::default(), Instant::now());
    let end = start + Duration::from_millis(10);
    for _ in 0..50 {
        fails(&breakers, start, end);
    }
    assert_eq!(resting(breakers.turn(&peer(1), end)).failures, 1);
    fails(&breakers, end + FIRST, end + FIRST);
    assert_eq!(resting(breakers.turn(&peer(1), end + FIRST)).failures, 2);
}

#[test]
fn no_more_endpoints_are_kept_than_the_bound() {
    let (breakers, now) = (Breakers::default(), Instant::now());
    let endpoint = |n: usize| PeerEndpoint { url: n.to_string(), pins: SpkiPins::default() };
    for n in 0..MAX_KEPT + 10 {
        breakers.failed(&endpoint(n), (now, now), "gone".to_owned());
    }
    assert!(breakers.look(&endpoint(MAX_KEPT), now).is_none());
    assert!(!breakers.doubted(&endpoint(MAX_KEPT), now), "there is no room to know");
    breakers.answered(&endpoint(0), now);
    assert!(breakers.doubted(&endpoint(MAX_KEPT), now), "who is back makes room");
}

#[tokio::test(start_paused = true)]
async fn a_trial_runs_once_in_the_background_and_its_answer_lets_all_ask() {
    let breakers = Arc::<Breakers>::default();
    fails(&breakers, Instant::now(), Instant::now());
    advance(FIRST).await;
    let (runs, (answer, answered)) = (Arc::<AtomicUsize>::default(), oneshot::channel::<()>());
    let mut answered = Some(answered);
    let mut comes = || {
        let (runs, answered) = (Arc::clone(&runs), answered.take());
        breakers.admit(&peer(1), || async move {
            runs.fetch_add(1, Ordering::SeqCst);
            let answered = answered.expect("the first is the only one").await;
            answered.map_err(|_| Failure::Late)
        })
    };
    let start = Instant::now();
    for _ in 0..10 {
        assert!(matches!(comes(), Err(Failure::Resting(_))), "who starts it is told the same");
        yield_now().await;
    }
    assert_eq!((runs.load(Ordering::SeqCst), start.elapsed()), (1, Duration::ZERO));
    answer.send(()).expect("it waits");
    while breakers.look(&peer(1), Instant::now()).is_some() {
        yield_now().await;
    }
    comes().expect("it is back");
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_is_not_answered_ends_and_the_next_rest_is_longer() {
    for (fault, why) in [
        (None, "did not answer in time"),
        (Some(Failure::Unreachable("refused".to_owned())), "could not be reached: refused"),
        (Some(Failure::Untrusted("its key".to_owned())), "its TLS connection cannot be trusted: its key"),
    ] {
        let breakers = Arc::<Breakers>::default();
        fails(&breakers, Instant::now(), Instant::now());
        advance(FIRST).await;
        let trial = || async move {
            match fault {
                Some(fault) => Err(fault),
                None => std::future::pending().await,
            }
        };
        breakers.admit(&peer(1), trial).expect_err("it rests");
        tokio::time::sleep(HOP + Duration::from_millis(1)).await;
        let resting = breakers.look(&peer(1), Instant::now()).expect("it rests");
        assert_eq!((resting.failures, resting.why.as_str()), (2, why));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_doubted_is_asked_until_its_trial_fails() {
    let breakers = Arc::<Breakers>::default();
    let asks = || breakers.admit(&peer(1), || async { Ok(()) });
    let refuses = || async { Err(Failure::Refused("no such registry".to_owned())) };
    breakers.doubt(&peer(1), refuses);
    asks().expect("nothing is known yet");
    tokio::time::sleep(HOP).await;
    asks().expect("it has answered");
    breakers.doubt(&peer(1), std::future::pending);
    asks().expect("nothing is known yet");
    tokio::time::sleep(HOP + Duration::from_millis(1)).await;
    assert!(matches!(asks(), Err(Failure::Resting(Resting { failures: 1, .. }))));
}

#[test]
fn it_says_what_failed_and_when_it_is_asked_again() {
    let resting =
        Resting { failures: 3, again_in: Duration::from_millis(3_140), why: "did not answer in time".into() };
    let text = "did not answer in time (failure 3 in a row); it is asked again in 3.1 s";
    assert_eq!(resting.to_string(), text);
}
