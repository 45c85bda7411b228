//! `charter import`: reads a file, judges it here, and loads what is good through the import door.

mod foreign;
mod load;

use std::{collections::BTreeSet, path::Path};

use charter_proto::charter::registry::v1::ImportRecord;

use self::load::{Destination, Tally};
use crate::{
    args::{Connection, Import},
    connect::Token,
    exit::{Exit, Failure},
    output,
    records::{self, Fault, Sheet, Unreadable},
};

pub async fn run(to: &Connection, args: Import) -> Result<Exit, Failure> {
    let token = Token::read(args.token.token_file.as_deref())?;
    let sheet = match &args.format {
        Some(format) => foreign::read(*format, &args).await?,
        None => read(&args.file).await?,
    };
    let (good, mut failed) = judged(&sheet);
    let registry_id = args.registry.map_or_else(String::new, Into::into);
    let to = Destination { connection: to, token, registry_id, dry_run: args.dry_run };
    let Tally { accepted, failed: refused, broken } = load::load(&to, good).await;
    failed.extend(refused);
    if let Some(path) = args.failures.as_deref().filter(|_| !failed.is_empty()) {
        write_failures(path, &sheet, &failed)?;
    }
    let done = if args.dry_run { "would load" } else { "loaded" };
    output::text(&format!("{done} {accepted}, failed {}", failed.len()))?;
    match broken {
        Some(failure) if failure.hint.is_none() && accepted > 0 && !args.dry_run => {
            Err(failure
                .hint("rows loaded before are kept; loaded again, they are reported as DUPLICATE_ENTITY"))
        }
        Some(failure) => Err(failure),
        None if failed.is_empty() => Ok(Exit::Ok),
        None => Ok(Exit::Partial),
    }
}

/// A file of records.
async fn read(path: &Path) -> Result<Sheet, Failure> {
    let unreadable = |message: &str| Failure::usage(format!("cannot read `{}`: {message}", path.display()));
    let bytes = tokio::fs::read(path).await.map_err(|e| unreadable(&e.to_string()))?;
    let mut sheet = Sheet::read(path, &bytes).map_err(|Unreadable { message, hint }| {
        let failure = unreadable(&message);
        hint.map_or_else(|| unreadable(&message), |hint| failure.hint(hint))
    })?;
    sheet.validate();
    Ok(sheet)
}

/// The good rows, and the lines of those that failed here, which are reported.
fn judged(sheet: &Sheet) -> (Vec<ImportRecord>, BTreeSet<u32>) {
    let (mut good, mut failed) = (Vec::new(), BTreeSet::new());
    for row in &sheet.rows {
        match &row.record {
            Ok(record) => good.push(records::to_wire(row.line, record.clone())),
            Err(fault) => {
                output::say(&describe(row.line, fault));
                failed.insert(row.line);
            }
        }
    }
    (good, failed)
}

fn describe(line: u32, fault: &Fault) -> String {
    format!("line {line}: {} {}: {}", fault.code, fault.field, fault.message)
}

fn write_failures(path: &Path, sheet: &Sheet, failed: &BTreeSet<u32>) -> Result<(), Failure> {
    records::write_failures(sheet, failed)
        .and_then(|bytes| std::fs::write(path, bytes))
        .map_err(|e| Failure::new(Exit::Unexpected, format!("cannot write `{}`: {e}", path.display())))
}
