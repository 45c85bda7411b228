//! The recorder of metrics, and what each of them is.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Semantic-convention buckets, in seconds, and finer ones below: a cached answer takes microseconds.
const BUCKETS: [f64; 15] =
    [0.000_1, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Authorities on the way to a decision.
const DEPTH: &str = "charter_chain_depth";
const DEPTHS: [f64; 8] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];

/// The recorder of this process; the first call installs it, before any handle is taken.
pub fn metrics() -> Option<&'static PrometheusHandle> {
    if METRICS.get().is_none() {
        let built = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
            .and_then(|built| built.set_buckets_for_metric(Matcher::Full(DEPTH.to_owned()), &DEPTHS))
            .and_then(PrometheusBuilder::install_recorder);
        match built {
            Ok(handle) => {
                let _ = METRICS.set(handle);
                describe();
            }
            Err(error) => tracing::debug!(%error, "metrics are not installed"),
        }
    }
    METRICS.get()
}

fn describe() {
    metrics::describe_histogram!(
        "http_server_request_duration_seconds",
        "Time to answer a REST request, by route and status"
    );
    metrics::describe_histogram!(
        "rpc_server_call_duration_seconds",
        "Time to answer a gRPC call, by method and status; of a stream, until it begins"
    );
    metrics::describe_counter!("charter_database_errors_total", "Errors of the database, by kind");
    metrics::describe_gauge!(
        "charter_epoch_lease_held",
        "1 while what is kept is known to be what the database has"
    );
    metrics::describe_gauge!(
        "charter_clock_astray",
        "1 while this machine's clock is far from the database's"
    );
    metrics::describe_gauge!("charter_redis_up", "1 when Redis answered as it was asked for this");
    metrics::describe_gauge!("charter_witness_quarantined", "Witnessed logs that showed two histories");
    metrics::describe_gauge!("charter_keys_revoked", "Keys of the registry that were revoked");
    metrics::describe_gauge!(
        "charter_peer_feed_lag_seconds",
        "For how long nothing was heard of the subordinate that is behind most"
    );
    metrics::describe_gauge!(
        "charter_database_archive_late_seconds",
        "For how long no segment of the write-ahead log was archived though there is one"
    );
    metrics::describe_gauge!("charter_log_store_available_bytes", "Room on the disk of the logs' files");
    metrics::describe_gauge!("charter_log_store_size_bytes", "Size of the disk of the logs' files");
    for (name, what) in [
        ("charter_approvals_waiting", "Proposals that want approvals"),
        ("charter_approvals_oldest_age_seconds", "For how long the oldest of them has waited"),
        ("charter_applications_waiting", "Applications of registries that nobody has answered"),
        ("charter_applications_oldest_age_seconds", "For how long the oldest of them has waited"),
        ("charter_outbox_pending", "Events that the slowest webhook was not told of"),
        ("charter_audit_events", "Events that were ever recorded"),
        (
            "charter_trail_unconfirmed",
            "Events that a receiver was told of and does not certainly have, by stream",
        ),
        (
            "charter_audit_checkpoint_timestamp_seconds",
            "When the checkpoint was signed that everybody may see, by registry",
        ),
        (
            "charter_key_not_after_timestamp_seconds",
            "Until when a key of the registry signs, by its identifier",
        ),
        (
            "charter_peer_sync_last_success_timestamp_seconds",
            "When a subordinate last confirmed how far it is, by its host",
        ),
        (
            "charter_signed_list_next_update_timestamp_seconds",
            "Until when the list that was made last may be used, by registry and format",
        ),
        ("charter_trail_failing", "1 while a receiver cannot be told of events, by stream"),
        ("charter_reload_refused", "1 after a configuration that could not be loaded anew"),
    ] {
        metrics::describe_gauge!(name, what);
    }
    metrics::describe_counter!(
        "charter_reloads_total",
        "Times that the configuration was to be loaded anew, by outcome"
    );
    metrics::describe_counter!(
        "charter_decisions_total",
        "Decisions given, by kind of question, decision and reason"
    );
    metrics::describe_histogram!(
        "charter_decision_duration_seconds",
        "Time to come to a decision that was not kept, other registries included"
    );
    metrics::describe_histogram!(DEPTH, "Authorities on the way to such a decision, the asked one included");
    metrics::describe_gauge!(
        "charter_documents_earliest_expiry_timestamp_seconds",
        "When the first document expires"
    );
    metrics::describe_gauge!(
        "charter_documents_renewal_late",
        "1 when documents were not renewed at half-life"
    );
    metrics::describe_gauge!(
        "charter_documents_renewal_refused",
        "Documents that are not signed again: what is recorded is not what was signed"
    );
    metrics::describe_counter!("charter_peer_failures_total", "Subordinates that could not be asked");
    metrics::describe_counter!("charter_peer_proof_failures_total", "Answers whose proof failed");
    metrics::describe_gauge!("charter_peer_breakers_open", "Endpoints of other registries that rest");
    metrics::describe_counter!(
        "charter_peer_short_circuits_total",
        "Calls that were not made because the endpoint rests"
    );
    metrics::describe_counter!(
        "charter_feed_faults_total",
        "Feeds of subordinates that could not be believed"
    );
    metrics::describe_counter!(
        "charter_handshakes_refused_total",
        "TLS handshakes of addresses that had as many under way as they may"
    );
    metrics::describe_counter!(
        "charter_stale_answers_total",
        "Answers given though they could not be confirmed"
    );
    metrics::describe_counter!("charter_witness_requests_total", "Checkpoints sent to witnesses, by outcome");
    metrics::describe_counter!(
        "charter_witness_answers_total",
        "Checkpoints sent to this witness, by status"
    );
    metrics::describe_counter!("charter_witness_equivocations_total", "Logs that showed two histories");
    metrics::describe_counter!("charter_mirror_pushes_total", "Checkpoints brought to mirrors, by outcome");
    metrics::describe_counter!("charter_mirror_answers_total", "Uploads to this mirror, by status");
    metrics::describe_gauge!(
        "charter_registries_held",
        "Registries that lack published events: nothing is answered"
    );
    metrics::describe_gauge!("charter_log_size", "Leaves in the transparency log, by registry");
    metrics::describe_gauge!("charter_log_published_size", "Leaves that everybody may see, by registry");
    metrics::describe_gauge!(
        "charter_log_unpublished_seconds",
        "How long something has waited to be published"
    );
    metrics::describe_gauge!("charter_log_stopped", "1 when the log needs a person to go on");
    metrics::describe_counter!("charter_log_sequenced_total", "Events put into transparency logs");
    metrics::gauge!("charter_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}
