//! What a witness says of the logs that it was told of: to staff and to other registries, and to nobody else.

use charter_domain::time::Clock as _;
use charter_proto::charter::registry::v1::{self as pb, witness_service_client::WitnessServiceClient};
use charter_server::witness::admin;
use charter_tests::{AUTHORITY, governed::Governed, hand_log::HandLog};
use charter_tlog::witness::AddCheckpoint;
use serde_json::Value;

use super::{ORIGIN, asks, file, restored::noted, time_of};
use crate::governance::said;

async fn governed(log: &HandLog) -> Governed {
    Governed::start_as(|build| build.registry(AUTHORITY).details(&log.setting())).await
}

async fn lists(g: &Governed, who: &str) -> Result<Vec<pb::WitnessedLog>, tonic::Status> {
    let mut client = WitnessServiceClient::new(g.app.channel());
    let request = g.person(who).signed(pb::ListWitnessedLogsRequest::default());
    Ok(client.list_witnessed_logs(request).await?.into_inner().logs)
}

/// The one log, as an auditor sees it.
async fn seen(g: &Governed) -> pb::WitnessedLog {
    let logs = lists(g, "aino").await.expect("listed");
    assert_eq!((logs.len(), logs[0].origin.as_str()), (1, ORIGIN));
    logs[0].clone()
}

async fn grow(g: &Governed, log: &HandLog, old: u64, new: u64) {
    let request = log.request(old, new);
    time_of(&g.app, &request, &asks(&g.app, &request).await);
}

fn is(log: &pb::WitnessedLog, state: &str, size: i64) {
    assert_eq!((log.state.as_str(), log.size), (state, size), "{log:?}");
    assert_eq!(log.root.is_empty(), size == 0, "{log:?}");
    assert_eq!(log.cosigned_at.is_some(), size > 0, "{log:?}");
    let accused = state == "QUARANTINED";
    assert_eq!((log.evidence.is_empty(), log.quarantined_at.is_some()), (!accused, accused), "{log:?}");
}

#[tokio::test]
async fn a_log_is_shown_from_its_first_checkpoint_through_a_quarantine() {
    let log = HandLog::new(ORIGIN, 20);
    let g = governed(&log).await;
    is(&seen(&g).await, "NONE", 0);
    grow(&g, &log, 0, 9).await;
    let cosigned = seen(&g).await;
    is(&cosigned, "COSIGNED", 9);
    assert_eq!(cosigned.root, log.root(9).to_string());
    let lie = AddCheckpoint { proof: vec![], ..log.forked(3).request(9, 9) };
    assert_eq!(asks(&g.app, &lie).await.status, 422);
    let caught = seen(&g).await;
    is(&caught, "QUARANTINED", 9);
    assert_eq!(caught.root, cosigned.root, "what was cosigned, not the lie");
    assert_eq!(caught.quarantined_at.map(|at| at.seconds), Some(g.app.clock.now().secs()));
    let evidence = g.app.rest().get("/witness/evidence").await.json();
    assert_eq!(evidence["evidence"][0]["sha256"], caught.evidence);
    let shown = g.person("aino").sends("GET", "/api/v1/witnessed-logs", &Value::Null).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-store"));
    assert_eq!(shown.json()["logs"][0]["evidence"], caught.evidence);
    // One that was noted without a time, as earlier versions did.
    let note = file(&g.app, ORIGIN).with_extension("quarantine");
    std::fs::write(note, format!("{}\n", caught.evidence)).expect("written");
    let earlier = seen(&g).await;
    assert_eq!((earlier.state.as_str(), &earlier.evidence), ("QUARANTINED", &caught.evidence));
    assert_eq!(earlier.quarantined_at, None);
    assert!(admin::release(&g.app.app.config, AUTHORITY, ORIGIN).expect("released"));
    is(&seen(&g).await, "COSIGNED", 9);
}

#[tokio::test]
async fn a_witness_that_cannot_tell_says_so() {
    let log = HandLog::new(ORIGIN, 20);
    let g = governed(&log).await;
    grow(&g, &log, 0, 5).await;
    let path = file(&g.app, ORIGIN);
    let older = std::fs::read(&path).expect("a file");
    grow(&g, &log, 5, 9).await;
    noted(&g.app, 9).await;
    is(&seen(&g).await, "COSIGNED", 9);
    std::fs::write(&path, &older).expect("restored");
    is(&seen(&g).await, "UNKNOWN", 0);
    std::fs::write(&path, "nothing of a checkpoint").expect("spoilt");
    is(&seen(&g).await, "UNKNOWN", 0);
    std::fs::remove_file(&path).expect("lost");
    is(&seen(&g).await, "UNKNOWN", 0);
}

#[tokio::test]
async fn staff_of_every_role_see_it_and_nobody_else() {
    let log = HandLog::new(ORIGIN, 1);
    let g = governed(&log).await;
    g.appoints("oskar", &["OPERATOR"], false).await;
    g.appoints("petra", &["PEER_REGISTRY"], false).await;
    for who in ["alice", "olga", "otto", "anna", "aino", "oskar", "petra"] {
        assert_eq!(lists(&g, who).await.expect(who).len(), 1, "{who}");
    }
    assert_eq!(said(&lists(&g, "nobody").await.expect_err("no staff")), "403 DENIED");
    let mut client = WitnessServiceClient::new(g.app.channel());
    let anonymous = client.list_witnessed_logs(pb::ListWitnessedLogsRequest::default()).await;
    assert_eq!(said(&anonymous.expect_err("no token")), "401 UNAUTHENTICATED");
    // Events are missing from the database: who was dismissed by one of them is not known.
    let registry = g.app.app.hosted.by_authority(AUTHORITY).expect("served");
    assert!(g.app.app.hosted.holds.hold(registry, 1_000_000, "events are missing"));
    assert_eq!(said(&lists(&g, "aino").await.expect_err("held")), "503 STALE");
    let reply = g.person("aino").sends("GET", "/api/v1/witnessed-logs", &Value::Null).await;
    assert_eq!(reply.problem(), (503, "STALE".to_owned()));
}
