//! The files of a snapshot: one JSON object a line, each a signed document with what it does not say of itself. The
//! index vouches for the bytes; who relies on a document verifies its own signature.

use charter_domain::status::Status;
use charter_signing::jws;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{AuthorityStatement, Error, SubordinateStatement};

/// Media type of the files.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// One line. Later lines of the same target replace earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `configuration`, `statement:<n>`, `recognition:<n>` or `delegation:<n>`, with the number of an event.
    pub target: String,
    /// Absent: it is no longer in the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jws: Option<String>,
    /// Why `valid` of a statement or delegation has gaps; empty where nothing happened to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<Status>,
    /// Of a delegation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subordinate: Option<Subordinate>,
}

/// How the subordinate of a delegation is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subordinate {
    /// Where it answers, such as `https://registry.example`.
    pub endpoint: String,
    /// The superior answers for it; else it is asked itself.
    pub answers_as_own: bool,
}

impl Entry {
    /// The entry as a line, with its end.
    pub fn to_line(&self) -> Result<String, Error> {
        let mut line = serde_json::to_string(self).map_err(|e| Error::Document(e.to_string()))?;
        line.push('\n');
        Ok(line)
    }

    /// What a statement says, **unverified**: to find it by what it is about. `None` for other targets.
    pub fn statement(&self) -> Option<AuthorityStatement> {
        self.peek("statement:")
    }

    /// What a delegation says, **unverified**. `None` for other targets.
    pub fn delegation(&self) -> Option<SubordinateStatement> {
        self.peek("delegation:")
    }

    fn peek<T: DeserializeOwned>(&self, prefix: &str) -> Option<T> {
        let token = self.jws.as_deref().filter(|_| self.target.starts_with(prefix))?;
        serde_json::from_slice(&jws::peek(token).ok()?).ok()
    }
}

/// The entries of a file, in order.
pub fn parse(file: &[u8]) -> Result<Vec<Entry>, Error> {
    let refused = |n: usize, why: String| Error::Document(format!("line {n} of the file: {why}"));
    let Some(lines) = file.strip_suffix(b"\n") else {
        return Err(Error::Document("the file must end with a new line".to_owned()));
    };
    let entry = |(n, line)| serde_json::from_slice(line).map_err(|e| refused(n + 1, e.to_string()));
    lines.split(|b| *b == b'\n').enumerate().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_as_it_was_written() {
        let subordinate = Subordinate { endpoint: "http://127.0.0.1:1".to_owned(), answers_as_own: true };
        let entries = vec![
            Entry {
                target: "delegation:7".to_owned(),
                jws: Some("a.b.c".to_owned()),
                statuses: Vec::new(),
                subordinate: Some(subordinate),
            },
            Entry { target: "statement:8".to_owned(), jws: None, statuses: Vec::new(), subordinate: None },
        ];
        let file: String = entries.iter().map(|e| e.to_line().expect("a line")).collect();
        assert_eq!(parse(file.as_bytes()), Ok(entries));
        for bad in ["", "{}", "{}\n", "{\"target\":\"a\"}", "{\"target\":\"a\",\"more\":1}\n", "\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
