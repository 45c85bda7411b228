//! What an archive holds, counted and hashed while it is written, signed by the registry, and compared when it is read.

use anyhow::{Context as _, ensure};
use charter_domain::{Timestamp, key::Key};
use charter_signing::{JwkSet, PublicKey, Signer, jws};
use charter_store::rehome::Subject;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::archive::{Form, Piece};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    /// Of the move, or of the copy.
    pub rehome: Uuid,
    /// Thumbprint of the site that it was made for.
    pub recipient: String,
    pub at: Timestamp,
    pub registry: Subject,
    pub tables: Vec<Counted>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    pub name: String,
    pub rows: u64,
    /// Of the rows as they are in the archive, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    pub fn sign(&self, form: Form, signer: &dyn Signer) -> anyhow::Result<String> {
        Ok(signer.sign(form.typ(), &serde_json::to_vec(self)?)?)
    }

    /// Verified with the keys of the registry that were in use when it was made; with the `kid` that signed it.
    pub fn verify(form: Form, token: &str, keys: &[Key]) -> anyhow::Result<(Self, String)> {
        let (kid, claimed) = (jws::kid(token)?, jws::peek(token)?);
        let claimed: Self = serde_json::from_slice(&claimed).context("the manifest cannot be read")?;
        let mut set = Vec::new();
        for key in keys.iter().filter(|key| key.kid == kid && key.is_usable(claimed.at)) {
            set.push(PublicKey::from_jwk(&key.jwk)?);
        }
        ensure!(
            !set.is_empty(),
            "the manifest is signed by `{kid:.64}`, which is no key of the registry in use then"
        );
        let payload = jws::verify(token, form.typ(), &JwkSet::new(set)?)?;
        Ok((serde_json::from_slice(&payload).context("the manifest cannot be read")?, kid))
    }
}

/// Counts pieces as they pass.
#[derive(Default)]
pub struct Tally {
    registry: Option<Subject>,
    tables: Vec<(String, u64, Sha256)>,
}

impl Tally {
    pub fn add(&mut self, piece: &Piece) -> anyhow::Result<()> {
        match piece {
            Piece::Registry(subject) => self.registry = Some(subject.clone()),
            Piece::Table(table) => {
                let mut hash = Sha256::new();
                hash.update(serde_json::to_vec(&table.columns)?);
                self.tables.push((table.name.clone(), 0, hash));
            }
            Piece::Rows(rows) => {
                let (_, count, hash) = self.tables.last_mut().context("rows of no table")?;
                for row in rows {
                    hash.update(serde_json::to_vec(row)?);
                    hash.update(b"\n");
                }
                *count += rows.len() as u64;
            }
            Piece::Move(_) | Piece::Manifest(_) | Piece::Copied(_) | Piece::End => {}
        }
        Ok(())
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows, _)| rows).sum()
    }

    pub fn manifest(
        self,
        (form, rehome): (Form, Uuid),
        recipient: &str,
        at: Timestamp,
    ) -> anyhow::Result<Manifest> {
        let counted = |(name, rows, hash): (String, u64, Sha256)| Counted {
            name,
            rows,
            sha256: format!("{:x}", hash.finalize()),
        };
        Ok(Manifest {
            format: form.name().to_owned(),
            rehome,
            recipient: recipient.to_owned(),
            at,
            registry: self.registry.context("an archive without a registry")?,
            tables: self.tables.into_iter().map(counted).collect(),
        })
    }
}
