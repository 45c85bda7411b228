//! Each step of the sequencer fails, and is done but reported as failed, at random places of a random load: the log comes
//! back by itself, with the same tree, and without anything lost that was acknowledged.

use std::{sync::Arc, time::Duration};

use charter_server::log::fault::{Point, When};
use charter_tests::{AUTHORITY, TestApp};
use futures::future::join_all;

use super::{consistent, epoch, id, published, sound};
use crate::kept::{Dice, raw, until};

const SEEDS: u64 = 20;
/// Logs beside each other: most of the time each of them waits for its own pauses.
const LOGS: u64 = 4;
/// Events before the first failure of one of them: the next steps fill a tile.
const NEARLY_A_TILE: u64 = 240;
const LIMIT: Duration = Duration::from_secs(60);

/// Some entities are loaded, some are revoked; all of it is acknowledged.
async fn load(app: &TestApp, dice: &mut Dice, name: &str) {
    for n in 0..1 + dice.below(3) {
        let rows = (0..1 + dice.below(4)).map(|m| (1, raw(&format!("did:web:{name}-{n}-{m}.example"))));
        let rows: Vec<_> = rows.collect();
        let loaded = app.registry(AUTHORITY).loads(rows, false).await;
        assert!(loaded.is_ok_and(|replies| replies.iter().all(|r| r.errors.is_empty())), "{name}");
        tokio::time::sleep(Duration::from_millis(dice.below(40))).await;
    }
}

/// One point, all seeds, both ways of failing.
async fn fails_at(point: Point) {
    join_all((0..LOGS).map(|log| fails_in(point, log))).await;
}

/// Its share of the seeds in one log.
async fn fails_in(point: Point, log: u64) {
    let app = TestApp::start().await;
    let mut dice = Dice::new(point as u64 * LOGS + log);
    let mut seen = vec![published(&app, super::writes(&app, "first").await).await];
    while log == 0 && epoch(&app).await < NEARLY_A_TILE {
        let n = epoch(&app).await;
        let rows = (0..4).map(|m| (1, raw(&format!("did:web:before-{n}-{m}.example"))));
        app.registry(AUTHORITY).loads(rows.collect(), false).await.expect("loaded");
    }
    let share = SEEDS / LOGS;
    for seed in log * share..(log + 1) * share {
        let when = if seed % 2 == 0 { When::Before } else { When::After };
        let faults = &app.app.logs.faults;
        faults.set(point, when, 0, 1 + u32::try_from(dice.below(3)).expect("small"));
        match point {
            // What only happens when a log is taken up: so it is.
            Point::LoadHead | Point::ReadFile | Point::ReadEdge => {
                faults.set(Point::PublishRow, When::Before, 0, 1);
            }
            Point::TakeLock => drop(app.database.end_connections().await),
            _ => {}
        }
        if point == Point::TakeLock {
            // The pool notices too: what is refused now is sent again.
            until(LIMIT, "the store is back", async || app.app.store.epoch(id(&app)).await.is_ok()).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if point == Point::TakeLock {
            until(LIMIT, "it is written", async || {
                let rows = vec![(1, raw(&format!("did:web:taken-{seed}.example")))];
                let loaded = app.registry(AUTHORITY).loads(rows, false).await;
                loaded.is_ok_and(|r| r[0].errors.is_empty())
            })
            .await;
        } else {
            load(&app, &mut dice, &format!("s{seed}")).await;
        }
        let all = epoch(&app).await;
        // What is done and reported as failed may leave nothing to be done again.
        let over = async || faults.failed(point) > 0 && app.app.logs.position(id(&app)).published >= all;
        until(LIMIT, &format!("{point:?} {when:?} seed {seed}"), over).await;
        faults.clear();
        seen.push(published(&app, all).await);
    }
    consistent(&app, &seen).await;
    sound(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn taking_the_lock_fails() {
    fails_at(Point::TakeLock).await;
}

#[tokio::test]
async fn loading_the_head_fails() {
    fails_at(Point::LoadHead).await;
}

#[tokio::test]
async fn reading_the_file_fails() {
    fails_at(Point::ReadFile).await;
}

#[tokio::test]
async fn reading_the_edge_fails() {
    fails_at(Point::ReadEdge).await;
}

#[tokio::test]
async fn reading_leaves_fails() {
    fails_at(Point::ReadLeaves).await;
}

#[tokio::test]
async fn advancing_fails() {
    fails_at(Point::Advance).await;
}

#[tokio::test]
async fn signing_fails() {
    fails_at(Point::Sign).await;
}

#[tokio::test]
async fn cosigning_fails() {
    fails_at(Point::Cosign).await;
}

#[tokio::test]
async fn asking_for_the_quorum_fails() {
    fails_at(Point::Quorum).await;
}

#[tokio::test]
async fn pushing_fails() {
    fails_at(Point::Push).await;
}

#[tokio::test]
async fn writing_the_file_fails() {
    fails_at(Point::WriteFile).await;
}

#[tokio::test]
async fn publishing_the_row_fails() {
    fails_at(Point::PublishRow).await;
}

#[tokio::test]
async fn telling_fails() {
    fails_at(Point::Tell).await;
}

/// All of them at once, at random.
#[tokio::test]
async fn everything_at_once() {
    let app = TestApp::start().await;
    let mut seen = vec![published(&app, super::writes(&app, "first").await).await];
    for seed in 0..SEEDS {
        let mut dice = Dice::new(1_000 + seed);
        for _ in 0..4 {
            let point = *dice.pick(&Point::ALL[1..]);
            let when = *dice.pick(&[When::Before, When::After]);
            let skip = u32::try_from(dice.below(3)).expect("small");
            app.app.logs.faults.set(point, when, skip, 1);
        }
        load(&app, &mut dice, &format!("e{seed}")).await;
        app.app.logs.faults.clear();
        let all = epoch(&app).await;
        let found: Arc<_> = published(&app, all).await;
        seen.push(found);
    }
    consistent(&app, &seen).await;
    sound(&app).await;
}
