//! Loading records while a registry is in BOOTSTRAP.

use std::collections::BTreeSet;

use charter_domain::{
    Invalid, RegistryId,
    policy::{Caller, Load, Permit, permit},
    record::{RawRecord, Record},
};
use charter_store::document::Which;

use crate::{App, Error, app::document::Issuing, error::Code};

/// Most records in one chunk: one transaction.
pub const MAX_CHUNK: usize = 1_000;

/// A record that was not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub line: u32,
    pub code: &'static str,
    pub field: String,
    pub message: String,
}

#[derive(Debug, Default)]
pub struct Outcome {
    pub accepted: u32,
    pub rejected: Vec<Rejected>,
    /// 0 in a dry run.
    pub epoch: i64,
}

/// The permission to load into a registry, as it is now.
pub async fn permit_load(app: &App, caller: &Caller, registry: RegistryId) -> Result<Permit<Load>, Error> {
    let phase = app.store.registries().await?.into_iter().find(|r| r.id == registry).map(|r| r.phase);
    let phase = phase.ok_or_else(|| Error::not_found("registry", registry))?;
    Ok(permit::<Load>(caller, registry, phase)?)
}

/// Validates a chunk and, unless it is a dry run, loads what is good, signs it and tells the readers.
/// `seen` holds the identifiers of earlier chunks of the same run.
pub async fn load(
    app: &App,
    permit: &Permit<Load>,
    records: Vec<(u32, RawRecord)>,
    dry_run: bool,
    seen: &mut BTreeSet<String>,
) -> Result<Outcome, Error> {
    if records.len() > MAX_CHUNK {
        return Err(Error::new(Code::TooLarge, format!("a chunk holds at most {MAX_CHUNK} records")));
    }
    let mut outcome = Outcome::default();
    let mut good = Vec::with_capacity(records.len());
    for (line, raw) in records {
        match Record::parse(raw) {
            Err(e) => outcome.rejected.push(invalid(line, e)),
            Ok(record) if !first_of(&record, seen) => outcome.rejected.push(duplicate(line, &record)),
            Ok(record) => good.push((line, record)),
        }
    }
    let good = without_taken(app, permit.registry(), good, &mut outcome).await?;
    outcome.accepted = u32::try_from(good.len()).unwrap_or(u32::MAX);
    if !dry_run && !good.is_empty() {
        outcome.epoch = write(app, permit.clone(), good).await?;
    }
    Ok(outcome)
}

fn first_of(record: &Record, seen: &mut BTreeSet<String>) -> bool {
    record.identifiers.iter().all(|i| seen.insert(i.value.clone()))
}

async fn without_taken(
    app: &App,
    registry: RegistryId,
    records: Vec<(u32, Record)>,
    outcome: &mut Outcome,
) -> Result<Vec<(u32, Record)>, Error> {
    let all: Vec<String> =
        records.iter().flat_map(|(_, r)| &r.identifiers).map(|i| i.value.clone()).collect();
    let taken = app.store.taken(registry, all).await?;
    let (bad, good): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|(_, r)| r.identifiers.iter().any(|i| taken.contains(&i.value)));
    outcome.rejected.extend(bad.iter().map(|(line, r)| duplicate(*line, r)));
    Ok(good)
}

async fn write(app: &App, permit: Permit<Load>, records: Vec<(u32, Record)>) -> Result<i64, Error> {
    let registry = permit.registry();
    let tenant = app.hosted.tenant(registry).ok_or_else(|| Error::not_found("registry", registry))?;
    let issuing = Issuing::new(tenant, app.config.documents.lifetime_secs);
    let records: Vec<Record> = records.into_iter().map(|(_, r)| r).collect();
    let written = app
        .store
        .write("import.load", registry, move |tx| {
            let first = tx.load(&permit, &records)?;
            issuing.sign(tx, &Which::Since(first))
        })
        .await?;
    app.changed(registry, written.epoch).await?;
    Ok(written.epoch)
}

fn invalid(line: u32, e: Invalid) -> Rejected {
    Rejected { line, code: Code::Invalid.as_str(), message: e.to_string(), field: e.field }
}

fn duplicate(line: u32, record: &Record) -> Rejected {
    Rejected {
        line,
        code: Code::DuplicateEntity.as_str(),
        field: "identifier".to_owned(),
        message: format!("`{}` exists already", record.identifier()),
    }
}
