//! Another configuration while a server runs: its certificate, its limits, what it logs; and one that cannot be used.

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
        assert!(first.connect(encrypted, None, "h2").await.is_err(), "the first is shown no more");
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
