//! A whole deployment in one file, and from there on an empty machine: the same answers, the same documents, the same
//! logs. Whatever is wrong with the file, the site or the database, nothing of it gets in; and nothing is served by accident.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use charter_domain::time::Clock;
use charter_server::{
    export::{Exported, Settled, export, settle},
    log::{Published, tree},
    rehome,
};
use charter_tests::{
    AUTHORITY, TestApp,
    app::{Build, SETTINGS},
    database::Database,
};
use tempfile::TempDir;

use crate::{
    escrow::charterd,
    hosted::{TENANT, Two},
    kept::until,
    logged,
    rehome::{ANY, Site, answers, clock, documents, host_config, hosted, hosted_as, lives},
    witness_client::{Peer, Way},
};

const SOON: Duration = Duration::from_secs(30);

/// Both registries, as the host has them.
fn both(two: &Two, dir: &TempDir, details: &str) -> Build {
    let settings = format!("{SETTINGS}\n{}", two.g.issuer.toml());
    let build = TestApp::build().settings(&settings).registry(AUTHORITY).under(TENANT, AUTHORITY);
    build.details(details).owner().clock(&two.g.app.clock).at(dir.path())
}

/// An empty machine for both, with a transport key.
async fn empty(two: &Two, details: &str) -> Site {
    let (dir, database) = (tempfile::tempdir().expect("a directory"), Database::create().await);
    let toml = both(two, &dir, details).toml(&database, dir.path(), SocketAddr::from(ANY));
    let config = charter_server::Config::from_toml(&toml).expect("a valid configuration");
    let site = Site { dir, database, config };
    rehome::recipient(&site.config, &site.file("recipient")).expect("a key");
    site
}

async fn exports(two: &Two, only: &[&str], to: &Site, file: &str) -> anyhow::Result<Exported> {
    let only: Vec<String> = only.iter().map(|one| (*one).to_owned()).collect();
    let (recipient, file) = (to.file("recipient"), to.file(file));
    export(host_config(two), &only, (&recipient, &file), &now(two)).await
}

async fn settles(two: &Two, site: &Site, file: &Path, start: bool) -> anyhow::Result<Settled> {
    settle(&site.config, (file, &[]), start, &now(two)).await
}

fn now(two: &Two) -> Arc<dyn Clock> {
    clock(&two.g.app.clock)
}

fn why<T>(result: anyhow::Result<T>, part: &str) {
    let said = result.err().map(|e| format!("{e:#}")).unwrap_or_default();
    assert!(said.contains(part), "{part}: {said}");
}

/// The log goes on from the tree that was published.
async fn same_log(app: &TestApp, authority: &str, before: &Published) {
    let now = logged::published(app, authority).await;
    assert!(now.size >= before.size, "{} leaves, {} before", now.size, before.size);
    let root = tree::root(&app.app.store, logged::id(app, authority), before.size).await.expect("a root");
    assert_eq!(root, before.root, "another tree");
    assert_eq!(now.checkpoint.checkpoint().origin(), before.checkpoint.checkpoint().origin());
}

async fn served(two: &Two, site: Site, details: &str) -> (TempDir, TestApp) {
    let Site { dir, database, .. } = site;
    let app = both(two, &dir, details).start_on(database, SocketAddr::from(ANY)).await.expect("a server");
    (dir, app)
}

/// Accesses by nobody's staff.
async fn recorded(app: &TestApp) -> i64 {
    let admin = app.database.admin(&app.database.name).await;
    let sql = "select count(*) from accesses where what = 'EXPORT_REGISTRY' and by_staff = 0";
    admin.query_one(sql, &[]).await.expect("counted").get(0)
}

#[tokio::test]
async fn an_empty_machine_answers_the_same_and_goes_on_with_the_logs() {
    let two = hosted().await;
    let host = &two.g.app;
    let site = empty(&two, "").await;
    let at = host.app.clock.now();
    let published = [logged::published(host, AUTHORITY).await, logged::published(host, TENANT).await];
    let (before, signed) = (answers(host, "/r/r1", at).await, documents(&host.database).await);
    assert_eq!(before[0]["status"], 200, "{before:#?}");

    let done = exports(&two, &[], &site, "file").await.expect("exported");
    assert_eq!(done.registries.len(), 2);
    assert!(done.rows > 50, "{}", done.rows);
    assert_eq!(recorded(host).await, 2, "in each of them");
    assert!(!host.app.hosted.holds.has_moved(logged::id(host, TENANT)), "nothing is fenced");
    assert_eq!(answers(host, "/r/r1", at).await, before);

    let file = site.file("file");
    let taken = settles(&two, &site, &file, false).await.expect("taken in");
    let mut epochs: Vec<(String, i64)> =
        taken.registries.iter().map(|one| (one.authority.clone(), one.epoch)).collect();
    epochs.sort();
    let mut expected = done.registries.clone();
    expected.sort();
    assert_eq!((epochs, taken.started), (expected, false));
    let again = settles(&two, &site, &file, true).await.expect("started");
    assert_eq!(again, Settled { registries: Vec::new(), started: true });
    assert_eq!(settles(&two, &site, &file, true).await.expect("again"), again);
    assert_eq!(documents(&site.database).await, signed);

    let (_dir, own) = served(&two, site, "").await;
    // Answers say how far the logs are: first they are taken up.
    same_log(&own, AUTHORITY, &published[0]).await;
    same_log(&own, TENANT, &published[1]).await;
    assert_eq!(answers(&own, "/r/r1", at).await, before);
    assert_eq!(recorded(&own).await, 2, "what the snapshot has of itself");
    lives(&two, &own).await;
}

