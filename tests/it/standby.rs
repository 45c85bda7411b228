//! `charterd standby` among members that lie, contradict each other or do not answer: nothing is ever changed then.
//! The answers are recorded; how it works with Patroni itself is in `tests/ha`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use charter_domain::time::Clock as _;
use charter_server::clock::WallClock;
use charter_tests::{
    AUTHORITY, TestApp,
    database::Database,
    program::built,
    terminal::{self, Done, Terminal},
};
use serde_json::{Value, json};

use crate::dead_peer::silent;

/// One member: what it answers by path, and what it was asked to change.
#[derive(Default)]
struct Answers {
    by_path: BTreeMap<&'static str, (u16, String)>,
    changed: Mutex<Vec<String>>,
}

struct Member {
    url: String,
    answers: Arc<Answers>,
}

async fn answered(State(answers): State<Arc<Answers>>, method: Method, uri: Uri) -> Response {
    if method != Method::GET {
        answers.changed.lock().expect("a lock").push(uri.path().to_owned());
        return (StatusCode::OK, "Successfully switched over").into_response();
    }
    match answers.by_path.get(uri.path()) {
        Some((status, body)) => {
            (StatusCode::from_u16(*status).expect("a status"), body.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Member {
    async fn start(by_path: BTreeMap<&'static str, (u16, String)>) -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", socket.local_addr().expect("an address"));
        let answers = Arc::new(Answers { by_path, ..Answers::default() });
        let router = Router::new().fallback(answered).with_state(Arc::clone(&answers));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { url, answers }
    }
}

/// As Patroni 4.1.5 answers of itself, and of all.
fn own(name: &str, role: &str) -> Value {
    json!({
        "state": "running", "postmaster_start_time": "2026-11-20 12:00:00.000000+00:00", "role": role,
        "server_version": 150018, "xlog": { "location": 83_886_080_u64, "received_location": 83_886_080_u64,
        "replayed_location": 83_886_080_u64, "replayed_timestamp": null, "paused": false },
        "timeline": 3, "replication_state": if role == "replica" { Some("streaming") } else { None },
        "dcs_last_seen": WallClock.now().secs(), "database_system_identifier": "7711051220422795606",
        "patroni": { "version": "4.1.5", "scope": "charter", "name": name },
    })
}

fn cluster(leader: &str) -> Value {
    let member = |name: &str| {
        let (role, state) = match name == leader {
            true => ("leader", "running"),
            false => ("quorum_standby", "streaming"),
        };
        json!({ "name": name, "role": role, "state": state, "api_url": "http://10.0.0.1:8008/patroni",
            "host": "10.0.0.1", "port": 5432, "timeline": 3, "receive_lag": 0, "replay_lag": 0, "lag": 0 })
    };
    json!({ "members": [member("a"), member("b"), member("c")], "scope": "charter" })
}

fn paths(own: &Value, cluster: &Value) -> BTreeMap<&'static str, (u16, String)> {
    let config = json!({ "ttl": 20, "loop_wait": 2, "retry_timeout": 5, "synchronous_mode": "quorum",
        "synchronous_mode_strict": true, "synchronous_node_count": 1, "maximum_lag_on_failover": 0 });
    let good = |value: &Value| (200, value.to_string());
    BTreeMap::from([("/patroni", good(own)), ("/cluster", good(cluster)), ("/config", good(&config))])
}

struct Site {
    terminal: Terminal,
    members: Vec<Member>,
    toml: String,
}

impl Site {
    /// `a` leads; a test changes what each answers.
    async fn start(change: impl Fn(&str, &mut BTreeMap<&'static str, (u16, String)>)) -> Self {
        let terminal = Terminal::default();
        let mut members = Vec::new();
        for name in ["a", "b", "c"] {
            let role = if name == "a" { "primary" } else { "replica" };
            let mut by_path = paths(&own(name, role), &cluster("a"));
            change(name, &mut by_path);
            members.push(Member::start(by_path).await);
        }
        let database = Database::create().await;
        let build = TestApp::build().registry(AUTHORITY);
        let toml = build.toml(&database, terminal.home(), ([127, 0, 0, 1], 0).into());
        Self { terminal, members, toml }
    }

    async fn runs(&self, args: &[&str]) -> Done {
        let urls: Vec<String> = self.members.iter().map(|member| format!("\"{}\"", member.url)).collect();
        self.runs_at(&urls.join(", "), args).await
    }

    async fn runs_at(&self, urls: &str, args: &[&str]) -> Done {
        let file = self.terminal.home().join("charter.toml");
        std::fs::write(&file, format!("{}\n[standby]\npatroni = [{urls}]\n", self.toml)).expect("written");
        let file = file.display().to_string();
        let args = [&["--config", &file, "standby"][..], args].concat();
        terminal::run(terminal::command(&built("charterd"), self.terminal.home(), &args)).await
    }

    /// Whatever was asked for, no member was told to change anything.
    fn unchanged(&self) {
        for member in &self.members {
            let changed = member.answers.changed.lock().expect("a lock");
            assert!(changed.is_empty(), "{changed:?}");
        }
    }

    /// Every command that could change something refuses, with these words.
    async fn refuses(&self, words: &str) {
        for args in [&["switchover", "--yes"][..], &["switchover", "--to", "b", "--yes"]] {
            let done = self.runs(args).await;
            assert!(done.code == 1 && done.err.contains(words), "{args:?}: {done:?}");
        }
        let promoted = self.runs(&["promote", "b", "--yes"]).await;
        assert_eq!(promoted.code, 1, "{promoted:?}");
        let status = self.runs(&["status"]).await;
        assert_eq!(status.code, 1, "{status:?}");
        self.unchanged();
    }
}

#[tokio::test]
async fn a_good_cluster_is_shown_and_a_plan_changes_nothing() {
    let site = Site::start(|_, _| {}).await;
    let status = site.runs(&["status"]).await;
    assert_eq!(status.code, 0, "{status:?}");
    for word in ["MEMBER", "leader", "quorum_standby", "2 standbys confirm writes, 1 must"] {
        assert!(status.out.contains(word), "{word}: {status:?}");
    }
    let status = site.runs(&["status", "-o", "json"]).await;
    let shown: Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(
        (&shown["leader"], &shown["good"], &shown["confirming"]),
        (&json!("a"), &json!(true), &json!(2))
    );
    let plan = site.runs(&["switchover", "--dry-run"]).await;
    assert!(plan.code == 0 && plan.out.contains("switchover from `a` to `b`"), "{plan:?}");
    assert!(plan.out.contains("  1. ") && plan.out.contains("  5. "), "{plan:?}");
    let done = site.runs(&["switchover", "--to", "a", "--dry-run"]).await;
    assert!(done.code == 0 && done.out.contains("`a` leads already"), "{done:?}");
    let unasked = site.runs(&["switchover"]).await;
    assert!(unasked.code == 1 && unasked.err.contains("add --yes"), "nobody is at the terminal: {unasked:?}");
    let promoted = site.runs(&["promote", "b", "--yes"]).await;
    assert!(promoted.code == 1 && promoted.err.contains("`a` answers as primary"), "{promoted:?}");
    let stranger = site.runs(&["switchover", "--to", "x", "--yes"]).await;
    assert!(stranger.code == 1 && stranger.err.contains("`x` is no member"), "{stranger:?}");
    site.unchanged();
}

#[tokio::test]
async fn nothing_is_handed_over_before_servers_and_logs_are_well() {
    let (site, app) = (Site::start(|_, _| {}).await, TestApp::start().await);
    let urls: Vec<String> = site.members.iter().map(|member| format!("\"{}\"", member.url)).collect();
    let servers = format!("{}]\nservers = [\"{}\", \"http://127.0.0.1:1\"", urls.join(", "), app.url());
    let done = site.runs_at(&servers, &["switchover", "--yes"]).await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.err.contains("nothing was done") && done.err.contains("`http://127.0.0.1:1` is not ready"),
        "{done:?}"
    );
    assert!(!done.err.contains(&format!("`{}` is not ready", app.url())), "{done:?}");
    site.unchanged();
}

#[tokio::test]
async fn members_that_lie_change_nothing() {
    let two = Site::start(|name, paths| {
        if name == "b" {
            paths.insert("/patroni", (200, own("b", "primary").to_string()));
        }
    });
    two.await.refuses("all say that they are primary").await;
    let other = Site::start(|name, paths| {
        if name == "c" {
            paths.insert("/cluster", (200, cluster("c").to_string()));
        }
    });
    other.await.refuses("members see different leaders").await;
    let usurper = Site::start(|name, paths| {
        let role = if name == "b" { "primary" } else { "replica" };
        paths.insert("/patroni", (200, own(name, role).to_string()));
    });
    usurper.await.refuses("`b` says that it is primary").await;
    let stranger = Site::start(|name, paths| {
        if name == "c" {
            let mut own = own("c", "replica");
            own["database_system_identifier"] = json!("1");
            paths.insert("/patroni", (200, own.to_string()));
        }
    });
    stranger.await.refuses("different clusters").await;
    let loose = Site::start(|_, paths| {
        paths.insert("/config", (200, json!({ "synchronous_mode": false }).to_string()));
    });
    loose.await.refuses("synchronous_mode is off").await;
}

#[tokio::test]
async fn what_is_no_answer_of_patroni_is_none() {
    let steering = "\u{1b}[2J".repeat(10);
    for body in
        ["", "[]", "{", "<html>", "{\"state\":7}", &"[".repeat(100_000), &"x".repeat(1 << 20), &steering]
    {
        let site = Site::start(|_, paths| {
            for path in ["/patroni", "/cluster", "/config"] {
                paths.insert(path, (200, body.to_owned()));
            }
        });
        let site = site.await;
        site.refuses("no member answers").await;
        let status = site.runs(&["status"]).await;
        assert!(!status.out.contains('\u{1b}'), "{status:?}");
    }
    let moved = Site::start(|_, paths| {
        paths.insert("/patroni", (302, String::new()));
        paths.insert("/cluster", (500, String::new()));
    });
    moved.await.refuses("no member answers").await;
    let blind = Site::start(|_, paths| drop(paths.remove("/cluster")));
    let blind = blind.await;
    blind.refuses("no member can read etcd").await;
    let promoted = blind.runs(&["promote", "b", "--yes"]).await;
    assert!(promoted.err.contains("A promotion is not safe"), "{promoted:?}");
}

#[tokio::test]
async fn who_never_answers_is_not_waited_for() {
    let site = Site::start(|_, _| {}).await;
    let (hangs, _) = silent().await;
    let began = std::time::Instant::now();
    let status = site.runs_at(&format!("\"{hangs}\""), &["status"]).await;
    assert!(status.code == 1 && status.out.contains("no answer within 3 s"), "{status:?}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    for urls in ["", "\"10.0.0.1:8008\"", "\"http://10.0.0.1\", \"http://10.0.0.1\""] {
        let refused = site.runs_at(urls, &["status"]).await;
        assert!(refused.code == 64 && refused.err.contains("standby.patroni"), "{urls}: {refused:?}");
    }
}
