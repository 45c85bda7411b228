//! Servers that start over a database of several nodes: without a writer, and not over what is no one database.

use charter_tests::{
    AUTHORITY, TestApp,
    database::{CLUSTER, Database, told},
    replica::Replicas,
};

use crate::nodes::{ANY, said, sets};

const ISSUER: &str = "did:web:issuer.example";

async fn refusal(database: Database) -> String {
    TestApp::build().start_on(database, ANY).await.err().expect("refused").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_without_a_writer_and_not_over_what_is_no_one_database() {
    // Of the same name, in a cluster of its own.
    let other = Database::create().await;
    let replicas = Replicas::start(&other.name).await;
    let foreign = (told(CLUSTER), "5432".to_owned());
    let mixed = Database::of(&[replicas.socket(0), foreign, replicas.socket(1)], &other.name);
    let text = refusal(mixed).await;
    assert!(text.contains("different clusters"), "{text}");

    let dir = tempfile::tempdir().expect("a folder");
    let all = || replicas.database(&[0, 1, 2]);
    let first = TestApp::build().at(dir.path()).start_on(all(), ANY).await.expect("a server");
    first.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree").await;
    first.stop().await;
    replicas.crash(0).await;
    let second =
        TestApp::build().at(dir.path()).start_on(all(), ANY).await.expect("a server without a writer");
    assert_eq!(said(&second).await, ["200 yes ACTIVE", "200 yes ACTIVE"]);
    let refused = sets(&second, "REVOKED").await.expect_err("nothing can be written");
    assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused}");
    assert_eq!(said(&second).await, ["200 yes ACTIVE", "200 yes ACTIVE"]);
    second.stop().await;

    replicas.promote(1).await;
    replicas.promote(2).await;
    let text = refusal(all()).await;
    assert!(text.contains("two primaries"), "{text}");
}
