//! Audit and security events as receivers get them, over real syslog and real OTLP: each number is there, also after a
//! receiver that was away, or ended a connection with messages that it had not read.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use charter_tests::{
    AUTHORITY, Rest, TestApp,
    database::Database,
    pki::Pki,
    program::{Served, free_address},
};
use http::Method;
use opentelemetry_proto::tonic::{
    collector::logs::v1::{
        ExportLogsServiceRequest, ExportLogsServiceResponse,
        logs_service_server::{LogsService, LogsServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
};
use syslog_rfc5424::{SyslogMessage, parse_message};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tonic::{Request, Response, Status};

use crate::kept::until;

const LATEST: Duration = Duration::from_secs(60);

/// What a receiver does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Hears,
    /// Takes bytes and looks at none.
    Forgets,
}

/// By stream and number, the kind and the event.
type Heard = Arc<Mutex<BTreeMap<(String, i64), (String, String)>>>;

fn list(heard: &Heard, stream: &str) -> Vec<(i64, String)> {
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    let of = heard.iter().filter(|((of, _), _)| of == stream);
    of.map(|((_, seq), (kind, _))| (*seq, kind.clone())).collect()
}

fn is_whole(list: &[(i64, String)]) -> bool {
    (1..).zip(list).all(|(expected, (seq, _))| expected == *seq)
}

/// A receiver of syslog.
struct Receiver {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    heard: Heard,
    forgotten: Arc<AtomicUsize>,
}

impl Receiver {
    async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let address = socket.local_addr().expect("bound");
        let (mood, heard) = (watch::Sender::new(Mood::Hears), Heard::default());
        let forgotten = Arc::new(AtomicUsize::new(0));
        let (moods, into) = (mood.clone(), (Arc::clone(&heard), Arc::clone(&forgotten)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let (moods, into) = (moods.subscribe(), into.clone());
                tokio::spawn(async move { attend(stream, moods, (&into.0, &into.1)).await });
            }
        });
        Self { address, mood, heard, forgotten }
    }

    fn list(&self, stream: &str) -> Vec<(i64, String)> {
        list(&self.heard, stream)
    }
}

/// Until the connection ends, or the receiver is of another mood.
async fn attend(
    stream: TcpStream,
    mut moods: watch::Receiver<Mood>,
    (heard, forgotten): (&Heard, &AtomicUsize),
) {
    let mood = *moods.borrow_and_update();
    let mut stream = BufReader::new(stream);
    let hear = async {
        loop {
            let mut length = Vec::new();
            if stream.read_until(b' ', &mut length).await.is_err() || length.is_empty() {
                return;
            }
            let length = String::from_utf8(length).expect("digits").trim().parse().expect("a length");
            let mut frame = vec![0; length];
            if stream.read_exact(&mut frame).await.is_err() {
                return;
            }
            match mood {
                Mood::Hears => {
                    keep(heard, &parse_message(String::from_utf8(frame).expect("UTF-8")).expect("RFC 5424"));
                }
                Mood::Forgets => _ = forgotten.fetch_add(1, Ordering::Relaxed),
            }
        }
    };
    tokio::select! {
        () = hear => {}
        _ = moods.changed() => {}
    }
}

fn keep(heard: &Heard, message: &SyslogMessage) {
    let told = |name| message.sd.find_tuple("charter@32473", name).expect("told").clone();
    assert_eq!(message.appname.as_deref(), Some("charterd"));
    assert_eq!(told("registry"), AUTHORITY);
    let key = (told("stream"), told("seq").parse().expect("a number"));
    let event = message.msg.trim_start_matches('\u{feff}').to_owned();
    let kind = message.msgid.clone().expect("a kind");
    heard.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (kind, event));
}

async fn refused(address: SocketAddr) {
    let rest = Rest::new(address);
    let request = rest.request(Method::GET, "/api/v1/events").header("authorization", "Bearer not-good");
    let reply = rest.send(request.body(Default::default()).expect("a request")).await;
    assert_eq!(reply.status, 401);
}

async fn registers(app: &TestApp, names: std::ops::Range<u32>) {
    for n in names {
        app.registry(AUTHORITY).registers(&format!("did:web:n{n}.example")).await;
    }
}

