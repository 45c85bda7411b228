//! The walk-through: the mission's sentence, its proof, the negatives, and changes under four eyes made live.

use std::time::Instant;

use anyhow::Context;
use charter_domain::{EvidenceLevel, Kind, Query, time::Clock};
use charter_proof::{AnchorSet, Chain, render, verify};
use serde_json::json;

use super::{
    ask::{self, Said, Terms},
    ebsi, four_eyes,
    office::Office,
    plan::{EDUCATION, HEALTH, Plan, ROOT},
    process::Federation,
    recognised, witnesses,
};
use crate::clock::WallClock;

pub(super) const DEGREE: &str = "UniversityDegreeCredential";
pub(super) const HELSINKI: &str = "did:web:helsinki.fi";

/// Entity, resource, what both doors must say, and what it shows.
const NEGATIVES: [(&str, &str, Option<bool>, &str, &str); 6] = [
    ("did:web:no-such-university.example", DEGREE, None, "UNKNOWN_ENTITY", "an unknown university"),
    ("did:web:suspended-university.example", DEGREE, Some(false), "SUSPENDED", "a suspended one"),
    ("did:web:revoked-university.example", DEGREE, Some(false), "REVOKED", "a revoked one"),
    ("did:web:expired-university.example", DEGREE, Some(false), "EXPIRED", "an expired one"),
    ("did:web:future-university.example", DEGREE, Some(false), "NOT_YET_VALID", "one not yet valid"),
    (HELSINKI, "DiplomaCredential", Some(false), "NOT_LISTED", "a known type, but not for it"),
];

/// Answers as they come, and whether all were right.
pub(super) struct Score {
    wrong: usize,
}

impl Score {
    pub fn mark(&mut self, what: &str, good: bool, got: &str) {
        self.wrong += usize::from(!good);
        println!("  {} {what}: {got}", if good { "ok   " } else { "WRONG" });
    }
}

pub async fn walk(plan: &Plan, federation: &Federation, office: &Office) -> anyhow::Result<bool> {
    let mut score = Score { wrong: 0 };
    let root = plan.member(ROOT).context("no root")?.url();
    println!("A verifier in Germany gets a Finnish degree and asks the EU root:");
    println!("  may {HELSINKI} issue {DEGREE}?\n");
    both(&mut score, &root, HELSINKI, DEGREE, Some(true), "ACTIVE", "the University of Helsinki").await?;
    println!();
    prove(&mut score, &root, federation).await?;
    println!("\nWhat every change leaves behind, seen by a registry of another process:");
    for authority in [EDUCATION, HEALTH, ROOT] {
        witnessed(&mut score, plan, federation, authority).await;
    }
    println!("\nWhat must be refused, with its reason:");
    for (entity, resource, authorized, code, what) in NEGATIVES {
        both(&mut score, &root, entity, resource, authorized, code, what).await?;
    }
    recognised::walk(&mut score, &root).await?;
    ebsi::walk(&mut score, plan).await?;
    four_eyes::walk(&mut score, plan, office).await?;
    Ok(score.wrong == 0)
}

pub(super) fn terms<'a>(entity: &'a str, resource: &'a str) -> Terms<'a> {
    Terms { authority: ROOT, entity, action: "issue", resource, follow: false }
}

pub(super) fn describe(said: &Said) -> String {
    let word = match said.authorized {
        Some(true) => "yes",
        Some(false) => "no",
        None => "refused",
    };
    let by =
        if said.decided_by.is_empty() { String::new() } else { format!(", decided by {}", said.decided_by) };
    format!("{word}, {}{by}", said.code)
}

/// The same question through both doors: both must say the expected, and the same.
async fn both(
    score: &mut Score,
    url: &str,
    entity: &str,
    resource: &str,
    authorized: Option<bool>,
    code: &str,
    what: &str,
) -> anyhow::Result<()> {
    let asked = Instant::now();
    let grpc = ask::by_grpc(url, terms(entity, resource)).await?;
    let took = asked.elapsed();
    let rest = ask::by_rest(url, terms(entity, resource)).await?;
    let good = grpc == rest && grpc.authorized == authorized && grpc.code == code;
    let got = format!(
        "{} (gRPC {:.1} ms, REST the same: {})",
        describe(&grpc),
        took.as_secs_f64() * 1e3,
        grpc == rest
    );
    score.mark(what, good, &got);
    Ok(())
}

/// A log's newest checkpoint, verified with its key and those of its witnesses.
async fn witnessed(score: &mut Score, plan: &Plan, federation: &Federation, authority: &str) {
    match witnesses::seen(plan, &federation.keys, authority).await {
        Ok(seen) => {
            let by: Vec<String> = seen.by.iter().map(|one| one.name.to_string()).collect();
            let got = format!("{} events, cosigned by {}", seen.size, by.join(" and "));
            score.mark(&format!("the log of {authority}"), true, &got);
        }
        Err(error) => score.mark(&format!("the log of {authority}"), false, &format!("{error:#}")),
    }
}

/// The chain, exported, drawn and verified with nothing but the anchor set.
async fn prove(score: &mut Score, root: &str, federation: &Federation) -> anyhow::Result<()> {
    let anchors = ask::get(&format!("{root}/.well-known/trust-anchors")).await?.body;
    let question = json!({ "entity_id": HELSINKI, "action": "issue", "resource": DEGREE });
    let answer = ask::post(&format!("{root}/api/v1/resolve"), &question).await?.json()?;
    let links = answer["chain"].as_array().context("an answer without a chain")?;
    let links = links.iter().filter_map(|l| l.as_str().map(str::to_owned)).collect();
    let chain = Chain::new(links)?;
    let (chain_file, anchor_file) =
        (federation.dir.join("helsinki.chain.json"), federation.dir.join("trust-anchors.json"));
    std::fs::write(&chain_file, chain.to_bytes())?;
    std::fs::write(&anchor_file, &anchors)?;
    let context = charter_domain::Context { evidence: EvidenceLevel::Chain, ..Default::default() };
    let query = Query::parse(Kind::Authorization, (ROOT, HELSINKI, "issue", DEGREE), context)?;
    let now = WallClock.now();
    // From the files, as somebody would who has only them.
    let (chain, anchors) =
        (Chain::parse(&std::fs::read(&chain_file)?)?, AnchorSet::parse(&std::fs::read(&anchor_file)?)?);
    match verify::verify(&chain, &query, &anchors, now, now, None) {
        Ok(verified) => {
            println!("The chain that proves it:\n");
            println!("{}", render::text(&verified));
            let got = format!("verifies with the anchor set alone, offline ({})", chain_file.display());
            score.mark("the exported chain", true, &got);
        }
        Err(fault) => score.mark("the exported chain", false, &fault.to_string()),
    }
    Ok(())
}
