//! An application names an endpoint: whoever applies chooses it, and nobody goes there for that.

use super::{
    actors::{SOON, Stranger, Two},
    refused::join,
};
use crate::{dead_peer::silent, kept::until};

#[tokio::test]
async fn nothing_is_asked_at_an_endpoint_that_is_applied_with_before_its_delegation_is_in_force() {
    let (two, (endpoint, knocks)) = (Two::start().await, silent().await);
    let stranger = Stranger::new();
    let mut draft = stranger.draft(&two, join()).await;
    draft.configuration = stranger.configuration_at(&two, &endpoint).await;
    let receipt = two.submits(stranger.sign(&draft)).await.expect("received");
    assert_eq!(two.listed("RECEIVED").await[0].endpoint, endpoint);
    let proposal = two.accepts(&receipt, Vec::new()).await.expect("proposed");
    assert_eq!(two.asks().rest().await.status, 404);
    assert_eq!(knocks.connections(), 0, "for an application nobody goes there");
    two.root.person("anna").approves(&proposal).await.expect("approved");
    until(SOON, "it is asked once it is a subordinate", async || {
        two.asks().rest().await;
        knocks.connections() > 0
    })
    .await;
}
