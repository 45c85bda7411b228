//! Resident memory with the full file: a national and an education registry for each country, in one process, and
//! every entity asked once at its sector.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use anyhow::Context;
use serde::Deserialize;

use crate::{
    Pace,
    client::ask_all,
    load,
    process::addresses,
    question::{Asking, Question},
    report::Samples,
    site::{Registry, Server, Site},
};

const COUNTRIES: usize = 200;
const ROWS: usize = 10_249;

#[derive(Deserialize)]
struct Row {
    name: String,
    domains: Vec<String>,
    alpha_two_code: String,
}

/// By country: identifiers with names, each identifier once.
type Countries = BTreeMap<String, BTreeMap<String, String>>;

/// The file of `CHARTER_SHARED`, or as many invented institutions where there is none.
fn countries() -> anyhow::Result<Countries> {
    let mut found = Countries::new();
    let mut seen = std::collections::BTreeSet::new();
    let Some(shared) = std::env::var_os("CHARTER_SHARED").filter(|s| !s.is_empty()) else {
        let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or_default());
        for n in 0..ROWS {
            let country = n % COUNTRIES;
            let code: String = [letter(country / 26), letter(country)].into_iter().collect();
            let did = format!("did:web:u{n}.universities.example");
            found.entry(code).or_default().insert(did, format!("University {n}"));
        }
        return Ok(found);
    };
    let path = std::path::Path::new(&shared).join("data/universities.json");
    let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
    for row in serde_json::from_slice::<Vec<Row>>(&text)? {
        let domain = row.domains.first().context("a row without a domain")?.to_ascii_lowercase();
        if seen.insert(domain.clone()) {
            // A few rows have a tab or a line break in their name, which an import refuses.
            let name = row.name.replace(char::is_control, " ");
            found.entry(row.alpha_two_code).or_default().insert(format!("did:web:{domain}"), name);
        }
    }
    Ok(found)
}

fn authority(code: &str) -> String {
    format!("did:web:education.trust.{}.example", code.to_ascii_lowercase())
}

fn server(countries: &Countries) -> anyhow::Result<Server> {
    let [address] = addresses()?;
    let pair = |code: &String| {
        let slug = code.to_ascii_lowercase();
        let national = format!("did:web:trust.{slug}.example");
        let https = national.replacen("did:web:", "https://", 1);
        [
            Registry::new(&national, &slug, code, None),
            Registry::new(&authority(code), &format!("{slug}-education"), code, Some(&https)),
        ]
    };
    Ok(Server {
        name: "full",
        address,
        registries: countries.keys().flat_map(pair).collect(),
        sequence: true,
    })
}

pub async fn run(site: &Site, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    let countries = countries()?;
    let server = server(&countries)?;
    site.prepare(&server)?;
    let process = site.serve(&server).await?;
    let (mut sets, mut questions) = (BTreeMap::new(), Vec::new());
    for (code, list) in &countries {
        let sector = authority(code);
        let path = format!("/r/{}-education/authorization", code.to_ascii_lowercase());
        questions.extend(list.keys().map(|did| Question::new(&path, &sector, did, true, &sector)));
        let records = list.iter().enumerate();
        let records = records.map(|(n, (did, name))| load::record(n + 1, did, name, code, false));
        sets.insert(sector, records.collect());
    }
    let questions = Arc::new(questions);
    let begun = Instant::now();
    let loaded = load::records(site, &server, sets).await?;
    println!(
        "{loaded} entities loaded in {:.1} s into {} registries",
        begun.elapsed().as_secs_f64(),
        server.registries.len()
    );
    ask_all(process.address, &questions, Asking::Plain, 32).await?;
    samples.add("resident_full_loader", process.resident()?);
    process.stop().await;
    for _ in 0..pace.rounds {
        let process = site.serve(&server).await?;
        samples.add("ready_full", process.ready_after.as_secs_f64());
        samples.add("resident_full_start", process.resident()?);
        ask_all(process.address, &questions, Asking::Plain, 32).await?;
        samples.add("resident_full", process.resident()?);
        process.stop().await;
    }
    Ok(())
}
