//! Writing: all registries in one snapshot, each signed by its own key. Nothing is fenced, and nobody is asked.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail, ensure};
use charter_domain::{RegistryId, Timestamp, time::Clock};
use charter_signing::{Kek, KeyStore, Recipient};
use charter_store::{
    Store,
    key::Opening,
    rehome::{Copying, Departure, copy},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Config, context,
    keyring::Keyring,
    rehome::{
        archive::{Copied, Form, Piece, Writer},
        blocking, explain,
        export::{code, resealed},
        inner, key,
        manifest::Tally,
        owner,
    },
};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Authorities, and how far each was.
    pub registries: Vec<(String, i64)>,
    pub rows: u64,
}

/// Writes the registries of these authorities, or all that are served from this database, into one file that only the
/// recipient can read. Each of them has an access recorded first, by number 0: the operator of the database.
pub async fn export(
    config: &Config,
    only: &[String],
    (recipient, to): (&Path, &Path),
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Exported> {
    let recipient = key::read(recipient)?;
    let owner = owner(config)?;
    let (own, vault) = context::open_vault(config).await?;
    let store = Store::new(context::store_settings(config), Arc::clone(clock)).map_err(explain)?;
    let chosen = chosen(&store, only).await?;
    let (ids, authorities): (Vec<RegistryId>, Vec<String>) = chosen.into_iter().unzip();
    let (export, now, transport) = (Uuid::now_v7(), clock.now(), Kek::generate());
    let mut writer = Writer::new(to, (Form::Copy, None), &recipient, &transport)?;
    let filter = json!({ "export": export, "recipient": recipient.thumbprint(), "registries": ids.len() });
    writer.put(&Piece::Copied(Copied { export, release: code(), authorities }))?;
    let mut copying = Writing {
        writer,
        vault,
        recipient,
        own,
        transport,
        export,
        now,
        tally: Tally::default(),
        done: Exported { registries: Vec::new(), rows: 0 },
    };
    blocking(move || {
        let each = |piece: Copying| copying.put(piece).map_err(|e| inner(&e));
        copy(&owner, &ids, (&filter, now), each)?;
        copying.close().map_err(|e| inner(&e))
    })
    .await
}

/// The registries that are written, with their authorities.
async fn chosen(store: &Store, only: &[String]) -> anyhow::Result<Vec<(RegistryId, String)>> {
    let (known, moved) = (store.registries().await.map_err(explain)?, store.moved().await.map_err(explain)?);
    let served = known.iter().filter(|one| !moved.contains(&one.id));
    let served: Vec<(RegistryId, String)> = served.map(|one| (one.id, one.authority.to_string())).collect();
    if let Some(strange) =
        only.iter().find(|wanted| !served.iter().any(|(_, authority)| authority == *wanted))
    {
        bail!("`{strange}` is no registry that is served from this database");
    }
    let wanted: Vec<_> =
        served.into_iter().filter(|(_, authority)| only.is_empty() || only.contains(authority)).collect();
    ensure!(!wanted.is_empty(), "this database has no registries: there is nothing to export");
    Ok(wanted)
}

struct Writing {
    writer: Writer,
    vault: Arc<dyn KeyStore>,
    recipient: Recipient,
    /// Of this site.
    own: Kek,
    /// Of the file.
    transport: Kek,
    export: Uuid,
    now: Timestamp,
    /// Of the registry that is being written.
    tally: Tally,
    done: Exported,
}

impl Writing {
    fn put(&mut self, copying: Copying) -> anyhow::Result<()> {
        let piece = match copying {
            Copying::Of(Departure::Registry(subject)) => {
                self.done.registries.push((subject.authority.clone(), subject.epoch));
                Piece::Registry(subject)
            }
            Copying::Of(Departure::Table(table)) => Piece::Table(table),
            Copying::Of(Departure::Rows(rows)) => {
                Piece::Rows(resealed(rows, &self.own, &self.transport).map_err(explain)?)
            }
            Copying::Whole(opening) => return self.sign(&opening),
        };
        self.tally.add(&piece)?;
        self.writer.put(&piece)
    }

    /// Each registry answers for what is written of it.
    fn sign(&mut self, opening: &Opening) -> anyhow::Result<()> {
        let tally = std::mem::take(&mut self.tally);
        self.done.rows += tally.rows();
        let manifest = tally.manifest((Form::Copy, self.export), self.recipient.thumbprint(), self.now)?;
        let ring = Keyring::load(opening, self.vault.as_ref(), None, self.now).map_err(anyhow::Error::msg);
        let ring = ring.with_context(|| format!("the keys of {}", manifest.registry.authority))?;
        let signed = manifest.sign(Form::Copy, ring.signer(self.now).map_err(anyhow::Error::msg)?)?;
        self.writer.put(&Piece::Manifest(signed))
    }

    fn close(mut self) -> anyhow::Result<Exported> {
        self.writer.put(&Piece::End)?;
        self.writer.close()?;
        Ok(self.done)
    }
}
