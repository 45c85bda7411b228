//! What a version of the anchor set says, as it is printed.

use charter_proof::{Anchor, SignedSet};
use serde::Serialize;

use crate::{
    args::Format,
    exit::{Exit, Failure},
    output,
};

/// Public: members are added, never renamed.
#[derive(Serialize)]
pub struct View {
    version: u32,
    fingerprint: String,
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    issued: String,
    expires: String,
    threshold: u8,
    keys: Vec<String>,
    signed_by: Vec<String>,
    anchors: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    authority_id: String,
    entity_id: String,
    keys: Vec<String>,
}

impl From<&Anchor> for Listed {
    fn from(anchor: &Anchor) -> Self {
        Self {
            authority_id: anchor.authority_id.to_string(),
            entity_id: anchor.entity_id.to_string(),
            keys: anchor.jwks.keys.iter().map(|key| key.kid().to_owned()).collect(),
        }
    }
}

impl View {
    pub const HEADINGS: [&'static str; 5] = ["VERSION", "FINGERPRINT", "ISSUED", "EXPIRES", "ANCHORS"];

    pub fn of(set: &SignedSet) -> Result<Self, Failure> {
        let (terms, fingerprint) = (set.terms(), set.fingerprint());
        let signed_by = set.signed_by().map_err(|e| Failure::new(Exit::CannotVerify, e.to_string()))?;
        Ok(Self {
            version: terms.version,
            fingerprint: fingerprint.to_string(),
            words: fingerprint.words().replace('\n', " "),
            previous: terms.previous.map(|previous| previous.to_string()),
            issued: terms.issued.to_string(),
            expires: terms.expires.to_string(),
            threshold: terms.threshold,
            keys: terms.jwks.keys.iter().map(|key| key.kid().to_owned()).collect(),
            signed_by,
            anchors: terms.anchors.iter().map(Listed::from).collect(),
        })
    }

    pub fn row(&self) -> Vec<String> {
        let anchors: Vec<&str> = self.anchors.iter().map(|anchor| anchor.authority_id.as_str()).collect();
        vec![
            self.version.to_string(),
            self.fingerprint.clone(),
            self.issued.clone(),
            self.expires.clone(),
            anchors.join(" "),
        ]
    }

    pub fn text(&self) -> String {
        let mut pairs = vec![
            ("version", self.version.to_string()),
            ("issued", self.issued.clone()),
            ("expires", self.expires.clone()),
            ("keys", format!("{} of {} sign", self.threshold, self.keys.len())),
        ];
        pairs.extend(self.keys.iter().map(|kid| ("key", self.signed(kid))));
        for anchor in &self.anchors {
            let keys = anchor.keys.join(" ");
            pairs.push(("anchor", format!("{} {} {keys}", anchor.authority_id, anchor.entity_id)));
        }
        pairs.push(("fingerprint", self.fingerprint.clone()));
        let words: Vec<&str> = self.words.split(' ').collect();
        pairs.extend(words.chunks(8).map(|line| ("words", line.join(" "))));
        output::fields(pairs)
    }

    fn signed(&self, kid: &str) -> String {
        let signed = if self.signed_by.iter().any(|by| by == kid) { " (signed)" } else { "" };
        format!("{kid}{signed}")
    }

    pub fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Json => output::json(self)?,
            Format::Table => output::text(&self.text())?,
        };
        Ok(())
    }
}
