//! Small chunks that arrive together: loaded in one go, and each answered for itself.

use charter_domain::{
    policy::{Caller, permit},
    record::Record,
};
use charter_server::app::{
    document::Issuing,
    import::{Chunk, Outcome},
};
use charter_store::{Error, request::Call};
use charter_tests::{AUTHORITY, TestApp};
use futures::future::join_all;
use uuid::Uuid;

use super::kept;
use crate::kept::record;

const LATE: u128 = 7;

fn chunk(app: &TestApp, records: Vec<Record>, id: Option<u128>) -> Chunk {
    let tenant = app.app.hosted.tenants().next().expect("a registry");
    let registry = &tenant.registry;
    let call = |id| Call {
        principal: "bootstrap".to_owned(),
        request_id: Uuid::from_u128(id),
        method: "ImportRecords",
        payload: [0; 32],
    };
    Chunk {
        permit: permit(&Caller::Bootstrap, registry.id, registry.phase).expect("permitted"),
        issuing: Issuing::new(tenant, 3_600),
        outcome: Outcome { accepted: u32::try_from(records.len()).expect("few"), ..Outcome::default() },
        records,
        call: id.map(call),
    }
}

/// What becomes of chunks that wait together behind somebody who writes.
async fn together(app: &TestApp, chunks: Vec<Chunk>) -> Vec<Result<Outcome, Error>> {
    let admin = app.database.admin(&app.database.name).await;
    admin.batch_execute("begin; select from registry_epochs for update").await.expect("locked");
    let loads = chunks.into_iter().map(|chunk| app.app.together.load(&app.app.store, chunk));
    let mut loads: Vec<_> = loads.map(Box::pin).collect();
    for load in &mut loads {
        assert!(futures::poll!(load.as_mut()).is_pending(), "it stands in line");
    }
    admin.batch_execute("commit").await.expect("free");
    join_all(loads).await
}

fn named(number: usize) -> Record {
    record(&format!("did:web:n{number}.example"))
}

async fn is_there(app: &TestApp, number: usize) -> bool {
    app.rest().get(&format!("/api/v1/entities/did:web:n{number}.example")).await.status == 200
}

#[tokio::test]
async fn chunks_that_wait_are_loaded_in_one_go_and_each_is_kept() {
    let app = TestApp::start().await;
    let here = app.app.hosted.by_authority(AUTHORITY).expect("here");
    let before = app.app.store.epoch(here).await.expect("an epoch");
    let chunks =
        (0..20).map(|n| chunk(&app, vec![named(2 * n), named(2 * n + 1)], Some(n as u128))).collect();
    let outcomes = together(&app, chunks).await;
    let outcomes: Vec<Outcome> = outcomes.into_iter().map(|one| one.expect("loaded")).collect();
    assert!(outcomes.iter().all(|one| one.accepted == 2 && one.rejected.is_empty()), "{outcomes:?}");
    let last = outcomes.iter().map(|one| one.epoch).max().expect("some");
    assert_eq!(last, app.app.store.epoch(here).await.expect("an epoch"));
    assert_eq!(last, before + 80, "two events each");
    let groups: std::collections::BTreeSet<i64> = outcomes.iter().map(|one| one.epoch).collect();
    assert!(groups.len() <= 2, "at most the first went alone: {groups:?}");
    assert_eq!(kept(&app).await, 20);
    for number in 0..40 {
        assert!(is_there(&app, number).await, "{number}");
    }
}

/// Clients that were not answered in time send again, all at once: that must not take the others apart.
#[tokio::test]
async fn what_is_sent_again_keeps_no_other_from_being_loaded_with_the_rest() {
    let app = TestApp::start().await;
    let of = |numbers: std::ops::Range<usize>| -> Vec<Chunk> {
        numbers.map(|n| chunk(&app, vec![named(n)], Some(n as u128))).collect()
    };
    let first = together(&app, of(0..10)).await;
    assert!(first.iter().all(Result::is_ok), "{first:?}");
    let again = together(&app, of(5..20)).await;
    let conflicts = again.iter().filter(|told| matches!(told, Err(Error::Conflict(_)))).count();
    let groups: std::collections::BTreeSet<i64> = again.iter().flatten().map(|one| one.epoch).collect();
    assert_eq!((conflicts, again.iter().flatten().count()), (5, 10), "{again:?}");
    assert!(groups.len() <= 2, "at most the first went alone: {groups:?}");
    assert_eq!(kept(&app).await, 20);
}

#[tokio::test]
async fn one_that_cannot_be_loaded_keeps_no_other_from_it() {
    let app = TestApp::start().await;
    // The second and the third are the same entity, the fifth has the fourth's id, and the last has none.
    let wanted = [(0, Some(0)), (1, Some(1)), (1, Some(2)), (3, Some(3)), (4, Some(3)), (5, None)];
    let chunks = wanted.into_iter().map(|(n, id)| chunk(&app, vec![named(n)], id)).collect();
    let outcomes = together(&app, chunks).await;
    let loaded: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert!(loaded[0] && loaded[5], "{outcomes:?}");
    assert!(loaded[1] != loaded[2], "one of the two: {outcomes:?}");
    assert!(loaded[3] != loaded[4], "one of the two: {outcomes:?}");
    assert_eq!((is_there(&app, 3).await, is_there(&app, 4).await), (loaded[3], loaded[4]));
    assert_eq!(kept(&app).await, 3, "each that was loaded and has an id");
    let after = app.app.together.load(&app.app.store, chunk(&app, vec![named(9)], Some(LATE))).await;
    assert_eq!(after.expect("loaded").accepted, 1, "and whoever comes later");
}
