//! Epochs of those below, asked for by whoever likes: what that costs a subordinate, and how old what is told is.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use charter_cache::BootInstant;
use charter_proto::charter::federation::v1::{
    self as pb, federation_service_client::FederationServiceClient,
};
use charter_tests::{AUTHORITY, TestApp};
use futures::StreamExt as _;

use crate::{
    feed::slow,
    kept::until,
    peer::{PEER, Peer},
};

/// Until a subordinate was in time.
const LONG: Duration = Duration::from_secs(30);

/// Asks the registry, without a key, where these are.
async fn epochs(app: &TestApp, ways: Vec<Vec<String>>) -> pb::GetEpochResponse {
    let authorities = ways.into_iter().map(|via| pb::AuthorityPath { via }).collect();
    let asked = pb::GetEpochRequest { authorities };
    FederationServiceClient::new(app.channel()).get_epoch(asked).await.expect("epochs").into_inner()
}

fn below(name: &str) -> Vec<String> {
    vec![PEER.to_owned(), format!("did:web:{name}.example")]
}

#[tokio::test]
async fn whoever_asks_for_epochs_costs_a_subordinate_two_calls_a_second() {
    let app = TestApp::build().registry(AUTHORITY).settings(&slow()).start().await;
    let peer = Peer::start(Duration::ZERO).await;
    peer.is_delegated(&app).await;
    let begun = Instant::now();
    until(LONG, "it was in time", async || {
        let first = epochs(&app, vec![vec![PEER.to_owned()], below("sector")]).await;
        let told = first.epochs.contains(&3);
        assert!(!told || first.epochs == [3, 3] && first.ages_ms == [0, 0], "both in one call: {first:?}");
        told
    })
    .await;
    let asked = (0..100).map(|n| {
        let ways = (0..64).map(|way| below(&format!("n{n}-{way}"))).collect();
        epochs(&app, ways)
    });
    let said: Vec<_> = futures::stream::iter(asked).buffer_unordered(8).collect().await;
    let calls = peer.polled.load(Ordering::Relaxed);
    let most = begun.elapsed().as_millis() / 500 + 1;
    assert!((1..=most).contains(&u128::try_from(calls).expect("few")), "{calls} calls, {most} at most");
    for said in said {
        assert!(said.epochs.len() == 64 && said.epochs.iter().all(|epoch| [-1, 3].contains(epoch)));
    }
    until(LONG, "its turn comes again", async || epochs(&app, vec![below("another")]).await.epochs == [3])
        .await;
}

#[tokio::test]
async fn what_is_told_without_asking_is_told_with_its_age() {
    let app = TestApp::build().registry(AUTHORITY).settings(&slow()).start().await;
    let peer = Peer::start(Duration::ZERO).await;
    peer.is_delegated(&app).await;
    let dep = app.app.dependencies.get_or_track(&[AUTHORITY.to_owned(), PEER.to_owned()], 3);
    until(LONG, "told without asking", async || {
        dep.polled(3, BootInstant::now().earlier(Duration::from_millis(100)));
        let before = peer.polled.load(Ordering::Relaxed);
        let said = epochs(&app, vec![vec![PEER.to_owned()]]).await;
        let asked = peer.polled.load(Ordering::Relaxed) > before;
        let told = said.epochs == [3] && !asked;
        assert!(!told || said.ages_ms[0] >= 100, "{said:?}");
        told
    })
    .await;
}
