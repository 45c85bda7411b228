//! Tenants stay apart whatever happens on a shared connection, and the server's role can rewrite nothing.

use std::{sync::Arc, time::Duration};

use charter_domain::{
    RegistryId,
    event::Change,
    policy::{Load, Permit},
};
use charter_store::Error;
use charter_tests::database::connect;
use tokio::task::JoinSet;
use tokio_postgres::{Client, error::SqlState};

use crate::kept::{Dice, Kept, question, record, whole};

const TENANTS: usize = 8;
/// Through the store; with those over raw connections ten thousand.
const ATTEMPTS: usize = 7_000;
const RAW_ATTEMPTS: usize = 3_000;
const WORKERS: u64 = 12;
/// Every table that holds a tenant's rows and may be read.
const TABLES: [&str; 54] = [
    "retention_runs",
    "accesses",
    "requests",
    "registry_policies",
    "procedures",
    "procedure_steps",
    "decisions",
    "rulings",
    "staff",
    "staff_credentials",
    "credential_uses",
    "principals",
    "proposals",
    "approvals",
    "events",
    "event_restricted",
    "entities",
    "entity_identifiers",
    "accreditations",
    "tuples",
    "statements",
    "delegations",
    "delegation_names",
    "delegation_pins",
    "recognition_peers",
    "applications",
    "superiors",
    "status_changes",
    "terms",
    "schemas",
    "schema_revisions",
    "schema_deprecations",
    "did_watch",
    "emergency_denials",
    "credential_types",
    "type_identifiers",
    "keys",
    "sealed_keys",
    "key_history",
    "evidence",
    "documents",
    "webhooks",
    "webhook_deliveries",
    "webhook_changes",
    "security_heads",
    "security_events",
    "trail_marks",
    "log_heads",
    "log_tiles",
    "log_keys",
    "log_refills",
    "witness_marks",
    "snapshot_heads",
    "snapshot_files",
];

struct Tenants {
    kept: Kept,
    list: Vec<(RegistryId, Permit<Load>)>,
}

fn own(tenant: usize) -> String {
    format!("did:web:of-{tenant}.example")
}

impl Tenants {
    async fn new() -> Arc<Self> {
        let kept = Kept::new().await;
        let mut list = Vec::new();
        for n in 0..TENANTS {
            let (registry, permit) = kept.registry(&format!("t{n}")).await;
            kept.load(&permit, vec![record(&own(n)), record("did:web:shared-name.example")]).await;
            list.push((registry.id, permit));
        }
        Arc::new(Self { kept, list })
    }

    /// One attempt to see or change what is another's. The closures run on the shared connections.
    async fn attempt(&self, dice: &mut Dice) {
        let store = &self.kept.store;
        let here = usize::try_from(dice.below(TENANTS as u64)).expect("small");
        let there = (here + 1 + usize::try_from(dice.below(TENANTS as u64 - 1)).expect("small")) % TENANTS;
        let (registry, foreign) = (self.list[here].0, own(there));
        match dice.below(8) {
            0 => {
                let panicking =
                    |_: &mut _| -> Result<(), Error> { std::panic::resume_unwind(Box::new("injected")) };
                store.read("test.panic", registry, panicking).await.expect_err("it panicked");
            }
            1 => {
                // Cancelled wherever it is then: in the queue, in the transaction, after it.
                let limit = Duration::from_micros(dice.below(2_000));
                let _ = tokio::time::timeout(limit, store.entities(registry, None, 100)).await;
            }
            2 => {
                let permit = self.list[there].1.clone();
                let foreign = store
                    .write("test.foreign", registry, move |tx| tx.record(&permit, &[Change::RegistrySealed]));
                foreign.await.expect_err("a permit of another registry");
            }
            3 => assert!(store.entity(registry, &foreign).await.expect("read").is_none()),
            4 => {
                let facts = store.facts(question(registry, &foreign)).await.expect("read");
                assert!(!facts.known_entity && facts.statements.is_empty());
            }
            5 => assert!(store.taken(registry, vec![foreign]).await.expect("read").is_empty()),
            6 => {
                let authority = format!("did:web:t{here}.example");
                let bodies = store.event_bodies(registry, 0, 100).await.expect("read");
                let of = |b: &Vec<u8>| String::from_utf8_lossy(b).contains(&authority);
                assert!(bodies.len() >= 5 && bodies.iter().all(of));
            }
            _ => {
                let all = store.entities(registry, None, 100).await.expect("read");
                let names: Vec<&str> = all.iter().map(charter_store::entity::EntityView::canonical).collect();
                assert_eq!(names, [own(here).as_str(), "did:web:shared-name.example"]);
            }
        }
    }
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.expect("counted").get(0)
}

