//! The store under many writers, a wrong clock, overlapping facts, locks held by others, and twenty thousand entities.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use charter_domain::{
    Interval, Kind,
    event::{self, Change},
    policy::{Caller, Init, Refusal, permit},
    record::{RawAccreditation, RawRecord, Record},
    replay::Recorded,
    time::Clock,
};
use charter_store::Error;
use futures::StreamExt;
use tokio::task::JoinSet;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::kept::{Kept, question, raw, record};

const WRITERS: usize = 32;
const WRITES: usize = 8;
const ENTITIES: usize = 20_000;

/// Every event follows from the one before it: number, time and hash.
pub async fn verify_history(kept: &Kept, registry: charter_domain::RegistryId) -> Vec<Recorded> {
    let bodies = kept.store.event_bodies(registry, 0, i64::MAX).await.expect("events");
    let mut last: Option<(Recorded, String)> = None;
    let mut all = Vec::new();
    for body in &bodies {
        let event = Recorded::parse(body).expect("readable");
        let (seq, at, prev) = last
            .as_ref()
            .map_or((0, event.recorded_at, None), |(e, hash)| (e.seq, e.recorded_at, Some(hash.clone())));
        assert_eq!(event.seq, seq + 1, "a gap");
        assert!(event.recorded_at >= at, "{}: recorded before its predecessor", event.seq);
        assert_eq!(event.prev, prev, "{}: another predecessor", event.seq);
        let hash = event::leaf_hash(body).iter().map(|b| format!("{b:02x}")).collect();
        all.push(event.clone());
        last = Some((event, hash));
    }
    let epoch = kept.store.epoch(registry).await.expect("an epoch");
    assert_eq!(usize::try_from(epoch).expect("small"), bodies.len(), "epoch = number of events");
    let admin = kept.database.admin(&kept.database.name).await;
    let sql = "select encode(head, 'hex') from registry_epochs where registry_id = $1";
    let head: String = admin.query_one(sql, &[&registry.0]).await.expect("a head").get(0);
    assert_eq!(Some(head), last.map(|(_, hash)| hash));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_writers_leave_one_history_without_gaps() {
    let kept = Arc::new(Kept::new().await);
    let (registry, permit) = kept.registry("one").await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (kept, permit) = (Arc::clone(&kept), permit.clone());
        writers.spawn(async move {
            for n in 0..WRITES {
                // Somebody corrects the clock all the time, by up to an hour and in both directions.
                let seconds = u64::try_from(writer * 113 % 3_600).expect("small");
                kept.clock.set(kept.clock.now().minus(Duration::from_secs(seconds)));
                kept.load(&permit, vec![record(&format!("did:web:e{writer}-{n}.example"))]).await;
                kept.clock.advance(Duration::from_secs(seconds + 1));
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.expect("written");
    }
    let events = verify_history(&kept, registry.id).await;
    assert_eq!(events.len(), 1 + 2 * WRITERS * WRITES);
}

#[tokio::test]
async fn a_clock_that_goes_back_does_not_take_the_history_with_it() {
    let kept = Kept::new().await;
    let (registry, permit) = kept.registry("one").await;
    let start = kept.clock.now();
    let hour = Duration::from_secs(3_600);
    let mut times = Vec::new();
    for (n, at) in [start.plus(hour), start, start.plus(2 * hour)].into_iter().enumerate() {
        kept.clock.set(at);
        kept.load(&permit, vec![record(&format!("did:web:e{n}.example"))]).await;
        times.push(kept.events(registry.id).await.pop().expect("an event").recorded_at);
    }
    assert_eq!(times, [start.plus(hour), start.plus(hour), start.plus(2 * hour)]);
    verify_history(&kept, registry.id).await;
}

/// Who was permitted to load a moment before the seal has to propose from then on, like everybody.
#[tokio::test]
async fn a_permit_from_before_the_seal_records_nothing_after_it() {
    let kept = Kept::new().await;
    let (registry, load) = kept.registry("sealed").await;
    kept.load(&load, vec![record("did:web:before.example")]).await;
    let init = permit::<Init>(&Caller::Bootstrap, registry.id, registry.phase).expect("permitted");
    let sealed = kept.store.write("test.seal", registry.id, move |tx| tx.seal(&init)).await.expect("sealed");
    let records = vec![record("did:web:after.example")];
    let late = kept.store.write("test.load", registry.id, move |tx| tx.load(&load, &records)).await;
    assert!(matches!(late, Err(Error::Refused(Refusal::Sealed))));
    assert_eq!(kept.events(registry.id).await.last().map(|event| event.seq), Some(sealed.epoch));
}

#[tokio::test]
async fn facts_that_overlap_are_refused_and_nothing_of_them_stays() {
    let kept = Kept::new().await;
    let (registry, permit) = kept.registry("one").await;
    kept.load(&permit, vec![record("did:web:a.example")]).await;
    let events = kept.events(registry.id).await;
    let stated = events.iter().find_map(|e| match &e.change {
        Change::StatementMade(s) => Some(s.clone()),
        _ => None,
    });
    let stated = stated.expect("a statement");
    let try_to = async |changes: Vec<Change>| {
        let permit = permit.clone();
        kept.store.write("test.overlap", registry.id, move |tx| tx.record(&permit, &changes)).await
    };
    let again = Change::StatementMade(stated.clone());
    assert!(matches!(try_to(vec![again.clone()]).await, Err(Error::Conflict(c)) if c.contains("statements")));
    let now = kept.clock.now();
    let later = Interval { from: Some(now), until: None };
    let recognition = event::StatementMade { statement: Kind::Recognition, valid: later, ..stated };
    let recognition = Change::StatementMade(recognition);
    // The second of the run overlaps the first: neither stays.
    let refused = try_to(vec![recognition.clone(), recognition.clone()]).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
    try_to(vec![recognition]).await.expect("one does not overlap the authorization");
    let twice = kept.store.write("test.twice", registry.id, {
        let permit = permit.clone();
        move |tx| tx.load(&permit, &[record("did:web:a.example")])
    });
    assert!(matches!(twice.await, Err(Error::DuplicateEntity)));
    assert_eq!(verify_history(&kept, registry.id).await.len(), events.len() + 1);
}

#[tokio::test]
async fn a_lock_held_by_somebody_else_ends_in_an_error_soon_and_passes() {
    let limit = Duration::from_secs(1);
    let kept = Kept::with(2, limit).await;
    let (registry, permit) = kept.registry("one").await;
    let admin = kept.database.admin(&kept.database.name).await;
    admin.batch_execute("begin; lock table registry_epochs, entities, tuples").await.expect("locked");
    let start = Instant::now();
    let write = kept
        .store
        .write("test.blocked", registry.id, move |tx| tx.load(&permit, &[record("did:web:a.example")]));
    let (write, read, facts) = tokio::join!(
        write,
        kept.store.entities(registry.id, None, 10),
        kept.store.facts(question(registry.id, "did:web:a.example")),
    );
    assert!(matches!(write, Err(Error::Unavailable(_))), "{write:?}");
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    assert!(matches!(facts, Err(Error::Unavailable(_))), "{facts:?}");
    assert!(start.elapsed() < 20 * limit, "{:?}", start.elapsed());
    admin.batch_execute("rollback").await.expect("unlocked");
    kept.store.facts(question(registry.id, "did:web:a.example")).await.expect("it works again");
    assert_eq!(kept.store.entities(registry.id, None, 10).await.expect("it works again").len(), 0);
}

/// A connection as the server's role that hears the plans of everything inside the hot read, as Postgres itself
/// reports them while it runs.
struct Planned {
    client: Client,
    told: Arc<Mutex<String>>,
}

impl Planned {
    async fn new(kept: &Kept) -> Self {
        let url = kept.database.url("charter_admin");
        let (client, mut connection) =
            tokio_postgres::connect(&url, NoTls).await.expect("the cluster answers");
        let told = Arc::new(Mutex::new(String::new()));
        let hears = Arc::clone(&told);
        let mut messages = futures::stream::poll_fn(move |cx| connection.poll_message(cx)).boxed();
        tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notice(notice) = message {
                    hears.lock().expect("not poisoned").push_str(notice.message());
                }
            }
        });
        let explain = "load 'auto_explain'; set auto_explain.log_min_duration = 0;
            set auto_explain.log_nested_statements = on; set role charter_runtime";
        client.batch_execute(explain).await.expect("auto_explain");
        Self { client, told }
    }

    /// From the sixth call on Postgres may use a plan for any question: it is the one that stays.
    async fn asks(&self, registry: i32) {
        let ask = format!("select facts({registry}, 0::int2, 'did:web:e77.example', 'issue', 'Degree')");
        for _ in 0..9 {
            self.client.batch_execute(&ask).await.expect("facts");
        }
    }

    async fn plans(&self, registry: i32) -> String {
        self.told.lock().expect("not poisoned").clear();
        self.client.batch_execute("set client_min_messages = log").await.expect("set");
        self.asks(registry).await;
        self.client.batch_execute("set client_min_messages = error").await.expect("set");
        self.told.lock().expect("not poisoned").clone()
    }
}