#[tokio::test]
async fn what_was_taken_in_is_not_served_before_the_source_is_said_to_be_gone() {
    let two = hosted().await;
    let site = empty(&two, "").await;
    exports(&two, &[], &site, "file").await.expect("exported");
    settles(&two, &site, &site.file("file"), false).await.expect("taken in");
    let (_dir, own) = served(&two, site, "").await;
    for authority in [AUTHORITY, TENANT] {
        assert!(own.app.hosted.holds.has_moved(logged::id(&own, authority)), "{authority}");
        let asked = own.anonymous().asks(charter_tests::governed::ISSUER, "issue", "Degree").of(authority);
        assert_eq!(asked.rest().await.status, 503, "{authority}");
    }
    let client = charter_tests::database::connect(&own.database.url("charter_runtime")).await;
    let id = logged::id(&own, TENANT).0;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    let taken = client.query_one(&format!("select take_log({id})"), &[]).await.expect("asked");
    assert_eq!(taken.get::<_, Option<i64>>(0), None, "nobody takes its log");
}

#[tokio::test]
async fn nothing_of_a_file_that_is_not_whole_or_not_for_this_site_gets_in() {
    let two = hosted().await;
    let (site, other) = (empty(&two, "").await, empty(&two, "").await);
    exports(&two, &[], &site, "file").await.expect("exported");
    let (file, bad) = (site.file("file"), site.file("bad"));
    why(exports(&two, &[], &site, "file").await, "not overwritten");
    why(settles(&two, &other, &file, true).await, "another site");
    why(rehome::import(&site.config, (&file, None), &now(&two)).await, "is of the form");
    let stranger = ["somebody-else".to_owned()];
    why(settle(&site.config, (&file, &stranger), true, &now(&two)).await, "is signed by");

    let whole = std::fs::read(&file).expect("read");
    let step = (whole.len() / 30).max(1);
    for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&bad, changed).expect("written");
        assert!(settles(&two, &site, &bad, true).await.is_err(), "byte {at} of {}", whole.len());
    }
    for cut in [whole.len() - 1, whole.len() / 2, 10] {
        std::fs::write(&bad, &whole[..cut]).expect("written");
        assert!(settles(&two, &site, &bad, true).await.is_err(), "cut at {cut}");
    }
    std::fs::write(&bad, [&whole[..], &b"\0\0\0\x10more"[..]].concat()).expect("written");
    assert!(settles(&two, &site, &bad, true).await.is_err(), "more than the file");
    assert_eq!(site.registries().await, 0, "nothing was kept");
    settles(&two, &site, &file, true).await.expect("the file itself");
}

#[tokio::test]
async fn a_file_goes_into_an_empty_database_that_is_configured_for_it() {
    let two = hosted().await;
    let (site, tenant) = (empty(&two, "").await, Site::new(&two).await);
    rehome::recipient(&tenant.config, &tenant.file("recipient")).expect("a key");
    why(exports(&two, &["did:web:nobody.example"], &site, "none").await, "no registry that is served");
    exports(&two, &[], &tenant, "all").await.expect("exported");
    why(settles(&two, &tenant, &tenant.file("all"), true).await, "which the configuration does not have");
    let one = exports(&two, &[TENANT], &site, "one").await.expect("exported");
    assert_eq!(one.registries.len(), 1);
    why(settles(&two, &site, &site.file("one"), true).await, "which is not in the file");
    assert_eq!((site.registries().await, tenant.registries().await), (0, 0), "nothing was kept");

    // One registry alone, to a site that is configured for it; then another file, and that of before again.
    exports(&two, &[TENANT], &tenant, "first").await.expect("exported");
    exports(&two, &[TENANT], &tenant, "second").await.expect("exported");
    let [first, second]: [PathBuf; 2] = ["first", "second"].map(|name| tenant.file(name));
    settles(&two, &tenant, &first, false).await.expect("taken in");
    why(settles(&two, &tenant, &second, true).await, "not from this file");
    settles(&two, &tenant, &first, true).await.expect("started");

    // The deployment itself has everything.
    let host = host_config(&two);
    rehome::recipient(host, &site.file("host")).expect("a key");
    let file = site.file("own");
    export(host, &[], (&site.file("host"), &file), &now(&two)).await.expect("exported");
    why(settle(host, (&file, &[]), true, &now(&two)).await, "goes into an empty database");

    let mut powerless = host.clone();
    powerless.database.owner_url.clear();
    let to = site.file("powerless");
    why(export(&powerless, &[], (&site.file("host"), &to), &now(&two)).await, "database.owner_url");
    assert!(!to.exists(), "nothing was written");
}

