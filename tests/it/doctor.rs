//! What `charterd doctor` says of a site on which something is wrong: which check, and what to do.

use charter_proto::charter::registry::v1 as pb;
use charter_server::{Config, doctor};
use charter_tests::{AUTHORITY, TestApp, app::Build, pki::Pki, program::free_address};

use crate::mirror::published;

/// Each finding in words, by its check.
async fn said(config: &Config) -> Vec<(&'static str, bool, String)> {
    let findings = doctor::examine(config).await;
    findings.iter().map(|finding| (finding.check, finding.fault.is_some(), finding.text())).collect()
}

async fn finds(config: &Config, check: &str, is_fault: bool, words: &str) {
    let said = said(config).await;
    let found =
        said.iter().any(|(of, fault, text)| (*of, *fault) == (check, is_fault) && text.contains(words));
    assert!(found, "{check}: {words} is not in {said:?}");
}

fn build() -> Build {
    TestApp::build().registry(AUTHORITY)
}

/// The configuration of a server that runs, for somebody who looks at its site.
fn config(app: &TestApp, more: &str) -> Config {
    let toml = build().listener(more).toml(&app.database, app.directory(), ([127, 0, 0, 1], 0).into());
    Config::from_toml(&toml).expect("valid")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_well_has_no_faults_and_its_log_is_told() {
    let app = build().start().await;
    app.registry(AUTHORITY).registers("did:web:one.example").await;
    let events = published(&app).await.size;
    let config = config(&app, "");
    let said = said(&config).await;
    assert!(said.iter().all(|(_, is_fault, _)| !is_fault), "{said:?}");
    finds(&config, "log", false, &format!("ok: {events} of {events} events of {AUTHORITY} are published"))
        .await;
    for check in ["configuration", "database", "clock", "keys", "certificates", "log_store.dir", "listener"] {
        assert!(said.iter().any(|(of, ..)| *of == check), "{check} is not in {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_with_what_to_do() {
    let (app, other, pki) = (build().start().await, build().start().await, Pki::new());
    for n in 0..3 {
        other.registry(AUTHORITY).registers(&format!("did:web:n{n}.example")).await;
    }
    let (own, more) = (published(&app).await.size, published(&other).await.size);
    // What is known to be published beside the database is more than the database has.
    let file = |of: &TestApp| {
        charter_server::log::file::path(&of.app.config.log_store.dir, &of.app.config.registries[0].slug)
    };
    let kept = std::fs::read(file(&app)).expect("its checkpoint");
    std::fs::copy(file(&other), file(&app)).expect("copied");
    let words = format!("{more} events of {AUTHORITY} were published and the database has {own}");
    finds(&config(&app, ""), "log", true, &words).await;
    std::fs::write(file(&app), kept).expect("put back");

    pki.client("ended", 1970, 1971);
    let ended = format!(
        "[[listeners]]\naddress = \"{}\"\nregistry = \"{AUTHORITY}\"\n\
         tls = {{ cert_file = \"{}\", key_file = \"{}\" }}",
        free_address(),
        pki.file("ended.pem"),
        pki.file("ended.key")
    );
    finds(&config(&app, &ended), "certificates", true, "ended.pem` has expired at 1971").await;

    let mut away = config(&app, "");
    away.registries[0].superior_endpoint = Some(format!("http://{}", free_address()));
    finds(&away, "peer", false, "ok, but http://127.0.0.1:").await;
    // Somebody is there, and is not who it should be.
    away.registries[0].superior_endpoint = Some(format!("https://{}", pki.tunnel(app.address).await));
    finds(&away, "peer", false, "its TLS connection cannot be trusted").await;

    let mut gone = config(&app, "");
    gone.database.url = gone.database.url.replace("dbname=", "dbname=none_");
    finds(&gone, "database", true, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subordinate_that_is_away_is_named() {
    let app = build().under("did:web:below.example", AUTHORITY).start().await;
    let (superior, below) = (app.registry(AUTHORITY), app.registry("did:web:below.example"));
    superior.delegates(&below, &["*"]).await;
    let well = said(&config(&app, "")).await;
    assert!(well.iter().any(|(of, _, text)| *of == "subordinate" && text == "ok"), "{well:?}");
    let nobody = format!("http://{}", free_address());
    let away = pb::PutDelegationRequest {
        subordinate_id: "did:web:away.example".to_owned(),
        entity_identifier: "https://away.example".to_owned(),
        endpoint: nobody.clone(),
        ..superior.delegation(&below, &["*"])
    };
    superior.client().put_delegation(superior.signed(away)).await.expect("delegated");
    finds(&config(&app, ""), "subordinate", false, &format!("ok, but {nobody}")).await;
}
