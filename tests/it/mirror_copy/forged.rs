//! What a mirror refuses: files that were changed, indexes of others, and a registry that goes back. The copy stays as it is.

use charter_cli::mirror::{LocalCopy, Source, sync};
use charter_domain::time::Clock as _;
use charter_proof::SnapshotIndex;
use charter_signing::{Algorithm, SoftwareSigner};
use charter_tests::TestApp;

use super::{EDU, Federation, LATER, entity};

/// Puts a text where the server takes its newest index from.
pub async fn serves(app: &TestApp, jws: &str) {
    let admin = app.database.admin(&app.database.name).await;
    let changed = admin.execute("update snapshot_heads set jws = $1", &[&jws]).await.expect("changed");
    assert_eq!(changed, 1);
    assert_eq!(app.rest().get("/snapshot").await.text(), jws);
}

fn copied(federation: &Federation) -> Vec<u8> {
    std::fs::read(federation.path().join("copy.json")).expect("a copy")
}

#[tokio::test]
async fn a_changed_byte_is_refused_and_the_old_copy_stays() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    let before = copied(&federation);
    federation.clock.advance(LATER);
    federation.root.registry(super::ROOT).revokes(&entity("ministry")).await;
    let index = Federation::index(&federation.root).await.contents;
    let newest = &index.deltas.last().expect("a delta").files[0];
    let admin = federation.root.database.admin(&federation.root.database.name).await;
    for at in [0, newest.size / 2, newest.size - 1] {
        let at = i32::try_from(at).expect("small");
        let flip =
            "update snapshot_files set body = set_byte(body, $1, get_byte(body, $1) # 1) where sha256 = $2";
        assert_eq!(admin.execute(flip, &[&at, &newest.sha256]).await.expect("flipped"), 1);
        let refused = federation.syncs().await.expect_err("a changed file");
        assert!(refused.contains("is not what its digest says"), "{refused}");
        assert_eq!(copied(&federation), before);
        assert_eq!(federation.says("ministry", "Licence"), "200 yes ACTIVE");
        assert_eq!(admin.execute(flip, &[&at, &newest.sha256]).await.expect("flipped back"), 1);
    }
    federation.syncs().await.expect("a copy");
    assert_eq!(federation.says("ministry", "Licence"), "200 no REVOKED");
}

#[tokio::test]
async fn a_byte_that_changed_on_the_disk_is_noticed_and_mended() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    let listed = std::fs::read_dir(federation.path().join("files")).expect("files");
    let files: Vec<_> = listed.flatten().map(|entry| entry.path()).collect();
    let mut broken = 0;
    for path in files {
        let mut bytes = std::fs::read(&path).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).expect("changed");
        let refused = LocalCopy::open(federation.path(), federation.anchors.clone()).err().expect("damaged");
        assert!(refused.message.contains("missing or damaged"), "{}", refused.message);
        federation.syncs().await.expect("a copy");
        assert_eq!(federation.says("active", "Degree"), "200 yes ACTIVE");
        broken += 1;
    }
    assert_eq!(broken, 3, "one file for each registry");
}

#[tokio::test]
async fn an_index_signed_by_another_key_is_refused() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    let before = copied(&federation);
    let stranger = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let honest = Federation::index(&federation.root).await;
    serves(&federation.root, &honest.sign(&stranger).expect("signed")).await;
    let refused = federation.syncs().await.expect_err("forged");
    assert!(refused.contains("SIGNATURE"), "{refused}");
    assert_eq!(copied(&federation), before);
    // The next one is honest again; now the sector's is not, and that of the other sector is none of its.
    federation.clock.advance(LATER);
    let honest = Federation::index(&federation.edu).await;
    let other = federation.health.rest().get("/snapshot").await.text();
    for forged in [honest.sign(&stranger).expect("signed"), other] {
        serves(&federation.edu, &forged).await;
        let done = federation.syncs().await.expect("the rest of the copy");
        assert_eq!(done.failed.len(), 1, "{done:?}");
        assert_eq!(done.failed[0].0, EDU);
        assert_eq!(federation.says("active", "Degree"), "200 yes ACTIVE", "as it was before");
    }
}

#[tokio::test]
async fn a_registry_does_not_go_back() {
    let federation = Federation::start().await;
    federation.syncs().await.expect("a copy");
    let old = federation.root.rest().get("/snapshot").await.text();
    federation.clock.advance(LATER);
    federation.root.registry(super::ROOT).revokes(&entity("ministry")).await;
    federation.syncs().await.expect("a copy");
    let before = copied(&federation);
    serves(&federation.root, &old).await;
    let refused = federation.syncs().await.expect_err("an older epoch");
    assert!(refused.contains("has gone back from epoch"), "{refused}");
    assert_eq!(copied(&federation), before);
    assert_eq!(federation.says("ministry", "Licence"), "200 no REVOKED");
    // The same serial for two sets is two histories, whoever signs them.
    federation.clock.advance(LATER);
    let mut two = Federation::index(&federation.root).await;
    two.contents.deltas.last_mut().expect("a delta").files[0].sha256 = "0".repeat(64);
    let tenant = federation.root.app.hosted.tenants().next().expect("the root");
    let ring = tenant.ring();
    let signer = ring.signer(federation.clock.now()).expect("a signer");
    serves(&federation.root, &two.sign(signer).expect("signed")).await;
    let refused = federation.syncs().await.expect_err("two sets");
    assert!(refused.contains("two sets of files under serial"), "{refused}");
}

#[tokio::test]
async fn only_an_anchor_is_at_the_top_and_a_directory_is_of_one_federation() {
    let federation = Federation::start().await;
    let (now, anchors) = (federation.clock.now(), &federation.anchors);
    let sector = sync(&Source::at(&federation.edu.url()), federation.path(), anchors, now).await;
    let refused = sector.map_err(|f| f.message).expect_err("no anchor");
    assert!(refused.contains("UNKNOWN_ANCHOR"), "{refused}");
    assert!(LocalCopy::open(federation.path(), anchors.clone()).is_err(), "nothing was put in place");
    federation.syncs().await.expect("a copy");
    let text = federation.root.rest().get("/snapshot").await.text();
    let index = SnapshotIndex::peek(&text).expect("an index");
    assert_eq!(index.authority_id.as_str(), super::ROOT);
    let other = TestApp::build().clock(&federation.clock).registry("did:web:other.example").start().await;
    let file = other.rest().get("/.well-known/trust-anchors").await.body;
    let theirs = charter_proof::AnchorSet::parse(&file).expect("an anchor set");
    let mixed = sync(&Source::at(&other.url()), federation.path(), &theirs, now).await;
    let refused = mixed.map_err(|f| f.message).expect_err("another federation");
    assert!(refused.contains("has a copy of"), "{refused}");
}
