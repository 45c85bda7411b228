//! The full file: two hundred nations with their education registries in one server, loaded and asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use charter_domain::record::{RawAuthorization, RawRecord};
use charter_tests::{
    TestApp,
    nations::{education, nation},
    universities::{self, University},
};
use futures::{StreamExt, stream};

const TYPE: &str = "UniversityDegreeCredential";
const AT_ONCE: usize = 4;
/// Far beyond what it takes: this build is not optimized. How long it takes is for `bench` to say.
const LIMIT: Duration = Duration::from_secs(180);

type Rows = Vec<(u32, RawRecord)>;

fn record(u: University) -> RawRecord {
    RawRecord {
        identifier: u.identifier(),
        names: [("en".to_owned(), u.name)].into(),
        country: u.country,
        authorizations: vec![RawAuthorization {
            action: "issue".to_owned(),
            resource: TYPE.to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// By country; the file of `CHARTER_SHARED`, else one of the same shape.
fn universities() -> BTreeMap<String, Rows> {
    let list = universities::all().expect("the file of CHARTER_SHARED").unwrap_or_else(|| {
        println!("CHARTER_SHARED is not set: 500 invented rows are loaded instead of the full file");
        let country = |n: usize| ["FI", "DE", "EE", "SE", "FR"][n % 5];
        let invented = |n: usize| {
            let domain = format!("university-{}.example", n.min(498));
            University::invented(&format!("University {n}"), &domain, country(n.min(498)))
        };
        (0..500).map(invented).collect()
    });
    let mut by_country: BTreeMap<String, Rows> = BTreeMap::new();
    for (line, university) in (1..).zip(list) {
        let country = university.country.clone();
        by_country.entry(country).or_default().push((line, record(university)));
    }
    by_country
}

async fn load(app: &TestApp, country: String, rows: Rows) -> (u32, usize) {
    let registry = app.registry(&education(&country));
    let chunks = rows.chunks(500).map(<[_]>::to_vec).collect();
    let replies = registry.loads_chunks(chunks, false).await.expect("loaded");
    let faults: Vec<_> = replies.iter().flat_map(|r| &r.errors).collect();
    assert!(faults.iter().all(|e| e.code == "DUPLICATE_ENTITY"), "{faults:?}");
    (replies.iter().map(|r| r.accepted).sum(), faults.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_university_is_loaded_and_asked_at_its_sector() {
    let all = universities();
    let rows: usize = all.values().map(Vec::len).sum();
    let distinct: BTreeSet<&str> = all.values().flatten().map(|(_, r)| r.identifier.as_str()).collect();
    let distinct = distinct.len();
    // A lease as in production: with hundreds of registries under load, a poll takes longer than the tests' usual one.
    let settings = "limits = { per_address_rps = 100000, per_address_burst = 100000, deadline_ms = 10000 }";
    let mut build = TestApp::build().settings(settings);
    for country in all.keys() {
        build = build.registry(&nation(country)).under(&education(country), &nation(country));
    }
    let started = Instant::now();
    let app = build.start().await;
    let opened = started.elapsed();
    let started = Instant::now();
    let loading = stream::iter(all.clone()).map(|(country, rows)| load(&app, country, rows));
    let done: Vec<(u32, usize)> = loading.buffer_unordered(AT_ONCE).collect().await;
    let took = started.elapsed();
    let accepted: u32 = done.iter().map(|d| d.0).sum();
    let duplicates: usize = done.iter().map(|d| d.1).sum();
    println!(
        "{} registries opened in {opened:?}; {accepted} of {rows} rows loaded in {took:?}",
        2 * all.len()
    );
    assert_eq!((accepted as usize, duplicates), (distinct, rows - distinct));
    assert!(took < LIMIT, "loading took {took:?}");

    let started = Instant::now();
    for country in all.keys() {
        let below = app.registry(&education(country));
        app.registry(&nation(country)).delegates(&below, &[TYPE]).await;
    }
    println!("{} delegations made in {:?}", all.len(), started.elapsed());
    for (country, rows) in &all {
        let entity = &rows[rows.len() / 2].1.identifier;
        let asking = app.anonymous().asks(entity, "issue", TYPE);
        let own = asking.clone().of(&education(country)).grpc().await;
        assert_eq!((own.line().as_str(), own.basis.as_str()), ("200 yes ACTIVE", "DIRECT"), "{entity}");
        let above = asking.of(&nation(country)).grpc().await;
        assert_eq!(
            (above.line().as_str(), above.basis.as_str()),
            ("200 yes ACTIVE", "DELEGATED"),
            "{entity}"
        );
    }
    let abroad =
        app.anonymous().asks(&all["FI"][0].1.identifier, "issue", TYPE).of(&education("DE")).grpc().await;
    assert_eq!(abroad.line(), "404 UNKNOWN_ENTITY");
}
