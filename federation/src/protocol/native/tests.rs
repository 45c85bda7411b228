//! Which endpoints may be asked, and which are asked again.

use std::{cell::Cell, future::pending};

use super::*;

const GIVEN: Duration = Duration::from_secs(1);

fn peer(port: u16) -> PeerEndpoint {
    PeerEndpoint { url: format!("http://127.0.0.1:{port}"), pins: SpkiPins::default() }
}

/// Asks an endpoint that never answers, neither questions nor trials; whether it was called, and what came of it.
async fn silence(breakers: &Arc<Breakers>, given: Duration) -> (bool, Failure) {
    let called = Cell::new(false);
    let call = async {
        called.set(true);
        pending::<Result<tonic::Response<()>, Status>>().await
    };
    let failed = breakers.ask(&peer(1), given, said(call), pending).await.expect_err("nobody answers");
    (called.get(), failed)
}

/// Asks an endpoint that answers trials, and questions with this.
async fn says(breakers: &Arc<Breakers>, port: u16, status: Result<(), Status>) -> Result<(), Failure> {
    let call = async { status.map(tonic::Response::new) };
    breakers.ask(&peer(port), GIVEN, said(call), || async { Ok(()) }).await
}

#[tokio::test(start_paused = true)]
async fn who_was_silent_is_waited_for_once_and_tried_while_nobody_waits() {
    let breakers = Arc::<Breakers>::default();
    let start = Instant::now();
    let (called, failed) = silence(&breakers, GIVEN).await;
    assert!(called && matches!(failed, Failure::Late), "{failed}");
    let waited = start.elapsed();
    assert!(waited >= GIVEN && waited < GIVEN * 2, "{waited:?}");
    for rest in 1..=3 {
        for _ in 0..10 {
            let (called, failed) = silence(&breakers, GIVEN).await;
            assert!(!called && matches!(failed, Failure::Resting(_)), "{failed}");
            let text = failed.to_string();
            assert!(text.starts_with(&format!("did not answer in time (failure {rest}")), "{text}");
        }
        tokio::time::advance(GIVEN * 4).await;
        let before = Instant::now();
        let (called, failed) = silence(&breakers, GIVEN).await;
        assert!(
            !called && before.elapsed() == Duration::ZERO,
            "who starts the trial does not wait: {failed}"
        );
        // Meanwhile another endpoint is none the worse.
        says(&breakers, 2, Ok(())).await.expect("another endpoint");
        tokio::time::sleep(GIVEN * 2).await;
    }
    tokio::time::advance(GIVEN * 8).await;
    says(&breakers, 1, Ok(())).await.expect_err("it is tried");
    tokio::time::sleep(GIVEN).await;
    says(&breakers, 1, Ok(())).await.expect("it is back");
    says(&breakers, 1, Ok(())).await.expect("for everybody");
}

#[tokio::test(start_paused = true)]
async fn an_asker_in_a_hurry_closes_nothing_for_others() {
    let breakers = Arc::<Breakers>::default();
    for _ in 0..3 {
        let (called, failed) = silence(&breakers, Duration::from_millis(10)).await;
        assert!(called && matches!(failed, Failure::Late), "{failed}");
    }
    says(&breakers, 1, Ok(())).await.expect("asked");
}

#[tokio::test(start_paused = true)]
async fn an_asker_that_stood_still_has_learnt_nothing() {
    let breakers = Arc::<Breakers>::default();
    let stalled = async {
        tokio::task::yield_now().await;
        tokio::time::advance(GIVEN + FAIR * 2).await;
    };
    let ((called, failed), ()) = tokio::join!(silence(&breakers, GIVEN), stalled);
    assert!(called && matches!(failed, Failure::Late), "{failed}");
    says(&breakers, 1, Ok(())).await.expect("it is asked as before");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_after_a_fair_time_has_learnt_something() {
    let breakers = Arc::<Breakers>::default();
    for (patience, called) in [(FAIR / 2, true), (FAIR, true), (FAIR, false)] {
        let asked = tokio::time::timeout(patience, silence(&breakers, GIVEN)).await;
        assert_eq!(asked.is_err(), called, "{patience:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_the_peer_answers_with_is_an_answer() {
    for code in (1..=16).map(Code::from_i32) {
        let breakers = Arc::<Breakers>::default();
        says(&breakers, 1, Err(Status::new(code, "no"))).await.expect_err("an error");
        let asked = says(&breakers, 1, Ok(())).await;
        let rests = matches!(code, Code::Unavailable | Code::ResourceExhausted);
        assert_eq!(asked.is_err(), rests, "{code:?}");
    }
}

#[test]
fn plaintext_is_for_loopback_only() {
    for good in ["http://127.0.0.1:7210", "http://[::1]:7210", "http://localhost:1"] {
        assert!(is_loopback(&good.parse().expect("a URI")), "{good}");
    }
    for bad in
        ["http://10.0.0.1:7210", "http://trust.fi.example", "http://127.0.0.1.example", "https://127.0.0.1"]
    {
        assert!(!is_loopback(&bad.parse().expect("a URI")), "{bad}");
    }
}
