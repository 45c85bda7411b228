//! A file of the corpus: registries and their records, then questions with what is expected. Short names stand for
//! `did:web:<name>.example`; what is not known to a field is refused.

use std::{collections::BTreeMap, fmt, path::Path};

use charter_domain::{Kind, NamingConstraints, Outcome, Reason, record::RawAuthorization};
use charter_tests::program;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Of the file, without its ending.
    #[serde(skip)]
    pub name: String,
    /// For people.
    #[serde(rename = "about")]
    _about: String,
    /// The first is the anchor.
    pub registries: Vec<Registry>,
    pub cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    pub id: String,
    /// From 1; a server's first registry is that of its listener.
    #[serde(default = "first")]
    pub server: usize,
    /// Its superior, on this server or one before.
    pub under: Option<String>,
    #[serde(default)]
    pub records: Vec<Record>,
    #[serde(default)]
    pub delegates: Vec<Delegation>,
    #[serde(default)]
    pub recognizes: Vec<Recognition>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub entity: String,
    /// Since 2025-06-01.
    pub status: Option<String>,
    pub authorizations: Vec<RawAuthorization>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    pub to: String,
    pub resources: Vec<String>,
    #[serde(default)]
    pub jurisdictions: Vec<String>,
    pub valid_from: Option<String>,
    pub valid_until: Option<String>,
    pub state: Option<String>,
    #[serde(default = "usually")]
    pub may_delegate: bool,
    pub max_path_length: Option<u32>,
    pub naming_constraints: Option<NamingConstraints>,
    #[serde(default = "usually")]
    pub answers_as_own: bool,
    /// Other than where the subordinate is.
    pub endpoint: Option<String>,
}

/// That the peer recognises in turn, stands with the peer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognition {
    pub peer: String,
    #[serde(default = "degree")]
    pub resource: String,
    #[serde(default = "usually")]
    pub may_follow: bool,
    #[serde(default)]
    pub one_sided: bool,
    pub valid_from: Option<String>,
    /// Absent: for a year.
    pub valid_until: Option<String>,
    /// Of the peer as it is recorded here, since 2025-06-01.
    pub status: Option<String>,
    /// Other than where the peer is.
    pub endpoint: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub ask: Ask,
    pub expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Its first registry is asked.
    #[serde(default = "first")]
    pub server: usize,
    #[serde(default = "authorization")]
    pub kind: Kind,
    /// In whose name; absent: the asked registry's.
    pub authority: Option<String>,
    pub entity: String,
    #[serde(default = "issue")]
    pub action: String,
    #[serde(default = "degree")]
    pub resource: String,
    #[serde(default)]
    pub context: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `yes`, `no` or `indeterminate`.
    pub decision: String,
    pub reason: String,
    /// HTTP status of TRQP.
    #[serde(default = "ok")]
    pub trqp: u16,
    pub basis: Option<String>,
    pub decided_by: Option<String>,
    /// Where the way down ends.
    pub link: Option<Failing>,
    /// Part of the message.
    pub says: Option<String>,
    #[serde(default)]
    pub unstated: Vec<String>,
    /// Why the chain is refused under the anchor; absent: it proves the yes or the no.
    pub offline: Option<Refused>,
    /// The reason that a mirror's copy gives instead: it has everything at hand, or does not know whom to ask.
    pub copy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    pub authority: String,
    /// From the asked registry, which is 0.
    pub index: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    pub code: String,
    /// From the statement, which is 0.
    pub link: usize,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at link {}", self.code, self.link)
    }
}

fn first() -> usize {
    1
}
fn usually() -> bool {
    true
}
fn ok() -> u16 {
    200
}
fn authorization() -> Kind {
    Kind::Authorization
}
fn issue() -> String {
    "issue".to_owned()
}
fn degree() -> String {
    "Degree".to_owned()
}

/// What a short name stands for.
pub fn did(name: &str) -> String {
    format!("did:web:{name}.example")
}

impl File {
    /// Every file of the corpus, by name.
    pub fn all() -> Vec<Self> {
        let dir = program::root().join("tests/corpus");
        let entries = std::fs::read_dir(&dir).expect("the corpus").flatten().map(|entry| entry.path());
        let mut files: Vec<Self> = entries.map(|path| Self::read(&path)).collect();
        assert!(!files.is_empty(), "{} is empty", dir.display());
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("text");
        let file: Self =
            serde_norway::from_str(&text).unwrap_or_else(|e| unreachable!("{}: {e}", path.display()));
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        Self { name, ..file }
    }

    /// The number of the server of a registry.
    pub fn server_of(&self, id: &str) -> usize {
        let found = self.registries.iter().find(|r| r.id == id);
        found.expect("a registry of this file").server
    }
}

impl Expect {
    pub fn reason(&self) -> Reason {
        Reason::parse(&self.reason).unwrap_or_else(|| unreachable!("`{}` is no reason", self.reason))
    }

    pub fn outcome(&self) -> Outcome {
        self.reason().outcome()
    }

    pub fn is_proven(&self) -> bool {
        self.outcome() != Outcome::Indeterminate && self.offline.is_none()
    }

    /// What a message must have in it.
    pub fn said(&self) -> impl Iterator<Item = String> {
        self.link.as_ref().map(|link| did(&link.authority)).into_iter().chain(self.says.clone())
    }

    /// As `Said::line` puts the answer of TRQP.
    pub fn line(&self) -> String {
        let answer = if self.trqp == 200 { format!("{} ", self.decision) } else { String::new() };
        format!("{} {answer}{}", self.trqp, self.reason)
    }
}
