//! Who witnesses whose log in the demo: siblings each other, and the root's children the root. Entries are kept by the
//! superior too.

use std::{collections::HashMap, fmt::Write as _, time::Duration};

use anyhow::Context as _;
use charter_tlog::{
    checkpoint::SignedCheckpoint,
    cosign::{self, Cosigned},
    note::Vkey,
};
use tokio::time::{Instant, sleep};

use super::{
    ask,
    plan::{EDUCATION, FINLAND, GERMANY, HEALTH, Plan, ROOT},
};
use crate::{Config, log::command};

/// A log, how many witnesses are enough for it, and who they are: in other processes than the log.
const WITNESSED: [(&str, usize, &[&str]); 3] =
    [(EDUCATION, 1, &[HEALTH]), (HEALTH, 1, &[EDUCATION]), (ROOT, 1, &[FINLAND, GERMANY])];
/// A log, and who keeps its entries.
const MIRRORED: [(&str, &str); 2] = [(EDUCATION, FINLAND), (HEALTH, FINLAND)];
/// A log publishes well within a second; at the start it may have to wait for its witnesses to be there.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(60);

/// The verifier keys of a registry.
#[derive(Debug, Clone)]
pub struct Keys {
    pub log: Vkey,
    pub witness: Vkey,
}

/// By authority; none is known before the first configuration.
pub type Known = HashMap<String, Keys>;

/// The keys of a process's registries, as `charterd log keys` prints them; they are made by this.
pub async fn keys(config: &std::path::Path) -> anyhow::Result<Known> {
    // The file alone: what is in our environment is not for the processes of the demo.
    let config = Config::from_toml(&std::fs::read_to_string(config)?)?;
    let listed = command::verifiers(&config).await?;
    let keys = listed.into_iter().map(|one| {
        let keys = Keys { log: one.log.parse()?, witness: one.witness.parse()? };
        anyhow::Ok((one.authority.to_string(), keys))
    });
    keys.collect()
}

/// The settings `log` and `witness` of a registry, in TOML.
pub fn settings(authority: &str, plan: &Plan, known: &Known) -> String {
    let mut text = String::new();
    for (log, quorum, by) in WITNESSED {
        if log == authority {
            let listed = by.iter().filter_map(|witness| {
                let (key, url) = (&known.get(*witness)?.witness, plan.member(witness)?.url());
                Some(format!("{{ url = \"{url}/witness\", vkey = \"{key}\" }}"))
            });
            let listed: Vec<String> = listed.collect();
            if listed.len() == by.len() {
                let (witnesses, mirrors) = (listed.join(", "), mirrors(log, plan));
                let _ = writeln!(
                    text,
                    "log = {{ quorum = {quorum}, witnesses = [{witnesses}], mirrors = [{mirrors}] }}"
                );
            }
        }
    }
    let witnessed =
        WITNESSED.iter().filter(|(_, _, by)| by.contains(&authority)).map(|(log, ..)| (log, false));
    let mirrored = MIRRORED.iter().filter(|(_, by)| *by == authority).map(|(log, _)| (log, true));
    let logs = witnessed.chain(mirrored).filter_map(|(log, mirror)| {
        let key = &known.get(*log)?.log;
        Some(format!("{{ origin = \"{}\", vkey = \"{key}\", mirror = {mirror} }}", key.name()))
    });
    let logs: Vec<String> = logs.collect();
    if !logs.is_empty() {
        let _ = writeln!(text, "witness = {{ logs = [{}] }}", logs.join(", "));
    }
    text
}

fn mirrors(log: &str, plan: &Plan) -> String {
    let urls = MIRRORED.iter().filter(|(mirrored, _)| *mirrored == log).filter_map(|(_, by)| plan.member(by));
    urls.map(|by| format!("{{ url = \"{}/witness\" }}", by.url())).collect::<Vec<_>>().join(", ")
}

/// A published checkpoint that was verified.
pub struct Seen {
    pub size: u64,
    pub by: Vec<Cosigned>,
}

/// The newest checkpoint of a log in `WITNESSED`, verified with the log's key and those of its witnesses, as soon as
/// there is one.
pub async fn seen(plan: &Plan, known: &Known, authority: &str) -> anyhow::Result<Seen> {
    let (_, quorum, by) =
        WITNESSED.into_iter().find(|(log, _, _)| *log == authority).context("a log without witnesses")?;
    let member = plan.member(authority).context("no such registry")?;
    let log = &known.get(authority).context("no key")?.log;
    let witnesses: Vec<Vkey> = by.iter().filter_map(|one| Some(known.get(*one)?.witness.clone())).collect();
    let (url, end) = (format!("{}/log/checkpoint", member.url()), Instant::now() + PUBLISHED_WITHIN);
    loop {
        let answer = ask::get(&url).await?;
        if answer.status == 200 {
            let checkpoint = SignedCheckpoint::parse(&answer.body)?;
            checkpoint.verify_log(log)?;
            let by = cosign::verify(&checkpoint, &witnesses)?;
            anyhow::ensure!(by.len() >= quorum, "{} of {quorum} witnesses cosigned", by.len());
            return Ok(Seen { size: checkpoint.checkpoint().size(), by });
        }
        anyhow::ensure!(Instant::now() < end, "`{url}` was answered with status {}", answer.status);
        sleep(Duration::from_millis(50)).await;
    }
}
