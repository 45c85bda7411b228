//! What a version says, for the people in the room.

use std::fmt::Write as _;

use charter_proof::{SignedSet, anchor::Terms};

type List = fn(&Terms) -> Vec<String>;

/// Lines of text; what is new is marked `+`, what is gone `-`, where the version before is known.
pub fn of(set: &SignedSet, before: Option<&SignedSet>) -> String {
    let terms = set.terms();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "version {}, issued {}, expires {}; {}",
        terms.version,
        terms.issued,
        terms.expires,
        rule(terms)
    );
    if let Some(before) = before {
        let _ = writeln!(text, "follows version {}, fingerprint {}", before.version(), before.fingerprint());
        let (now, then) = (rule(terms), rule(before.terms()));
        if now != then {
            let _ = writeln!(text, "rule:\n  + {now}\n  - {then}");
        }
    }
    if terms.threshold == 1 {
        let _ = writeln!(text, "ONE KEY IS ENOUGH: whoever has any one of them can replace everything here");
    }
    for (what, list) in [("keys", keys as List), ("anchors", anchors as List)] {
        let (now, then) = (list(terms), before.map(|b| list(b.terms())));
        let _ = writeln!(text, "{what}:");
        let then = then.as_ref().unwrap_or(&now);
        for line in &now {
            let _ = writeln!(text, "  {} {line}", if then.contains(line) { ' ' } else { '+' });
        }
        for line in then.iter().filter(|line| !now.contains(line)) {
            let _ = writeln!(text, "  - {line}");
        }
    }
    let fingerprint = set.fingerprint();
    let _ = writeln!(text, "fingerprint {fingerprint}\n{}", fingerprint.words());
    text
}

fn rule(terms: &Terms) -> String {
    format!("{} of {} keys sign", terms.threshold, terms.jwks.keys.len())
}

fn keys(terms: &Terms) -> Vec<String> {
    terms.jwks.keys.iter().map(|key| format!("{} {}", key.kid(), key.algorithm())).collect()
}

/// With the keys of each, so that a replaced one is seen.
fn anchors(terms: &Terms) -> Vec<String> {
    let line = |anchor: &charter_proof::Anchor| {
        let kids: Vec<_> = anchor.jwks.keys.iter().map(charter_signing::PublicKey::kid).collect();
        format!("{} {} {}", anchor.authority_id, anchor.entity_id, kids.join(" "))
    };
    terms.anchors.iter().map(line).collect()
}