/// Events of the registry by now.
fn recorded(app: &TestApp) -> usize {
    let registry = app.app.hosted.by_authority(AUTHORITY).expect("hosted");
    let epoch = app.app.register.watched(registry).expect("an epoch");
    usize::try_from(epoch).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_syslog_has_every_number_whatever_becomes_of_connections() {
    let receiver = Receiver::start().await;
    let trail = format!("[trail]\nsyslog = \"tcp://{}\"", receiver.address);
    let app = TestApp::build().registry(AUTHORITY).listener(&trail).start().await;
    registers(&app, 0..3).await;
    refused(app.address).await;
    until(LATEST, "every event", async || {
        receiver.list("AUDIT").len() == recorded(&app)
            && receiver.list("SECURITY").iter().any(|(_, kind)| kind == "AUTHENTICATION_FAILED")
    })
    .await;

    // What it takes and does not look at before it ends the connection comes again.
    receiver.mood.send_replace(Mood::Forgets);
    registers(&app, 3..6).await;
    refused(app.address).await;
    until(LATEST, "something to forget", async || receiver.forgotten.load(Ordering::Relaxed) > 0).await;
    receiver.mood.send_replace(Mood::Hears);
    until(LATEST, "what was forgotten", async || {
        receiver.list("AUDIT").len() == recorded(&app) && receiver.list("SECURITY").len() >= 3
    })
    .await;
    for stream in ["AUDIT", "SECURITY"] {
        assert!(is_whole(&receiver.list(stream)), "{:?}", receiver.list(stream));
    }
    let security = receiver.list("SECURITY");
    assert_eq!(security[0].1, "SERVER_STARTED", "{security:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_says_so_and_leaves_its_receivers_to_the_next() {
    let (receiver, dir) = (Receiver::start().await, tempfile::tempdir().expect("a directory"));
    let trail = format!("[trail]\nsyslog = \"tcp://{}\"", receiver.address);
    let build = || TestApp::build().registry(AUTHORITY).at(dir.path()).listener(&trail);
    let (database, anywhere) = (Database::create().await, ([127, 0, 0, 1], 0).into());
    let first = build().start_on(database.clone(), anywhere).await.expect("a server");
    registers(&first, 0..1).await;
    until(LATEST, "its events", async || receiver.list("AUDIT").len() == recorded(&first)).await;
    first.stop().await;
    let second = build().start_on(database, anywhere).await.expect("another");
    let started = Instant::now();
    registers(&second, 1..2).await;
    until(LATEST, "the other's events", async || {
        receiver.list("AUDIT").len() == recorded(&second)
            && receiver.list("SECURITY").iter().any(|(_, kind)| kind == "SERVER_STOPPED")
    })
    .await;
    // A lease that nobody gave back would have held it up until its end.
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let security = receiver.list("SECURITY");
    assert!(is_whole(&security), "{security:?}");
    let stops = security.iter().filter(|(_, kind)| kind == "SERVER_STOPPED").count();
    assert_eq!(stops, 1, "{security:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_over_tls_is_one_whose_authority_is_known() {
    let (receiver, pki) = (Receiver::start().await, Pki::new());
    let front = pki.switch(receiver.address, &pki.server("siem")).await;
    let trail = format!(
        "[trail]\nsyslog = \"{}\"\nca_file = \"{}\"",
        front.url().replace("https", "tls"),
        pki.file("ca.pem")
    );
    let app = TestApp::build().registry(AUTHORITY).listener(&trail).start().await;
    registers(&app, 0..1).await;
    until(LATEST, "events over TLS", async || receiver.list("AUDIT").len() == recorded(&app)).await;
    // Another authority's certificate ends it.
    let before = receiver.list("AUDIT").len();
    let met = front.met();
    let other = Pki::new();
    front.shows(&other.server("siem"));
    registers(&app, 1..2).await;
    // Whoever comes again has ended the one before.
    until(LATEST, "somebody who does not believe it", async || front.met() > met + 1).await;
    assert_eq!(receiver.list("AUDIT").len(), before);
}

/// A collector of logs, which refuses at first.
#[derive(Clone, Default)]
struct Collector {
    heard: Heard,
    refusals: Arc<Mutex<u32>>,
}

fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> &'a Value {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    found.and_then(|found| found.value.as_ref()?.value.as_ref()).expect("an attribute")
}

fn text(value: &Value) -> String {
    let text = if let Value::StringValue(text) = value { Some(text.clone()) } else { None };
    text.expect("a text")
}

fn number(value: &Value) -> i64 {
    let number = if let Value::IntValue(number) = value { Some(*number) } else { None };
    number.expect("a number")
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            *refusals += 1;
            if *refusals == 1 {
                return Err(Status::internal("not now"));
            }
        }
        let resources = request.into_inner().resource_logs.into_iter();
        for record in resources.flat_map(|of| of.scope_logs).flat_map(|of| of.log_records) {
            let seq = number(attribute(&record.attributes, "charter.seq"));
            let of = |name| text(attribute(&record.attributes, name));
            let event = record.body.and_then(|body| body.value).map(|body| text(&body)).expect("an event");
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.insert((of("charter.stream"), seq), (of("charter.kind"), event));
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_of_otlp_has_every_number_also_of_those_that_it_refused_at_first() {
    let (collector, address) = (Collector::default(), free_address());
    let service = LogsServiceServer::new(collector.clone());
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve(address));
    let (database, dir) = (Database::create().await, tempfile::tempdir().expect("a directory"));
    let endpoint = format!("http://{address}");
    let variables =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_TRACES_SAMPLER", "always_off")];
    let toml = |at| {
        let build = TestApp::build().registry(AUTHORITY).listener("[trail]\notlp = true");
        build.toml(&database, dir.path(), at)
    };
    let served = Served::start_with(dir.path(), toml, &variables).await;
    refused(served.address).await;
    until(LATEST, "its events", async || {
        list(&collector.heard, "SECURITY").iter().any(|(_, kind)| kind == "AUTHENTICATION_FAILED")
            && list(&collector.heard, "AUDIT").iter().any(|(_, kind)| kind == "RegistryOpened")
    })
    .await;
    for stream in ["AUDIT", "SECURITY"] {
        let list = list(&collector.heard, stream);
        assert!(is_whole(&list), "{list:?}");
    }
    let refusals = *collector.refusals.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(refusals > 1, "one was refused");
}
