//! One flipped bit anywhere in what makes a log is found and named, and the log does not go on with it.

use std::time::Duration;

use charter_server::log::{
    command::examine,
    fsck::Difference::{self, Event, Leaf, Missing, Tile},
};
use charter_tests::{AUTHORITY, TestApp};
use tokio_postgres::Client;

use crate::{
    kept::{raw, until},
    log_sequencer::{SOON, epoch, id, published, sound, writes},
};

/// A log of more than a tile, published.
async fn filled() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let rows = (0..320).map(|n| (n, raw(&format!("did:web:u{n}.example")))).collect();
    app.registry(AUTHORITY).loads(rows, false).await.expect("loaded");
    published(&app, epoch(&app).await).await;
    let admin = app.database.admin(&app.database.name).await;
    // As somebody who has got at the files: past triggers and policies.
    admin.batch_execute("set session_replication_role = replica").await.expect("set");
    (app, admin)
}

async fn found(app: &TestApp) -> Vec<Difference> {
    let registry = app.app.hosted.tenant(id(app)).expect("served").registry.clone();
    examine(&app.app.config, &app.app.store, &registry).await.expect("examined").differences
}

/// Flips the lowest bit of one byte of a column in one row.
fn flip(table: &str, column: &str, byte: u32, which: &str) -> String {
    format!(
        "update {table} set {column} = set_byte({column}, {byte}, get_byte({column}, {byte}) # 1) where {which}"
    )
}

#[tokio::test]
async fn every_flipped_bit_is_named_once() {
    let (app, admin) = filled().await;
    sound(&app).await;
    let tile = |level, n| format!("level = {level} and n = {n}");
    let bits = [
        (flip("events", "leaf_hash", 3, "seq = 7"), Leaf(6)),
        (flip("events", "leaf_hash", 31, "seq = 300"), Leaf(299)),
        (flip("events", "body", 30, "seq = 7"), Event(6)),
        (flip("events", "body", 0, "seq = 257"), Event(256)),
        (flip("log_tiles", "hashes", 0, &tile(0, 0)), Tile(0, 0)),
        (flip("log_tiles", "hashes", 8_191, &tile(0, 0)), Tile(0, 0)),
        (flip("log_tiles", "hashes", 40, &tile(0, 1)), Tile(0, 1)),
        (flip("log_tiles", "hashes", 5, &tile(1, 0)), Tile(1, 0)),
    ];
    for (sql, difference) in bits {
        // The same again undoes it.
        assert_eq!(admin.execute(&sql, &[]).await.expect("flipped"), 1, "{sql}");
        assert_eq!(found(&app).await, [difference], "{sql}");
        assert_eq!(admin.execute(&sql, &[]).await.expect("flipped back"), 1, "{sql}");
        sound(&app).await;
    }
}

#[tokio::test]
async fn what_rows_and_the_file_say_is_compared_too() {
    let (app, admin) = filled().await;
    let file = app.app.logs.dir().join("r0.checkpoint");
    let good = std::fs::read(&file).expect("the file");
    let root = flip("log_heads", "root", 9, "true");
    admin.execute(&root, &[]).await.expect("flipped");
    assert!(matches!(found(&app).await[..], [Difference::Head(_)]));
    admin.execute(&root, &[]).await.expect("flipped back");
    for at in [5, good.len() / 2, good.len() - 5] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, &bad).expect("written");
        assert!(matches!(found(&app).await[..], [Difference::File(_)]), "byte {at}");
    }
    std::fs::write(&file, &good).expect("written");
    let text = String::from_utf8(good).expect("text");
    let signature = text.len() - 5;
    let other = if &text[signature..=signature] == "A" { "B" } else { "A" };
    let bad = format!("{}{other}{}", &text[..signature], &text[signature + 1..]);
    admin.execute("update log_heads set checkpoint = $1", &[&bad]).await.expect("changed");
    assert!(matches!(found(&app).await[..], [Difference::Published(_)]));
    admin.execute("update log_heads set checkpoint = $1", &[&text]).await.expect("changed");
    sound(&app).await;
    admin.execute("delete from events where seq = 310", &[]).await.expect("deleted");
    assert!(found(&app).await.contains(&Missing(0)));
}

#[tokio::test]
async fn an_event_that_was_changed_before_it_was_in_the_tree_stops_the_log() {
    let app = TestApp::start().await;
    let size = writes(&app, "a").await;
    let before = published(&app, size).await;
    let admin = app.database.admin(&app.database.name).await;
    // The next event is not seen before it was changed: its table is locked until then.
    admin
        .batch_execute(
            "create function spoil() returns trigger language plpgsql as $$ begin
               new.leaf_hash := set_byte(new.leaf_hash, 0, get_byte(new.leaf_hash, 0) # 1); return new; end $$;
             create trigger spoil before insert on events for each row when (new.kind = 'EntityRegistered')
               execute function spoil()",
        )
        .await
        .expect("a trigger");
    let size = writes(&app, "b").await;
    let stopped = async || app.app.logs.stopped(id(&app)).is_some_and(|why| why.contains("fsck"));
    until(SOON, "it stops", stopped).await;
    let now = app.app.logs.published(id(&app)).expect("published");
    assert_eq!(now.size, before.size, "nothing of it is ever signed");
    assert!(app.app.logs.sequenced(id(&app)) < size);
    assert!(found(&app).await.iter().any(|difference| matches!(difference, Leaf(_))));
    writes(&app, "c").await;
}

#[tokio::test]
async fn a_tree_that_was_changed_stops_the_log_when_it_is_taken_up() {
    for sql in [
        // The last one: what is appended next rests on it.
        flip("log_tiles", "hashes", 0, "level = 0 and n = (select max(n) from log_tiles where level = 0)"),
        flip("log_heads", "root", 0, "true"),
        "update log_heads set checkpoint = replace(checkpoint, '/log', '/lag')".to_owned(),
    ] {
        let (app, admin) = filled().await;
        admin.execute(&sql, &[]).await.expect("changed");
        app.database.end_connections().await;
        let stopped = async || app.app.logs.stopped(id(&app)).is_some_and(|why| why.contains("fsck"));
        until(SOON, &sql, stopped).await;
        let before = app.app.logs.published(id(&app)).expect("published").size;
        let written = async || {
            let rows = vec![(1, raw("did:web:later.example"))];
            app.registry(AUTHORITY).loads(rows, false).await.is_ok_and(|r| r[0].errors.is_empty())
        };
        until(SOON, "writes go on", written).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(app.app.logs.published(id(&app)).expect("published").size, before);
        app.stop().await;
    }
}
