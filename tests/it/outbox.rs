//! The way out: which addresses a message may go to, over which TLS, and what is made of the answer.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use charter_server::{
    config::Webhooks,
    outbox::{Fault, Lookup, Message, Outbox},
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

const BODY: &str = "{\"x\":1}";

/// Answers with one list after another, and with the last one from then on.
fn lookup(lists: &[Vec<&str>]) -> (Lookup, Arc<AtomicUsize>) {
    let parse = |ip: &&str| ip.parse::<IpAddr>().expect("an address");
    let lists: Vec<Vec<IpAddr>> = lists.iter().map(|list| list.iter().map(parse).collect()).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |_| {
        let at = count.fetch_add(1, Ordering::SeqCst).min(lists.len() - 1);
        let list = lists[at].clone();
        Box::pin(async move { Ok(list) })
    });
    (lookup, asked)
}

fn outbox(lookup: Lookup, allow_loopback: bool, ca_file: &Path) -> Outbox {
    let ca_file = ca_file.display().to_string();
    Outbox::new(&Webhooks { ca_file, allow_loopback }, lookup).expect("an outbox")
}

fn message() -> Message {
    Message { headers: vec![("webhook-id", "msg_1".to_owned())], body: BODY.as_bytes().to_vec() }
}

#[tokio::test]
async fn a_name_that_leads_inside_the_second_time_gains_nothing() {
    let inside = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("https://hooks.example:{}/in", inside.local_addr().expect("bound").port());
    let (rebinding, asked) = lookup(&[vec!["93.184.215.14"], vec!["127.0.0.1"]]);
    let outbox = outbox(rebinding, false, Path::new("/dev/null"));
    let target = outbox.admits(&url).await.expect("public when it was recorded");
    assert_eq!(outbox.send(&target, &message()).await, Err(Fault::AddressRefused));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let none = futures::future::FutureExt::now_or_never(inside.accept());
    assert!(none.is_none(), "nobody came");
}

#[tokio::test]
async fn one_bad_address_among_good_ones_is_enough() {
    for list in [
        vec!["93.184.215.14", "10.0.0.1"],
        vec!["::ffff:169.254.169.254"],
        vec!["fd00:ec2::254"],
        vec!["100.64.0.1"],
        vec!["0.0.0.0"],
        vec!["224.0.0.1"],
        vec!["::1"],
    ] {
        let outbox = outbox(lookup(std::slice::from_ref(&list)).0, false, Path::new("/dev/null"));
        let refused = outbox.admits("https://hooks.example/").await.expect_err("refused");
        assert!(refused.contains("private or special"), "{list:?}: {refused}");
    }
    let loopback = outbox(lookup(&[vec!["127.0.0.1"]]).0, true, Path::new("/dev/null"));
    for bad in ["http://10.0.0.1/", "http://1.1.1.1/", "https://192.168.0.1/", "https://[::ffff:10.0.0.1]/"] {
        assert!(loopback.admits(bad).await.is_err(), "{bad}, though loopback is allowed");
    }
    loopback.admits("http://hooks.example/").await.expect("loopback");
}

/// What came, with the name that the client asked for in TLS.
type Came = mpsc::UnboundedReceiver<(String, Option<String>)>;

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) -> String {
    let (mut got, mut chunk) = (Vec::new(), [0; 4096]);
    while !got.ends_with(BODY.as_bytes()) {
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => got.extend_from_slice(&chunk[..n]),
            _ => break,
        }
    }
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
    String::from_utf8_lossy(&got).into_owned()
}

/// A receiver for `hooks.example` that gives one answer to everything; its certificate is in the file.
async fn receiver(answer: Vec<u8>, file: &Path) -> (SocketAddr, Came) {
    let made = rcgen::generate_simple_self_signed(vec!["hooks.example".to_owned()]).expect("a certificate");
    std::fs::write(file, made.cert.pem()).expect("written");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate with its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = socket.local_addr().expect("bound");
    let (out, came) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let name = stream.get_ref().1.server_name().map(str::to_owned);
            let text = exchange(stream, &answer).await;
            let _ = out.send((text, name));
        }
    });
    (address, came)
}

fn here() -> (Lookup, Arc<AtomicUsize>) {
    lookup(&[vec!["127.0.0.1"]])
}

#[tokio::test]
async fn the_connection_is_to_the_checked_address_and_host_and_certificate_are_the_urls() {
    let dir = tempfile::tempdir().expect("a directory");
    let ca = dir.path().join("ca.pem");
    let (address, mut came) = receiver(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), &ca).await;
    let (lookup, asked) = here();
    let trusting = outbox(lookup, true, &ca);
    let url = |host: &str| format!("https://{host}:{}/in?a=b", address.port());
    let target = trusting.admits(&url("hooks.example")).await.expect("a target");
    assert_eq!(trusting.send(&target, &message()).await, Ok(204));
    assert_eq!(asked.load(Ordering::SeqCst), 2, "once to record it, once to send");
    let (text, name) = came.recv().await.expect("a request");
    assert!(text.starts_with("POST /in?a=b HTTP/1.1\r\n"), "{text}");
    assert!(text.contains(&format!("host: hooks.example:{}\r\n", address.port())), "{text}");
    assert!(text.contains("webhook-id: msg_1\r\n") && text.ends_with(BODY), "{text}");
    assert_eq!(name.as_deref(), Some("hooks.example"));
    let other = trusting.admits(&url("other.example")).await.expect("a target");
    assert_eq!(trusting.send(&other, &message()).await, Err(Fault::Tls), "another's certificate");
    let nobody = outbox(here().0, true, Path::new("/nonexistent"));
    assert_eq!(nobody.send(&target, &message()).await, Err(Fault::Tls), "an unknown authority");
}

#[tokio::test]
async fn redirects_are_not_followed_and_answers_are_bounded() {
    let dir = tempfile::tempdir().expect("a directory");
    let ca = dir.path().join("ca.pem");
    let large = |n: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {n}\r\n\r\n{}", "x".repeat(n));
    let found = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    for (answer, outcome) in [
        (found.to_owned(), Err(Fault::Status(302))),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(), Err(Fault::Status(404))),
        ("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".to_owned(), Err(Fault::Status(500))),
        (large(64 * 1024), Ok(200)),
        (large(64 * 1024 + 1), Err(Fault::BadAnswer)),
        ("SSH-2.0-OpenSSH_9.9\r\n".to_owned(), Err(Fault::BadAnswer)),
        (String::new(), Err(Fault::BadAnswer)),
    ] {
        let (address, mut came) = receiver(answer.clone().into_bytes(), &ca).await;
        let outbox = outbox(here().0, true, &ca);
        let url = format!("https://hooks.example:{}/", address.port());
        let target = outbox.admits(&url).await.expect("a target");
        assert_eq!(outbox.send(&target, &message()).await, outcome, "{answer:.60}");
        came.recv().await.expect("one request");
        assert!(came.try_recv().is_err(), "and no other");
    }
    assert_eq!(Fault::Status(302).code(), "REDIRECTED");
}

#[tokio::test]
async fn who_does_not_answer_is_left_after_five_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}/", silent.local_addr().expect("bound"));
    let outbox = outbox(here().0, true, Path::new("/dev/null"));
    let target = outbox.admits(&url).await.expect("a target");
    let began = tokio::time::Instant::now();
    assert_eq!(outbox.send(&target, &message()).await, Err(Fault::TimedOut));
    assert!((5..30).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
