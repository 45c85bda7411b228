//! Running: configuration, health, metrics, limits, and an end that loses nothing.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use charter_proto::charter::registry::v1::set_status_request::Target;
use charter_proto::charter::registry::v1::{self as pb, import_service_client::ImportServiceClient};
use charter_tests::{
    AUTHORITY, Rest, TestApp,
    ask::error,
    database::{CLUSTER, Database, REDIS},
    program::free_address,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
};

use crate::{kept::until, logged::id};

/// For what comes at all, on a busy machine.
const LATEST: Duration = Duration::from_secs(60);

/// `charterd`, built by the harness beside this test binary.
fn charterd() -> Command {
    let own = std::env::current_exe().expect("this program");
    let built: PathBuf = own.ancestors().nth(2).expect("target/debug").join("charterd");
    assert!(built.is_file(), "{} is missing: run `make test`", built.display());
    let mut command = Command::new(built);
    command.env_remove(CLUSTER).env_remove(REDIS).env_remove("CHARTER_SHARED").kill_on_drop(true);
    command
}

async fn check(dir: &Path, toml: &str) -> Output {
    let file = dir.join("charter.toml");
    std::fs::write(&file, toml).expect("written");
    let output = charterd().args(["config", "check", "--config"]).arg(&file).output().await;
    output.expect("charterd runs")
}

#[tokio::test]
async fn a_bad_configuration_exits_64_and_names_every_fault() {
    let dir = tempfile::tempdir().expect("a directory");
    let bad = check(
        dir.path(),
        "database = { url = \"\", pool_size = 0 }\ncache = { lease_ms = 100, poll_ms = 90 }\n\
         keys = { algorithm = \"none\" }\n[[listeners]]\naddress = \"127.0.0.1:1\"\nregistry = \"did:web:a.example\"\n",
    )
    .await;
    let text = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert_eq!(bad.status.code(), Some(64), "{text}");
    for fault in
        ["database.url", "database.pool_size", "cache.poll_ms", "keys.algorithm", "registries", "127.0.0.1:1"]
    {
        assert!(text.contains(fault), "{fault} in {text}");
    }
    for strange in ["surprise = 1", "database = { url = 7 }", "[[listeners]", "log = { format = \"xml\" }"] {
        let output = check(dir.path(), strange).await;
        assert_eq!(output.status.code(), Some(64), "{strange}");
        assert!(output.stdout.is_empty());
    }
    let missing = charterd().args(["config", "check", "--config", "/nowhere.toml"]).output().await;
    assert_eq!(missing.expect("charterd runs").status.code(), Some(64));
}

#[tokio::test]
async fn a_good_configuration_is_accepted_from_a_file_that_the_environment_names() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = Database::create().await;
    let toml = TestApp::build().registry(AUTHORITY).toml(&database, dir.path(), ([127, 0, 0, 1], 0).into());
    let output = check(dir.path(), &toml).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut command = charterd();
    command.env("CHARTER_CONFIG_FILE", dir.path().join("charter.toml")).args(["config", "check"]);
    // What `charter` reads from the same environment is no setting.
    let connection = ["SERVER", "PROFILE", "TOKEN_FILE", "CA_FILE", "CLIENT_CERT", "CLIENT_KEY"];
    for name in connection.iter().chain(&["ISSUER", "CLIENT_ID", "SCOPE", "ACR_VALUES"]) {
        command.env(format!("CHARTER_{name}"), "x");
    }
    let output = command.output().await.expect("charterd runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    command.env("CHARTER_DATABASE__POOL_SIZE", "999");
    assert_eq!(command.output().await.expect("charterd runs").status.code(), Some(64));
}

