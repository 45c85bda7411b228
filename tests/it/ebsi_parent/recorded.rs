//! A registry that was recorded elsewhere, as a folder: `charterd ebsi judge --recorded`.

use std::{fs, path::Path};

use charter_server::ebsi_parent::command::{EbsiCommand, run};
use charter_signing::Signer as _;
use charter_tests::ebsi::{
    Chain,
    chain::{NOW, at, document},
};
use serde_json::{Value, json};

const BASE: &str = "https://tir.example";

fn record(dir: &Path, path: &str, answer: &Value) {
    let file = dir.join(format!("{}.json", path.trim_start_matches('/')));
    fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    fs::write(file, answer.to_string()).expect("written");
}

/// Four accreditations, as somebody has fetched them.
fn recorded(dir: &Path) -> Chain {
    let chain = Chain::good(BASE, 4);
    for (n, (party, statement)) in chain.parties.iter().zip(&chain.statements).enumerate() {
        // A list of which only the first page was taken.
        let next = format!("{BASE}{}?page[after]=2&page[size]=50", chain.list(n));
        let items = [json!({ "id": statement.id, "href": chain.url(n, &statement.id) })];
        record(dir, &chain.list(n), &json!({ "items": items, "total": 1, "links": { "next": next } }));
        record(dir, &chain.path(n, &statement.id), &chain.attribute(statement));
        record(dir, &chain.document(n), &document(&party.did, Some(&party.signer.key().to_jwk())));
    }
    chain
}

async fn judged(dir: &Path, chain: &Chain, kind: &str, at: Option<String>) -> bool {
    let command = EbsiCommand::Judge {
        registry: format!("{BASE}/"),
        did: chain.subject().to_string(),
        root: chain.registry().root.to_string(),
        kind: Some(kind.to_owned()),
        at,
        ca_file: None,
        recorded: Some(dir.to_owned()),
    };
    run(&command, self::at(NOW)).await.expect("it can be judged")
}

#[tokio::test]
async fn a_chain_that_was_recorded_elsewhere_is_judged() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = recorded(dir.path());
    assert!(judged(dir.path(), &chain, "Degree", None).await);
    assert!(!judged(dir.path(), &chain, "Licence", None).await, "another type");
    let past = at(NOW - 3 * 365 * 86_400).to_string();
    assert!(!judged(dir.path(), &chain, "Degree", Some(past)).await, "it was not accredited then");
    let middle = &chain.statements[1];
    let mut revoked = chain.attribute(middle);
    revoked["attribute"]["issuerType"] = json!("Revoked");
    record(dir.path(), &chain.path(1, &middle.id), &revoked);
    assert!(!judged(dir.path(), &chain, "Degree", None).await, "revoked in the middle");
    fs::remove_file(dir.path().join(format!("{}.json", chain.document(0).trim_start_matches('/'))))
        .expect("removed");
    assert!(!judged(dir.path(), &chain, "Degree", None).await, "a key is missing");
}

#[tokio::test]
async fn what_cannot_be_judged_is_refused_before_anything_is_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = recorded(dir.path());
    let good = || EbsiCommand::Judge {
        registry: BASE.to_owned(),
        did: chain.subject().to_string(),
        root: chain.registry().root.to_string(),
        kind: None,
        at: None,
        ca_file: None,
        recorded: Some(dir.path().to_owned()),
    };
    assert!(run(&good(), at(NOW)).await.expect("it can be judged"));
    let spoil = |change: fn(&mut EbsiCommand)| {
        let mut command = good();
        change(&mut command);
        async move { run(&command, at(NOW)).await.is_err() }
    };
    fn set(command: &mut EbsiCommand, text: &str, which: usize) {
        let EbsiCommand::Judge { registry, did, root, at, .. } = command;
        match which {
            0 => text.clone_into(registry),
            1 => text.clone_into(did),
            2 => text.clone_into(root),
            _ => *at = Some(text.to_owned()),
        }
    }
    assert!(spoil(|c| set(c, "http://tir.example", 0)).await, "plaintext");
    assert!(spoil(|c| set(c, "https://me@tir.example", 0)).await);
    assert!(spoil(|c| set(c, "tir.example", 1)).await);
    assert!(spoil(|c| set(c, "", 2)).await);
    assert!(spoil(|c| set(c, "yesterday", 3)).await);
}
