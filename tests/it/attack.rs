//! Whoever holds connections open, or begins requests and takes them back: others are answered meanwhile, and afterwards the
//! server has what it had before (R21 in short; all of it with `WHOLE=1`).

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use charter_tests::{AUTHORITY, Rest, TestApp, database::Database, program::Served};
use http::Method;
use http_body_util::Full;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::kept::{percentile, until, whole};

const LATEST: Duration = Duration::from_secs(60);
/// Questions of somebody who means no harm.
const QUESTIONS: usize = 200;
/// What an attack may leave behind, in MiB: allocators keep some.
const LEFT: usize = 96;
/// Preface and empty settings of HTTP/2 (RFC 9113, 3.4).
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

async fn served() -> (Served, Database, TempDir) {
    let (database, dir) = (Database::create().await, tempfile::tempdir().expect("a directory"));
    let settings = "cache = { lease_ms = 1000, poll_ms = 100 }\n\
        limits = { per_address_rps = 100000, per_address_burst = 100000, global_rps = 100000, first_bytes_ms = 2000 }";
    let toml = |address| {
        TestApp::build().registry(AUTHORITY).settings(settings).toml(&database, dir.path(), address)
    };
    let served = Served::start(dir.path(), toml).await;
    (served, database, dir)
}

/// Every question is answered; how long most of them took.
async fn answered(address: SocketAddr) -> Duration {
    let (rest, mut times) = (Rest::new(address), Vec::new());
    for _ in 0..QUESTIONS {
        let start = Instant::now();
        assert_eq!(rest.get("/api/v1/registry").await.status, 200);
        times.push(start.elapsed());
    }
    percentile(&mut times, 99)
}

/// Open files and resident MiB.
fn held(served: &Served) -> (usize, usize) {
    let of = format!("/proc/{}", served.pid());
    let files = fs::read_dir(format!("{of}/fd")).expect("its files").count();
    let status = fs::read_to_string(format!("{of}/status")).expect("its status");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    let resident: usize = resident.trim().trim_end_matches("kB").trim().parse().expect("a number");
    (files, resident / 1_024)
}

/// It has no more files open than before, and hardly more memory.
async fn is_over(served: &Served, before: (usize, usize)) {
    // Connections to the database come and go.
    until(LATEST, "files are closed", async || held(served).0 <= before.0 + 10).await;
    let (_, resident) = held(served);
    assert!(resident <= before.1 + LEFT, "{resident} MiB after {} MiB", before.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_are_let_go_and_keep_nobody_waiting() {
    let (served, _database, _dir) = served().await;
    let (idle, before) = (answered(served.address).await, held(&served));
    let many = if whole() { 2_000 } else { 500 };
    let mut slow = tokio::task::JoinSet::new();
    for n in 0..many {
        let mut stream = TcpStream::connect(served.address).await.expect("connected");
        slow.spawn(async move {
            // Some never end a header, some never end the preface.
            let text: &[u8] = if n % 2 == 0 { b"GET /livez HTTP/1.1\r\nx: " } else { &OPENING[..20] };
            let _ = stream.write_all(text).await;
            let (mut read, mut write) = stream.into_split();
            let drips = async {
                while write.write_all(b"a").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
            };
            let ends = async { while read.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {} };
            tokio::select! { () = drips => {}, () = ends => {} }
        });
    }
    let meanwhile = answered(served.address).await;
    println!(
        "P99 of {QUESTIONS} questions: {idle:.1?} alone, {meanwhile:.1?} beside {many} slow connections"
    );
    let all = async { while slow.join_next().await.is_some() {} };
    tokio::time::timeout(LATEST, all).await.expect("each is let go");
    is_over(&served, before).await;
    answered(served.address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_compressed_bodies_are_refused_and_keep_nobody_waiting() {
    let (served, _database, _dir) = served().await;
    let (idle, before) = (answered(served.address).await, held(&served));
    let (clients, each) = if whole() { (64, 20) } else { (16, 4) };
    let body = Bytes::from(format!("{{\"entity_id\":\"{}\"}}", "a".repeat(5 * 1024 * 1024)));
    let mut attacks = tokio::task::JoinSet::new();
    for n in 0..clients {
        let (rest, body) = (Rest::new(served.address), body.clone());
        attacks.spawn(async move {
            for _ in 0..each {
                let request = rest.request(Method::POST, "/authorization");
                let request = request.header("content-type", "application/json");
                let request = if n % 2 == 0 { request } else { request.header("content-encoding", "gzip") };
                // Who is refused before everything was sent may not hear why.
                let sent = rest.try_send(request.body(Full::from(body.clone())).expect("a request")).await;
                assert!(sent.is_err() || sent.is_ok_and(|reply| matches!(reply.status, 413 | 415)));
            }
        });
    }
    let meanwhile = answered(served.address).await;
    let all = async { while attacks.join_next().await.transpose().expect("no panic").is_some() {} };
    tokio::time::timeout(LATEST, all).await.expect("each is answered");
    println!(
        "P99 of {QUESTIONS} questions: {idle:.1?} alone, {meanwhile:.1?} beside {clients} clients with bodies of 5 MiB"
    );
    is_over(&served, before).await;
    answered(served.address).await;
}

/// A GET of `/livez` on a stream, and its end by the client before an answer (RFC 9113, 6.2 and 6.4).
fn begun_and_taken_back(stream: u32) -> Vec<u8> {
    let id = stream.to_be_bytes();
    let fields = [&[0x82, 0x86, 0x04, 0x06][..], b"/livez", &[0x41, 0x01], b"a"].concat();
    let length = u8::try_from(fields.len()).expect("short");
    let headers = [&[0, 0, length, 0x01, 0x05][..], &id, &fields].concat();
    [&headers[..], &[0, 0, 4, 0x03, 0x00], &id, &[0, 0, 0, 8]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_taken_back_at_once_keep_nobody_waiting() {
    let (served, _database, _dir) = served().await;
    let (idle, before) = (answered(served.address).await, held(&served));
    let (connections, each) = (if whole() { 20 } else { 5 }, 2_000_u32);
    let mut attacks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(served.address).await.expect("connected");
        attacks.spawn(async move {
            let (mut read, mut write) = stream.into_split();
            let floods = async {
                write.write_all(OPENING).await?;
                for n in 0..each {
                    write.write_all(&begun_and_taken_back(2 * n + 1)).await?;
                }
                write.shutdown().await
            };
            // It is ended by the server, or has its way and is over.
            let ends = async { while read.read(&mut [0; 4_096]).await.is_ok_and(|n| n > 0) {} };
            let (sent, ()) = tokio::join!(floods, ends);
            sent.is_ok()
        });
    }
    let meanwhile = answered(served.address).await;
    let all = attacks.join_all();
    let whole = tokio::time::timeout(LATEST, all).await.expect("each ends");
    let ended = whole.iter().filter(|had_its_way| !**had_its_way).count();
    println!(
        "P99 of {QUESTIONS} questions: {idle:.1?} alone, {meanwhile:.1?} beside {connections} connections with {each} \
         requests that are taken back; {ended} of them were ended by the server"
    );
    is_over(&served, before).await;
    answered(served.address).await;
}