#[tokio::test]
async fn the_keys_of_a_log_are_printed_for_people_and_for_programs() {
    let app = TestApp::start().await;
    let toml = TestApp::build().registry(AUTHORITY).toml(&app.database, app.directory(), app.address);
    let file = app.directory().join("charter.toml");
    std::fs::write(&file, toml).expect("written");
    let keys = async |more: &[&str]| {
        let mut command = charterd();
        command.args(["log", "keys", "--config"]).arg(&file).args(more);
        let output = command.output().await.expect("charterd runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let tenant = app.app.hosted.tenant(id(&app, AUTHORITY)).expect("hosted here");
    let (log, witness) = (&tenant.log_keys.log().vkey, &tenant.log_keys.witness().vkey);
    assert_eq!(keys(&[]).await, format!("{AUTHORITY}\n  log {log}\n  witness {witness}\n"));
    let said: Value = serde_json::from_str(&keys(&["--json"]).await).expect("JSON");
    let own = json!({ "authority": AUTHORITY, "log": log.to_string(), "witness": witness.to_string() });
    assert_eq!(said, json!({ "registries": [own] }));
}

#[tokio::test]
async fn health_says_what_holds_and_metrics_are_ours() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    app.anonymous().asks(&issuer, "issue", "Degree").both().await;
    let rest = app.rest();
    assert_eq!(rest.get("/livez").await.status, 200);
    // The lease of a busy process may be over for a moment.
    let well = json!({ "ready": true, "reasons": [], "details": [] });
    until(LATEST, "it is ready", async || {
        let ready = rest.get("/readyz").await;
        ready.status == 200 && ready.json() == well
    })
    .await;
    let metrics = rest.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    for name in [
        "http_server_request_duration_seconds_bucket{http_request_method=\"POST\",http_route=\"/authorization\",http_response_status_code=\"200\"",
        "rpc_server_call_duration_seconds_bucket{rpc_method=\"trqp.v2.TrustRegistryQueryService/Authorization\",rpc_response_status_code=\"OK\"",
        "db_client_operation_duration_seconds_bucket{operation=",
        "charter_cache_requests_total",
        "charter_documents_earliest_expiry_timestamp_seconds",
        "charter_documents_renewal_late 0",
        "charter_build_info",
        "charter_decisions_total{query=\"authorization\",decision=\"yes\",reason=\"ACTIVE\"}",
        "charter_decisions_total{query=\"recognition\",decision=\"no\",reason=\"REVOKED\"} 0",
        "charter_audit_checkpoint_timestamp_seconds{registry=",
    ] {
        assert!(metrics.text().contains(name), "{name} in {}", metrics.text());
    }
    let health = tonic_health::pb::health_client::HealthClient::new(app.channel());
    until(LATEST, "it serves", async || {
        let reply = health.clone().check(tonic_health::pb::HealthCheckRequest::default()).await;
        reply.expect("healthy").into_inner().status == 1
    })
    .await;
}

#[tokio::test]
async fn more_than_an_address_may_send_is_429_with_what_to_do() {
    let limits = "limits = { per_address_rps = 1, per_address_burst = 5 }";
    let app = TestApp::build().settings(limits).start().await;
    let rest = app.rest();
    for n in 0..5 {
        assert_eq!(rest.get("/livez").await.status, 200, "{n}");
    }
    let (mut refused, mut more) = (rest.get("/livez").await, 0);
    while refused.status == 200 {
        more += 1;
        assert!(more < 1_000, "one a second, and nobody is that slow");
        refused = rest.get("/livez").await;
    }
    assert_eq!(refused.problem(), (429, "RATE_LIMITED".to_owned()));
    assert_eq!(refused.header("retry-after"), "1");
    assert!(refused.header("ratelimit").contains("r=0"), "{:?}", refused.headers);
    let asking = app.anonymous().asks("did:web:a.example", "issue", "Degree");
    until(LATEST, "over gRPC", async || asking.grpc().await.line() == "429 RATE_LIMITED").await;
}

/// A `charterd serve` of its own, and where it listens.
struct Served {
    child: Child,
    rest: Rest,
    address: std::net::SocketAddr,
    token: String,
    _dir: tempfile::TempDir,
}

impl Served {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let database = Database::create().await;
        let free = free_address();
        let settings = "cache = { lease_ms = 1000, poll_ms = 250 }\nlimits = { deadline_ms = 10000 }";
        let build = TestApp::build().registry(AUTHORITY).settings(settings);
        let file = dir.path().join("charter.toml");
        std::fs::write(&file, build.toml(&database, dir.path(), free)).expect("written");
        let mut command = charterd();
        command.args(["serve", "--config"]).arg(&file).stderr(Stdio::null());
        let child = command.spawn().expect("charterd runs");
        let rest = Rest::new(free);
        let up = async || TcpStream::connect(free).await.is_ok() && rest.ready().await;
        until(LATEST, "charterd is ready", up).await;
        let token = std::fs::read_to_string(dir.path().join("token")).expect("a token");
        Self { child, rest, address: free, token: token.trim().to_owned(), _dir: dir }
    }

    fn terminate(&self) {
        let pid = self.child.id().and_then(|p| i32::try_from(p).ok()).expect("it runs");
        let pid = rustix::process::Pid::from_raw(pid).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("asked to stop");
    }

    fn signed<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let token = format!("Bearer {}", self.token).parse().expect("ASCII");
        request.metadata_mut().insert("authorization", token);
        request.set_timeout(Duration::from_secs(10));
        request
    }
}

