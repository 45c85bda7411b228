//! A restore that is rehearsed, from a real backup: what comes back, what would be lost, and what cannot be restored.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use charter_domain::{AuthorityId, Timestamp, time::Clock as _};
use charter_server::{
    Config,
    backup::Repository,
    clock::WallClock,
    doctor,
    drill::{Report, Restore, restore},
};
use charter_tests::{
    AUTHORITY, TestApp,
    app::Build,
    backup::{Backed, STANZA},
    program::free_address,
};

use crate::{
    kept::until,
    mirror::{id, loads, logged, mirror, published, vkey},
};

const SOON: Duration = Duration::from_secs(30);

fn wish(backed: &Backed, to: Option<Timestamp>) -> Restore {
    Restore {
        to,
        stanza: STANZA.to_owned(),
        pgbackrest_config: Some(backed.config()),
        dir: None,
        refill: false,
        report: None,
    }
}

/// What the doctor says of its backups.
async fn found(stanza: &str, config: PathBuf) -> String {
    doctor::backup(Repository { stanza: stanza.to_owned(), config: Some(config) }).await.text()
}

fn config(build: &Build, backed: &Backed, dir: &Path) -> Config {
    Config::from_toml(&build.toml(&backed.database(), dir, ([127, 0, 0, 1], 0).into())).expect("valid")
}

async fn drilled(config: &Config, wish: &Restore) -> Report {
    restore(config, wish, Arc::new(WallClock)).await.expect("restored")
}

async fn epoch(app: &TestApp) -> u64 {
    app.app.store.epoch(id(app, AUTHORITY)).await.expect("an epoch").unsigned_abs()
}