#[tokio::test]
async fn at_twenty_thousand_entities_the_hot_read_uses_b_trees_only() {
    let kept = Kept::new().await;
    let (registry, permit) = kept.registry("one").await;
    // A server that was there before its records has planned for empty tables.
    let old = Planned::new(&kept).await;
    old.asks(registry.id.0).await;
    for chunk in (0..ENTITIES).collect::<Vec<_>>().chunks(2_000) {
        let accredited = |n: &usize| {
            let body = "Ministry".to_owned();
            let accreditation = RawAccreditation { body, ..RawAccreditation::default() };
            let accreditation = (n % 8 == 5).then_some(accreditation);
            let raw = RawRecord { accreditation, ..raw(&format!("did:web:e{n}.example")) };
            Record::parse(raw).expect("a record")
        };
        kept.load(&permit, chunk.iter().map(accredited).collect()).await;
    }
    let fresh = Planned::new(&kept).await;
    let admin = kept.database.admin(&kept.database.name).await;
    for case in ["planned when empty", "not analysed", "analysed"] {
        if case == "analysed" {
            admin.batch_execute("analyze").await.expect("analysed");
        }
        let connection = if case == "planned when empty" { &old } else { &fresh };
        let text = connection.plans(registry.id.0).await;
        let indexes =
            ["entity_identifiers_value", "tuples_question", "statements_tuple", "accreditations_pkey"];
        for index in indexes {
            let used = text.contains(&format!("Index Scan using {index} on"));
            assert!(used, "{case}: {index} is not used:\n{text}");
        }
        assert!(!text.contains("_apart"), "{case}: a GiST index is used:\n{text}");
        for table in ["entity_identifiers", "tuples", "statements", "accreditations", "status_changes"] {
            assert!(!text.contains(&format!("Seq Scan on {table}")), "{case}:\n{text}");
        }
    }
    let mut times = Vec::new();
    for n in 0..500 {
        let (entity, start) = (format!("did:web:e{}.example", n * 37 % ENTITIES), Instant::now());
        let facts = kept.store.facts(question(registry.id, &entity)).await.expect("facts");
        times.push(start.elapsed());
        assert!(facts.known_entity && facts.statements.len() == 1);
    }
    let p99 = crate::kept::percentile(&mut times, 99);
    println!("hot read at {ENTITIES} entities, one after the other: P50 {:?}, P99 {p99:?}", times[250]);
}
