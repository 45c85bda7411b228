//! A bit flipped in a tile or in an event becomes an error: nothing that does not verify is given away as a proof.

use charter_tests::{AUTHORITY, TestApp};

use crate::logged::{loads, published};

/// Changes rows past all guards, as a fault of the disk would.
async fn damage(app: &TestApp, sql: &str) {
    let admin = app.database.admin(&app.database.name).await;
    let sql = format!("set session_replication_role = replica; {sql}");
    admin.batch_execute(&sql).await.expect("damaged");
}

async fn code(app: &TestApp, path: &str) -> u16 {
    app.rest().get(path).await.status
}

#[tokio::test]
async fn a_damaged_tile_gives_no_proof() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 140).await;
    let size = published(&app, AUTHORITY).await.size;
    for (level, n, byte) in [(0, 0, 37), (0, 1, 0), (1, 0, 5)] {
        let flip = format!(
            "update log_tiles set hashes = set_byte(hashes, {byte}, get_byte(hashes, {byte}) # 1) \
             where level = {level} and n = {n}"
        );
        damage(&app, &flip).await;
        let mut refused = 0;
        for index in 0..size {
            let reply = app.rest().get(&format!("/api/v1/log/proof?index={index}")).await;
            assert!([200, 500].contains(&reply.status), "{}", reply.text());
            refused += u32::from(reply.status == 500);
        }
        assert!(refused > 0, "level {level}, tile {n}");
        assert_eq!(code(&app, &format!("/api/v1/log/consistency?old=200&new={size}")).await, 500);
        // The same bit again: as it was.
        damage(&app, &flip).await;
        assert_eq!(code(&app, "/api/v1/log/proof?index=1").await, 200);
    }
}

#[tokio::test]
async fn a_damaged_event_is_not_proven() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 3).await;
    published(&app, AUTHORITY).await;
    assert_eq!(code(&app, "/api/v1/log/receipts/3").await, 200);
    damage(&app, "update events set body = set_byte(body, 20, get_byte(body, 20) # 1) where seq = 3").await;
    assert_eq!(code(&app, "/api/v1/log/receipts/3").await, 500);
    assert_eq!(code(&app, "/api/v1/log/receipts/4").await, 200);
    damage(&app, "delete from events where seq = 3").await;
    assert_eq!(code(&app, "/log/tile/entries/000.p/5").await, 500);
    assert_eq!(code(&app, "/log/tile/entries/000.p/2").await, 200);
    damage(&app, "delete from log_tiles").await;
    assert_eq!(code(&app, "/log/tile/0/000.p/2").await, 500);
    assert_eq!(code(&app, "/api/v1/log/proof?index=0").await, 500);
}
