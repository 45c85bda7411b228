//! Compiling schemas and validating documents, on a thread of its own with bounded work. What a schema costs cannot be
//! told from its text: so every step is counted, and the thread gives up when the count or the time is used up.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use charter_domain::{Invalid, schema};
use jsonschema::{Draft, Keyword, PatternOptions, Registry, ValidationError, Validator};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};

use crate::{Error, error::Code};

pub const MAX_DOCUMENT: usize = 256 * 1024;
const MAX_DEPTH: u32 = 32;
const MAX_FAULTS: usize = 100;
const MAX_TEXT: usize = 300;
/// Of work: while the machine has no time for the thread it does none.
const LONGEST: Duration = Duration::from_millis(200);
/// Schemas applied to values, compilation included. An ordinary document takes thousands.
const STEPS: u64 = 1_000_000;
/// Compiled, each: bounded repetitions of large classes are long.
const MAX_PATTERN: usize = 256 * 1024;
/// 32 schemas through one another at each of 32 levels.
const STACK: usize = 16 * 1024 * 1024;
/// At once, in this process.
static SEATS: Semaphore = Semaphore::const_new(4);

/// A member of every schema while it is in use here, never of one that is kept.
const STEP: &str = "x-charter-step";

/// One place where a document does not fit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// JSON Pointers.
    pub instance: String,
    pub schema: String,
    pub message: String,
}

struct Budget {
    left: AtomicU64,
    until: Duration,
}

impl Budget {
    /// Ends this thread's work when nothing is left: nothing else can stop a validation.
    fn spend(&self) {
        let left = self.left.fetch_sub(1, Ordering::Relaxed);
        if left <= 1 || (left.is_multiple_of(64) && worked() > self.until) {
            std::panic::resume_unwind(Box::new("the budget of a validation is used up"));
        }
    }
}

/// How long this thread has run.
fn worked() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0))
}

struct Step(Arc<Budget>);

impl<'i> Keyword<'i> for Step {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        self.0.spend();
        Ok(())
    }
    fn is_valid(&self, _: &'i Value) -> bool {
        self.0.spend();
        true
    }
}

fn build(
    uri: &str,
    schema: &Value,
    others: &BTreeMap<String, Value>,
    budget: &Arc<Budget>,
) -> Result<Validator, String> {
    let root = schema::marked(schema, STEP);
    let mut registry = Registry::new();
    for (uri, other) in others {
        registry = registry.add(uri.as_str(), schema::marked(other, STEP)).map_err(|e| e.to_string())?;
    }
    let registry = registry.prepare().map_err(|e| e.to_string())?;
    let budget = Arc::clone(budget);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_base_uri(uri)
        .with_registry(&registry)
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(4 * MAX_PATTERN))
        .with_keyword(STEP, move |_, _, _| {
            budget.spend();
            Ok(Box::new(Step(Arc::clone(&budget))))
        })
        .build(&root)
        .map_err(|e| format!("at `{}`: {}", e.instance_path(), short(&e)))
}

/// Runs on a thread that may end in the middle; then there was too much to do.
async fn bounded<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce(&Arc<Budget>) -> Result<T, Invalid> + Send + 'static,
) -> Result<T, Error> {
    let busy = || Error::new(Code::Unavailable, "too many documents are validated at once");
    let seat = tokio::time::timeout(Duration::from_secs(1), SEATS.acquire()).await;
    let seat = seat.ok().and_then(Result::ok).ok_or_else(busy)?;
    let (out, done) = oneshot::channel();
    let run = move || {
        let _seat = seat;
        let budget = Arc::new(Budget { left: AtomicU64::new(STEPS), until: worked() + LONGEST });
        let _ = out.send(work(&budget));
    };
    let thread = std::thread::Builder::new().name("schema".to_owned()).stack_size(STACK).spawn(run);
    thread.map_err(|_| Error::new(Code::Unavailable, "no thread could be started"))?;
    let too_much =
        |_| Invalid::new(what, format!("takes more work than the {STEPS} steps or 200 ms allowed"));
    Ok(done.await.map_err(too_much)??)
}

/// Whether it can be compiled; its faults otherwise.
pub async fn compile(uri: String, schema: Value, others: BTreeMap<String, Value>) -> Result<(), Error> {
    bounded("schema_json", move |budget| {
        let built = build(&uri, &schema, &others, budget).map(drop);
        built.map_err(|e| Invalid::new("schema_json", format!("is no schema: {}", clipped(e))))
    })
    .await
}

pub async fn validate(
    uri: String,
    schema: Value,
    others: BTreeMap<String, Value>,
    document: Value,
) -> Result<Vec<Fault>, Error> {
    bounded("document_json", move |budget| {
        let validator =
            build(&uri, &schema, &others, budget).map_err(|e| Invalid::new("schema", clipped(e)))?;
        let fault = |e: ValidationError<'_>| Fault {
            instance: e.instance_path().to_string(),
            schema: e.schema_path().to_string(),
            message: short(&e),
        };
        Ok(validator.iter_errors(&document).take(MAX_FAULTS).map(fault).collect())
    })
    .await
}

/// Without the value itself, which the caller has and which may be large.
fn short(e: &ValidationError<'_>) -> String {
    clipped(e.masked().to_string())
}

fn clipped(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str("..");
    }
    text
}

/// A document to validate: fractions are welcome here, since nothing of it is hashed.
pub fn document(text: &str) -> Result<Value, Error> {
    let bad = |reason: String| Error::from(Invalid::new("document_json", reason));
    if text.len() > MAX_DOCUMENT {
        return Err(Error::new(Code::TooLarge, format!("a document is at most {MAX_DOCUMENT} bytes")));
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|e| bad(format!("is not JSON at line {} column {}", e.line(), e.column())))?;
    if depth(&value) > MAX_DEPTH {
        return Err(bad(format!("is nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(value)
}

fn depth(value: &Value) -> u32 {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
