//! A witness elsewhere has cosigned the log of a hosted registry, and goes on with it where the registry has moved.

use std::{net::SocketAddr, time::Duration};

use charter_server::rehome;

use crate::{
    hosted::TENANT,
    kept::until,
    logged,
    rehome::{ANY, Site, allowed, build, clock, goes_on, host_config, hosted_as, lives, moves},
    witness_client::{Peer, Way},
};

#[tokio::test]
async fn a_witness_cosigns_the_next_checkpoint_wherever_the_registry_is() {
    let peer = Peer::start("witness.example/witness", Way::Honest).await;
    let log = format!("log = {{ quorum = 1, witnesses = [{}] }}", peer.setting());
    let two = hosted_as(|build| build.owner().details(&log)).await;
    let site = Site::with(&two, &log).await;
    let recipient = rehome::recipient(&site.config, &site.file("recipient")).expect("a key");
    allowed(&two, &two.g.app, &recipient).await;
    let before = logged::published(&two.g.app, TENANT).await;
    assert_eq!(peer.has(), before.size);
    let done = moves(host_config(&two), &site, &clock(&two.g.app.clock)).await;
    assert_eq!(done.published, before.size);

    let own = build(&two, &site.dir, &log).start_on(site.database, SocketAddr::from(ANY)).await;
    let own = own.expect("a server");
    goes_on(&own, &before).await;
    lives(&two, &own).await;
    let now = logged::published(&own, TENANT).await;
    assert!(now.size > before.size);
    until(Duration::from_secs(30), "cosigned", async || peer.has() == now.size).await;
}
