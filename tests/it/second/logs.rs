//! Proofs from a log: every byte, every place in trees of many sizes, policies, witnesses, and what an event says.

use charter_tlog::{Hash, log_proof::LogProof, note::KeyKind};
use serde_json::{Value, json};

use super::{
    case::{Case, compare},
    made::{Key, Made, NOW},
};

/// One bit of each byte, and the file cut there.
fn bytes(made: &Made) -> Vec<Case> {
    let base = made.case("");
    let log = base.log.as_ref().expect("a log");
    let mut cases = Vec::new();
    for place in 0..log.log_proof.len() {
        let bit = 1 << (place % 7);
        cases.push(base.logged(format!("proof byte {place}"), |l| l.log_proof[place] ^= bit));
        if place % 5 == 0 {
            cases.push(base.logged(format!("proof cut at {place}"), |l| l.log_proof.truncate(place)));
        }
    }
    for place in 0..log.event.len() {
        cases.push(base.logged(format!("event byte {place}"), |l| l.event[place] ^= 1));
    }
    for place in (0..log.configuration.len()).step_by(5) {
        cases.push(base.logged(format!("configuration byte {place}"), |l| l.configuration[place] ^= 1));
    }
    cases
}

/// The statement's event at each leaf of trees of many sizes.
fn places(made: &mut Made) -> Vec<Case> {
    let mut cases = Vec::new();
    for size in (1..=20).chain([31, 32, 33, 255, 256, 257]) {
        made.size = size;
        for seq in (1..=size).filter(|seq| size <= 20 || [1, 7, size - 1, size].contains(seq)) {
            (made.seq, made.leaf["seq"], made.event["seq"]) = (seq, json!(seq), json!(seq));
            cases.push(made.case(format!("event {seq} of {size}")));
        }
    }
    (made.size, made.seq, made.leaf["seq"], made.event["seq"]) = (11, 7, json!(7), json!(7));
    cases
}

/// Hashes and lines that are missing, doubled, exchanged or added.
fn lines(made: &Made) -> Vec<Case> {
    let base = made.case("");
    let event = base.log.as_ref().expect("a log").event.clone();
    let good = made.log_proof(&event);
    let text = good.to_string();
    let hash = Hash::new([7; 32]);
    let proof = |index: u64, hashes: Vec<Hash>| {
        LogProof::new(None, index, hashes, good.checkpoint().clone()).expect("a proof").to_string()
    };
    let hashes = good.hashes().to_vec();
    let extra = LogProof::new(Some(b"extra".to_vec()), 6, hashes.clone(), good.checkpoint().clone());
    let signature = text.lines().last().expect("a signature").to_owned();
    let log_line = text.lines().find(|l| l.starts_with("\u{2014} agency")).expect("the log's").to_owned();
    let other = Key::new("agency.example/log", KeyKind::CosignatureV1);
    let cosigned = other.cosigns(good.checkpoint(), NOW);
    let texts = [
        text.clone(),
        extra.expect("a proof").to_string(),
        proof(5, hashes.clone()),
        proof(7, hashes.clone()),
        proof(11, hashes.clone()),
        proof(6, hashes[1..].to_vec()),
        proof(6, [hashes.clone(), vec![hash]].concat()),
        proof(6, hashes.iter().rev().copied().collect()),
        proof(6, vec![hash; 63]),
        proof(6, Vec::new()),
        LogProof::new(None, 6, hashes, cosigned).expect("a proof").to_string(),
        text.replacen("index 6", "index 06", 1),
        text.replacen("index 6", "index +6", 1),
        text.replacen("index 6", "index 18446744073709551622", 1),
        text.replacen("index 6\n", "index 6\n\n", 1),
        text.replacen("index 6\n", "extra \nindex 6\n", 1),
        text.replacen("index 6\n", "extra AA==\nindex 6\n", 1),
        text.replacen("index 6\n", "extra AB==\nindex 6\n", 1),
        text.replacen("@v1", "@v2", 1),
        text.replace('\n', "\r\n"),
        text.replacen("\n11\n", "\n011\n", 1),
        text.replacen("\n11\n", "\n12\n", 1),
        format!("{text}{signature}\n"),
        format!("{text}{log_line}\n"),
        format!("{text}\n"),
        format!("{text}\u{2014} somebody AAAAAAAA\n"),
        format!("{text}\u{2014} some body AAAAAAAA\n"),
        format!("{text}\u{2014} some+body AAAAAAAA\n"),
        format!("{text}\u{2014} somebody AAAAAA==\n"),
        format!("{text}\u{2014} somebody AAAAAAA\n"),
        format!("{text}{}", "\u{2014} somebody AAAAAAAA\n".repeat(61)),
        format!("{text}{}", "\u{2014} somebody AAAAAAAA\n".repeat(62)),
        text.trim_end().to_owned(),
        text.replace(&format!("{log_line}\n"), ""),
        text.replace(&format!("{signature}\n"), ""),
        text.replacen('\u{2014}', "-", 1),
    ];
    let case =
        |(n, text): (usize, String)| base.logged(format!("lines {n}"), |l| l.log_proof = text.into_bytes());
    texts.into_iter().enumerate().map(case).collect()
}

