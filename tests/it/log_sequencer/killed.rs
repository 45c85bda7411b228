//! A real server under load, killed twenty times: no checkpoint is taken back, no acknowledged write is lost, and the log
//! is sound in the end.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use charter_proto::charter::registry::v1::{self as pb, import_service_client::ImportServiceClient};
use charter_tests::{
    AUTHORITY, Rest, TestApp,
    database::{CLUSTER, Database, REDIS},
    program::{built, free_address},
};
use charter_tlog::{Hash, checkpoint::SignedCheckpoint, hash, tree::root_of};
use tokio::{
    process::{Child, Command},
    task::JoinSet,
};

use crate::kept::{Dice, until};

const KILLS: u64 = 20;
const WRITERS: u64 = 4;
const LIMIT: Duration = Duration::from_secs(60);

/// One server, again and again on the same files and the same database.
struct Site {
    dir: tempfile::TempDir,
    config: PathBuf,
    address: SocketAddr,
}

fn charterd(config: &Path) -> Command {
    let mut command = Command::new(built("charterd"));
    command.env_remove(CLUSTER).env_remove(REDIS).env_remove("CHARTER_SHARED").kill_on_drop(true);
    command.arg("--config").arg(config);
    command
}

impl Site {
    fn new(database: &Database) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let free = free_address();
        let config = dir.path().join("charter.toml");
        let toml = TestApp::build().registry(AUTHORITY).toml(database, dir.path(), free);
        std::fs::write(&config, toml).expect("written");
        Self { dir, config, address: free }
    }

    async fn serve(&self) -> Child {
        let mut command = charterd(&self.config);
        let child = command.arg("serve").stderr(Stdio::null()).spawn().expect("charterd runs");
        let rest = Rest::new(self.address);
        let ready = async || tokio::net::TcpStream::connect(self.address).await.is_ok() && rest.ready().await;
        until(LIMIT, "it is ready", ready).await;
        child
    }

    /// What the file says was published.
    fn published(&self) -> Option<SignedCheckpoint> {
        let bytes = std::fs::read(self.dir.path().join("log/r0.checkpoint")).ok()?;
        Some(SignedCheckpoint::parse(&bytes).expect("whole, at any instant"))
    }
}

/// Loads one entity after the other as long as somebody listens; keeps what was acknowledged.
async fn writer(site: Arc<Site>, number: u64, acknowledged: Arc<Mutex<Vec<String>>>, ends: Arc<AtomicBool>) {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", site.address));
    let endpoint = endpoint.expect("a URL").timeout(Duration::from_secs(2));
    let mut count = 0;
    while !ends.load(Ordering::Relaxed) {
        count += 1;
        let identifier = format!("did:web:w{number}-{count}.example");
        let record = pb::ImportRecord {
            identifier: identifier.clone(),
            names: [("en".to_owned(), "Written".to_owned())].into(),
            country: "FI".to_owned(),
            ..Default::default()
        };
        let chunk = pb::ImportRecordsRequest { records: vec![record], ..Default::default() };
        let Ok(token) = std::fs::read_to_string(site.dir.path().join("token")) else { continue };
        let mut request = tonic::Request::new(tokio_stream::iter([chunk]));
        let bearer = format!("Bearer {}", token.trim()).parse().expect("ASCII");
        request.metadata_mut().insert("authorization", bearer);
        let mut client = ImportServiceClient::new(endpoint.connect_lazy());
        let sent = async {
            let mut replies = client.import_records(request).await.ok()?.into_inner();
            replies.message().await.ok()?.filter(|reply| reply.accepted == 1)
        };
        match sent.await {
            Some(_) => acknowledged.lock().expect("a lock").push(identifier),
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_under_load_leave_one_log() {
    let database = Database::create().await;
    let site = Arc::new(Site::new(&database));
    let (acknowledged, ends) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicBool::new(false)));
    let (mut dice, mut seen, mut writers) = (Dice::new(20), Vec::new(), JoinSet::new());
    let mut child = site.serve().await;
    for number in 0..WRITERS {
        writers.spawn(writer(Arc::clone(&site), number, Arc::clone(&acknowledged), Arc::clone(&ends)));
    }
    let largest = AtomicU64::new(0);
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(300 + dice.below(900))).await;
        child.kill().await.expect("killed");
        if let Some(published) = site.published() {
            let size = published.checkpoint().size();
            assert!(largest.fetch_max(size, Ordering::Relaxed) <= size, "a checkpoint was taken back");
            seen.push(published);
        }
        child = site.serve().await;
    }
    ends.store(true, Ordering::Relaxed);
    while let Some(done) = writers.join_next().await {
        done.expect("no writer panics");
    }
    let admin = database.admin(&database.name).await;
    let all: i64 = admin.query_one("select epoch from registry_epochs", &[]).await.expect("read").get(0);
    let caught_up =
        async || site.published().is_some_and(|p| i64::try_from(p.checkpoint().size()) == Ok(all));
    until(LIMIT, "all is published", caught_up).await;
    seen.extend(site.published());
    child.kill().await.expect("killed");

    let rows = admin.query("select body from events order by seq", &[]).await.expect("read");
    let bodies: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
    let leaves: Vec<Hash> = bodies.iter().map(|body| hash::leaf(body)).collect();
    assert!(seen.len() > usize::try_from(KILLS).expect("small") / 2, "there was something to see");
    for one in &seen {
        let size = usize::try_from(one.checkpoint().size()).expect("small");
        assert_eq!(one.checkpoint().root(), root_of(&leaves[..size]), "the first {size}");
    }
    let events = bodies.iter().map(|body| String::from_utf8_lossy(body)).collect::<String>();
    let acknowledged = acknowledged.lock().expect("a lock").clone();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !events.contains(&format!("\"{id}\""))).collect();
    assert!(lost.is_empty(), "{lost:?} of {} acknowledged", acknowledged.len());
    assert!(acknowledged.len() > 20, "there was a load: {}", acknowledged.len());
    let checked = charterd(&site.config).args(["log", "fsck"]).output().await.expect("charterd runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
