//! The static paths of C2SP tlog-tiles: every tile and bundle is what the events make of it.

use charter_tests::{AUTHORITY, Rest, TestApp, rest::Reply};
use charter_tlog::{
    bundle,
    checkpoint::SignedCheckpoint,
    tile::{self, HashTile, Level, TilePath},
    tree,
};
use http::{Method, header};
use http_body_util::Full;

use crate::logged::{events, loads, published, vkey};

const FOREVER: &str = "public, max-age=31536000, immutable";

async fn send(rest: &Rest, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = rest.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    rest.send(request.body(Full::default()).expect("a request")).await
}

#[tokio::test]
async fn the_checkpoint_is_signed_and_kept_for_a_second() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 3).await;
    let now = published(&app, AUTHORITY).await;
    let rest = app.rest();
    let reply = rest.get("/log/checkpoint").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_eq!(reply.header("cache-control"), "public, max-age=1");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let checkpoint = SignedCheckpoint::parse(&reply.body).expect("a checkpoint");
    let vkey = vkey(&app, AUTHORITY).await;
    checkpoint.verify_log(&vkey).expect("signed by the log");
    assert_eq!(checkpoint.checkpoint().origin(), "registry.example/log");
    let (_, leaves) = events(&app, AUTHORITY, now.size).await;
    assert_eq!(checkpoint.checkpoint().size(), now.size);
    assert_eq!(checkpoint.checkpoint().root(), tree::root_of(&leaves));
    let tag = reply.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 16, "{tag}");
    let held = send(&rest, Method::GET, "/log/checkpoint", &[(header::IF_NONE_MATCH.as_str(), &tag)]).await;
    assert_eq!((held.status, held.text(), held.header("etag")), (304, String::new(), tag.as_str()));
    let head = send(&rest, Method::HEAD, "/log/checkpoint", &[]).await;
    assert_eq!((head.status, head.text(), head.header("etag")), (200, String::new(), tag.as_str()));
    assert_eq!(head.header("content-length"), reply.body.len().to_string());
    let named = rest.get("/r/r0/log/checkpoint").await;
    assert_eq!(named.body, reply.body, "the same log under the name of the registry");
    let json = rest.get("/api/v1/log/checkpoint").await.json();
    assert_eq!(json["checkpoint"], reply.text());
    assert_eq!(json["size"], now.size);
    assert_eq!(json["root"], now.root.to_string());
    loads(&app, AUTHORITY, 3, 1).await;
    published(&app, AUTHORITY).await;
    let grown = send(&rest, Method::GET, "/log/checkpoint", &[(header::IF_NONE_MATCH.as_str(), &tag)]).await;
    assert_eq!(grown.status, 200);
    assert_ne!(grown.header("etag"), tag);
}

async fn served(rest: &Rest, path: TilePath) -> Vec<u8> {
    let reply = rest.get(&format!("/log/{path}")).await;
    assert_eq!(reply.status, 200, "{path} {}", reply.text());
    assert_eq!(reply.header("content-type"), "application/octet-stream", "{path}");
    assert_eq!(reply.header("cache-control"), FOREVER, "{path}");
    reply.body.to_vec()
}

/// All tiles of the tree, at every width where it matters.
#[tokio::test]
async fn tiles_and_bundles_are_what_the_events_make_of_them() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 130).await;
    let first = published(&app, AUTHORITY).await.size;
    loads(&app, AUTHORITY, 130, 170).await;
    let size = published(&app, AUTHORITY).await.size;
    assert!(first > 256 && size > 600, "{first} {size}");
    let (events, leaves) = events(&app, AUTHORITY, size).await;
    let tiles = tile::grow(0, Vec::new(), &leaves).expect("a tree").tiles;
    assert_eq!(tiles.len(), 4, "three of leaves, one above");
    let rest = app.rest();
    for whole in &tiles {
        let (level, index) = (whole.level(), whole.index());
        let hashes = whole.hashes();
        for width in [1, 2, 3, 100, 255, 256, hashes.len()].into_iter().filter(|w| *w <= hashes.len()) {
            let part = HashTile::new(level, index, hashes[..width].to_vec()).expect("a tile");
            assert_eq!(served(&rest, part.path()).await, part.to_bytes(), "{}", part.path());
            if level > 0 {
                continue;
            }
            let path = part.path().entries().expect("leaves have entries");
            let bundle = served(&rest, path).await;
            let start = usize::try_from(index * 256).expect("small");
            let entries = bundle::decode(&bundle, path.width()).expect("a bundle");
            assert_eq!(entries, events[start..start + width], "{path}");
        }
    }
    let full = TilePath::new(Level::Hashes(0), 0, 256).expect("a path");
    let head = send(&rest, Method::HEAD, &format!("/log/{full}"), &[]).await;
    assert_eq!((head.status, head.header("content-length"), head.text()), (200, "8192", String::new()));
    let named = rest.get(&format!("/r/r0/log/{full}")).await;
    assert_eq!(named.body.to_vec(), tiles[0].to_bytes());
}
