//! Uploads that a mirror does not take, and that leave no trace.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use charter_server::mirror::{
    subtree::Needed,
    upload::{self, Header, MAX_PACKAGES, Place, places},
};
use charter_tests::{TestApp, hand_log::HandLog, rest::Reply};
use charter_tlog::{Hash, hash, tree};
use http_body_util::Full;

use super::{copied, free_address, mirror};

const SIZE: u64 = 600;

/// As `HandLog` has them.
fn entries(from: u64, until: u64) -> Vec<Vec<u8>> {
    (from..until).map(|n| format!("event {n}").into_bytes()).collect()
}

fn proof(place: Place, size: u64) -> Vec<Hash> {
    let leaves: Vec<Hash> = entries(0, size).iter().map(|entry| hash::leaf(entry)).collect();
    let needed = Needed::new(place.index, size).expect("a proof");
    let of = |node: &tree::Node| {
        let start = (node.index << node.level) as usize;
        tree::root_of(&leaves[start..start + (1 << node.level)])
    };
    needed.assemble(&needed.nodes().iter().map(of).collect::<Vec<_>>()).expect("assembled")
}

/// What an honest log sends.
fn body(origin: &str, start: u64, end: u64) -> Vec<u8> {
    let mut body = Header { origin: origin.to_owned(), start, end }.encode();
    for place in places(start, end) {
        upload::encode(&entries(place.start, place.end), &proof(place, end), &mut body).expect("short");
    }
    body
}

async fn sends(app: &TestApp, body: Vec<u8>) -> Reply {
    let request = app.rest().request(http::Method::POST, "/witness/add-entries");
    let request = request.header("content-type", "application/octet-stream");
    app.rest().send(request.body(Full::new(Bytes::from(body))).expect("a request")).await
}

async fn submits(app: &TestApp, log: &HandLog, old: u64, new: u64) {
    let text = log.request(old, new).to_string();
    let request = app.rest().request(http::Method::POST, "/witness/add-checkpoint");
    let reply = app.rest().send(request.body(Full::new(Bytes::from(text))).expect("a request")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Every file of the copies, with its contents.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.join("log").join("mirror")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_none_or(|name| name != "lock") {
                let contents = std::fs::read(&path).expect("a file");
                found.insert(path, contents);
            }
        }
    }
    found
}

fn info(reply: &Reply) -> (u16, String) {
    assert_eq!(reply.header("content-type"), "text/x.tlog.mirror-info", "{}", reply.text());
    (reply.status, reply.text())
}

