//! One change of a log each, and what finds it.

use charter_tlog::witness::Equivocation;

use super::*;

/// Exit 5, nothing on standard output, and a fault that says this.
fn found(output: &Output, said: &str) {
    let fault = text(&output.stderr);
    assert_eq!((code(output), output.stdout.len()), (5, 0), "{fault}");
    assert!(fault.contains(said), "{fault}");
}

#[tokio::test]
async fn a_flipped_bit_is_found_wherever_it_is() {
    for (file, said) in [
        ("tile/0/000", "tile of level 0"),
        ("tile/0/002.p/88", "tile of level 0"),
        ("tile/1/000.p/2", "`tile/1/000.p/2`"),
        ("tile/entries/001", "tile/entries/001"),
        ("tile/entries/002.p/88", "tile/entries/002.p/88"),
        ("checkpoint", "checkpoint"),
    ] {
        let log = Log::of(600);
        log.flip(file);
        found(&Auditor::new().verifies(&log).await, said);
    }
}

#[tokio::test]
async fn an_event_that_is_in_the_tree_but_not_in_the_chain_is_found() {
    let mut log = Log::of(20);
    let mut other = Log::of(20);
    // The tree is right: what is wrong is the event's word about the one before it.
    other.forks_at(10);
    log.graft(&other, 15);
    log.publish(now());
    found(&Auditor::new().verifies(&log).await, "event 16 does not name the event before it");
}

#[tokio::test]
async fn a_log_that_goes_back_is_found_and_the_evidence_is_kept() {
    let (auditor, log) = (Auditor::new(), Log::of(600));
    auditor.report(&log).await;
    let log = log.grown(300);
    found(&auditor.verifies(&log).await, "gone back from 600 entries to 300");
    let evidence = std::fs::read_to_string(auditor.file("evidence")).expect("kept");
    assert!(evidence.contains("\n600\n") && evidence.contains("\n300\n"), "{evidence}");
    let anew = auditor.run(&log, &["log", "verify", "--from-scratch"]).await;
    assert_eq!(code(&anew), 0, "{}", text(&anew.stderr));
}

#[tokio::test]
async fn two_histories_of_one_size_prove_themselves() {
    let (auditor, mut log) = (Auditor::new(), Log::of(300));
    auditor.report(&log).await;
    log.forks_at(299);
    log.publish(now());
    found(&auditor.verifies(&log).await, "signed two roots at 300 entries");
    let text = std::fs::read_to_string(auditor.file("evidence")).expect("kept");
    let evidence: Equivocation = text.parse().expect("evidence");
    evidence.verify(&log.key.vkey).expect("both are signed by the log");
    assert_eq!(evidence.size(), 300);
}

#[tokio::test]
async fn a_longer_log_with_another_past_is_found() {
    let (auditor, mut log) = (Auditor::new(), Log::of(300));
    auditor.report(&log).await;
    log.forks_at(100);
    found(&auditor.verifies(&log.grown(700)).await, "rewritten: at 300 entries");
    assert!(std::fs::exists(auditor.file("evidence")).expect("readable"));
}

#[tokio::test]
async fn a_root_that_the_entries_do_not_lead_to_is_found() {
    let mut log = Log::of(300);
    log.forks_at(299);
    log.publish(now());
    let other = log.checkpoint();
    log.history = "first";
    log.set(299);
    let log = log.grown(300);
    log.write("checkpoint", other.to_string().as_bytes());
    found(&Auditor::new().verifies(&log).await, "do not lead to the root that it signed");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    for file in ["checkpoint", "tile/0/001", "tile/1/000.p/2", "tile/entries/000"] {
        let log = Log::of(600);
        std::fs::remove_file(log.path(file)).expect("there");
        found(&Auditor::new().verifies(&log).await, &format!("does not have `{file}`"));
    }
}

#[tokio::test]
async fn a_partial_tile_may_be_gone_when_the_full_one_is_there() {
    let full = Log::of(512);
    let (tile, bundle) = (full.path("tile/0/001"), full.path("tile/entries/001"));
    let at_300 = full.grown(300);
    for partial in ["tile/0/001.p/44", "tile/entries/001.p/44"] {
        std::fs::remove_file(at_300.path(partial)).expect("there");
    }
    assert!(tile.is_file() && bundle.is_file());
    let report = Auditor::new().report(&at_300).await;
    assert_eq!(report["size"], 300);
}

#[tokio::test]
async fn what_was_kept_of_another_log_is_no_ground() {
    let (auditor, log) = (Auditor::new(), Log::of(5));
    auditor.report(&log).await;
    let output = auditor.verifies(&Log::of(5)).await;
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("--from-scratch"));
}
