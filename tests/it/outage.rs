//! What is missing or taken: Postgres gone at the start and in flight, a port in use, Redis away.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use charter_server::context::Startup;
use charter_tests::{
    AUTHORITY, TestApp,
    alerts::{Scrape, fires},
    database::Database,
};

use crate::kept::until;

/// For what comes back, on a busy machine.
const LATEST: Duration = Duration::from_secs(30);
const LEASE: &str = "charter_epoch_lease_held";
const ISSUER: &str = "did:web:issuer.example";

#[tokio::test]
async fn two_servers_on_one_port_is_a_fault_that_names_the_port() {
    let app = TestApp::start().await;
    let second = TestApp::build().start_on(Database::create().await, app.address).await;
    let fault = second.err().expect("the port is taken");
    assert!(matches!(fault, Startup::Listen(address, _) if address == app.address), "{fault}");
    assert!(fault.to_string().contains(&app.address.port().to_string()));
}

#[tokio::test]
async fn no_postgres_at_the_start_is_a_fault_that_says_so() {
    let database = Database::create().await;
    database.open(false).await;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let fault = TestApp::build().start_on(database, any).await.err().expect("no database");
    let text = fault.to_string();
    assert!(matches!(fault, Startup::Database(_) | Startup::Registry(..)), "{text}");
    assert!(!text.contains("Error {"), "{text}");
}

#[tokio::test]
async fn connections_that_end_are_made_anew_and_no_answer_is_wrong() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    for round in 0..5 {
        app.database.end_connections().await;
        let (mut said, begun) = (Vec::new(), Instant::now());
        while begun.elapsed() < LATEST {
            let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
            let known = asking.with("time", "2026-01-01T00:00:00Z").rest().await;
            said.push(known.line());
            if known.status == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(said.pop().as_deref(), Some("200 yes ACTIVE"), "round {round}");
        assert!(said.iter().all(|s| s.starts_with("503 ")), "{said:?}");
    }
    for _ in 0..20 {
        app.database.end_connections().await;
        let outcome = registry.loads(vec![], true).await;
        assert!(outcome.is_ok() || outcome.is_err_and(|s| s.code() == tonic::Code::Unavailable));
    }
}

#[tokio::test]
async fn while_postgres_is_away_the_answer_is_503_and_afterwards_it_is_right() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    let before = Scrape::with(&app, LEASE, 1.0).await;
    app.database.open(false).await;
    app.database.end_connections().await;
    // What is in the cache may be said for one lease, and not longer: not to who asks after that.
    let (lease, begun) = (Duration::from_millis(app.app.config.cache.lease_ms + 100), Instant::now());
    loop {
        let asked = begun.elapsed();
        let said = asking.rest().await;
        if said.status == 503 {
            break;
        }
        assert!(asked < lease, "asked after {asked:?}: {said:?}");
    }
    for said in [asking.rest().await, asking.grpc().await] {
        assert_eq!(said.status, 503, "{said:?}");
        assert!(!said.message.contains("connection"), "driver text: {}", said.message);
    }
    // Nobody named them: what the log says of a failure is found by the answer.
    let failed = app.rest().get("/api/v1/registry").await;
    assert_eq!((failed.status, failed.header("x-request-id").len()), (503, 32));
    assert_eq!(app.rest().get("/livez").await.header("x-request-id"), "");
    let reply = app.rest().get("/readyz").await;
    assert_eq!(reply.status, 503);
    assert!(reply.json()["reasons"].as_array().is_some_and(|r| !r.is_empty()), "{}", reply.text());
    assert_eq!(app.rest().get("/livez").await.status, 200);
    let during = Scrape::with(&app, LEASE, 0.0).await;
    app.database.open(true).await;
    let back = async || app.rest().ready().await && asking.rest().await.status == 200;
    until(LATEST, "it is back", back).await;
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    registry.revokes(ISSUER).await;
    assert_eq!(asking.both().await.line(), "200 no REVOKED");
    let after = Scrape::with(&app, LEASE, 1.0).await;
    for alert in ["CharterNothingProven", "CharterErrorBudgetBurnsFast"] {
        fires(alert, &before, &during, &after);
    }
    let address = app.address;
    app.stop().await;
    let gone = Scrape::of_nobody(address).await;
    fires("CharterDown", &after, &gone, &Scrape::of(&TestApp::start().await).await);
}
