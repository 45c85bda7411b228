//! Where versions of an anchor set come from: a registry that publishes them, or a folder of files.

use charter_proof::{SignedSet, anchor::signed::MAX_BYTES};

use super::parse;
use crate::{
    args::{Connection, UpdateAnchors},
    exit::{Exit, Failure},
    log::Source,
};

pub struct Versions {
    source: Source,
    /// Files are named otherwise than paths of a registry.
    in_folder: bool,
}

impl Versions {
    pub fn of(to: &Connection, args: &UpdateAnchors) -> Result<Self, Failure> {
        if let Some(dir) = &args.dir {
            return Ok(Self { source: Source::in_directory(dir), in_folder: true });
        }
        let base = args.url.as_deref().unwrap_or(&to.server).trim_end_matches('/');
        Ok(Self { source: Source::at(to, &format!("{base}/.well-known"))?, in_folder: false })
    }

    /// One version, as it claims to be; `None` where it is not published.
    pub async fn one(&self, version: u32) -> Result<Option<SignedSet>, Failure> {
        let name =
            if self.in_folder { format!("{version}.json") } else { format!("trust-anchors/{version}") };
        self.at(&name).await
    }

    /// The newest; in a folder, the last of those that follow version `held` without a gap.
    pub async fn newest(&self, held: u32) -> Result<SignedSet, Failure> {
        let missing = |what: &str| Failure::new(Exit::CannotVerify, format!("there is no {what}"));
        if !self.in_folder {
            return self.at("trust-anchors").await?.ok_or_else(|| missing("anchor set at that address"));
        }
        let mut next = held.max(1);
        let mut last = None;
        while let Some(found) = self.one(next).await? {
            last = Some(found);
            next = next.saturating_add(1);
        }
        last.ok_or_else(|| missing(&format!("`{next}.json` in the folder")))
    }

    async fn at(&self, name: &str) -> Result<Option<SignedSet>, Failure> {
        let file = self.source.get(name, MAX_BYTES).await?;
        file.map(|file| parse(name, &file)).transpose()
    }
}
