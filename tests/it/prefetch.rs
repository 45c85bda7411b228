//! What is in use is asked for again before its time is over, by nobody who waits.

use std::time::Duration;

use charter_domain::time::Clock;
use charter_tests::TestApp;

use crate::{
    kept::until,
    peer::{Peer, statement, yes},
};

const ENTITY: &str = "did:web:honest.example";

#[tokio::test]
async fn an_answer_in_use_is_looked_up_again_before_it_ends() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    peer.is_delegated(&app).await;
    let says = |now| {
        let signed = statement(ENTITY, now).sign(&peer.signer).expect("signed");
        peer.says(ENTITY, Ok(yes(vec![signed], now)));
    };
    says(app.clock.now());
    let asking = app.anonymous().asks(ENTITY, "issue", "Degree");
    assert_eq!(asking.rest().await.line(), "200 yes ACTIVE");
    let before = peer.asked().len();
    // Five minutes is the longest; this is near their end. On a busy machine it may have been asked for besides.
    app.clock.advance(Duration::from_secs(290));
    says(app.clock.now());
    assert_eq!(asking.rest().await.line(), "200 yes ACTIVE");
    until(Duration::from_secs(30), "asked for again", async || peer.asked().len() > before).await;
    let last = peer.asked().pop().expect("asked").request;
    assert_eq!((last.entity_id.as_str(), last.queries_left), (ENTITY, Some(31)));
    app.clock.advance(Duration::from_secs(20));
    let then = peer.asked().len();
    assert_eq!(asking.rest().await.line(), "200 yes ACTIVE");
    assert!(peer.asked().len() <= then + 1, "what was found then is kept");
}
