//! A witness whose files were restored from an older state, lost or spoilt: it cosigns nothing of that log until a
//! person has looked.

use std::time::Duration;

use charter_server::witness::admin::{self, Confirmed};
use charter_tests::{
    AUTHORITY, Rest, TestApp,
    database::{CLUSTER, Database, REDIS},
    hand_log::HandLog,
    program,
};
use http::Method;
use http_body_util::Full;

use super::{ADD, ORIGIN, asks, file, folder, time_of, witness_of};
use crate::kept::until;

const SOON: Duration = Duration::from_secs(30);

/// The note in the database follows the answer.
pub(super) async fn noted(app: &TestApp, size: u64) {
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let store = &app.app.store;
    let what = format!("{size} leaves are noted");
    until(SOON, &what, async || store.witness_mark(id, ORIGIN).await.expect("read") == Some(size)).await;
}

async fn grow(app: &TestApp, log: &HandLog, old: u64, new: u64) {
    let request = log.request(old, new);
    time_of(app, &request, &asks(app, &request).await);
}

async fn confirms(app: &TestApp, write: bool) -> Confirmed {
    let named = (AUTHORITY, ORIGIN);
    admin::confirm(&app.app.config, &app.app.store, named, write).await.expect("confirmed")
}

#[tokio::test]
async fn an_older_state_is_refused_until_it_is_confirmed() {
    let log = HandLog::new(ORIGIN, 40);
    let app = witness_of(&log).await;
    grow(&app, &log, 0, 5).await;
    let older = std::fs::read(file(&app, ORIGIN)).expect("a file");
    grow(&app, &log, 5, 9).await;
    noted(&app, 9).await;
    assert_eq!(confirms(&app, false).await, Confirmed { state: 9, mark: 9 });
    std::fs::write(file(&app, ORIGIN), &older).expect("restored");
    // What the log could have been made to show since: nothing is cosigned, and the file stays as it is.
    for request in [log.request(5, 9), log.request(9, 12), log.forked(5).request(5, 9)] {
        let reply = asks(&app, &request).await;
        assert_eq!(reply.problem(), (503, "UNAVAILABLE".to_owned()));
        assert!(reply.text().contains("confirm-witness"), "{}", reply.text());
        assert_eq!(std::fs::read(file(&app, ORIGIN)).expect("a file"), older);
    }
    assert_eq!(confirms(&app, false).await, Confirmed { state: 5, mark: 9 });
    assert_eq!(asks(&app, &log.request(5, 9)).await.status, 503, "looking confirms nothing");
    confirms(&app, true).await;
    grow(&app, &log, 5, 12).await;
    noted(&app, 12).await;
}

#[tokio::test]
async fn a_lost_or_spoilt_state_is_refused() {
    let log = HandLog::new(ORIGIN, 40);
    let app = witness_of(&log).await;
    grow(&app, &log, 0, 9).await;
    noted(&app, 9).await;
    let good = std::fs::read_to_string(file(&app, ORIGIN)).expect("a file");
    let root = log.root(9).to_string();
    let other = HandLog::new("other.example/log", 9).at(9).to_string();
    for bad in ["", "x", &good[..good.len() / 2], &good.replace(&root, &log.root(8).to_string()), &other] {
        std::fs::write(file(&app, ORIGIN), bad).expect("spoilt");
        let reply = asks(&app, &log.request(9, 12)).await;
        assert_eq!(reply.problem(), (503, "UNAVAILABLE".to_owned()), "{bad}");
        assert_eq!(std::fs::read_to_string(file(&app, ORIGIN)).expect("a file"), bad);
    }
    std::fs::remove_file(file(&app, ORIGIN)).expect("lost");
    assert_eq!(asks(&app, &log.request(0, 12)).await.problem().0, 503);
    // What a crash left half-written beside the file counts for nothing.
    std::fs::write(file(&app, ORIGIN), &good).expect("back again");
    std::fs::write(folder(&app).join("x.new"), "half").expect("left behind");
    grow(&app, &log, 9, 12).await;
}

/// The note outlives the process: a server that starts with older files refuses too, and the command lets it go on.
#[tokio::test]
async fn a_restarted_witness_notices_and_the_command_confirms() {
    let log = HandLog::new(ORIGIN, 40);
    let database = Database::create().await;
    let dir = tempfile::tempdir().expect("a directory");
    let build = TestApp::build().registry(AUTHORITY).details(&log.setting());
    let toml = |address| build.toml(&database, dir.path(), address);
    let path = dir.path().join("log/witness/r0").join(charter_server::witness::hash(ORIGIN));
    let path = path.with_extension("checkpoint");
    let served = program::Served::start(dir.path(), toml).await;
    assert_eq!(send(&served, log.request(0, 5).to_string()).await, 200);
    let older = std::fs::read(&path).expect("a file");
    assert_eq!(send(&served, log.request(5, 9).to_string()).await, 200);
    let marks = database.admin(&database.name).await;
    let sql = "select coalesce(max(size), 0) from witness_marks";
    let at_9 = async || marks.query_one(sql, &[]).await.expect("read").get::<_, i64>(0) == 9;
    until(SOON, "it is noted", at_9).await;
    drop(served);
    std::fs::write(&path, &older).expect("restored");
    let served = program::Served::start(dir.path(), toml).await;
    assert_eq!(send(&served, log.request(5, 9).to_string()).await, 503);
    let config = dir.path().join(format!("charter-{}.toml", served.address.port()));
    let command = async |more: &[&str]| {
        let mut command = tokio::process::Command::new(program::built("charterd"));
        command.args(["log", "confirm-witness", "--registry", AUTHORITY, "--origin", ORIGIN, "--config"]);
        command.arg(&config).args(more);
        command.env_remove(CLUSTER).env_remove(REDIS).env_remove("CHARTER_SHARED");
        command.output().await.expect("it runs").status.code()
    };
    assert_eq!(command(&[]).await, Some(1), "it says that the witness refuses");
    assert_eq!(send(&served, log.request(5, 9).to_string()).await, 503);
    assert_eq!(command(&["--yes"]).await, Some(0));
    assert_eq!(send(&served, log.request(5, 9).to_string()).await, 200);
}

async fn send(served: &program::Served, body: String) -> u16 {
    let rest = Rest::new(served.address);
    let request = rest.request(Method::POST, ADD).body(Full::new(body.into()));
    rest.send(request.expect("a request")).await.status
}
