//! `charter import --format`: a signed list of somebody else as rows, and the report of what became of it.

use std::path::Path;

use charter_domain::time::Clock as _;

use crate::{
    args::Import,
    clock::SystemClock,
    exit::{Exit, Failure},
    list::{self, Format, Pinned, Reading, Refused, Report, Types},
    output,
    records::Sheet,
};

/// Verifies the list, writes the report where one is wanted, and judges the rows as those of any file.
pub async fn read(format: Format, args: &Import) -> Result<Sheet, Failure> {
    let signer =
        args.signer.as_deref().ok_or_else(|| Failure::usage("name the list's signer with --signer"))?;
    let pem = bytes(signer).await?;
    let pinned = Pinned::from_pem(&pem)
        .map_err(|why| Failure::usage(format!("`{}` cannot be used: {why}", signer.display())))?;
    let types: Types = args.service_type.iter().cloned().collect();
    let reading = Reading {
        format,
        signer: &pinned,
        types: &types,
        now: SystemClock.now(),
        accept_expired: args.accept_expired,
    };
    let (records, report) =
        list::read(&bytes(&args.file).await?, &reading).map_err(|e| refused(&args.file, &e))?;
    if let Some(path) = &args.report {
        write(path, &report)?;
    }
    summary(&report);
    let mut sheet = Sheet::of(records);
    sheet.validate();
    Ok(sheet)
}

async fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |why: &str| Failure::usage(format!("cannot read `{}`: {why}", path.display()));
    let size = tokio::fs::metadata(path).await.map_err(|e| unreadable(&e.to_string()))?.len();
    if usize::try_from(size).is_ok_and(|size| size <= list::MAX_BYTES) {
        return tokio::fs::read(path).await.map_err(|e| unreadable(&e.to_string()));
    }
    Err(unreadable("it has more than 48 MiB"))
}

fn refused(path: &Path, why: &Refused) -> Failure {
    let text = format!("`{}` is refused: {}", path.display(), why.text());
    match why {
        Refused::Form(_) => Failure::usage(text),
        Refused::Signature(_) => Failure::new(Exit::CannotVerify, text),
        Refused::Expired(_) => {
            Failure::new(Exit::CannotVerify, text).hint("--accept-expired takes it nevertheless")
        }
    }
}

fn write(path: &Path, report: &Report) -> Result<(), Failure> {
    let unwritten =
        |why: String| Failure::new(Exit::Unexpected, format!("cannot write `{}`: {why}", path.display()));
    let text = serde_json::to_string_pretty(report).map_err(|e| unwritten(e.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|e| unwritten(e.to_string()))
}

/// What was not carried, by field and reason, for the person at the terminal.
fn summary(report: &Report) {
    output::say(&format!(
        "{} entities with {} services: {} records with {} authorizations",
        report.entities, report.services, report.records, report.authorizations
    ));
    for note in &report.notes {
        output::say(&format!("note: {note}"));
    }
    if !report.counts.is_empty() {
        let rows =
            report.counts.iter().map(|c| vec![c.count.to_string(), c.field.clone(), c.reason.to_owned()]);
        output::show(&output::table(&["NOT CARRIED", "FIELD", "REASON"], rows));
    }
}
