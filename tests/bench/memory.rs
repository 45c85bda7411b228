//! Resident memory with the full file: a national and an education registry for each country, in one process, and
//! every entity asked once at its sector.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use charter_tests::{
    nations::{education, https, nation},
    universities::{self, University},
};

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

/// By country: identifiers with names, each identifier once.
pub type Countries = BTreeMap<String, BTreeMap<String, String>>;

/// The file of `CHARTER_SHARED`, or as many invented institutions where there is none.
pub fn countries() -> anyhow::Result<Countries> {
    let mut found = Countries::new();
    let mut seen = BTreeSet::new();
    for row in universities::all()?.unwrap_or_else(invented) {
        let identifier = row.identifier();
        if seen.insert(identifier.clone()) {
            found.entry(row.country).or_default().insert(identifier, row.name);
        }
    }
    Ok(found)
}

fn invented() -> Vec<University> {
    let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or_default());
    let row = |n: usize| {
        let country: String = [letter(n % COUNTRIES / 26), letter(n % COUNTRIES)].into_iter().collect();
        University::invented(&format!("University {n}"), &format!("u{n}.universities.example"), &country)
    };
    (0..ROWS).map(row).collect()
}

/// The national and the education registry of a country.
pub fn pair(country: &str, superior: Option<&str>) -> [Registry; 2] {
    let (slug, national) = (country.to_ascii_lowercase(), nation(country));
    let below = format!("{slug}-education");
    [
        Registry::new(&national, &slug, country, superior),
        Registry::new(&education(country), &below, country, Some(&https(&national))),
    ]
}

fn server(countries: &Countries) -> anyhow::Result<Server> {
    let [address] = addresses()?;
    Ok(Server {
        name: "full",
        address,
        registries: countries.keys().flat_map(|country| pair(country, None)).collect(),
        sequence: true,
        limits: "",
    })
}

pub async fn run(site: &Site, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    let countries = countries()?;
    let server = server(&countries)?;
    site.prepare(&server)?;
    let process = site.serve(&server).await?;
    let (mut sets, mut questions) = (BTreeMap::new(), Vec::new());
    for (code, list) in &countries {
        let sector = education(code);
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
