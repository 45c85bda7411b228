//! What is asked, in which order, and what must be answered.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use bytes::Bytes;
use charter_proto::trqp::v2 as pb;
use prost::Message;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};

pub const DEGREE: &str = "UniversityDegreeCredential";
pub const DIPLOMA: &str = "DiplomaCredential";
pub const ACTION: &str = "issue";
const SEED: u64 = 20_261_120;
/// Inside every registry's kept history.
const TIME: &str = "2026-01-15T12:00:00Z";

/// A plain question, which caches may answer, or one about an instant, which they may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    Plain,
    AtTime,
}

/// One question with its right answer.
#[derive(Debug, Clone)]
pub struct Question {
    pub path: String,
    pub authority: String,
    pub entity: String,
    pub resource: &'static str,
    pub authorized: bool,
    pub decided_by: String,
    plain: Bytes,
    at_time: Bytes,
}

impl Question {
    pub fn new(path: &str, authority: &str, entity: &str, authorized: bool, decided_by: &str) -> Self {
        let resource = if authorized { DEGREE } else { DIPLOMA };
        let mut body = json!({
            "entity_id": entity, "authority_id": authority, "action": ACTION, "resource": resource,
        });
        let plain = Bytes::from(body.to_string());
        body["context"] = json!({ "time": TIME });
        Self {
            path: path.to_owned(),
            authority: authority.to_owned(),
            entity: entity.to_owned(),
            resource,
            authorized,
            decided_by: decided_by.to_owned(),
            plain,
            at_time: Bytes::from(body.to_string()),
        }
    }

    pub fn body(&self, asking: Asking) -> Bytes {
        match asking {
            Asking::Plain => self.plain.clone(),
            Asking::AtTime => self.at_time.clone(),
        }
    }

    /// The same as AuthZEN has it.
    pub fn evaluation(&self) -> Value {
        json!({
            "subject": { "type": "entity", "id": self.entity },
            "action": { "name": ACTION },
            "resource": { "type": "credential_type", "id": self.resource },
        })
    }

    pub fn message(&self) -> pb::AuthorizationRequest {
        pb::AuthorizationRequest {
            entity_id: self.entity.clone(),
            authority_id: self.authority.clone(),
            action: ACTION.to_owned(),
            resource: self.resource.to_owned(),
            ..pb::AuthorizationRequest::default()
        }
    }

    /// The question as one gRPC frame: not compressed, length, message.
    pub fn frame(&self) -> Vec<u8> {
        let message = self.message().encode_to_vec();
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        [&[0][..], &length.to_be_bytes(), &message].concat()
    }

    fn reason(&self) -> &'static str {
        if self.authorized { "ACTIVE" } else { "NOT_LISTED" }
    }

    pub fn check(&self, asking: Asking, status: u16, body: &[u8]) -> anyhow::Result<()> {
        let said: Value = serde_json::from_slice(body)?;
        ensure!(status == 200, "status {status}");
        ensure!(
            said["entity_id"] == self.entity && said["authority_id"] == self.authority,
            "another question"
        );
        ensure!(said["action"] == ACTION && said["resource"] == self.resource, "another question");
        ensure!(said["authorized"] == self.authorized, "authorized");
        ensure!(said["meta"]["reason"] == self.reason(), "meta.reason");
        ensure!(said["meta"]["decided_by"] == self.decided_by, "meta.decided_by");
        ensure!(said["time_evaluated"].is_string() && said["meta"]["expires_at"].is_string(), "times");
        ensure!(said["time_requested"].is_string() == (asking == Asking::AtTime), "time_requested");
        Ok(())
    }

    pub fn check_evaluation(&self, status: u16, body: &[u8]) -> anyhow::Result<()> {
        let said: Value = serde_json::from_slice(body)?;
        ensure!(status == 200, "status {status}");
        ensure!(said["decision"] == self.authorized, "decision");
        ensure!(said["context"]["reason"] == self.reason(), "context.reason");
        ensure!(said["context"]["decided_by"] == self.decided_by, "context.decided_by");
        Ok(())
    }

    pub fn check_message(&self, said: &pb::AuthorizationResponse) -> anyhow::Result<()> {
        let meta = said.meta.as_ref().context("no meta")?;
        ensure!(said.entity_id == self.entity && said.authority_id == self.authority, "another question");
        ensure!(said.resource == self.resource && said.authorized == self.authorized, "authorized");
        ensure!(meta.reason == self.reason() && meta.decided_by == self.decided_by, "meta");
        ensure!(said.time_evaluated.is_some() && meta.expires_at.is_some(), "times");
        Ok(())
    }
}

/// A synthetic entity, by number; `pgbench` makes the same names.
pub fn entity(n: usize) -> String {
    format!("did:web:u{n}.universities.example")
}

/// Holds a diploma's authorization too, so that the type is known and the others are negatives for it.
pub fn has_diploma(n: usize) -> bool {
    n.is_multiple_of(10)
}

/// Each entity once, shuffled, and as many again by Zipf's law (s = 1); every tenth is a negative.
pub fn sequence(authority: &str, decided_by: &str, entities: usize) -> Vec<Question> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut order: Vec<usize> = (0..entities).collect();
    order.shuffle(&mut random);
    let zipf = by_zipf(&order, entities, &mut random);
    let mut all: Vec<usize> = order.into_iter().chain(zipf).collect();
    all.shuffle(&mut random);
    all.into_iter().map(|n| one(n, (authority, decided_by), &mut random)).collect()
}

/// So many questions about as many entities, drawn by Zipf's law alone.
pub fn drawn(authority: &str, entities: usize, count: usize) -> Vec<Question> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut order: Vec<usize> = (0..entities).collect();
    order.shuffle(&mut random);
    let drawn = by_zipf(&order, count, &mut random);
    drawn.into_iter().map(|n| one(n, (authority, authority), &mut random)).collect()
}

fn by_zipf(order: &[usize], count: usize, random: &mut StdRng) -> Vec<usize> {
    let mut sum = 0.0;
    let cumulated: Vec<f64> = (1..=order.len())
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    let mut draw = || {
        let draw = random.random::<f64>() * sum;
        order[cumulated.partition_point(|c| *c < draw).min(order.len() - 1)]
    };
    (0..count).map(|_| draw()).collect()
}

fn one(n: usize, (authority, decided_by): (&str, &str), random: &mut StdRng) -> Question {
    let negative = !has_diploma(n) && random.random_ratio(1, 9);
    Question::new("/authorization", authority, &entity(n), !negative, decided_by)
}

/// The bodies, a line each: what `wrk` reads.
pub fn lines(questions: &[Question], asking: Asking) -> String {
    questions.iter().fold(String::new(), |mut text, q| {
        let _ = writeln!(text, "{}", String::from_utf8_lossy(&q.body(asking)));
        text
    })
}
