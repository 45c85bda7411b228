//! Loading records while a registry is in BOOTSTRAP.

use std::{borrow::Cow, collections::BTreeSet};

use charter_domain::{
    Invalid, RegistryId,
    policy::{Caller, Load, Permit, permit},
    record::{RawRecord, Record},
};
use charter_store::request::Call;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};

pub use self::together::{Chunk, Together};
use crate::{
    App, Error,
    app::{
        did,
        document::Issuing,
        once::{Asked, earlier, once, principal},
        recognition,
    },
    error::Code,
};

mod together;

/// Most records in one chunk: one transaction.
pub const MAX_CHUNK: usize = 1_000;
/// Records of a chunk whose DIDs are looked at together.
const CHECKS: usize = 16;

/// A record that was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    pub line: u32,
    pub code: Cow<'static, str>,
    pub field: String,
    pub message: String,
}

/// What became of a chunk. Kept with a request id: at most `MAX_CHUNK` refusals, each of a few kB at most.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub accepted: u32,
    pub rejected: Vec<Rejected>,
    /// 0 in a dry run.
    pub epoch: i64,
}

/// The permission to load into a registry, as it is known here now.
pub async fn permit_load(app: &App, caller: &Caller, registry: RegistryId) -> Result<Permit<Load>, Error> {
    let phase = app.tenant(registry)?.phase(&app.store, app.register.turns_now(registry)).await?;
    Ok(permit::<Load>(caller, registry, phase)?)
}

/// Validates a chunk and, unless it is a dry run (`validate_only`), loads what is good, signs it and tells the readers;
/// the same request again is answered with what it was answered. `seen` holds the identifiers of earlier chunks of the
/// same run, and gets those of this one, loaded now or before.
///
/// # Errors
/// `TOO_LARGE` above `MAX_CHUNK` records, `REQUEST_ID_REUSED` for an id of another chunk.
pub async fn load(
    app: &App,
    (caller, permit): (&Caller, &Permit<Load>),
    records: Vec<(u32, RawRecord)>,
    asked: &Asked,
    seen: &mut BTreeSet<String>,
) -> Result<Outcome, Error> {
    if records.len() > MAX_CHUNK {
        return Err(Error::new(Code::TooLarge, format!("a chunk holds at most {MAX_CHUNK} records")));
    }
    let call = asked.call(principal(caller)?, "ImportRecords", &records)?;
    let judged = judge(records, seen);
    let fresh = load_one(app, permit, judged, (asked.validate_only, call.clone()));
    let outcome: Outcome = once(app, permit.registry(), call.as_ref(), fresh).await?;
    if outcome.epoch > 0 {
        app.changed(permit.registry(), outcome.epoch).await?;
    }
    Ok(outcome)
}

/// The good records with their lines, and the refusals of the others.
type Judged = (Vec<(u32, Record)>, Vec<Rejected>);

fn judge(records: Vec<(u32, RawRecord)>, seen: &mut BTreeSet<String>) -> Judged {
    let mut good = Vec::with_capacity(records.len());
    let mut rejected = Vec::new();
    for (line, raw) in records {
        match Record::parse(raw) {
            Err(e) => rejected.push(invalid(line, e)),
            Ok(record) if !first_of(&record, seen) => rejected.push(duplicate(line, &record)),
            Ok(record) => good.push((line, record)),
        }
    }
    (good, rejected)
}

async fn load_one(
    app: &App,
    permit: &Permit<Load>,
    (good, rejected): Judged,
    (only_try, call): (bool, Option<Call>),
) -> Result<Outcome, Error> {
    let outcome = Outcome { rejected, ..Outcome::default() };
    // Of few records it is recording that finds out who is there already.
    if !only_try && good.len() <= together::FEW {
        let tried = load_those(app, permit, (good.clone(), outcome.clone()), (false, call.clone())).await;
        if !tried.as_ref().is_err_and(|error| error.code == Code::DuplicateEntity) {
            return tried;
        }
    }
    let mut outcome = outcome;
    let good = without_taken(app, permit.registry(), good, &mut outcome).await?;
    load_those(app, permit, (good, outcome), (only_try, call)).await
}

/// Those whom nobody is known to have registered.
async fn load_those(
    app: &App,
    permit: &Permit<Load>,
    (good, mut outcome): (Vec<(u32, Record)>, Outcome),
    (only_try, call): (bool, Option<Call>),
) -> Result<Outcome, Error> {
    let good = without_false_peers(app, permit.registry(), good, &mut outcome).await?;
    let good = without_bad_dids(app, permit.registry(), good, &mut outcome).await;
    outcome.accepted = u32::try_from(good.len()).unwrap_or(u32::MAX);
    if only_try {
        return Ok(outcome);
    }
    if good.is_empty() {
        // Nothing is written, so nothing is kept: the chunk is judged again when it is sent again. But all of it may be
        // taken because the same request, sent at once with this one, was committed since it was looked for.
        let Some(call) = &call else { return Ok(outcome) };
        return Ok(earlier(app, permit.registry(), call).await?.unwrap_or(outcome));
    }
    write(app, permit.clone(), good, (outcome, call)).await
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

/// Without records of somebody who cannot be a peer.
async fn without_false_peers(
    app: &App,
    registry: RegistryId,
    records: Vec<(u32, Record)>,
    outcome: &mut Outcome,
) -> Result<Vec<(u32, Record)>, Error> {
    if !records.iter().any(|(_, r)| recognition::names_peers(r)) {
        return Ok(records);
    }
    let tenant = app.tenant(registry)?;
    let delegations = app.store.delegations(registry).await?;
    let (mut good, now) = (Vec::with_capacity(records.len()), app.clock.now());
    for (line, mut record) in records {
        match recognition::admit_all(tenant, &delegations, &mut record, now) {
            Ok(()) => good.push((line, record)),
            Err(e) => outcome.rejected.push(invalid(line, e)),
        }
    }
    Ok(good)
}

/// Without records of somebody whose DIDs do not hold, where that is asked for.
async fn without_bad_dids(
    app: &App,
    registry: RegistryId,
    records: Vec<(u32, Record)>,
    outcome: &mut Outcome,
) -> Vec<(u32, Record)> {
    let mut asked = Vec::with_capacity(records.len());
    for (_, record) in &records {
        asked.push(did::admit(app, registry, &record.identifiers));
    }
    let judged: Vec<_> = futures::stream::iter(asked).buffered(CHECKS).collect().await;
    let mut good = Vec::with_capacity(records.len());
    for ((line, record), judged) in records.into_iter().zip(judged) {
        match judged {
            Ok(()) => good.push((line, record)),
            Err(e) => outcome.rejected.push(invalid(line, e)),
        }
    }
    good
}

async fn write(
    app: &App,
    permit: Permit<Load>,
    records: Vec<(u32, Record)>,
    (outcome, call): (Outcome, Option<Call>),
) -> Result<Outcome, Error> {
    let tenant = app.tenant(permit.registry())?;
    let issuing = Issuing::new(tenant, app.config.documents.lifetime_secs);
    let records: Vec<Record> = records.into_iter().map(|(_, r)| r).collect();
    Ok(app.together.load(&app.store, Chunk { permit, issuing, records, outcome, call }).await?)
}

fn invalid(line: u32, e: Invalid) -> Rejected {
    Rejected { line, code: Code::Invalid.as_str().into(), message: e.to_string(), field: e.field }
}

fn duplicate(line: u32, record: &Record) -> Rejected {
    Rejected {
        line,
        code: Code::DuplicateEntity.as_str().into(),
        field: "identifier".to_owned(),
        message: format!("`{}` exists already", record.identifier()),
    }
}
