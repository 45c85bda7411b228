//! `tests/corpus/*.yaml`: federations, questions, and what must be answered, through every door, by a mirror's copy,
//! offline, and by the second verifier.

mod build;
mod copied;
mod doors;
mod offline;
mod spec;

use std::collections::BTreeSet;

use charter_cli::mirror::LocalCopy;
use charter_domain::{Outcome, Reason};
use tempfile::TempDir;

use self::{
    build::Servers,
    spec::{Case, File},
};
use crate::second::case::{self, compare};

/// What went wrong with a case, and what the verifiers are given of it.
struct Tried {
    faults: Vec<String>,
    judged: Option<case::Case>,
}

/// What the cases of a file are put to.
struct Held {
    servers: Servers,
    copy: LocalCopy,
    dir: TempDir,
}

async fn tries(file: &File, held: &Held, case: &Case) -> Tried {
    let servers = &held.servers;
    let mut faults = doors::trqp(servers, case).await;
    let (grpc, rest) = (doors::grpc(servers, case).await, doors::rest(servers, case).await);
    faults.extend(grpc.faults("gRPC", &case.expect));
    faults.extend(rest.faults("REST", &case.expect));
    let outcome = case.expect.outcome();
    // A denial is signed for each question that is not plain: no two of its signatures are alike.
    let above = usize::from(outcome == Outcome::No);
    if grpc.chain.get(above..) != rest.chain.get(above..) {
        faults.push("gRPC and REST give different chains".to_owned());
    }
    let proves = outcome != Outcome::Indeterminate;
    if grpc.chain.is_empty() == proves {
        faults.push(format!("the chain has {} links", grpc.chain.len()));
    }
    let judged = if proves && !grpc.chain.is_empty() {
        Some(offline::judged(servers, case, grpc.chain).await)
    } else {
        None
    };
    faults.extend(judged.iter().filter_map(|judged| offline::fault(judged, &case.expect)));
    if let Some(judged) = &judged {
        faults.extend(offline::program(judged, &case.expect, held.dir.path()).await);
    }
    let query = offline::query(servers, case);
    faults.extend(copied::fault(&held.copy, servers, &query, &case.expect));
    let named = |fault: String| format!("{}: {}: {fault}", file.name, case.name);
    Tried { faults: faults.into_iter().map(named).collect(), judged }
}

/// All cases of a file, one after the other: what a question leaves in a cache, the next may meet.
async fn runs(file: &File) -> Vec<Tried> {
    let servers = Servers::start(file).await;
    let copy = copied::of(&servers).await;
    let held = Held { servers, copy, dir: tempfile::tempdir().expect("a directory") };
    let mut tried = Vec::new();
    for case in &file.cases {
        tried.push(tries(file, &held, case).await);
    }
    held.servers.stop().await;
    tried
}

#[tokio::test]
async fn each_case_is_answered_as_the_corpus_says() {
    let files = File::all();
    let mut tried = Vec::new();
    for file in &files {
        tried.extend(runs(file).await);
    }
    let faults: Vec<&str> = tried.iter().flat_map(|t| &t.faults).map(String::as_str).collect();
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), tried.len(), faults.join("\n"));
    let judged: Vec<case::Case> = tried.into_iter().filter_map(|t| t.judged).collect();
    let proven = files.iter().flat_map(|f| &f.cases).filter(|c| c.expect.is_proven()).count();
    let agreed = compare("corpus", &judged).await;
    assert_eq!((agreed.cases, agreed.accepted), (judged.len(), proven));
    println!(
        "{} cases, {} chains, of which {proven} prove a yes or a no",
        files.iter().map(|f| f.cases.len()).sum::<usize>(),
        judged.len()
    );
}

#[test]
fn the_corpus_has_every_reason_that_a_chain_can_give() {
    let files = File::all();
    let cases: Vec<&Case> = files.iter().flat_map(|f| &f.cases).collect();
    // A scope that is left is a fault of a proof, below; STALE is said of kept answers.
    let elsewhere = [Reason::OutOfScope, Reason::Stale];
    let given: BTreeSet<&str> = cases.iter().map(|c| c.expect.reason.as_str()).collect();
    let all = Reason::ALL.into_iter().filter(|r| !elsewhere.contains(r)).map(Reason::code);
    assert_eq!(given, all.collect::<BTreeSet<_>>());
    let faults: BTreeSet<&str> =
        cases.iter().filter_map(|c| c.expect.offline.as_ref()).map(|o| o.code.as_str()).collect();
    assert!(
        faults.is_superset(&["OUT_OF_SCOPE", "OUT_OF_JURISDICTION", "PATH_TOO_LONG", "NAMING"].into()),
        "{faults:?}"
    );
    let bases: BTreeSet<&str> = cases.iter().filter_map(|c| c.expect.basis.as_deref()).collect();
    assert_eq!(bases, BTreeSet::from(["DIRECT", "DELEGATED", "RECOGNIZED"]));
    assert!(cases.len() >= 24, "{}", cases.len());
    let many = files.iter().filter(|f| f.registries.iter().any(|r| r.server > 1));
    assert!(many.map(|f| f.cases.len()).sum::<usize>() >= 4, "few cases have more than one server");
    let names: BTreeSet<(&str, &str)> =
        files.iter().flat_map(|f| f.cases.iter().map(|c| (f.name.as_str(), c.name.as_str()))).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
}
