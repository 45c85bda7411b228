//! Reading a policy file, line by line (C2SP tlog-policy, Policy file syntax and structure).

use crate::{
    note::Vkey,
    policy::{Fault, MAX_BYTES, Name, Policy, draft::Draft},
};

/// Why a file is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a policy has at most {MAX_BYTES} bytes; this one has {0}")]
    TooLong(usize),
    #[error("a policy has a line `quorum <name>` or `quorum none`")]
    NoQuorum,
    /// Lines are counted from 1.
    #[error("line {line}: {fault}")]
    Line { line: usize, fault: Fault },
}

impl Policy {
    /// From a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLong(bytes.len()));
        }
        let mut draft = Draft::default();
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            read_line(&mut draft, text).map_err(|fault| Error::Line { line, fault })?;
        }
        draft.finish().ok_or(Error::NoQuorum)
    }
}

fn read_line(draft: &mut Draft, line: &[u8]) -> Result<(), Fault> {
    if line.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
        return Err(Fault::Characters);
    }
    let words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    match words.collect::<Vec<_>>()[..] {
        [] => Ok(()),
        [first, ..] if first.starts_with(b"#") => Ok(()),
        [b"log", vkey, ref url @ ..] if url.len() < 2 => draft.log(read_vkey(vkey)?, read_url(url)?),
        [b"witness", name, vkey, ref url @ ..] if url.len() < 2 => {
            draft.witness(name, read_vkey(vkey)?, read_url(url)?)
        }
        [b"group", name, threshold, ref members @ ..] if !members.is_empty() => {
            draft.group(name, threshold, members)
        }
        [b"quorum", name] => draft.quorum(name),
        [b"log", ..] => Err(Fault::Form("log <vkey> [<url>]")),
        [b"witness", ..] => Err(Fault::Form("witness <name> <vkey> [<url>]")),
        [b"group", ..] => Err(Fault::Form("group <name> any|all|<number> <name>...")),
        [b"quorum", ..] => Err(Fault::Form("quorum <name>")),
        [other, ..] => Err(Fault::Keyword(Name(other.to_vec()))),
    }
}

fn read_vkey(word: &[u8]) -> Result<Vkey, Fault> {
    let text = std::str::from_utf8(word).map_err(|_| crate::note::Error::Vkey)?;
    Ok(text.parse()?)
}

fn read_url(words: &[&[u8]]) -> Result<Option<String>, Fault> {
    let read = |word: &&[u8]| String::from_utf8(word.to_vec()).map_err(|_| Fault::Url);
    words.first().map(read).transpose()
}
