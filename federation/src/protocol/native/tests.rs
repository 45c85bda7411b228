//! Which endpoints may be asked, and which are asked again.

use std::{cell::Cell, future::pending};

use super::*;

const GIVEN: Duration = Duration::from_secs(1);

fn peer(port: u16) -> PeerEndpoint {
    PeerEndpoint { url: format!("http://127.0.0.1:{port}"), pins: SpkiPins::default() }
}

/// Asks an endpoint that never answers; whether it was called, and what came of it.
async fn silence(breakers: &Breakers, given: Duration) -> (bool, Failure) {
    let called = Cell::new(false);
    let call = async {
        called.set(true);
        pending::<Result<tonic::Response<()>, Status>>().await
    };
    let failed = ask(breakers, &peer(1), given, call).await.expect_err("nobody answers");
    (called.get(), failed)
}

async fn says(breakers: &Breakers, port: u16, said: Result<(), Status>) -> Result<(), Failure> {
    ask(breakers, &peer(port), GIVEN, async { said.map(tonic::Response::new) }).await
}

#[tokio::test(start_paused = true)]
async fn who_was_silent_is_not_waited_for_again_until_its_rest_is_over() {
    let breakers = Breakers::default();
    let start = Instant::now();
    let (called, failed) = silence(&breakers, GIVEN).await;
    assert!(called && matches!(failed, Failure::Late), "{failed}");
    let waited = start.elapsed();
    assert!(waited >= GIVEN && waited < GIVEN * 2, "{waited:?}");
    for _ in 0..10 {
        let (called, failed) = silence(&breakers, GIVEN).await;
        assert!(!called && matches!(failed, Failure::Resting(_)), "{failed}");
        assert!(failed.to_string().starts_with("did not answer in time (failure 1"), "{failed}");
    }
    assert_eq!(start.elapsed(), waited, "no time passed");
    says(&breakers, 2, Ok(())).await.expect("another endpoint is none the worse");
    tokio::time::advance(GIVEN).await;
    assert!(silence(&breakers, GIVEN).await.0, "one tries");
    assert!(!silence(&breakers, GIVEN).await.0);
    tokio::time::advance(GIVEN * 2).await;
    says(&breakers, 1, Ok(())).await.expect("it is back");
    says(&breakers, 1, Ok(())).await.expect("for everybody");
}

#[tokio::test(start_paused = true)]
async fn an_asker_in_a_hurry_closes_nothing_for_others() {
    let breakers = Breakers::default();
    for _ in 0..3 {
        let (called, failed) = silence(&breakers, Duration::from_millis(10)).await;
        assert!(called && matches!(failed, Failure::Late), "{failed}");
    }
    says(&breakers, 1, Ok(())).await.expect("asked");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_after_a_fair_time_has_learnt_something() {
    let breakers = Breakers::default();
    for (patience, called) in [(FAIR / 2, true), (FAIR, true), (FAIR, false)] {
        let asked = tokio::time::timeout(patience, silence(&breakers, GIVEN)).await;
        assert_eq!(asked.is_err(), called, "{patience:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_the_peer_answers_with_is_an_answer() {
    for code in (1..=16).map(Code::from_i32) {
        let breakers = Breakers::default();
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
