//! A question of TRQP v2, where it is sent, and the file of questions whose answers the caller knows.

use std::{collections::BTreeMap, path::Path};

use charter_domain::Kind;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::exit::Failure;

/// Largest file of questions.
const MAX_FILE: u64 = 1024 * 1024;
/// And how many there may be.
const MAX_CASES: usize = 1_000;

/// Where questions of a kind are sent.
pub const fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Authorization => "/authorization",
        Kind::Recognition => "/recognition",
    }
}

/// The member of an answer that decides.
pub const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Authorization => "authorized",
        Kind::Recognition => "recognized",
    }
}

/// The four terms.
pub const TERMS: [&str; 4] = ["entity_id", "authority_id", "action", "resource"];

#[derive(Debug, Clone)]
pub struct Question {
    pub kind: Kind,
    pub authority: String,
    pub entity: String,
    pub action: String,
    pub resource: String,
    pub context: BTreeMap<String, String>,
}

impl Question {
    pub fn body(&self) -> Value {
        let mut body = json!({
            "entity_id": self.entity,
            "authority_id": self.authority,
            "action": self.action,
            "resource": self.resource,
        });
        if !self.context.is_empty() {
            body["context"] = json!(self.context);
        }
        body
    }

    /// The same about another instant.
    #[must_use]
    pub fn at(&self, time: &str) -> Self {
        let mut asked = self.clone();
        asked.context.insert("time".to_owned(), time.to_owned());
        asked
    }

    /// The same as text, with one member more, which is JSON.
    pub fn with(&self, name: &str, value: &str) -> String {
        let body = self.body().to_string();
        format!("{},{}:{value}}}", body.strip_suffix('}').unwrap_or(&body), json!(name))
    }
}

/// What the caller knows of a registry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Whom cases ask that name no authority.
    #[serde(default)]
    authority_id: Option<String>,
    cases: Vec<Case>,
}

/// A question, and its right answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(default)]
    name: String,
    #[serde(default = "authorization")]
    kind: Kind,
    #[serde(default)]
    authority_id: Option<String>,
    entity_id: String,
    action: String,
    resource: String,
    #[serde(default)]
    context: BTreeMap<String, String>,
    pub expect: Expect,
}

/// What is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    Yes,
    No,
    /// 404, or false: TRQP leaves the choice.
    Unknown,
}

const fn authorization() -> Kind {
    Kind::Authorization
}

impl Known {
    /// JSON is YAML.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let unreadable =
            |e: &dyn std::fmt::Display| Failure::usage(format!("cannot read `{}`: {e}", path.display()));
        let size = std::fs::metadata(path).map_err(|e| unreadable(&e))?.len();
        if size > MAX_FILE {
            return Err(unreadable(&format!("it is larger than {MAX_FILE} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(&e))?;
        let known: Self = serde_norway::from_str(&text).map_err(|e| unreadable(&e))?;
        match known.cases.len() {
            0 => Err(unreadable(&"it has no cases")),
            n if n > MAX_CASES => Err(unreadable(&format!("it has more than {MAX_CASES} cases"))),
            _ => Ok(known),
        }
    }

    pub fn authority(&self) -> Option<&str> {
        self.authority_id.as_deref()
    }

    pub fn cases(&self) -> &[Case] {
        &self.cases
    }
}

impl Case {
    /// Asked of `authority` where it names none.
    pub fn question(&self, authority: &str) -> Question {
        Question {
            kind: self.kind,
            authority: self.authority_id.as_deref().unwrap_or(authority).to_owned(),
            entity: self.entity_id.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            context: self.context.clone(),
        }
    }

    /// What the report calls it.
    pub fn name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        format!("{} {} {} {}", self.kind.as_str(), self.entity_id, self.action, self.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Known, String> {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("known.yaml");
        std::fs::write(&file, text).expect("written");
        Known::read(&file).map_err(|failure| failure.message)
    }

    #[test]
    fn cases_are_read_as_yaml_and_as_json() {
        let yaml = "authority_id: did:web:a.example\ncases:\n  - { entity_id: e, action: issue, resource: R, expect: no }\n";
        let json = r#"{"cases":[{"kind":"recognition","authority_id":"did:web:b.example","entity_id":"e","action":"issue",
            "resource":"R","context":{"time":"2020-01-01T00:00:00Z"},"expect":"unknown"}]}"#;
        let first = read(yaml).expect("cases");
        assert_eq!(first.authority(), Some("did:web:a.example"));
        assert_eq!(first.cases()[0].expect, Expect::No);
        assert_eq!(
            first.cases()[0].question("did:web:a.example").body()["authority_id"],
            "did:web:a.example"
        );
        let second = read(json).expect("cases");
        let asked = second.cases()[0].question("did:web:a.example");
        assert_eq!((path(asked.kind), asked.authority.as_str()), ("/recognition", "did:web:b.example"));
        assert_eq!(asked.body()["context"]["time"], "2020-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_file_of_cases_is_refused() {
        for bad in [
            "",
            "cases: []",
            "cases: [{ entity_id: e, action: a, resource: r }]",
            "cases: [{ entity_id: e, action: a, resource: r, expect: maybe }]",
            "cases: [{ entity_id: e, action: a, resource: r, expect: yes, colour: red }]",
            "{",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_member_more_is_put_behind_the_others() {
        let known = read("cases: [{ entity_id: e, action: a, resource: r, expect: yes }]").expect("cases");
        let asked = known.cases()[0].question("did:web:a.example");
        let text = asked.at("now").with("action", "\"b\"");
        assert!(text.ends_with("\"context\":{\"time\":\"now\"},\"action\":\"b\"}"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&asked.with("x", "[]")).expect("JSON")["x"], json!([]));
    }
}
