//! `charter conformance`: examines a registry, prints what was found, and writes the report.

use std::path::PathBuf;

use super::check::write;
use crate::{
    args::{Conformance, Connection},
    conformance::{self, Finding, Known, Report, Target},
    exit::{Exit, Failure},
    http::Http,
    log::bar,
    output,
};

pub async fn run(to: &Connection, args: Conformance) -> Result<Exit, Failure> {
    let target = Target::parse(&args.target)?;
    let known = args.known.as_deref().map(Known::read).transpose()?.unwrap_or_default();
    let [json, html] = places(&args)?;
    let bar = bar::checks(conformance::count(&known));
    let report =
        conformance::examine(&Http::new(to)?, target, args.authority, &known, &|| bar.inc(1)).await?;
    bar.finish_and_clear();
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|e| Failure::new(Exit::Unexpected, format!("cannot write JSON: {e}")))?;
        write(&path, text)?;
    }
    if let Some(path) = html {
        write(&path, conformance::html::page(&report).into_string())?;
    }
    output::list(args.output, ("checks", None), &report.checks, &Finding::HEADINGS, Finding::row)?;
    output::note(&report.verdict());
    Ok(exit(&report))
}

/// A MUST that failed, or nothing that could be seen, is 1.
fn exit(report: &Report) -> Exit {
    if report.conforms { Exit::Ok } else { Exit::Unexpected }
}

/// Where the two forms of the report go; a directory is made.
fn places(args: &Conformance) -> Result<[Option<PathBuf>; 2], Failure> {
    let Some(dir) = &args.out else {
        return Ok([args.json.clone(), args.html.clone()]);
    };
    std::fs::create_dir_all(dir)
        .map_err(|e| Failure::usage(format!("cannot make `{}`: {e}", dir.display())))?;
    Ok(["conformance.json", "conformance.html"].map(|name| Some(dir.join(name))))
}
