//! Arriving: everything that came is verified before any of it is kept.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail, ensure};
use charter_domain::{Timestamp, time::Clock};
use charter_signing::{IN_TOKEN, Kek, KeyStore};
use charter_store::rehome::{self, Arrival, Subject};
use charter_tlog::{Hash, note::Vkey, tree::Frontier};

use super::{
    archive::{Form, Move, Piece, Reader},
    explain, inner, key,
    manifest::{Manifest, Tally},
    owner,
};
use crate::{
    Config, context,
    keyring::Keyring,
    log::{Published, keys},
};

/// What has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub authority: String,
    pub epoch: i64,
    /// Leaves of its log that were published.
    pub published: u64,
    /// The key that signed the manifest.
    pub kid: String,
    /// Finishes the move where the registry was.
    pub receipt: String,
}

/// Takes in what was exported to this site: all of it, or nothing. It stays fenced until it is started.
pub async fn import(
    config: &Config,
    (from, key): (&Path, Option<&str>),
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Imported> {
    let keys = key.iter().map(|key| (*key).to_owned()).collect();
    let arriving = Arriving::open(config, (from, Form::Move), keys, clock.now()).await?;
    let owner = owner(config)?;
    tokio::task::spawn_blocking(move || arriving.take_in(&owner)).await?
}

/// A file from which registries are taken in.
pub(crate) struct Arriving {
    pub reader: Reader,
    own: Kek,
    vault: Arc<dyn KeyStore>,
    /// One of these must have signed; where there are none, any key of the registry.
    keys: Vec<String>,
    pub now: Timestamp,
}

impl Arriving {
    pub async fn open(
        config: &Config,
        (from, form): (&Path, Form),
        keys: Vec<String>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let (own, vault) = context::open_vault(config).await?;
        let reader = Reader::open(from, form, &key::own(config, &own)?)?;
        Ok(Self { reader, own, vault, keys, now })
    }

    fn take_in(mut self, owner: &str) -> anyhow::Result<Imported> {
        let Piece::Move(moved) = self.reader.piece()? else {
            bail!("the file does not say which move it is")
        };
        let piece = self.reader.piece()?;
        let Piece::Registry(subject) = piece else { bail!("the file does not say whose it is") };
        let named = self.reader.head.authority.as_ref();
        ensure!(named == Some(&subject.authority), "the file is of two registries");
        let when = (moved.rehome, self.now);
        rehome::arrive(owner, &subject, when, |arrival| self.one(arrival, &moved, &subject)).map_err(explain)
    }

    /// What follows of one registry, up to its manifest: written, verified and noted.
    pub fn one(
        &mut self,
        arrival: &mut Arrival<'_>,
        moved: &Move,
        subject: &Subject,
    ) -> Result<Imported, charter_store::Error> {
        let mut tally = Tally::default();
        let signed =
            tally.add(&Piece::Registry(subject.clone())).and_then(|()| self.read(arrival, &mut tally));
        let signed = signed.map_err(|e| inner(&e))?;
        arrival.check()?;
        let done = self.verify(arrival, (&signed, tally), (moved, subject)).map_err(|e| inner(&e))?;
        arrival.note(moved.rehome, (&moved.receipt, &moved.release_sha256), self.now)?;
        Ok(done)
    }

    /// Writes rows until the manifest comes.
    fn read(&mut self, arrival: &mut Arrival<'_>, tally: &mut Tally) -> anyhow::Result<String> {
        loop {
            let piece = self.reader.piece()?;
            tally.add(&piece)?;
            match piece {
                Piece::Table(table) => {
                    eprintln!("{} ({} rows so far)", table.name, tally.rows());
                    arrival.table(table).map_err(explain)?;
                }
                Piece::Rows(rows) => {
                    let (transport, own) = (&self.reader.kek, &self.own);
                    let copied = self.reader.form == Form::Copy;
                    let reseal = |sealed: &str| {
                        if copied && sealed.starts_with(IN_TOKEN) {
                            return Ok(sealed.to_owned());
                        }
                        let again = transport.open(sealed).and_then(|secret| own.seal(&secret));
                        again.map_err(|e| inner(&e.into()))
                    };
                    arrival.rows(rows, &reseal).map_err(explain)?;
                }
                Piece::Manifest(signed) => return Ok(signed),
                Piece::Move(_) | Piece::Registry(_) | Piece::Copied(_) | Piece::End => {
                    bail!("the file says twice whose it is, or ends in the middle of a registry")
                }
            }
        }
    }

    /// That the registry has signed for exactly this, that its keys open here, and that its log is the published one.
    fn verify(
        &self,
        arrival: &mut Arrival<'_>,
        (signed, tally): (&str, Tally),
        (moved, subject): (&Move, &Subject),
    ) -> anyhow::Result<Imported> {
        let opening = arrival.opening().map_err(explain)?;
        let form = self.reader.form;
        let (manifest, kid) = Manifest::verify(form, signed, &opening.keys)?;
        let named = self.keys.is_empty() || self.keys.contains(&kid);
        ensure!(named, "the manifest is signed by `{kid}`, and not by `{}`", self.keys.join("` or `"));
        let counted = tally.manifest((form, moved.rehome), &self.reader.head.recipient, manifest.at)?;
        ensure!(manifest == counted, "the file does not hold what its manifest says");
        let cannot = "its keys do not open here";
        let ring = Keyring::load(&opening, self.vault.as_ref(), None, self.now);
        ring.map_err(anyhow::Error::msg).context(cannot)?.signer(self.now).map_err(anyhow::Error::msg)?;
        if !opening.log_keys.is_empty() {
            keys::open(&opening.log_keys, self.vault.as_ref()).map_err(anyhow::Error::msg).context(cannot)?;
        }
        let published = self.log(arrival)?;
        let (authority, epoch) = (subject.authority.clone(), subject.epoch);
        Ok(Imported { authority, epoch, published, kid, receipt: moved.receipt.clone() })
    }

    /// The roots that were recorded and published are those of the events; how much was published.
    fn log(&self, arrival: &mut Arrival<'_>) -> anyhow::Result<u64> {
        let Some(log) = arrival.log().map_err(explain)? else { return Ok(0) };
        let (mut tree, mut root, mut published) = (Frontier::new(), Hash::new([0; 32]), None);
        let mut fault = None;
        if log.size == 0 {
            root = tree.root();
        }
        let each = |leaf: [u8; 32]| {
            if let Err(e) = tree.append(Hash::new(leaf)) {
                fault.get_or_insert(e.to_string());
            }
            if tree.size() == log.size {
                root = tree.root();
            }
            if tree.size() == log.published_size {
                published = Some(tree.root());
            }
            Ok(())
        };
        arrival.leaves(each).map_err(explain)?;
        if let Some(fault) = fault {
            bail!("its log cannot be computed: {fault}");
        }
        let hex: String = root.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        ensure!(hex == log.root, "its log has another root than its events at {} leaves", log.size);
        let (Some(checkpoint), Some(vkey)) = (&log.checkpoint, &log.vkey) else { return Ok(0) };
        let vkey: Vkey = vkey.parse().context("the key of its log cannot be read")?;
        let last = Published::parse(checkpoint, self.now)?;
        last.checkpoint.verify_log(&vkey).context("its last checkpoint is not signed by its log")?;
        ensure!(
            (last.size, Some(last.root)) == (log.published_size, published),
            "its last checkpoint is of another tree than its events"
        );
        Ok(last.size)
    }
}
