//! `charter chain show`: what a chain file says about itself.

use std::{fmt::Write as _, path::Path};

use serde_json::json;

use crate::{
    args::ListFormat,
    evidence::{self, Opened},
    exit::{Exit, Failure},
    output,
};

pub async fn run(file: &Path, format: ListFormat) -> Result<Exit, Failure> {
    let links = evidence::open(&evidence::read_chain(file).await?)?;
    match format {
        ListFormat::Table => {
            output::text(&text(&links))?;
        }
        ListFormat::Json => {
            output::json(&json!({ "verified": null, "links": links }))?;
        }
        ListFormat::Ndjson | ListFormat::Csv => {
            let row = |link: &Opened| vec![link.header.to_string(), link.payload.to_string()];
            output::list(format, ("links", None), &links, &["HEADER", "PAYLOAD"], row)?;
        }
    }
    Ok(Exit::Ok)
}

fn text(links: &[Opened]) -> String {
    let mut out = "not verified: anybody can write this; `charter chain verify` checks it\n".to_owned();
    for (n, link) in links.iter().enumerate() {
        let what = match n {
            0 => "statement",
            n if n + 1 == links.len() => "anchor's configuration",
            _ => "delegation",
        };
        // Writing to a string cannot fail.
        let _ = write!(out, "\nlink {n} ({what})\nheader  {}\npayload {:#}\n", link.header, link.payload);
    }
    out.lines().map(output::clean).collect::<Vec<_>>().join("\n")
}
