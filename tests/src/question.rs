//! A question, put through both doors; awaiting it compares what they say.

use std::{
    collections::BTreeMap,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use charter_domain::{Kind, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    TestApp,
    ask::{self, Said},
};

#[derive(Clone)]
pub struct Asking<'a> {
    pub app: &'a TestApp,
    pub kind: Kind,
    pub authority: String,
    pub entity: String,
    pub action: String,
    pub resource: String,
    pub context: BTreeMap<String, String>,
    /// What a late registry left open is asked again: a busy machine is no reason to fail.
    pub patient: bool,
}

/// How long an answer that a registry was late for is waited for: it rests a second or two, then it is asked again.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

impl Asking<'_> {
    pub fn of(mut self, authority: &str) -> Self {
        authority.clone_into(&mut self.authority);
        self
    }
    /// Takes the first answer, also where it is that a registry was late.
    pub fn at_once(mut self) -> Self {
        self.patient = false;
        self
    }
    pub fn recognition(mut self) -> Self {
        self.kind = Kind::Recognition;
        self
    }
    pub fn at(self, time: Timestamp) -> Self {
        self.with("time", &time.to_string())
    }
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.context.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn json(&self) -> Value {
        let mut body = json!({
            "authority_id": self.authority,
            "entity_id": self.entity,
            "action": self.action,
            "resource": self.resource,
        });
        if !self.context.is_empty() {
            body["context"] = json!(self.context);
        }
        body
    }

    pub async fn rest(&self) -> Said {
        self.heard(|| ask::rest(self)).await
    }

    pub async fn grpc(&self) -> Said {
        self.heard(|| ask::grpc(self)).await
    }

    /// Asks until no registry was late, or it is certain that one is. A yes or a no is taken as it comes.
    async fn heard<F: Future<Output = Said>>(&self, ask: impl Fn() -> F) -> Said {
        let end = Instant::now() + PATIENCE;
        loop {
            let said = ask().await;
            if !self.patient || !said.is_late() || Instant::now() >= end {
                return said;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Both doors, twice each: the second answer may come from a cache, and must be the same.
    pub async fn both(&self) -> Said {
        let first = self.rest().await;
        for again in [self.grpc().await, self.rest().await, self.grpc().await] {
            assert_eq!(first, again, "the doors disagree about {}", self.json());
        }
        first
    }
}

impl<'a> IntoFuture for Asking<'a> {
    type Output = Said;
    type IntoFuture = Pin<Box<dyn Future<Output = Said> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.both().await })
    }
}