#[tokio::test]
async fn sigterm_lets_requests_in_flight_finish_and_then_ends() {
    let mut served = Served::start().await;
    let url = format!("http://{}", served.address);
    let channel = tonic::transport::Endpoint::from_shared(url).expect("a URL").connect_lazy();
    let mut client = ImportServiceClient::new(channel);
    let record = pb::ImportRecord {
        identifier: "did:web:issuer.example".to_owned(),
        names: [("en".to_owned(), "Issuer".to_owned())].into(),
        country: "FI".to_owned(),
        ..Default::default()
    };
    let chunk = pb::ImportRecordsRequest { records: vec![record], ..Default::default() };
    let replies = client.import_records(served.signed(tokio_stream::iter([chunk]))).await.expect("read");
    assert_eq!(replies.into_inner().message().await.expect("loaded").expect("one").accepted, 1);

    // A revocation is held back for a lease after it was recorded, and half of a question is still on its way.
    let request = served.signed(pb::SetStatusRequest {
        target: Some(Target::EntityId("did:web:issuer.example".to_owned())),
        state: "REVOKED".to_owned(),
        reason: "FOUND_FALSE".to_owned(),
        ..Default::default()
    });
    let revoking = tokio::spawn(async move { client.set_status(request).await });
    let recorded = async || {
        let entity = served.rest.get("/api/v1/entities/did:web:issuer.example").await;
        entity.text().contains("REVOKED")
    };
    until(LATEST, "the revocation is recorded", recorded).await;
    let mut socket = TcpStream::connect(served.address).await.expect("a connection");
    let body = json!({
        "authority_id": AUTHORITY, "entity_id": "did:web:nobody.example", "action": "issue", "resource": "x",
    })
    .to_string();
    let head = format!(
        "POST /authorization HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (first, second) = body.split_at(body.len() / 2);
    socket.write_all(format!("{head}{first}").as_bytes()).await.expect("sent");
    // Who has connected after it is answered: so it was accepted.
    assert_eq!(Rest::new(served.address).get("/livez").await.status, 200);
    served.terminate();
    let closed = async || TcpStream::connect(served.address).await.is_err();
    until(LATEST, "no new connections are taken", closed).await;
    socket.write_all(second.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("UNKNOWN_"), "{answer}");
    let receipt = revoking.await.expect("joined");
    assert!(receipt.is_ok(), "{:?}", receipt.map_err(|s| error(&s)));
    let ended = tokio::time::timeout(LATEST, served.child.wait()).await;
    assert_eq!(ended.expect("ended in time").expect("ended").code(), Some(0));
}

#[tokio::test]
async fn a_second_process_on_the_port_exits_and_says_which_port() {
    let served = Served::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let database = Database::create().await;
    let toml = TestApp::build().registry(AUTHORITY).toml(&database, dir.path(), served.address);
    let file = dir.path().join("charter.toml");
    std::fs::write(&file, toml).expect("written");
    let output = charterd().args(["serve", "--config"]).arg(&file).output().await.expect("charterd runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&served.address.to_string()), "{text}");
    until(LATEST, "the first is as before", async || served.rest.ready().await).await;
}