/// The source went on after the export. Whoever begins from the file would sign another tree: its witness knows better.
#[tokio::test]
async fn a_log_that_went_on_elsewhere_is_not_signed_again() {
    let peer = Peer::start("witness.example/witness", Way::Honest).await;
    let log = format!("log = {{ quorum = 1, witnesses = [{}] }}", peer.setting());
    let two = hosted_as(|build| build.owner().details(&log)).await;
    let site = empty(&two, &log).await;
    logged::published(&two.g.app, TENANT).await;
    exports(&two, &[], &site, "file").await.expect("exported");
    lives(&two, &two.g.app).await;
    let published = logged::published(&two.g.app, TENANT).await.size;
    until(SOON, "cosigned", async || peer.has() == published).await;

    settles(&two, &site, &site.file("file"), true).await.expect("started");
    let (_dir, own) = served(&two, site, &log).await;
    let id = logged::id(&own, TENANT);
    let stops = async || {
        let why = own.app.logs.stopped(id).unwrap_or_default();
        why.contains(&format!("{published} events were published and the database has"))
    };
    until(SOON, "it says that it is behind", stops).await;
    assert!(own.app.logs.published(id).is_none_or(|last| last.size < published), "nothing was signed");
    assert_eq!(peer.has(), published);
}

/// A site burns down. Two officers' files, a backup of its keys and an export are elsewhere.
#[tokio::test]
async fn a_site_comes_back_on_an_empty_machine_by_its_commands() {
    let dir = tempfile::tempdir().expect("a directory");
    let does = async |line: &str| {
        let done = charterd(dir.path(), line).await;
        assert_eq!(done.code, 0, "{line}: {done:?}");
        done.out
    };
    let configures = |name: &str, database: &Database| {
        let at = dir.path().join(name);
        std::fs::create_dir_all(&at).expect("a directory");
        let build = TestApp::build().registry(AUTHORITY).owner().at(&at);
        let toml = build.toml(database, &at, SocketAddr::from(ANY));
        std::fs::write(dir.path().join(format!("{name}.toml")), toml).expect("written");
        build
    };
    let database = Database::create().await;
    let old = configures("old", &database).start_on(database, SocketAddr::from(ANY)).await.expect("a server");
    old.registry(AUTHORITY).registers("did:web:kept.example").authorized("issue", "Degree").await;
    let published = logged::published(&old, AUTHORITY).await;
    for officer in ["anna", "otto"] {
        does(&format!("keys officer --to @{officer}")).await;
    }
    does("rehome key --config @old.toml --to @site.jwk").await;
    does("keys backup --config @old.toml --to @keys --officer @anna.pub --officer @otto.pub").await;
    let said = does("export --config @old.toml --to @file --recipient @site.jwk").await;
    assert!(said.contains(AUTHORITY) && said.contains("EXPORT_REGISTRY"), "{said}");
    old.stop().await;
    std::fs::remove_dir_all(dir.path().join("old")).expect("burned");

    let database = Database::create().await;
    let build = configures("new", &database);
    does("keys restore --config @new.toml --from @keys --officer @otto --officer @anna").await;
    let said = does("init --config @new.toml --from-export @file").await;
    assert!(said.contains("--yes-the-source-is-gone"), "{said}");
    for (line, part) in [
        ("init --config @new.toml", "--issuer"),
        ("init --config @new.toml --yes-the-source-is-gone", "--from-export"),
        ("init --config @new.toml --from-export @file --issuer https://login.example", "cannot be used with"),
    ] {
        let refused = charterd(dir.path(), line).await;
        assert!(refused.code == 2 && refused.err.contains(part), "{line}: {refused:?}");
    }
    let said = does("init --config @new.toml --from-export @file --yes-the-source-is-gone").await;
    assert!(said.contains("start `charterd serve`"), "{said}");

    let new = build.start_on(database, SocketAddr::from(ANY)).await.expect("a server");
    let line = async |entity: &str| new.anonymous().asks(entity, "issue", "Degree").both().await.line();
    assert_eq!(line("did:web:kept.example").await, "200 yes ACTIVE");
    same_log(&new, AUTHORITY, &published).await;
    new.registry(AUTHORITY).registers("did:web:next.example").authorized("issue", "Degree").await;
    assert_eq!(line("did:web:next.example").await, "200 yes ACTIVE", "by the token of before");
}
