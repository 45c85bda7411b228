//! Webhooks and attempts as they are shown. The JSON form is the API's.

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;

use crate::output;

#[derive(Serialize)]
pub struct View {
    webhook_id: String,
    url: String,
    kinds: Vec<String>,
    entity_id: Option<String>,
    state: String,
    disabled_why: String,
    cursor: i64,
    failures: i32,
    failing_since: Option<String>,
    due_at: Option<String>,
    created_at: Option<String>,
    previous_until: Option<String>,
    etag: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    at: Option<String>,
    by: i64,
    what: String,
}

impl From<pb::Webhook> for View {
    fn from(w: pb::Webhook) -> Self {
        let change = |c: pb::WebhookChange| Change { at: output::time(c.at), by: c.by, what: c.what };
        Self {
            webhook_id: w.webhook_id,
            url: w.url,
            kinds: w.kinds,
            entity_id: Some(w.entity_id).filter(|id| !id.is_empty()),
            state: w.state,
            disabled_why: w.disabled_why,
            cursor: w.cursor,
            failures: w.failures,
            failing_since: output::time(w.failing_since),
            due_at: output::time(w.due_at),
            created_at: output::time(w.created_at),
            previous_until: output::time(w.previous_until),
            etag: w.etag,
            changes: w.changes.into_iter().map(change).collect(),
        }
    }
}

impl View {
    pub const HEADINGS: [&'static str; 5] = ["ID", "URL", "STATE", "CURSOR", "FAILURES"];

    pub fn row(&self) -> Vec<String> {
        let (cursor, failures) = (self.cursor.to_string(), self.failures.to_string());
        vec![self.webhook_id.clone(), self.url.clone(), self.state.clone(), cursor, failures]
    }

    /// Every member that says something, and the changes.
    pub fn text(&self, secret: &str) -> String {
        let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
        let pairs = [
            ("id", self.webhook_id.clone()),
            ("url", self.url.clone()),
            ("secret", secret.to_owned()),
            ("kinds", self.kinds.join(", ")),
            ("entity", or_empty(&self.entity_id)),
            ("state", self.state.clone()),
            ("why", self.disabled_why.clone()),
            ("cursor", self.cursor.to_string()),
            ("failing since", or_empty(&self.failing_since)),
            ("next attempt", or_empty(&self.due_at)),
            ("created", or_empty(&self.created_at)),
            ("old secret until", or_empty(&self.previous_until)),
        ];
        let fields = output::fields(pairs);
        if self.changes.is_empty() {
            return fields;
        }
        let row = |c: &Change| vec![or_empty(&c.at), c.by.to_string(), c.what.clone()];
        let changes = output::table(&["AT", "BY", "WHAT"], self.changes.iter().map(row));
        format!("{fields}\n\n{changes}")
    }
}

#[derive(Serialize)]
pub struct Attempt {
    number: i64,
    seq: i64,
    failures: i32,
    at: Option<String>,
    duration_ms: i32,
    status: i32,
    outcome: String,
}

impl From<pb::Delivery> for Attempt {
    fn from(d: pb::Delivery) -> Self {
        Self {
            number: d.number,
            seq: d.seq,
            failures: d.failures,
            at: output::time(d.at),
            duration_ms: d.duration_ms,
            status: d.status,
            outcome: d.outcome,
        }
    }
}

impl Attempt {
    pub const HEADINGS: [&'static str; 6] = ["NUMBER", "EVENT", "AT", "OUTCOME", "STATUS", "TOOK"];

    pub fn row(&self) -> Vec<String> {
        let event = if self.seq == 0 { "test".to_owned() } else { self.seq.to_string() };
        let status = if self.status == 0 { String::new() } else { self.status.to_string() };
        let at = self.at.clone().unwrap_or_default();
        vec![
            self.number.to_string(),
            event,
            at,
            self.outcome.clone(),
            status,
            format!("{} ms", self.duration_ms),
        ]
    }

    pub fn arrived(&self) -> bool {
        self.outcome == "DELIVERED"
    }

    pub fn text(&self) -> String {
        let status = if self.status == 0 { String::new() } else { format!(", HTTP {}", self.status) };
        format!("{}{status}, in {} ms", output::clean(&self.outcome), self.duration_ms)
    }
}
