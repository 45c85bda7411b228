//! Reading what was done: every filter finds what it should, by an index, however many events there are; who, why and
//! what was before; and whoever looks is recorded.

use charter_domain::{Timestamp, event::Checked, time::Clock};
use charter_proto::charter::registry::v1::{self as pb, audit_service_client::AuditServiceClient};
use charter_store::event::Filter;
use charter_tests::{
    AUTHORITY, TestApp,
    governed::{Governed, ISSUER, Person, status},
};
use serde_json::{Value, json};
use tonic::Status;

use crate::governance::said;

const EVENTS: i64 = 100_000;

/// A registry with a history: one event a minute, by fifty members of staff, about a thousand entities; of the kind
/// `Late` and the origin `emergency` at the end alone.
async fn old() -> (TestApp, Timestamp) {
    let app = TestApp::start().await;
    let begun = app.clock.now();
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let admin = app.database.admin(&app.database.name).await;
    admin
        .batch_execute(&format!(
            "set session_replication_role = replica;
             insert into events (registry_id, seq, kind, subject, body, leaf_hash, actor, origin, recorded_at)
               select {id}, n, case when n > 99990 then 'Late' else 'StatusChanged' end, 'subject-' || n % 1000,
                      convert_to('{{\"seq\":' || n || '}}', 'UTF8'), sha256(''), (n % 50)::text,
                      case when n > 99980 then 'emergency' else 'governance' end,
                      to_timestamp({}) + n * interval '1 minute'
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
    let back = find(Filter { newest_first: true, before: Some(99_007), ..subject }, 0).await;
    assert_eq!((back.len(), back[0].0, back[98].0), (99, 98_007, 7));
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
    let (kind, origin) = (Some("Late".to_owned()), Some("emergency".to_owned()));
    assert_eq!(find(Filter { kind: kind.clone(), ..Filter::default() }, 0).await.len(), 10);
    assert_eq!(find(Filter { origin: origin.clone(), ..Filter::default() }, 0).await.len(), 20);
    assert_eq!(find(Filter { actor: Some(41), kind, origin, ..Filter::default() }, 0).await.len(), 1);
}

/// As the server asks: under its role, with its tenant. No combination reads more than its index.
#[tokio::test]
async fn no_combination_of_filters_reads_the_whole_history() {
    let (app, begun) = old().await;
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    let client = charter_tests::database::connect(&app.database.url("charter_runtime")).await;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    for bits in 0..32_u8 {
        let has = |bit: u8| bits & (1 << bit) != 0;
        let given = |bit: u8, text: &str| has(bit).then(|| text.to_owned());
        let filter = Filter {
            subject: given(0, "subject-7"),
            actor: has(1).then_some(3),
            kind: given(2, "StatusChanged"),
            origin: given(3, "governance"),
            newest_first: has(4),
            ..Filter::default()
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (subject, kind, origin) = (text(&filter.subject), text(&filter.kind), text(&filter.origin));
        let actor = filter.actor.map(|a| a.to_string()).unwrap_or_default();
        let rows = client
            .query(
                &format!("explain {}", filter.sql()),
                &[&id, &1_i64, &i64::MAX, &100_i64, &subject, &actor, &kind, &origin],
            )
            .await
            .expect("explained");
        let plan: Vec<String> = rows.iter().map(|r| r.get(0)).collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("Seq Scan"), "{filter:?}\n{plan}");
        // Where a page begins is found in the index: no page takes longer for the ones before it.
        let bound = if bits & 15 == 0 { "(seq >= " } else { "CASE WHEN (seq > 0)" };
        let in_index = |line: &str| line.contains("Index Cond:") && line.contains(bound);
        assert!(plan.lines().any(in_index), "{filter:?}\n{plan}");
        let index = if bits & 15 == 0 { "events_pkey" } else { "events_" };
        assert!(plan.contains(index), "{filter:?}\n{plan}");
        assert_eq!(plan.contains("events_pkey"), bits & 15 == 0, "{filter:?}\n{plan}");
    }
    let since = begun.secs() + 600_000;
    let sql = format!(
        "explain select seq from events where registry_id = {id} and recorded_at >= to_timestamp({since})
          order by recorded_at, seq limit 1"
    );
    let rows = client.query(&sql, &[]).await.expect("explained");
    assert!(rows.iter().any(|r| r.get::<_, String>(0).contains("events_time")));
}

async fn entries(person: &Person<'_>, request: pb::ListEventsRequest) -> Result<Vec<pb::AuditEntry>, Status> {
    let request = pb::ListEventsRequest { with_changes: true, ..request };
    Ok(person.client().list_events(person.signed(request)).await?.into_inner().entries)
}

async fn exported(g: &Governed, who: &str, request: pb::ExportEventsRequest) -> Result<Vec<String>, Status> {
    let person = g.person(who);
    let mut client = AuditServiceClient::new(g.app.channel());
    let mut stream = client.export_events(person.signed(request)).await?.into_inner();
    let mut lines = Vec::new();
    while let Some(answer) = stream.message().await? {
        lines.push(String::from_utf8(answer.line).expect("UTF-8"));
    }
    Ok(lines)
}

async fn get(g: &Governed, who: &str, path: &str, accept: &str) -> charter_tests::rest::Reply {
    let rest = g.app.rest();
    let request = rest
        .request(http::Method::GET, path)
        .header("authorization", format!("Bearer {}", g.person(who).token()))
        .header("accept", accept);
    rest.send(request.body(Default::default()).expect("a request")).await
}

/// Suspended under four eyes, reinstated, and suspended in an emergency.
async fn lived() -> (Governed, pb::Proposal) {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved");
    let back = g.person("olga").proposes(status(ISSUER, "ACTIVE")).await.expect("proposed");
    g.person("anna").approves(&back).await.expect("approved");
    g.person("otto").suspends_at_once(ISSUER).await.expect("suspended");
    (g, draft)
}

#[tokio::test]
async fn an_entry_says_who_why_and_what_was_before() {
    let (g, draft) = lived().await;
    let request = pb::ListEventsRequest {
        subject: ISSUER.to_owned(),
        kind: "StatusChanged".to_owned(),
        ..Default::default()
    };
    let found = entries(&g.person("aino"), request.clone()).await.expect("read");
    let states = |e: &pb::AuditEntry| {
        let changes: Value = serde_json::from_str(&e.changes_json).expect("JSON");
        changes["state"].clone()
    };
    assert_eq!(
        found.iter().map(states).collect::<Vec<_>>(),
        [
            json!({ "from": "ACTIVE", "to": "SUSPENDED" }),
            json!({ "from": "SUSPENDED", "to": "ACTIVE" }),
            json!({ "from": "ACTIVE", "to": "SUSPENDED" }),
        ]
    );
    let first = &found[0];
    assert_eq!((first.actor, first.actor_roles.as_slice()), (draft.proposer, &["OFFICER".to_owned()][..]));
    assert_eq!((first.reason_code.as_str(), first.reason.as_str()), ("TESTED", draft.reason.as_str()));
    assert_eq!(first.proposal_id, draft.proposal_id);
    let event: Value = serde_json::from_slice(&first.event).expect("JSON");
    assert_eq!(event["approvals"][0]["role"], "APPROVER");
    assert_eq!((found[2].proposal_id.as_str(), found[2].reason_code.as_str()), ("", "KEY_STOLEN"));

    let newest = pb::ListEventsRequest { newest_first: true, page_size: 2, ..request.clone() };
    let page = g.person("aino").client().list_events(g.person("aino").signed(newest.clone())).await;
    let page = page.expect("read").into_inner();
    assert_eq!((page.events.len(), page.next_after), (2, 0));
    let rest_of = pb::ListEventsRequest { before: page.next_before, ..newest };
    let last = entries(&g.person("aino"), rest_of).await.expect("read");
    assert_eq!(last.iter().map(|e| e.seq).collect::<Vec<_>>(), [first.seq]);
    let emergency = pb::ListEventsRequest { origin: "emergency".to_owned(), ..Default::default() };
    assert_eq!(entries(&g.person("aino"), emergency).await.expect("read").len(), 1);

    let path = format!("/api/v1/events?subject={ISSUER}&kind=StatusChanged&view=entries&order=desc");
    let over_rest = get(&g, "aino", &path, "application/json").await.json();
    assert_eq!(over_rest["entries"][2]["changes"]["state"], states(first));
    assert_eq!(over_rest["entries"][2]["actor_roles"], json!(["OFFICER"]));
    assert_eq!(over_rest["entries"][2]["leaf_hash"], first.leaf_hash);
    for bad in ["kind=Jane%20Doe", "origin=a1", "order=up", "view=all", "surprise=1"] {
        let reply = get(&g, "aino", &format!("/api/v1/events?{bad}"), "application/json").await;
        assert_eq!(reply.problem().1, "INVALID", "{bad}");
    }
}

#[tokio::test]
async fn an_export_verifies_without_the_server_and_each_look_is_recorded() {
    let (g, _) = lived().await;
    let lines = exported(&g, "aino", pb::ExportEventsRequest::default()).await.expect("exported");
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served");
    let mut whole = Checked::default();
    lines.iter().for_each(|line| whole.line(line).expect("verified"));
    let epoch = g.app.app.store.epoch(id).await.expect("an epoch");
    assert_eq!((whole.first, whole.last, whole.gaps), (1, epoch, 0));
    let reply = get(&g, "aino", "/api/v1/events", "application/x-ndjson").await;
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    assert_eq!(reply.text().lines().collect::<Vec<_>>(), lines, "both doors write the same lines");
    let mut forged = Checked::default();
    let changed = lines.iter().map(|l| l.replace("\"SUSPENDED\"", "\"REVOKED\""));
    assert!(changed.map(|l| forged.line(&l)).any(|checked| checked.is_err()));

    let of_one = pb::ExportEventsRequest { subject: ISSUER.to_owned(), ..Default::default() };
    let mut part = Checked::default();
    let lines = exported(&g, "aino", of_one).await.expect("exported");
    lines.iter().for_each(|line| part.line(line).expect("verified"));
    assert!(part.gaps > 0 && part.events < whole.events);

    for who in ["olga", "anna"] {
        let refused = exported(&g, who, pb::ExportEventsRequest::default()).await.expect_err(who);
        assert_eq!(said(&refused), "403 DENIED", "{who}");
        assert_eq!(get(&g, who, "/api/v1/accesses", "*/*").await.problem().1, "DENIED", "{who}");
    }
    g.person("olga").reads_events("staff").await.expect("read");
    let aino = g.person("aino");
    let mut client = AuditServiceClient::new(g.app.channel());
    let request = aino.signed(pb::ListAccessesRequest::default());
    let seen = client.list_accesses(request).await.expect("read").into_inner().accesses;
    let what: Vec<&str> = seen.iter().map(|a| a.what.as_str()).collect();
    assert_eq!(what, ["LIST_ACCESSES", "LIST_EVENTS", "EXPORT_EVENTS", "EXPORT_EVENTS", "EXPORT_EVENTS"]);
    assert_eq!(seen[1].filter_json, r#"{"subject":"staff"}"#);
    assert!(!seen[2].filter_json.contains("did:"), "an entity stands there by its internal id");
    let by = get(&g, "alice", &format!("/api/v1/accesses?by={}", seen[1].by), "*/*").await.json();
    assert_eq!(by["accesses"].as_array().map(Vec::len), Some(1));
}