#[tokio::test]
async fn what_does_not_belong_to_the_log_is_refused_and_leaves_no_trace() {
    let (dir, log) = (tempfile::tempdir().expect("a directory"), HandLog::new("hand.example/log", SIZE));
    let app = mirror(&log.vkey, dir.path(), free_address()).await;
    let origin = log.origin();
    let refused = sends(&app, body(origin, 0, 1)).await.problem();
    assert_eq!(refused, (422, "INCONSISTENT".to_owned()), "no checkpoint yet");
    submits(&app, &log, 0, SIZE).await;
    let first: Vec<Place> = places(0, SIZE).collect();
    let packed = |entries: &[Vec<u8>], proof: &[Hash]| {
        let mut body = Header { origin: origin.to_owned(), start: 0, end: SIZE }.encode();
        upload::encode(entries, proof, &mut body).expect("short");
        body
    };
    let swapped = {
        let mut all = entries(0, 256);
        all.swap(7, 8);
        all
    };
    let mut count = packed(&entries(0, 256), &proof(first[0], SIZE));
    let at = count.len() - 32 * proof(first[0], SIZE).len() - 1;
    count[at] = 64;
    let whole = body(origin, 0, SIZE);
    for (what, body, status, code) in [
        ("another log", body("other.example/log", 0, SIZE), 404, "NOT_FOUND"),
        ("nothing", Vec::new(), 400, "INVALID"),
        ("half a header", whole[..20].to_vec(), 400, "INVALID"),
        ("reversed", Header { origin: origin.to_owned(), start: 9, end: 3 }.encode(), 400, "INVALID"),
        (
            "an origin that is too long",
            Header { origin: "x".repeat(300), start: 0, end: 1 }.encode(),
            400,
            "INVALID",
        ),
        ("no package", Header { origin: origin.to_owned(), start: 0, end: SIZE }.encode(), 400, "INVALID"),
        ("half a package", whole[..1_000].to_vec(), 400, "INVALID"),
        ("64 hashes", count, 400, "INVALID"),
        ("other entries", packed(&swapped, &proof(first[0], SIZE)), 422, "INCONSISTENT"),
        ("the next package", packed(&entries(256, 512), &proof(first[1], SIZE)), 422, "INCONSISTENT"),
        ("no proof", packed(&entries(0, 256), &[]), 422, "INCONSISTENT"),
        ("another proof", packed(&entries(0, 256), &proof(first[1], SIZE)), 422, "INCONSISTENT"),
    ] {
        let before = files(dir.path());
        assert_eq!(sends(&app, body).await.problem(), (status, code.to_owned()), "{what}");
        assert_eq!(files(dir.path()), before, "{what}");
    }
    for (what, start, end) in [
        ("a gap", 256, SIZE),
        ("no known size", 0, SIZE - 1),
        ("beyond", 0, u64::MAX),
        ("beyond what there is", SIZE + 1, SIZE + 1),
    ] {
        let header = Header { origin: origin.to_owned(), start, end }.encode();
        assert_eq!(info(&sends(&app, header).await), (409, format!("{SIZE}\n0\n\n")), "{what}");
    }
    let shown = app.rest().get(&format!("{}/checkpoint", super::base(origin))).await;
    assert_eq!(shown.problem(), (404, "NOT_FOUND".to_owned()), "nothing was signed");
}

#[tokio::test]
async fn an_upload_that_breaks_off_goes_on_where_it_was() {
    let (dir, log) = (tempfile::tempdir().expect("a directory"), HandLog::new("hand.example/log", SIZE));
    let app = mirror(&log.vkey, dir.path(), free_address()).await;
    submits(&app, &log, 0, 300).await;
    let all = body(log.origin(), 0, 300);
    assert_eq!(info(&sends(&app, all[..all.len() - 5].to_vec()).await), (202, "300\n256\n\n".to_owned()));
    let shown = app.rest().get(&format!("{}/checkpoint", super::base(log.origin()))).await;
    assert_eq!(shown.status, 404, "it is not whole");
    assert_eq!(sends(&app, body(log.origin(), 256, 300)).await.status, 200);
    assert_eq!(copied(&app, &log.vkey).await.checkpoint().size(), 300);
    // Again, and from the middle of what is there.
    assert_eq!(sends(&app, body(log.origin(), 0, 300)).await.status, 200);
    submits(&app, &log, 300, SIZE).await;
    assert_eq!(sends(&app, body(log.origin(), 290, SIZE)).await.status, 200);
    let copied = copied(&app, &log.vkey).await;
    assert_eq!((copied.checkpoint().size(), copied.checkpoint().root()), (SIZE, log.root(SIZE)));
    assert_eq!(info(&sends(&app, body(log.origin(), 0, 300)).await), (409, format!("{SIZE}\n{SIZE}\n\n")));
}

#[tokio::test]
async fn a_request_is_taken_up_to_its_32nd_package() {
    let size = (MAX_PACKAGES as u64 + 2) * 256;
    let (dir, log) = (tempfile::tempdir().expect("a directory"), HandLog::new("hand.example/log", size));
    let app = mirror(&log.vkey, dir.path(), free_address()).await;
    submits(&app, &log, 0, size).await;
    let next = MAX_PACKAGES as u64 * 256;
    assert_eq!(info(&sends(&app, body(log.origin(), 0, size)).await), (202, format!("{size}\n{next}\n\n")));
    assert_eq!(sends(&app, body(log.origin(), next, size)).await.status, 200);
    assert_eq!(info(&sends(&app, body(log.origin(), 0, size)).await), (409, format!("{size}\n{size}\n\n")));
}
