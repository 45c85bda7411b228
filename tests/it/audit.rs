//! Reading what was done: every filter finds what it should, by an index, however many events there are.

use charter_domain::{Timestamp, time::Clock};
use charter_store::event::Filter;
use charter_tests::{AUTHORITY, TestApp};

const EVENTS: i64 = 100_000;

/// A registry with a history: one event a minute, by fifty members of staff, about a thousand entities.
async fn old() -> (TestApp, Timestamp) {
    let app = TestApp::start().await;
    let begun = app.clock.now();
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let admin = app.database.admin(&app.database.name).await;
    admin
        .batch_execute(&format!(
            "set session_replication_role = replica;
             insert into events (registry_id, seq, kind, subject, body, leaf_hash, actor, origin, recorded_at)
               select {id}, n, 'StatusChanged', 'subject-' || n % 1000, convert_to('{{\"seq\":' || n || '}}', 'UTF8'),
                      sha256(''), (n % 50)::text, 'governance', to_timestamp({}) + n * interval '1 minute'
                 from generate_series(3, {EVENTS}) n;
             analyze events",
            begun.secs()
        ))
        .await
        .expect("a history");
    (app, begun)
}

#[tokio::test]
async fn filters_find_what_they_name_and_pages_go_on() {
    let (app, begun) = old().await;
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let minute = |n: u64| begun.plus(std::time::Duration::from_secs(60 * n));
    let find =
        async |filter: Filter, after| app.app.store.events(id, filter, after, 1_000).await.expect("read");
    let subject = Filter { subject: Some("subject-7".to_owned()), ..Filter::default() };
    let found = find(subject.clone(), 0).await;
    assert_eq!((found.len(), found[0].0, found[99].0), (100, 7, 99_007));
    assert_eq!(find(subject.clone(), 50_007).await.len(), 49);
    let actor = Filter { actor: Some(3), ..Filter::default() };
    assert_eq!(find(actor.clone(), 0).await.len(), 1_000, "a page of 2,000");
    assert_eq!(find(actor, 99_000).await.len(), 20);
    let times = Filter { from: Some(minute(500)), until: Some(minute(510)), ..Filter::default() };
    let found = find(times.clone(), 0).await;
    assert_eq!((found.len(), found[0].0, found[9].0), (10, 500, 509));
    let all = Filter { subject: Some("subject-507".to_owned()), actor: Some(7), ..times };
    assert_eq!(find(all, 0).await.len(), 1);
    let later = Filter { from: Some(minute(200_000)), ..Filter::default() };
    assert_eq!(find(later, 0).await, []);
}

/// As the server asks: under its role, with its tenant.
#[tokio::test]
async fn no_filter_reads_the_whole_history() {
    let (app, begun) = old().await;
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let client = charter_tests::database::connect(&app.database.url("charter_runtime")).await;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    let of = |condition: &str, order: &str| {
        format!(
            "explain select seq, body from events where registry_id = {id} and {condition} order by {order} limit 100"
        )
    };
    let span = "seq between 1 and 9223372036854775807";
    for sql in [
        of(span, "seq"),
        of(&format!("{span} and subject = 'subject-7'"), "seq"),
        of(&format!("{span} and actor = '3'"), "seq"),
        of(&format!("recorded_at >= to_timestamp({})", begun.secs() + 600_000), "recorded_at, seq"),
    ] {
        let rows = client.query(&sql, &[]).await.expect("explained");
        let plan: Vec<String> = rows.iter().map(|r| r.get(0)).collect();
        assert!(plan.iter().all(|l| !l.contains("Seq Scan")), "{sql}\n{}", plan.join("\n"));
        assert!(plan.iter().any(|l| l.contains("Index")), "{sql}\n{}", plan.join("\n"));
    }
}
