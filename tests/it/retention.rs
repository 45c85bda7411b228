//! What goes by itself after its time, what stays, and that it is counted.

use charter_proto::charter::registry::v1 as pb;
use charter_server::{app::retention, tasks};
use charter_store::rebuild;
use charter_tests::{
    AUTHORITY,
    governed::{Governed, ISSUER, status},
};
use tokio_postgres::Client;

async fn counted(admin: &Client, sql: &str) -> i64 {
    admin.query_one(&format!("select count(*) from {sql}"), &[]).await.expect("counted").get(0)
}

async fn read(g: &Governed, proposal: &pb::Proposal) -> pb::Proposal {
    let anna = g.person("anna");
    let request = pb::GetProposalRequest { proposal_id: proposal.proposal_id.clone(), ..Default::default() };
    let reply = anna.client().get_proposal(anna.signed(request)).await.expect("read");
    reply.into_inner().proposal.expect("a proposal")
}

#[tokio::test]
async fn what_is_old_enough_is_shown_then_goes_and_every_proof_stays() {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    g.person("anna").refuses(&draft, "no").await.expect("refused");
    let done = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    g.person("anna").approves(&done).await.expect("approved");
    g.person("aino").reads_events("staff").await.expect("read");
    let app = &g.app.app;
    let id = app.hosted.by_authority(AUTHORITY).expect("served");
    let due = async |dry_run| {
        let due = retention::run(&app.store, &app.config.retention, id, dry_run).await.expect("run");
        due.into_iter().map(|d| (d.class.code(), d.count)).collect::<Vec<_>>()
    };
    let nothing =
        [("PROPOSAL_REASONS", 0), ("CLOSED_PROPOSALS", 0), ("RESTRICTED_PARTS", 0), ("ACCESSES", 0)];
    assert_eq!(due(false).await, nothing, "all of it is young");

    let admin = g.app.database.admin(&g.app.database.name).await;
    let age = "set session_replication_role = replica;
        update proposals set expires_at = expires_at - interval '11 years', created_at = created_at - interval '11 years';
        update events set recorded_at = recorded_at - interval '11 years';
        update accesses set at = at - interval '3 years'";
    admin.batch_execute(age).await.expect("aged");
    let proposals = counted(&admin, "proposals").await;
    // Its times are among what is hashed.
    let before = read(&g, &done).await;
    assert_eq!(before.reason, "as tested");
    let parts = counted(&admin, "event_restricted").await
        + counted(&admin, "proposals where restricted is not null").await;
    assert!(parts > 10, "appointments and their proposals");
    let all = [
        ("PROPOSAL_REASONS", proposals),
        ("CLOSED_PROPOSALS", 1),
        ("RESTRICTED_PARTS", parts),
        ("ACCESSES", 1),
    ];
    assert_eq!(due(true).await, all);
    assert_eq!(due(true).await, all, "looking removes nothing");
    assert_eq!(counted(&admin, "retention_runs").await, 0);
    tasks::retention::once(app).await;
    assert_eq!(due(true).await, nothing);
    assert_eq!(counted(&admin, "proposals").await, proposals - 1);
    assert_eq!(counted(&admin, "event_restricted").await, 0);
    assert_eq!(counted(&admin, "accesses").await, 0);
    let runs = "(select class, removed from retention_runs order by run_id) r";
    let sql = format!("select string_agg(class || '=' || removed, ' ') from {runs}");
    let runs: String = admin.query_one(&sql, &[]).await.expect("read").get(0);
    let expected =
        format!("PROPOSAL_REASONS={proposals} CLOSED_PROPOSALS=1 RESTRICTED_PARTS={parts} ACCESSES=1");
    assert_eq!(runs, expected);

    let kept = read(&g, &done).await;
    assert_eq!((kept.reason.as_str(), kept.hash), ("", before.hash));
    let url = g.app.database.url("charter_owner");
    let all = tokio::task::spawn_blocking(move || rebuild::run(&url, true)).await.expect("no panic");
    for one in all.expect("rebuilt") {
        assert_eq!(one.fault, None);
    }
}

/// Whatever is configured or called.
#[tokio::test]
async fn nothing_younger_than_thirty_days_goes() {
    let g = Governed::start().await;
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let client = charter_tests::database::connect(&g.app.database.url("charter_runtime")).await;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    for (class, before) in [
        ("RESTRICTED_PARTS", "now()"),
        ("ACCESSES", "now() - interval '29 days'"),
        ("CLOSED_PROPOSALS", "'infinity'"),
        ("PRINCIPALS", "now() - interval '99 years'"),
    ] {
        let sql = format!("select retain({id}, '{class}', {before}, now(), true)");
        assert!(client.query(&sql, &[]).await.is_err(), "{class} {before}");
    }
    let other = format!("select retain({id} + 1, 'ACCESSES', now() - interval '99 years', now(), true)");
    assert!(client.query(&other, &[]).await.is_err(), "another tenant");
}
