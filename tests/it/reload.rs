//! Another configuration while a server runs: its certificate, its limits, its superiors, what it logs; and one that cannot be
//! used.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use charter_tests::{
    AUTHORITY, Rest, TestApp,
    database::Database,
    pki::Pki,
    program::{Served, free_address},
};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::kept::until;

const LATEST: Duration = Duration::from_secs(60);

fn listener(pki: &Pki, address: SocketAddr) -> String {
    let (certificate, key) = (pki.file("server.pem"), pki.file("server.key"));
    format!(
        "[[listeners]]\naddress = \"{address}\"\nregistry = \"{AUTHORITY}\"\n\
         tls = {{ cert_file = \"{certificate}\", key_file = \"{key}\" }}"
    )
}

async fn shows(served: &Served, line: &str) -> bool {
    Rest::new(served.address).get("/metrics").await.text().lines().any(|shown| shown == line)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_and_other_limits_come_without_a_request_that_fails_and_faults_change_nothing() {
    let (first, second, encrypted) = (Pki::new(), Pki::new(), free_address());
    let (database, dir) = (Database::create().await, tempfile::tempdir().expect("a directory"));
    let toml = |address| {
        let build = TestApp::build().registry(AUTHORITY).listener(&listener(&first, encrypted));
        build.toml(&database, dir.path(), address)
    };
    let served = Served::start(dir.path(), toml).await;
    first.connect(encrypted, None, "h2").await.expect("the first certificate");

    // Somebody asks all the time, each time over a connection of its own.
    let (asked, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let asks = async {
        while !over.load(Ordering::SeqCst) {
            let rest = Rest::new(served.address);
            let request = rest.request(http::Method::GET, "/api/v1/registry").body(Default::default());
            let reply = rest.try_send(request.expect("a request")).await;
            assert!(reply.as_ref().is_ok_and(|reply| reply.status == 200), "{reply:?}");
            asked.fetch_add(1, Ordering::SeqCst);
        }
    };
    let changes = async {
        for file in ["server.pem", "server.key"] {
            std::fs::copy(second.file(file), first.file(file)).expect("copied");
        }
        served.signal(Signal::HUP);
        until(LATEST, "the second certificate", async || second.connect(encrypted, None, "h2").await.is_ok())
            .await;
        // Both take connections for as long as it takes the first server to stop.
        until(LATEST, "the first is shown no more", async || {
            first.connect(encrypted, None, "h2").await.is_err()
        })
        .await;
        let enough = asked.load(Ordering::SeqCst) + 50;
        until(LATEST, "the other server answers", async || asked.load(Ordering::SeqCst) > enough).await;
        over.store(true, Ordering::SeqCst);
    };
    tokio::join!(asks, changes);
    assert!(shows(&served, "charter_reload_refused 0").await);

    let whole = std::fs::read_to_string(served.file()).expect("its configuration");
    std::fs::write(served.file(), format!("{whole}\nsurprise = 1\n")).expect("written");
    served.signal(Signal::HUP);
    until(LATEST, "it is refused", async || shows(&served, "charter_reload_refused 1").await).await;
    assert_eq!(
        Rest::new(served.address).get("/api/v1/registry").await.status,
        200,
        "the one before is in use"
    );

    let limited = whole.replace(
        "per_address_rps = 100000, per_address_burst = 100000",
        "per_address_rps = 1, per_address_burst = 2",
    );
    assert_ne!(limited, whole);
    std::fs::write(served.file(), limited).expect("written");
    served.signal(Signal::HUP);
    // Each time over another connection: one that waits for its next request is closed.
    let limited = async || Rest::new(served.address).get("/api/v1/registry").await.status == 429;
    until(LATEST, "the limit holds", limited).await;
}

/// The superiors that the entity configuration names.
async fn superiors(served: &Served) -> Value {
    let reply = Rest::new(served.address).get("/.well-known/openid-federation").await;
    let payload = charter_signing::jws::peek(&reply.text()).expect("a JWS");
    serde_json::from_slice::<Value>(&payload).expect("JSON")["authority_hints"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn superiors_and_what_is_logged_change_when_it_is_told() {
    let (database, dir) = (Database::create().await, tempfile::tempdir().expect("a directory"));
    let toml = |address| TestApp::build().registry(AUTHORITY).toml(&database, dir.path(), address);
    let served = Served::start(dir.path(), toml).await;
    assert_eq!(superiors(&served).await, Value::Null);
    let answered = || served.log().lines().filter(|line| line.contains("answered")).count();
    assert_eq!(answered(), 0, "requests are told of at debug");

    let before = std::fs::read_to_string(served.file()).expect("its configuration");
    let after = before
        .replace("filter = \"warn\"", "filter = \"warn,charter::access=debug\"")
        .replace("superiors = []", "superiors = [\"https://trust.example\"]");
    assert!(after.contains("trust.example") && after.contains("charter::access"));
    std::fs::write(served.file(), after).expect("written");
    served.signal(Signal::HUP);
    until(LATEST, "the superior is named", async || {
        superiors(&served).await == json!(["https://trust.example"])
    })
    .await;
    until(LATEST, "requests are told of", async || {
        Rest::new(served.address).get("/api/v1/registry").await;
        answered() > 0
    })
    .await;

    std::fs::write(served.file(), before).expect("written");
    served.signal(Signal::HUP);
    until(LATEST, "nobody is named", async || superiors(&served).await == Value::Null).await;
    let so_far = answered();
    assert_eq!(Rest::new(served.address).get("/api/v1/registry").await.status, 200);
    assert_eq!(answered(), so_far, "requests are told of no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_though_nobody_says_so() {
    let (first, second, encrypted) = (Pki::new(), Pki::new(), free_address());
    let (database, dir) = (Database::create().await, tempfile::tempdir().expect("a directory"));
    let toml = |address| {
        let build = TestApp::build().registry(AUTHORITY).listener(&listener(&first, encrypted));
        build.toml(&database, dir.path(), address)
    };
    let served = Served::start(dir.path(), toml).await;
    first.connect(encrypted, None, "h2").await.expect("the first certificate");
    for file in ["server.pem", "server.key"] {
        std::fs::copy(second.file(file), first.file(file)).expect("copied");
    }
    until(LATEST, "the second certificate", async || second.connect(encrypted, None, "h2").await.is_ok())
        .await;
    assert!(shows(&served, "charter_reload_refused 0").await);
}