/// One attempt with plain SQL as the server's role, on a connection that others use too.
async fn raw(client: &Client, dice: &mut Dice) {
    let table = *dice.pick(&TABLES);
    let (here, there) = (1 + dice.below(4), 5 + dice.below(4));
    let within = |sql: String| format!("begin; select set_config('app.registry', '{here}', true); {sql}");
    match dice.below(6) {
        0 => {
            // A transaction that fails in the middle takes its tenant with it.
            let failed = client.batch_execute(&within("select 1 / 0".to_owned())).await;
            failed.expect_err("division by zero");
            client.batch_execute("rollback").await.expect("rolled back");
        }
        1 => {
            let sql = "insert into terms select $1, 'action', 'forged', 1";
            let there = i32::try_from(there).expect("small");
            client.execute(sql, &[&there]).await.expect_err("no tenant");
        }
        2 => {
            let sql = format!("insert into terms select {there}, 'action', 'forged', 1");
            let refused = client.batch_execute(&within(sql)).await.expect_err("another's row");
            assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
            client.batch_execute("rollback").await.expect("rolled back");
        }
        3 => {
            client.batch_execute(&within(String::new())).await.expect("entered");
            let sql = format!("select count(*) from {table} where registry_id <> {here}");
            assert_eq!(count(client, &sql).await, 0, "{table}");
            let closed = format!("update entities set recorded = 'empty' where registry_id = {there}");
            assert_eq!(client.execute(&closed, &[]).await.expect("nothing to do"), 0);
            client.batch_execute("rollback").await.expect("rolled back");
        }
        4 => {
            // The hot read names its tenant itself, and only for its own statement.
            let sql = format!("select facts({here}, 0::int2, '{}', 'issue', 'Degree') is null", own(0));
            client.query_one(&sql, &[]).await.expect("facts");
        }
        _ => client.batch_execute("set app.registry = ''").await.expect("set"),
    }
    assert_eq!(count(client, &format!("select count(*) from {table}")).await, 0, "{table}, no tenant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_attempts_across_tenants_see_and_change_no_row() {
    let (tenants, times) = (Tenants::new().await, if whole() { 10 } else { 1 });
    let mut workers = JoinSet::new();
    for seed in 0..WORKERS {
        let tenants = Arc::clone(&tenants);
        workers.spawn(async move {
            let mut dice = Dice::new(seed);
            for _ in 0..(ATTEMPTS * times).div_ceil(12) {
                tenants.attempt(&mut dice).await;
            }
        });
    }
    for seed in 0..2 {
        let url = tenants.kept.database.url("charter_runtime");
        workers.spawn(async move {
            let (client, mut dice) = (connect(&url).await, Dice::new(100 + seed));
            for _ in 0..RAW_ATTEMPTS * times / 2 {
                raw(&client, &mut dice).await;
            }
        });
    }
    while let Some(done) = workers.join_next().await {
        done.expect("no attempt succeeded");
    }
    for (n, (registry, _)) in tenants.list.iter().enumerate() {
        assert_eq!(tenants.kept.events(*registry).await.len(), 5, "nothing was written to tenant {n}");
    }
}

#[tokio::test]
async fn row_level_security_is_forced_on_every_table_of_a_tenant() {
    let tenants = Tenants::new().await;
    let admin = tenants.kept.database.admin(&tenants.kept.database.name).await;
    let sql = "select c.relname::text, c.relrowsecurity and c.relforcerowsecurity from pg_class c
                 join pg_attribute a on a.attrelid = c.oid and a.attname = 'registry_id' and not a.attisdropped
                where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace";
    let rows = admin.query(sql, &[]).await.expect("read");
    let tables: Vec<(String, bool)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    // Besides: registries, their epochs, and moves, which the server may not read.
    assert_eq!(tables.len(), TABLES.len() + 3, "a table is missing in this test: {tables:?}");
    assert_eq!(tables.iter().filter(|(_, forced)| !forced).count(), 0, "{tables:?}");
    let owner = connect(&tenants.kept.database.url("charter_owner")).await;
    for table in TABLES {
        assert_eq!(count(&owner, &format!("select count(*) from {table}")).await, 0, "{table}, the owner");
    }
    let sql = "select count(*) from pg_roles where rolname like 'charter\\_%' and rolname <> 'charter_admin'
                and (rolbypassrls or rolsuper or rolcreaterole or rolcreatedb or rolreplication)";
    assert_eq!(count(&admin, sql).await, 0, "a role that may pass by the policies");
    let sql = "select count(*) from pg_class c join pg_roles r on r.oid = c.relowner
                where r.rolname = 'charter_runtime'";
    assert_eq!(count(&admin, sql).await, 0, "the server's role owns something");
}

#[tokio::test]
async fn the_server_cannot_rewrite_what_is_recorded() {
    let tenants = Tenants::new().await;
    let runtime = connect(&tenants.kept.database.url("charter_runtime")).await;
    let mut refused = vec![
        "update events set kind = 'Other'".to_owned(),
        "update entities set country = 'SE'".to_owned(),
        "update statements set valid = tstzrange(null, null)".to_owned(),
        "update status_changes set state = 'ACTIVE'".to_owned(),
        "update documents set registry_id = 2".to_owned(),
        "update registries set authority_id = 'did:web:other.example'".to_owned(),
        "update credentials set role = 'bootstrap'".to_owned(),
        "delete from credentials".to_owned(),
        "call rebuild(1)".to_owned(),
        "alter table events disable row level security".to_owned(),
        "drop table events".to_owned(),
        "create table own_table (x int)".to_owned(),
        "set role charter_owner".to_owned(),
        "alter role charter_runtime bypassrls".to_owned(),
    ];
    for table in TABLES.iter().chain(&["registries", "registry_epochs"]) {
        if !["requests", "snapshot_files"].contains(table) {
            refused.push(format!("delete from {table}"));
        }
        refused.push(format!("truncate {table} cascade"));
    }
    for sql in refused {
        runtime.batch_execute("begin; select set_config('app.registry', '1', true)").await.expect("entered");
        let error = runtime.batch_execute(&sql).await.expect_err(&sql);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error:?}");
        runtime.batch_execute("rollback").await.expect("rolled back");
    }
}
