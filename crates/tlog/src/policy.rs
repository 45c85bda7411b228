//! Trust policies: which logs are believed, and how many of which witnesses it takes (C2SP tlog-policy).

mod draft;
mod parse;
mod quorum;

use std::fmt;

use crate::note::Vkey;

pub use parse::Error;
pub use quorum::{Met, Unmet};

/// Most logs, most witnesses and most groups of a policy: what every implementation should take.
pub const MAX_OF_EACH: usize = 32;
/// Longest policy, in bytes, comments included.
pub const MAX_BYTES: usize = 64 * 1024;

/// What a policy cannot say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("control characters other than tab and newline are not allowed")]
    Characters,
    #[error("`{0}` begins no line: `log`, `witness`, `group` and `quorum` do")]
    Keyword(Name),
    #[error("write `{0}`")]
    Form(&'static str),
    #[error(transparent)]
    Key(#[from] crate::note::Error),
    #[error("`{0}` is not a log's key: one is of type 0x01")]
    NotALog(Box<Vkey>),
    #[error("`{0}` is not a witness's key: one is of type 0x04")]
    NotAWitness(Box<Vkey>),
    #[error("a URL is ASCII or UTF-8")]
    Url,
    #[error("the key of `{0}` is listed twice")]
    SameKey(Box<Vkey>),
    #[error("a policy has at most {MAX_OF_EACH} logs, as many witnesses and as many groups")]
    TooMany,
    #[error("`{0}` is defined already")]
    Defined(Name),
    #[error("`{0}` is not defined on a line before")]
    Undefined(Name),
    #[error("`none` means no witness: it cannot be defined, nor be a member")]
    None,
    #[error("`{0}` is a member already: each name may be one once")]
    Member(Name),
    #[error("a group of {members} takes a number from 1 to {members}, `any` or `all`; not `{given}`")]
    Threshold { members: usize, given: Name },
    #[error("there is a quorum already")]
    SecondQuorum,
}

/// Name of a witness or group within its policy: any bytes but ASCII spaces and control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Vec<u8>);

impl Name {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// As text for people; what is not UTF-8 is replaced, and long names are cut.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).chars().take(80).try_for_each(|c| write!(f, "{c}"))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// A log whose checkpoints are believed; the name of its key is its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub vkey: Vkey,
    pub url: Option<String>,
}

/// A witness. Its URL, if any, is where checkpoints are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    pub name: Name,
    pub vkey: Vkey,
    pub url: Option<String>,
}

/// Members of which `threshold` must have cosigned, 1 up to their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: Name,
    pub threshold: usize,
    pub members: Vec<Member>,
}

/// Of a group, or what a quorum is: a position in the policy's witnesses or groups. A group's members come before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Member {
    Witness(usize),
    Group(usize),
}

/// A policy. Nothing in it refers to what is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// `None` where no cosignature is asked for.
    quorum: Option<Member>,
}

impl Policy {
    /// Any of these logs, cosigned by `k` of these witnesses; 0 asks for none.
    pub fn k_of_n(logs: &[Vkey], witnesses: &[Vkey], k: usize) -> Result<Self, Fault> {
        let mut draft = draft::Draft::default();
        for vkey in logs {
            draft.log(vkey.clone(), None)?;
        }
        let names: Vec<String> = (1..=witnesses.len()).map(|number| format!("w{number}")).collect();
        for (name, vkey) in names.iter().zip(witnesses) {
            draft.witness(name.as_bytes(), vkey.clone(), None)?;
        }
        let members: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        let quorum: &[u8] = if k == 0 { b"none" } else { b"witnesses" };
        if k > 0 {
            draft.group(quorum, k.to_string().as_bytes(), &members)?;
        }
        draft.quorum(quorum)?;
        draft.finish().ok_or(Fault::Form("quorum <name>"))
    }

    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Who must have cosigned; `None` where nobody must.
    pub fn quorum(&self) -> Option<Member> {
        self.quorum
    }

    fn name(&self, member: Member) -> &Name {
        match member {
            Member::Witness(at) => &self.witnesses[at].name,
            Member::Group(at) => &self.groups[at].name,
        }
    }

    /// As a policy file. Bytes, because names and URLs may be any.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut lines: Vec<Vec<Vec<u8>>> = Vec::new();
        let word = |text: &str| text.as_bytes().to_vec();
        let url = |url: &Option<String>| url.as_deref().map(word);
        for log in &self.logs {
            let words = [word("log"), word(&log.vkey.to_string())];
            lines.push(words.into_iter().chain(url(&log.url)).collect());
        }
        for witness in &self.witnesses {
            let words = [word("witness"), witness.name.0.clone(), word(&witness.vkey.to_string())];
            lines.push(words.into_iter().chain(url(&witness.url)).collect());
        }
        for group in &self.groups {
            let words = [word("group"), group.name.0.clone(), word(&group.threshold.to_string())];
            let members = group.members.iter().map(|member| self.name(*member).0.clone());
            lines.push(words.into_iter().chain(members).collect());
        }
        let quorum = self.quorum.map_or(word("none"), |member| self.name(member).0.clone());
        lines.push(vec![word("quorum"), quorum]);
        lines.into_iter().flat_map(|words| [words.join(&b' '), vec![b'\n']].concat()).collect()
    }
}

#[cfg(test)]
mod tests;
