//! What a client does until it knows what became of it: a write is sent again with the same request id, a question to the
//! next server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use charter_tests::rest::Reply;
use rand::Rng as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Attempt, BASE, CHANGED, Endpoints, Recorder, pace::Due};
use crate::history::{self, Entry, Op, Outcome, SECOND, Said};

pub const RECORDS: &str = "/api/v1/import/records";
const STATUS: &str = "/api/v1/import/status";
pub const QUESTION: &str = "/authorization";

/// How long a client waits for one answer, and how long it tries.
const WRITE_WITHIN: Duration = Duration::from_secs(3);
const WRITE_TRIED: Duration = Duration::from_secs(60);
const READ_WITHIN: Duration = Duration::from_millis(500);
const READ_TRIED: Duration = Duration::from_secs(3);
/// Between two attempts at a write: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(800));
/// Between two attempts at a question, after the second: the first goes to another server at once.
const READ_PAUSE: Duration = Duration::from_millis(100);
/// What is later than this is not sent at all: who wanted it has gone.
const TOO_LATE: u64 = 5 * SECOND;
/// When a client leaves: before most commits, during some, after few.
const LEAVES_WITHIN_MICROS: u64 = 40_000;
/// Of ten questions, how many are about an entity whose status changes.
const ABOUT_CHANGED: u32 = 3;

pub struct Client {
    pub recorder: Arc<Recorder>,
    pub endpoints: Arc<Endpoints>,
    pub left_alone: Arc<AtomicU32>,
    pub run: u32,
}

/// What an answer to a write says.
enum Verdict {
    Done,
    Refused(String),
    /// Not now; whether it may have been done all the same.
    Later {
        unknown: bool,
        kind: String,
    },
}

/// An entity as it is registered.
pub fn record(run: u32, number: u32) -> Value {
    let authorization = json!({
        "action": "issue", "resource": "Degree", "valid_from": "2010-01-01T00:00:00Z",
    });
    json!({
        "line": 1, "identifier": history::entity(run, number), "names": { "en": format!("University {number}") },
        "country": "FI", "authorizations": [authorization],
    })
}

/// The question whether an entity may issue.
pub fn question(authority: &str, run: u32, entity: u32) -> String {
    json!({
        "authority_id": authority, "entity_id": history::entity(run, entity),
        "action": "issue", "resource": "Degree",
    })
    .to_string()
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..1.0))
}

fn code(reply: &Reply) -> String {
    reply.json()["code"].as_str().map_or_else(|| reply.status.to_string(), str::to_owned)
}

fn verdict(op: Op, reply: &Reply) -> Verdict {
    match reply.status {
        200 if op == Op::Register && reply.json()["accepted"] != 1 => {
            let body = reply.json();
            Verdict::Refused(body["errors"][0]["code"].as_str().unwrap_or("not accepted").to_owned())
        }
        200 => Verdict::Done,
        429 => Verdict::Later { unknown: false, kind: code(reply) },
        503 => {
            let kind = code(reply);
            Verdict::Later { unknown: kind == "OUTCOME_UNKNOWN", kind }
        }
        500.. => Verdict::Later { unknown: true, kind: code(reply) },
        _ => Verdict::Refused(code(reply)),
    }
}

impl Client {
    fn begun(&self, op: Op, due: Due) -> Option<Entry> {
        let invoked = self.recorder.now();
        if invoked > due + TOO_LATE {
            self.recorder.skip();
            return None;
        }
        let number = self.recorder.number();
        let outcome = Outcome::Refused;
        Some(Entry {
            number,
            op,
            due,
            invoked,
            completed: invoked,
            outcome,
            said: None,
            server: 0,
            attempts: 0,
        })
    }

    fn keep(&self, mut entry: Entry, outcome: Outcome) {
        entry.outcome = outcome;
        entry.completed = self.recorder.now();
        self.recorder.keep(entry);
    }

    /// How long this attempt is waited for; shorter than an answer takes where the client leaves.
    fn patience(&self) -> Duration {
        let mut random = rand::rng();
        if random.random_range(0..1_000) < self.left_alone.load(Ordering::Relaxed) {
            return Duration::from_micros(random.random_range(0..LEAVES_WITHIN_MICROS));
        }
        WRITE_WITHIN
    }

