//! Minutes of a ceremony: who signed what when, and the SHA-256 of every file that went in or came out.

use std::{fmt, path::Path};

use charter_domain::Timestamp;
use charter_proof::SignedSet;

use super::{
    files::{Input, digest},
    summary,
};

/// Characters of a name.
const LONGEST: usize = 200;

pub struct Minutes<'a> {
    pub set: &'a SignedSet,
    pub before: Option<&'a SignedSet>,
    pub at: Timestamp,
    /// Ids of the keys that signed.
    pub signers: &'a [String],
    /// Key id and name.
    pub holders: &'a [(String, String)],
    pub present: &'a [String],
    pub inputs: &'a [&'a Input],
    /// Where the set is written.
    pub output: &'a Path,
}

/// A name that fits into a line and a table.
pub fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| !c.is_control() && !matches!(c, '|' | '`' | '<' | '>');
    if (1..=LONGEST).contains(&text.chars().count()) && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("must have 1 to {LONGEST} characters and none of | ` < >"))
    }
}

impl fmt::Display for Minutes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.set.version();
        writeln!(
            f,
            "# Anchor set, version {version}: minutes of the ceremony\n\nFinished at {}.\n",
            self.at
        )?;
        writeln!(f, "## What was signed\n\n```text\n{}```\n", summary::of(self.set, self.before))?;
        self.signatures(f)?;
        if !self.present.is_empty() {
            writeln!(f, "## Also present\n")?;
            self.present.iter().try_for_each(|name| writeln!(f, "- {name}"))?;
            writeln!(f)?;
        }
        self.files(f)?;
        writeln!(f, "\n## Signed by hand\n")?;
        self.signers.iter().try_for_each(|kid| writeln!(f, "- {}: ______________________", self.holder(kid)))
    }
}

impl Minutes<'_> {
    fn holder<'a>(&'a self, kid: &'a str) -> &'a str {
        self.holders.iter().find(|(held, _)| held == kid).map_or(kid, |(_, name)| name.as_str())
    }

    fn signatures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Signatures\n\n| key | held by | a key of version |\n| --- | --- | --- |")?;
        for kid in self.signers {
            let sets = [self.before, Some(self.set)].into_iter().flatten();
            let of: Vec<_> = sets
                .filter(|set| set.terms().jwks.find(kid).is_some())
                .map(|set| set.version().to_string())
                .collect();
            let named =
                self.holders.iter().find(|(held, _)| held == kid).map_or("", |(_, name)| name.as_str());
            writeln!(f, "| `{kid}` | {named} | {} |", of.join(", "))?;
        }
        writeln!(f)
    }

    fn files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Files\n\n| | file | SHA-256 |\n| --- | --- | --- |")?;
        for input in self.inputs {
            writeln!(f, "| in | `{}` | `{}` |", input.path.display(), digest(&input.bytes))?;
        }
        writeln!(f, "| out | `{}` | `{}` |", self.output.display(), digest(self.set.to_bytes()))
    }
}