/// Which witnesses are asked for, who cosigned, and when.
fn witnesses(made: &mut Made) -> Vec<Case> {
    let (log, other) =
        (made.log.vkey.to_string(), Key::new("x.example/log", KeyKind::Ed25519).vkey.to_string());
    let rests = [
        "quorum none".to_owned(),
        "quorum W1".to_owned(),
        "quorum W3".to_owned(),
        "group g any W1 W3\nquorum g".to_owned(),
        "group g all W1 W3\nquorum g".to_owned(),
        "group g 2 W1 W2 W3\nquorum g".to_owned(),
        "group g 3 W1 W2 W3\nquorum g".to_owned(),
        "group g any W2 W3\ngroup h all W1 g\nquorum h".to_owned(),
        "group g all W2 W3\ngroup h any W1 g\nquorum h".to_owned(),
        "group g 0 W1\nquorum g".to_owned(),
        "group g 02 W1 W2\nquorum g".to_owned(),
        "group g 4 W1 W2 W3\nquorum g".to_owned(),
        "group g any W1 W1\nquorum g".to_owned(),
        "group g any W1\ngroup h any W1\nquorum g".to_owned(),
        "group g any none\nquorum g".to_owned(),
        "group W1 any W2\nquorum W1".to_owned(),
        "quorum g\ngroup g any W1".to_owned(),
        "quorum W1\nquorum W1".to_owned(),
        "quorum W1 W2".to_owned(),
        String::new(),
        "\tquorum\t W1 \n# end".to_owned(),
        "quorum W1\r".to_owned(),
        "quorums W1".to_owned(),
        format!("log {log}\nquorum W1"),
        format!("log {log} https://agency.example/log\nquorum W1"),
        format!("log {other}\nquorum W1"),
        format!("log {other}\nlog {log}\nquorum W1"),
        format!("log {log}\nlog {log}\nquorum W1"),
        format!("log {}\nquorum W1", made.witnesses[0].vkey),
        format!("witness W4 {}\nquorum W4", made.witnesses[0].vkey),
        format!("witness W1 {other}\nquorum W1"),
    ];
    let mut cases = Vec::new();
    let base = made.case("");
    for (n, rest) in rests.iter().enumerate() {
        let policy = made.policy(rest);
        cases.push(base.logged(format!("policy {n}"), |l| l.policy = Some(policy)));
    }
    let (label, vkey) = (&b"\xff\xfe"[..], made.witnesses[0].vkey.to_string());
    for name in [&b""[..], b"\xff"] {
        let policy =
            [&b"witness "[..], label, b" ", name, vkey.as_bytes(), b"\nquorum ", label, b"\n"].concat();
        cases.push(base.logged(format!("policy that is no UTF-8, {name:?}"), |l| l.policy = Some(policy)));
    }
    cases.push(base.logged("no policy", |l| (l.policy, l.max_age) = (None, None)));
    cases.push(base.logged("no policy, but an age", |l| l.policy = None));
    for age in [0, 29, 30, 31] {
        cases.push(base.logged(format!("cosigned {age} s ago at most"), |l| l.max_age = Some(age)));
    }
    for cosigned in [
        vec![],
        vec![(0, NOW)],
        vec![(1, NOW), (2, NOW)],
        vec![(0, NOW + 60), (1, NOW)],
        vec![(0, NOW + 61), (1, NOW)],
        vec![(0, 1), (1, 2)],
        vec![(0, NOW - 61), (1, NOW - 61)],
    ] {
        made.cosigned.clone_from(&cosigned);
        cases.push(made.case(format!("cosigned {cosigned:?}")));
    }
    made.cosigned = vec![(0, NOW - 30), (1, NOW - 90)];
    cases
}

/// What later events leave of a statement, and what its event says of when it begins and ends.
fn lasting(made: &mut Made) -> Vec<Case> {
    let (leaf, event) = (made.leaf.clone(), made.event.clone());
    let day = |year: i32| json!(format!("{year}-01-01T00:00:00Z"));
    let spans = [
        json!([{ "from": day(2023), "until": day(2024) }, { "from": day(2026), "until": day(2027) }]),
        json!([{ "from": day(2021), "until": day(2028) }]),
        json!([{ "until": day(2028) }]),
        json!([{ "from": day(2022) }]),
        json!([{ "from": day(2022), "until": day(2029) }]),
        json!([]),
    ];
    let ends = [day(2026), day(2027), day(2028), Value::Null];
    let begins = [
        ("from", day(2022)),
        ("from", Value::Null),
        ("begins_when_recorded", json!(true)),
        ("begins_when_recorded", json!(false)),
    ];
    let mut cases = Vec::new();
    for span in &spans {
        for end in &ends {
            for (name, value) in &begins {
                made.leaf["valid"] = span.clone();
                made.event["data"]["until"] = end.clone();
                made.event["data"][*name] = value.clone();
                cases.push(made.case(format!("valid {span}, event until {end}, {name} {value}")));
                (made.leaf, made.event) = (leaf.clone(), event.clone());
            }
        }
    }
    cases
}

#[tokio::test]
async fn both_verifiers_agree_on_proofs_from_a_log() {
    let mut made = Made::new();
    let all = [bytes(&made), places(&mut made), lines(&made), witnesses(&mut made), lasting(&mut made)];
    let agreed = compare("logs", &all.concat()).await;
    assert!(
        agreed.accepted > 240 && agreed.cases > agreed.accepted + 1_000,
        "{}/{}",
        agreed.accepted,
        agreed.cases
    );
}