    pub async fn write(&self, op: Op, due: Due) {
        let Some(mut entry) = self.begun(op, due) else { return };
        let (path, body) = match op {
            Op::Register => (RECORDS, json!({ "records": [record(self.run, entry.number)] })),
            Op::Set { entity, active } => (STATUS, self.status(entry.number, entity, active)),
            Op::Ask { .. } => return,
        };
        let (body, id) = (body.to_string(), history::request_id(self.run, entry.number));
        let (end, mut unknown, mut pause) = (Instant::now() + WRITE_TRIED, false, PAUSE.0);
        while Instant::now() < end {
            entry.server = self.endpoints.pick();
            entry.attempts += 1;
            let sent = self.endpoints.post(entry.server, path, body.clone(), Some(id), self.patience()).await;
            if let Some(outcome) = self.settled(op, &entry, sent, &mut unknown) {
                self.keep(entry, outcome);
                return;
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(PAUSE.1);
        }
        self.keep(entry, if unknown { Outcome::Unknown } else { Outcome::Refused });
    }

    fn status(&self, number: u32, entity: u32, active: bool) -> Value {
        json!({
            "entity_id": history::entity(self.run, entity),
            "state": if active { "ACTIVE" } else { "SUSPENDED" },
            "reason": history::mark(self.run, number),
        })
    }

    /// What is known after an attempt at a write; none where it is to be sent again.
    fn settled(&self, op: Op, entry: &Entry, sent: Attempt, unknown: &mut bool) -> Option<Outcome> {
        let kind = match sent {
            Attempt::Answered(reply) => match verdict(op, &reply) {
                Verdict::Done => return Some(Outcome::Done),
                Verdict::Refused(kind) => {
                    self.recorder.trouble(true, &format!("refused {kind}"));
                    return Some(Outcome::Refused);
                }
                Verdict::Later { unknown: maybe, kind } => {
                    *unknown |= maybe;
                    kind
                }
            },
            Attempt::NotSent => {
                self.endpoints.failed(entry.server);
                "not connected".to_owned()
            }
            Attempt::Lost(why) => {
                *unknown = true;
                why.to_owned()
            }
        };
        // Who answers that there is no primary, or waits for one, answers questions all the same.
        self.recorder.trouble(true, &kind);
        None
    }

    pub async fn ask(&self, due: Due) {
        let entity = {
            let mut random = rand::rng();
            let changed = random.random_range(0..10) < ABOUT_CHANGED;
            random.random_range(if changed { 0..CHANGED } else { CHANGED..BASE })
        };
        let Some(mut entry) = self.begun(Op::Ask { entity }, due) else { return };
        let body = question(&self.endpoints.authority, self.run, entity);
        let end = Instant::now() + READ_TRIED;
        while Instant::now() < end {
            entry.server = self.endpoints.pick();
            entry.attempts += 1;
            // Each attempt is a question of its own: an answer is as of then.
            entry.invoked = self.recorder.now();
            let sent = self.endpoints.post(entry.server, QUESTION, body.clone(), None, READ_WITHIN).await;
            if !matches!(sent, Attempt::Answered(_)) {
                self.endpoints.failed(entry.server);
            }
            match said(sent) {
                Ok(said) => {
                    entry.said = Some(said);
                    self.keep(entry, Outcome::Done);
                    return;
                }
                Err(kind) => self.recorder.trouble(false, &kind),
            }
            if entry.attempts > 1 {
                tokio::time::sleep(jittered(READ_PAUSE)).await;
            }
        }
        self.keep(entry, Outcome::Unknown);
    }
}

/// What an answer to a question says, or why there is none.
fn said(sent: Attempt) -> Result<Said, String> {
    let reply = match sent {
        Attempt::Answered(reply) => reply,
        Attempt::NotSent => return Err("not connected".to_owned()),
        Attempt::Lost(why) => return Err(why.to_owned()),
    };
    answer(&reply).ok_or_else(|| code(&reply))
}

/// Yes or no; nobody of an entity that is not known may issue.
pub fn answer(reply: &Reply) -> Option<Said> {
    let body = reply.json();
    if reply.status == 404 {
        return Some(Said { yes: false, stale: false, epoch: 0 });
    }
    let yes = body["authorized"].as_bool().filter(|_| reply.status == 200)?;
    let meta = &body["meta"];
    let stale = meta["stale"].as_bool().unwrap_or(false);
    Some(Said { yes, stale, epoch: meta["epoch"].as_i64()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &Value) -> Reply {
        Reply { status, headers: http::HeaderMap::new(), body: body.to_string().into() }
    }

    fn word(op: Op, status: u16, body: &Value) -> &'static str {
        match verdict(op, &reply(status, body)) {
            Verdict::Done => "done",
            Verdict::Refused(_) => "refused",
            Verdict::Later { unknown: true, .. } => "unknown",
            Verdict::Later { unknown: false, .. } => "later",
        }
    }

    #[test]
    fn an_answer_to_a_write_is_taken_for_what_it_says() {
        let set = Op::Set { entity: 1, active: true };
        assert_eq!(word(Op::Register, 200, &json!({ "accepted": 1, "epoch": 7 })), "done");
        assert_eq!(word(Op::Register, 200, &json!({ "accepted": 0, "errors": [] })), "refused");
        assert_eq!(word(set, 200, &json!({ "epoch": 7 })), "done");
        assert_eq!(word(set, 503, &json!({ "code": "UNAVAILABLE" })), "later");
        assert_eq!(word(set, 503, &json!({ "code": "OUTCOME_UNKNOWN" })), "unknown");
        assert_eq!(word(set, 504, &json!({ "code": "DEADLINE_EXCEEDED" })), "unknown");
        assert_eq!(word(set, 500, &json!({})), "unknown");
        assert_eq!(word(set, 429, &json!({ "code": "RATE_LIMITED" })), "later");
        assert_eq!(word(set, 409, &json!({ "code": "CONFLICT" })), "refused");
    }

    #[test]
    fn an_answer_to_a_question_is_yes_no_or_none() {
        let body = json!({ "authorized": true, "meta": { "epoch": 3 } });
        assert_eq!(answer(&reply(200, &body)), Some(Said { yes: true, stale: false, epoch: 3 }));
        let stale = json!({ "authorized": true, "meta": { "epoch": 3, "stale": true } });
        assert_eq!(answer(&reply(200, &stale)).map(|said| said.stale), Some(true));
        assert_eq!(answer(&reply(404, &json!({}))).map(|said| said.yes), Some(false));
        assert_eq!(answer(&reply(503, &json!({ "code": "STALE" }))), None);
        assert_eq!(answer(&reply(200, &json!({ "authorized": true }))), None, "without an epoch");
    }
}