/// Every file below a folder, with when it was changed.
fn files(dir: &Path) -> Vec<(String, std::time::SystemTime)> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let about = entry.metadata().expect("its metadata");
            match about.is_dir() {
                true => folders.push(entry.path()),
                false => found.push((entry.path().display().to_string(), about.modified().expect("a time"))),
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_backed_up_comes_back_and_what_was_lost_is_told() {
    let (backed, address) = (Backed::start().await, free_address());
    let dirs = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
    let at = |dir: &Path| logged(address).at(dir).owner();
    let started = at(dirs[0].path()).start_on(backed.database(), ([127, 0, 0, 1], 0).into()).await;
    let app = started.expect("a server");
    let mirror = mirror(&vkey(&app), dirs[1].path(), address).await;
    loads(&app, 0, 30).await;
    published(&app).await;
    backed.is_backed_up().await;
    let ended = WallClock.now().secs();
    loads(&app, 30, 40).await;
    let before = published(&app).await.size;
    // pgBackRest knows when a backup ended to the second.
    until(SOON, "another second", async || WallClock.now().secs() > ended + 1).await;
    let middle = WallClock.now();
    loads(&app, 40, 60).await;
    let all = published(&app).await.size;
    backed.is_archived().await;
    app.stop().await;
    let config = config(&at(dirs[0].path()), &backed, dirs[0].path());
    let untouched = files(dirs[0].path());

    let earlier = drilled(&config, &wish(&backed, Some(middle))).await;
    assert!(earlier.is_good(), "{earlier}");
    assert_eq!(earlier.reached, "up to the instant");
    let found = &earlier.registries[0];
    assert_eq!((found.events, found.published, found.missing), (before, all, all - before), "{earlier}");
    assert!(found.verdict.contains("refuses to sign") && found.verdict.contains("brings them"), "{earlier}");
    assert_eq!(earlier.rpo_events, all - before);
    assert!(earlier.rpo_ms.is_some() && earlier.rto_ms > 0 && earlier.restored_bytes > 1_000_000);

    let refilled = Restore { refill: true, ..wish(&backed, Some(middle)) };
    let refilled = drilled(&config, &refilled).await;
    let found = &refilled.registries[0];
    assert!(refilled.is_good(), "{refilled}");
    assert_eq!(found.events, all, "{refilled}");
    assert!(found.verdict.contains("are back from a mirror; would sign from size"), "{refilled}");

    // An instant that the archive does not reach is no fault: there was nothing after it.
    for to in [None, Some(WallClock.now())] {
        let whole = drilled(&config, &wish(&backed, to)).await;
        assert!(whole.is_good(), "{whole}");
        let found = &whole.registries[0];
        assert_eq!((found.events, found.missing, whole.rpo_events), (all, 0, 0), "{whole}");
        assert_eq!(whole.reached.contains("it ends before the instant"), to.is_some(), "{whole}");
    }
    assert_eq!(files(dirs[0].path()), untouched, "a drill writes nothing beside the site's files");
    mirror.stop().await;
    // With the mirror gone the file still knows what was published, and nobody can bring it.
    let alone = drilled(&config, &wish(&backed, Some(middle))).await;
    let found = &alone.registries[0];
    assert!(!alone.is_good() && found.verdict.contains("no mirror has them"), "{alone}");
    assert_eq!(found.missing, all - before);

    // The cluster that runs was not touched.
    let again = at(dirs[0].path()).start_on(backed.database(), ([127, 0, 0, 1], 0).into()).await;
    assert_eq!(epoch(&again.expect("a server")).await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_restored_is_said_and_touches_nothing() {
    let backed = Backed::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let build = || TestApp::build().registry(AUTHORITY).at(dir.path()).owner();
    let started = build().start_on(backed.database(), ([127, 0, 0, 1], 0).into()).await;
    let app = started.expect("a server");
    let start = WallClock.now();
    published(&app).await;
    assert!(found(STANZA, backed.config()).await.starts_with("there is none: "));
    backed.is_backed_up().await;
    backed.is_archived().await;
    assert!(found(STANZA, backed.config()).await.starts_with("ok: the newest ended 20"));
    let good = config(&build(), &backed, dir.path());
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = good.clone();
        change(&mut config);
        config
    };
    let usual = wish(&backed, None);
    let wrong = backed.configures("another passphrase");
    for (stanza, config) in [("another", backed.config()), (STANZA, wrong.clone())] {
        let said = found(stanza, config).await;
        assert!(!said.starts_with("ok") && !said.contains("passphrase of the tests"), "{said}");
    }
    let mut other = with(&|_| {});
    other.registries[0].authority_id = AuthorityId::parse("did:web:other.example").expect("an authority");
    let ahead = WallClock.now().plus(Duration::from_secs(3_600));
    let in_use = tempfile::tempdir().expect("a directory");
    std::fs::write(in_use.path().join("precious"), "x").expect("written");
    let cases = [
        (good.clone(), Restore { pgbackrest_config: Some(wrong), ..usual.clone() }, "passphrase"),
        (other, usual.clone(), "a backup of another registry"),
        (
            good.clone(),
            Restore { to: Some(start.minus(Duration::from_secs(60))), ..usual.clone() },
            "the oldest one ended at",
        ),
        (good.clone(), Restore { to: Some(ahead), ..usual.clone() }, "lies ahead"),
        (good.clone(), Restore { stanza: "another".to_owned(), ..usual.clone() }, "stanza"),
        (good.clone(), Restore { dir: Some(backed.data()), ..usual.clone() }, "a cluster that runs"),
        (good.clone(), Restore { dir: Some(in_use.path().to_owned()), ..usual.clone() }, "is not empty"),
        (with(&|config| config.database.owner_url.clear()), usual.clone(), "database.owner_url"),
        (with(&|config| config.keys.kek_file.push_str(".lost")), usual.clone(), "keys.kek_file"),
        (
            with(&|config| {
                config.database.url = config.database.url.replace("dbname=charter", "dbname=none");
            }),
            usual.clone(),
            "a backup of another registry, or of another database",
        ),
    ];
    let before = epoch(&app).await;
    for (config, wish, words) in cases {
        let why = restore(&config, &wish, Arc::new(WallClock)).await.expect_err(words);
        let why = format!("{why:#}");
        assert!(why.contains(words), "{words}: {why}");
        assert!(!why.contains("another passphrase"), "a secret is in it: {why}");
    }
    assert_eq!(epoch(&app).await, before, "the cluster that runs goes on");
    assert!(in_use.path().join("precious").is_file());
    assert!(!dir.path().join("kek.lost").exists(), "no key is made for a drill");
}
