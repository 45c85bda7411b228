//! Reading a history of 1,000,000 events: each combination of filters, from either end and from the middle.

use std::{sync::Arc, time::Instant};

use anyhow::Context;
use charter_domain::{AuthorityId, HttpsId, RegistryId, Timestamp, time::Clock};
use charter_server::clock::WallClock;
use charter_store::{Settings, Store, event::Filter, registry::NewRegistry};
use tokio_postgres::NoTls;

use crate::{report::Samples, site::Site};

const EVENTS: i64 = 1_000_000;
const DATABASE: &str = "history";
/// Reads of each combination.
const READS: usize = 3;

async fn store(site: &Site) -> anyhow::Result<(Store, RegistryId)> {
    let url = site.database(DATABASE, "charter_runtime")?;
    let statement_timeout = std::time::Duration::from_secs(60);
    let settings = Settings {
        url,
        pool_size: 2,
        hot_connections: 1,
        statement_timeout,
        synchronous_standbys: 0,
        tls: None,
    };
    let store = Store::new(settings, Arc::new(WallClock))?;
    let new = NewRegistry {
        authority: AuthorityId::parse("did:web:history.example")?,
        entity_identifier: HttpsId::parse("https://history.example")?,
        slug: DATABASE.to_owned(),
        name: DATABASE.to_owned(),
        jurisdiction: "FI".to_owned(),
        history_since: Timestamp::from_secs(0),
    };
    let registry = store.ensure_registry(new).await?;
    Ok((store, registry.id))
}

/// A hundred members of staff, 10,000 entities, eight kinds; what was loaded comes first, emergencies and the last
/// kind only at the end, so that filters that hardly ever fit, and fit late, are among those measured.
fn fill(registry: RegistryId) -> String {
    format!(
        "set session_replication_role = replica;
         insert into events (registry_id, seq, kind, subject, body, leaf_hash, actor, origin, recorded_at)
           select {}, n,
                  (array['EntityRegistered','AccreditationGranted','StatementMade','StatusChanged','DelegationMade',
                         'SchemaPublished','StaffAppointed','KeyAdded'])[case when n > 990000 then 8 else 1 + n % 7 end],
                  case when n % 20 = 0 then '*' when n % 50 = 1 then 'staff' else 'subject-' || n % 10000 end,
                  convert_to(json_build_object('seq', n, 'data', repeat(md5(n::text), 12))::text, 'UTF8'), sha256(''),
                  case when n < 400000 then '0' else (n % 100)::text end,
                  case when n < 400000 then 'bootstrap' when n > 995000 then 'emergency' else 'governance' end,
                  to_timestamp(n * 30)
             from generate_series(1, {EVENTS}) n;
         vacuum analyze events",
        registry.0
    )
}

fn filters() -> Vec<Filter> {
    let given = |given: bool, text: &str| given.then(|| text.to_owned());
    let mut all = Vec::new();
    for bits in 0..32_u8 {
        let has = |bit: u8| bits & (1 << bit) != 0;
        let subjects: &[&str] = if has(0) { &["subject-77", "*", "staff"] } else { &[""] };
        let origins: &[&str] = if has(3) { &["governance", "emergency", "bootstrap"] } else { &[""] };
        let kinds: &[&str] = if has(2) { &["StatusChanged", "KeyAdded"] } else { &[""] };
        for (subject, (kind, origin)) in subjects
            .iter()
            .flat_map(|s| kinds.iter().flat_map(move |k| origins.iter().map(move |o| (s, (k, o)))))
        {
            for newest_first in [false, true] {
                all.push(Filter {
                    subject: given(has(0), subject),
                    actor: has(1).then_some(7),
                    kind: given(has(2), kind),
                    origin: given(has(3), origin),
                    from: has(4).then(|| Timestamp::from_secs(6_000_000)),
                    until: has(4).then(|| Timestamp::from_secs(24_000_000)),
                    before: None,
                    newest_first,
                });
            }
        }
    }
    all
}

pub async fn run(site: &Site, samples: &mut Samples) -> anyhow::Result<()> {
    site.copy(DATABASE)?;
    let (store, registry) = store(site).await?;
    let (client, connection) =
        tokio_postgres::connect(&site.database(DATABASE, "charter_admin")?, NoTls).await?;
    tokio::spawn(connection);
    for statement in fill(registry).split(';') {
        client.batch_execute(statement).await?;
    }
    let (mut times, mut slowest) = (Vec::new(), (0.0, String::new()));
    let filters = filters();
    for filter in &filters {
        for after in [0, EVENTS / 2].into_iter().cycle().take(READS) {
            let started = Instant::now();
            store.events(registry, filter.clone(), after, 100).await?;
            let ms = started.elapsed().as_secs_f64() * 1e3;
            times.push(ms);
            if ms > slowest.0 {
                slowest = (ms, format!("{filter:?} after {after}"));
            }
        }
    }
    times.sort_unstable_by(f64::total_cmp);
    let p95 = times.get(times.len() * 95 / 100).context("no sample")?;
    samples.add("history_p95", *p95);
    samples.add("history_max", slowest.0);
    println!(
        "history: {} filters, P95 {p95:.1} ms, slowest {:.1} ms: {}",
        filters.len(),
        slowest.0,
        slowest.1
    );
    println!("history: measured at {}", WallClock.now());
    Ok(())
}
