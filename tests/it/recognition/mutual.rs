//! What the peer states in turn: without it nothing is followed, unless the recognition says that it is one-sided.

use std::sync::atomic::Ordering;

use super::*;
use crate::kept::until;

/// For what is asked of another registry, on a busy machine.
const LATEST: Duration = Duration::from_secs(30);
/// Longer than what a peer states in turn is kept.
const SHOWN: Duration = Duration::from_secs(31);

#[tokio::test]
async fn a_recognition_is_followed_only_while_both_sides_are_in_force() {
    let two = Two::start().await;
    two.recognises("").await;
    let said = two.follows("Degree").both().await;
    assert_eq!(said.line(), "404 UNKNOWN_ENTITY", "{}", said.message);
    assert!(said.message.contains("one-sided, and not followed"), "{}", said.message);
    until(LATEST, "the peer has nothing to show", async || {
        let one = shown(&two.here, THERE, true).await;
        assert_eq!((one.recognition_statements.len(), one.counter_statements.len()), (1, 0));
        assert!(!one.mutual, "{}", one.detail);
        one.detail.contains("one-sided")
    })
    .await;
    two.in_turn().await;
    until(LATEST, "the peer shows its side", async || {
        let both = shown(&two.here, THERE, true).await;
        (both.counter_statements.len(), both.mutual, both.detail.as_str()) == (1, true, "")
    })
    .await;
    two.clock.advance(NOT_SHOWN);
    assert_eq!(two.follows("Degree").both().await.line(), "200 yes ACTIVE");
    two.there.registry(THERE).suspends(HERE).await;
    assert!(!shown(&two.here, THERE, true).await.mutual, "the other side has suspended it");
    two.clock.advance(SHOWN);
    let said = two.follows("Degree").both().await;
    assert_eq!(said.line(), "404 UNKNOWN_ENTITY", "half a minute after the other side's suspension");
    assert!(said.message.contains("one-sided"), "{}", said.message);
    let Two { here, there, clock, below: _below } = two;
    there.stop().await;
    let gone = shown(&here, THERE, true).await;
    assert!(!gone.mutual && gone.detail.contains("could not be had"), "{}", gone.detail);
    clock.advance(SHOWN);
    let asking = here.anonymous().asks(SCHOOL, "issue", "Degree").with("follow_recognition", "true");
    let said = asking.rest().await;
    assert_eq!(said.line(), "503 UNVERIFIABLE", "whether it is mutual is not known: {}", said.message);
}

#[tokio::test]
async fn a_recognition_that_says_that_it_is_one_sided_is_followed_as_such() {
    let two = Two::start().await;
    let (here, there) = (two.here.registry(HERE), two.there.registry(THERE));
    let peer = RawPeer { one_sided: true, ..there.as_peer() };
    here.registers(THERE).recognized("issue", "Degree").peer(peer).await;
    let said = two.follows("Degree").with("evidence", "full").both().await;
    assert_eq!(said.line(), "200 yes ACTIVE", "{said:?}");
    assert!(said.message.contains("one-sided"), "{}", said.message);
    let token = said.chain.get(2).expect("the recognition");
    let payload = charter_signing::jws::peek(token).expect("a statement");
    let payload: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    assert_eq!((said.chain.len(), &payload["one_sided"]), (4, &serde_json::Value::Bool(true)));
}

#[tokio::test]
async fn what_a_peer_states_in_turn_is_asked_for_once_in_half_a_minute() {
    let (app, peer) = (TestApp::start().await, Peer::start(Duration::ZERO).await);
    app.registry(AUTHORITY).registers(PEER).recognized("issue", "Degree").peer(peer.as_peer()).await;
    peer.shows(vec![counter(&app, &peer.signer)]);
    let (entity, now) = ("did:web:honest.example", app.clock.now());
    peer.says(entity, Ok(yes(vec![statement(entity, now).sign(&peer.signer).expect("signed")], now)));
    let caller = app.anonymous();
    let asking = || caller.asks(entity, "issue", "Degree").with("follow_recognition", "true");
    // More than once only where it was late.
    let counts = || (peer.shown_to.load(Ordering::Relaxed), peer.asked().len());
    assert_eq!(asking().rest().await.line(), "200 yes ACTIVE");
    let (shown, asked) = counts();
    for _ in 0..4 {
        assert_eq!(asking().rest().await.line(), "200 yes ACTIVE");
    }
    assert!(counts().0 == shown && counts().1 >= asked + 4, "{:?} after {:?}", counts(), (shown, asked));
    let asked = counts().1;
    peer.shows(Vec::new());
    app.clock.advance(SHOWN);
    assert_eq!(asking().rest().await.line(), "404 UNKNOWN_ENTITY");
    let again = counts().0;
    assert!(again > shown);
    assert_eq!(asking().rest().await.line(), "404 UNKNOWN_ENTITY");
    assert_eq!(counts(), (again, asked), "it is not asked");
}
