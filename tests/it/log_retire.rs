//! An older database, and nobody who has what is missing: nothing is signed, until a person gives the log's key up.

use std::{net::SocketAddr, path::Path};

use charter_server::{
    Config,
    log::command::{self, LogCommand},
};
use charter_tests::{AUTHORITY, TestApp, database::Database};

use crate::{
    kept::until,
    log_sequencer::{SOON, consistent, epoch, id, published, sound, writes},
};

const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

async fn served(database: Database, dir: &Path) -> TestApp {
    let build = TestApp::build().registry(AUTHORITY).at(dir);
    build.start_on(database, SocketAddr::from(ANY)).await.expect("a server")
}

fn origin(app: &TestApp) -> String {
    app.app.hosted.tenant(id(app)).expect("served").log_keys.log().vkey.name().to_string()
}

/// What the operator runs, on a site that is not served; whether it was done.
async fn retires(database: &Database, dir: &Path, yes: bool) -> bool {
    let toml = TestApp::build().registry(AUTHORITY).toml(database, dir, SocketAddr::from(ANY));
    let config = Config::from_toml(&toml).expect("valid");
    let retire = LogCommand::Retire { registry: AUTHORITY.to_owned(), yes };
    let code = command::run(&config, &retire).await.expect("it ran");
    format!("{code:?}") == format!("{:?}", std::process::ExitCode::SUCCESS)
}

#[tokio::test]
async fn an_older_database_signs_nothing_before_the_key_is_given_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let app = served(Database::create().await, dir.path()).await;
    assert_eq!(origin(&app), "registry.example/log");
    published(&app, writes(&app, "kept").await).await;
    let older = app.database.copied().await;
    let mut size = 0;
    for n in 0..3 {
        // Every connection was cut for the copy: what is refused is sent again.
        let rows = || vec![(1, crate::kept::raw(&format!("did:web:lost-{n}.example")))];
        let sent = async || {
            let loaded = app.registry(AUTHORITY).loads(rows(), false).await;
            loaded.is_ok_and(|replies| replies[0].errors.is_empty())
        };
        until(SOON, "it is written", sent).await;
        size = published(&app, epoch(&app).await).await.size;
    }
    app.stop().await;
    let file = dir.path().join("log/r0.checkpoint");
    let before = std::fs::read(&file).expect("the file");

    let app = served(older, dir.path()).await;
    let says = async || {
        let why = app.app.logs.stopped(id(&app)).unwrap_or_default();
        why.contains(&format!("{size} events were published"))
            && why.contains(&format!("charterd log retire --registry {AUTHORITY} --yes"))
    };
    until(SOON, "it says what to do", says).await;
    assert!(app.app.logs.published(id(&app)).is_none());
    let row = app.app.store.log_head(id(&app)).await.expect("a head").published.expect("what it had");
    assert!(row.size < size, "nothing was signed");
    assert_eq!(std::fs::read(&file).expect("the file"), before);

    let database = app.database.copied().await;
    app.stop().await;
    assert!(!retires(&database, dir.path(), false).await, "only said");
    assert!(retires(&database, dir.path(), true).await);
    let app = served(database, dir.path()).await;
    assert_eq!(origin(&app), "registry.example/log/2");
    let all = epoch(&app).await;
    assert!(all < size);
    let first = published(&app, all).await;
    let second = published(&app, writes(&app, "later").await).await;
    consistent(&app, &[first, second]).await;
    sound(&app).await;
}
