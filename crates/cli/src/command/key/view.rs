//! A key as it is shown. Its JSON form is public: members are added, never renamed.

use charter_proto::charter::registry::v1 as pb;
use serde::Serialize;
use serde_json::Value;

use crate::output;

#[derive(Serialize)]
pub struct View {
    pub kid: String,
    alg: String,
    pub jwk: Value,
    state: String,
    added_at: Option<String>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    revoked_at: Option<String>,
    reason: String,
    compromised_since: Option<String>,
    signs: bool,
}

impl From<pb::Key> for View {
    fn from(key: pb::Key) -> Self {
        Self {
            jwk: serde_json::from_str(&key.jwk_json).unwrap_or_default(),
            kid: key.kid,
            alg: key.alg,
            state: key.state,
            added_at: output::time(key.added_at),
            valid_from: output::time(key.valid_from),
            valid_until: output::time(key.valid_until),
            revoked_at: output::time(key.revoked_at),
            reason: key.reason,
            compromised_since: output::time(key.compromised_since),
            signs: key.signs,
        }
    }
}

impl View {
    pub const HEADINGS: [&'static str; 6] = ["KEY", "ALG", "STATE", "FROM", "UNTIL", "NOTE"];

    /// Others may meet signatures by it.
    pub fn is_in_use(&self) -> bool {
        matches!(self.state.as_str(), "ANNOUNCED" | "ACTIVE")
    }

    pub fn row(&self) -> Vec<String> {
        let end = self.revoked_at.as_ref().or(self.valid_until.as_ref());
        vec![
            self.kid.clone(),
            self.alg.clone(),
            self.state.clone(),
            self.valid_from.clone().unwrap_or_default(),
            end.cloned().unwrap_or_default(),
            if self.signs { "signs".to_owned() } else { self.reason.clone() },
        ]
    }

    pub fn text(&self) -> String {
        let at = |time: &Option<String>| time.clone().unwrap_or_default();
        output::fields([
            ("key", self.kid.clone()),
            ("algorithm", self.alg.clone()),
            ("state", self.state.clone()),
            ("signs", if self.signs { "yes".to_owned() } else { String::new() }),
            ("added", at(&self.added_at)),
            ("valid from", at(&self.valid_from)),
            ("valid until", at(&self.valid_until)),
            ("revoked", at(&self.revoked_at)),
            ("reason", self.reason.clone()),
            ("compromised since", at(&self.compromised_since)),
            ("public key", self.jwk.to_string()),
        ])
    }
}
