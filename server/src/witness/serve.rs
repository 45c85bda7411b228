//! What the witness does with a checkpoint (C2SP tlog-witness, add-checkpoint): checks it against what it cosigned
//! last, keeps it, cosigns it. Checking and keeping are one step under the lock of the log.

use std::{path::PathBuf, sync::Arc};

use charter_domain::RegistryId;
use charter_tlog::{
    checkpoint::SignedCheckpoint,
    cosign,
    note::MAX_BYTES,
    witness::{self, AddCheckpoint, Equivocation, Rejected, Seen},
};

use super::{
    key::Keys,
    marks, quarantine,
    state::{Fault, Held, folder},
};
use crate::{App, Error, error::Code};

/// Bytes of a request: the old size, 63 hashes, and a checkpoint.
pub const MAX_REQUEST: usize = MAX_BYTES + 4 * 1024;

/// Why nothing was cosigned. What the spec has a status for, and what keeps this witness from deciding.
#[derive(Debug)]
pub enum Refused {
    /// 409: the size of the last checkpoint that was cosigned.
    Conflict(u64),
    /// Any other answer.
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

fn other(code: Code, detail: impl Into<String>) -> Refused {
    Refused::Other(Error::new(code, detail))
}

/// A request with all that is needed to decide on it. Deciding blocks.
struct Job {
    request: AddCheckpoint,
    keys: Keys,
    folder: PathBuf,
    dir: PathBuf,
    /// How far the log was cosigned, as noted outside of the files.
    mark: u64,
    now_secs: u64,
}

/// How a job ended, with what the rest of the server must learn.
enum Decided {
    Cosigned {
        lines: String,
        size: u64,
    },
    Refused(Refused),
    /// The file is behind the note.
    Behind {
        size: u64,
    },
    /// Two histories, just seen.
    Caught {
        evidence: String,
        refused: Refused,
    },
}

/// The answer to a request: signature lines.
pub async fn add_checkpoint(app: &Arc<App>, registry: RegistryId, body: &[u8]) -> Result<String, Refused> {
    let request = AddCheckpoint::parse(body).map_err(|e| other(Code::Invalid, e.to_string()))?;
    let tenant = app.tenant(registry)?;
    let origin = request.checkpoint.checkpoint().origin().to_owned();
    let known = tenant.config.witness.logs.iter().find(|log| log.origin == origin);
    let log = known.ok_or_else(|| other(Code::NotFound, "this witness was not told of this log"))?;
    let keys = Keys::of(app, registry, &log.vkey)
        .ok_or_else(|| other(Code::Unavailable, "this witness has no key yet"))?;
    // Before anything is read or locked: only a log itself can keep its witness busy.
    request.checkpoint.verify_log(&log.vkey).map_err(|e| other(Code::Denied, e.to_string()))?;
    let turn = app.witness.turn(registry, &origin).lock_owned().await;
    let dir = app.config.log_store.dir.clone();
    let mut job = Job {
        folder: folder(&dir, &tenant.registry.slug),
        mark: marks::read(app, registry, &origin).await?,
        now_secs: u64::try_from(app.clock.now().secs()).unwrap_or(0),
        request,
        keys,
        dir,
    };
    let (mut decided, again) = run(job).await?;
    job = again;
    if matches!(decided, Decided::Behind { .. }) {
        job.mark = marks::read_again(app, registry, &origin).await?;
        decided = run(job).await?.0;
    }
    drop(turn);
    conclude(app, registry, &origin, decided).await
}

async fn run(job: Job) -> Result<(Decided, Job), Refused> {
    let work = move || (job.decide().unwrap_or_else(|fault| Decided::Refused(halted(&fault))), job);
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        tracing::error!(error = %e, "a checkpoint could not be considered");
        other(Code::Internal, "an error of ours; it was logged")
    })
}

fn halted(fault: &Fault) -> Refused {
    tracing::error!(error = %fault, "the witness cannot tell what it cosigned");
    other(Code::Unavailable, "this witness cannot tell what it cosigned; its operator must look")
}

async fn conclude(
    app: &Arc<App>,
    registry: RegistryId,
    origin: &str,
    decided: Decided,
) -> Result<String, Refused> {
    match decided {
        Decided::Cosigned { lines, size } => {
            marks::raise(app, registry, origin, size);
            Ok(lines)
        }
        Decided::Refused(refused) => Err(refused),
        Decided::Behind { size } => {
            tracing::error!(%registry, origin, size, "the witness's state is older than what it cosigned");
            let text = "this witness was restored from an older state; nothing of this log is cosigned until a \
                        person confirms it with `charterd log confirm-witness`";
            Err(other(Code::Unavailable, text))
        }
        Decided::Caught { evidence, refused } => {
            quarantine::caught(app, registry, origin, &evidence).await;
            Err(refused)
        }
    }
}

fn quarantined(evidence: &str) -> Refused {
    let text = format!("this log showed two histories (evidence {evidence}); nothing of it is cosigned");
    other(Code::Inconsistent, text)
}

impl Job {
    fn decide(&self) -> Result<Decided, Fault> {
        let held = Held::take(&self.folder, self.request.checkpoint.checkpoint().origin())?;
        if let Some(found) = held.quarantine()? {
            return Ok(Decided::Refused(quarantined(&found.evidence)));
        }
        let (seen, last) = held.seen(&self.keys)?.map_or((None, 0), |(seen, at)| (Some(seen), at));
        let size = seen.as_ref().map_or(0, |seen| seen.checkpoint().size());
        if size < self.mark {
            return Ok(Decided::Behind { size });
        }
        let seen = seen.map(Seen::new);
        match witness::consider(&self.request, seen.as_ref(), &self.keys.log) {
            Ok(accepted) => self.cosign(&held, accepted.seen.signed(), last),
            Err(rejected) => self.refuse(&held, &rejected),
        }
    }

    fn refuse(&self, held: &Held, rejected: &Rejected) -> Result<Decided, Fault> {
        let refused = match rejected {
            Rejected::Conflict { size, .. } => Refused::Conflict(*size),
            Rejected::BadRequest { .. } => other(Code::Invalid, rejected.to_string()),
            Rejected::Forbidden(_) => other(Code::Denied, rejected.to_string()),
            _ => other(Code::Inconsistent, rejected.to_string()),
        };
        match rejected.evidence() {
            Some(evidence) => Ok(Decided::Caught { evidence: self.accuse(held, evidence)?, refused }),
            None => Ok(Decided::Refused(refused)),
        }
    }

    /// On the disk before anybody sees the cosignature.
    fn cosign(&self, held: &Held, checkpoint: &SignedCheckpoint, last: u64) -> Result<Decided, Fault> {
        let time = self.now_secs.max(last).max(1);
        let signed = cosign::cosign(checkpoint.checkpoint(), time, &self.keys.own.signer());
        let with = signed.and_then(|line| {
            let with = checkpoint.with_signatures(std::slice::from_ref(&line))?;
            Ok((line, with))
        });
        match with {
            Ok((line, with)) => {
                held.keep(&with)?;
                Ok(Decided::Cosigned { lines: format!("{line}\n"), size: checkpoint.checkpoint().size() })
            }
            Err(error) => {
                tracing::error!(%error, "the witness's key could not sign");
                let text = "this witness cannot sign now; try again later";
                Ok(Decided::Refused(other(Code::Unavailable, text)))
            }
        }
    }

    fn accuse(&self, held: &Held, found: &Equivocation) -> Result<String, Fault> {
        quarantine::set(&self.dir, held, found, self.now_secs)
    }
}
