//! Connections to the database over a network: encrypted, to a host that shows a certificate for its name, by both drivers.

use std::{net::IpAddr, sync::Arc, time::Duration};

use charter_domain::{Kind, RegistryId};
use charter_server::{Config, context};
use charter_store::{Question, Settings, Store, Tls};
use charter_tests::{clock::TestClock, pki::Pki, replica::Replicas};

/// Nobody else's, so that nodes of other tests may have the same port.
fn address() -> IpAddr {
    let [one, two, three] = rand::random::<[u8; 3]>();
    IpAddr::from([127, one.max(1), two, three.clamp(1, 254)])
}

fn store(url: &str, tls: Option<Tls>) -> Store {
    let settings = Settings {
        url: url.to_owned(),
        pool_size: 1,
        hot_connections: 1,
        statement_timeout: Duration::from_secs(10),
        synchronous_standbys: 0,
        tls,
    };
    Store::new(settings, Arc::new(TestClock::default())).expect("a store")
}

/// As the configuration has it.
fn trusting(pki: &Pki) -> Option<Tls> {
    let text = format!(
        "[database]\nurl = \"host=x\"\nca_file = \"{}\"\n[[registries]]\nauthority_id = \"did:web:a.example\"\n\
         slug = \"a\"\nname = \"A\"\njurisdiction = \"FI\"\npublic_url = \"http://127.0.0.1:1\"\n\
         [[listeners]]\naddress = \"127.0.0.1:0\"\nregistry = \"did:web:a.example\"\n",
        pki.file("ca.pem")
    );
    context::store_settings(&Config::from_toml(&text).expect("a configuration")).tls
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_is_encrypted_and_meant_for_its_host() {
    let (replicas, pki) = (Replicas::start("encrypted").await, Pki::new());
    let url = replicas.encrypt(0, &pki, address()).await;

    let store_of_ours = store(&url, trusting(&pki));
    assert_eq!(store_of_ours.preflight().await.expect("by libpq").faults, [""; 0]);
    let reader = store_of_ours.epoch_reader().await.expect("by the other driver");
    let locks = store_of_ours.log_locks().await.expect("locks");
    let question = Question {
        registry: RegistryId(1),
        kind: Kind::Authorization,
        entity: "did:web:x.example",
        action: "issue",
        resource: "Degree",
        known_at: None,
    };
    let _ = store_of_ours.facts(question).await;
    let row = replicas
        .admin(0)
        .await
        .query_one(
            "select count(*) filter (where ssl), count(*) filter (where not ssl)
               from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'charter_runtime'",
            &[],
        )
        .await
        .expect("its connections");
    let (encrypted, open): (i64, i64) = (row.get(0), row.get(1));
    assert!(encrypted >= 3 && open == 0, "{encrypted} encrypted, {open} not");
    drop((reader, locks));

    // A certificate of somebody else, and one for another host: neither driver goes on.
    let other = Pki::new();
    for (url, tls) in
        [(url.clone(), trusting(&other)), (url.replace("host=localhost", "host=db.example"), trusting(&pki))]
    {
        let store = store(&url, tls);
        let why = store.preflight().await.expect_err("libpq").source_text().unwrap_or_default().to_owned();
        assert!(why.contains("certificate") || why.contains("SSL error"), "{why}");
        assert!(store.epoch_reader().await.is_err(), "the other driver");
    }
}
