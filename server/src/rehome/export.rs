//! Leaving: fence, wait until nobody answers from memory any more, write, sign.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use charter_domain::{RegistryId, Timestamp, time::Clock};
use charter_signing::{IN_TOKEN, Kek, Recipient};
use charter_store::{
    Store,
    key::Opening,
    rehome::{self, Codes, Departure, Row, digest},
};
use uuid::Uuid;

use super::{
    archive::{Form, Move, Piece, Writer},
    blocking, explain, found, inner, key,
    manifest::Tally,
    owner,
};
use crate::{Config, context, keyring::Keyring};

/// What has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    pub epoch: i64,
    pub rows: u64,
}

/// Exports a registry whose move to the recipient was approved. From the first step on it is fenced; a departure that
/// ended in the middle is begun again by the same call.
pub async fn export(
    config: &Config,
    authority: &str,
    (recipient, to): (&Path, &Path),
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Exported> {
    let recipient = key::read(recipient)?;
    let (kek, vault) = context::open_vault(config).await?;
    let store = Store::new(context::store_settings(config), Arc::clone(clock)).map_err(explain)?;
    let registry = found(&store, authority).await?;
    let opening = store.opening(registry).await.map_err(explain)?;
    movable(&opening)?;
    let now = clock.now();
    let ring = Keyring::load(&opening, vault.as_ref(), None, now).map_err(anyhow::Error::msg)?;
    // Before anything is fenced: that it can be written at all.
    let transport = Kek::generate();
    let writer = Writer::new(to, (Form::Move, Some(authority)), &recipient, &transport)?;
    let owner = owner(config)?;
    let codes = {
        let (owner, site) = (owner.clone(), recipient.thumbprint().to_owned());
        let fresh = codes();
        blocking(move || rehome::fence(&owner, registry, &site, (fresh, now))).await?
    };
    // By now every process has seen the fence, or has no lease to answer by.
    tokio::time::sleep(config.cache.lease() + config.cache.poll()).await;
    let work = Leaving { owner, registry, codes, recipient, own: kek, transport, writer };
    let done = tokio::task::spawn_blocking(move || work.write(&ring, now)).await?;
    done.context("the registry is fenced: repeat the export, or `charterd rehome abort`")
}

fn codes() -> Codes {
    Codes { rehome: Uuid::now_v7(), receipt: code(), release: code() }
}

/// One that nobody guesses.
pub(crate) fn code() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// What a token holds stays in it.
fn movable(opening: &Opening) -> anyhow::Result<()> {
    let own = opening.kept.iter().map(|(_, kept)| kept.as_str());
    let kept = own.chain(opening.log_keys.iter().map(|key| key.kept.as_str()));
    if kept.into_iter().any(|kept| kept.starts_with(IN_TOKEN)) {
        bail!(
            "a key of the registry is, or was, in a PKCS#11 token and cannot leave it: such a registry does not move; \
             begin one at the other site and let the superior delegate to it"
        );
    }
    Ok(())
}

struct Leaving {
    owner: String,
    registry: RegistryId,
    codes: Codes,
    recipient: Recipient,
    /// Of this site.
    own: Kek,
    /// Of the archive.
    transport: Kek,
    writer: Writer,
}

impl Leaving {
    fn write(self, ring: &Keyring, now: Timestamp) -> anyhow::Result<Exported> {
        let Self { owner, registry, codes, recipient, own, transport, mut writer } = self;
        let (mut tally, mut epoch) = (Tally::default(), 0);
        let moved = Move {
            rehome: codes.rehome,
            receipt: codes.receipt.clone(),
            release_sha256: digest(&codes.release),
        };
        writer.put(&Piece::Move(moved))?;
        let each = |departure: Departure| {
            let piece = match departure {
                Departure::Registry(subject) => {
                    epoch = subject.epoch;
                    Piece::Registry(subject)
                }
                Departure::Table(table) => {
                    eprintln!("{} ({} rows so far)", table.name, tally.rows());
                    Piece::Table(table)
                }
                Departure::Rows(rows) => Piece::Rows(resealed(rows, &own, &transport)?),
            };
            tally.add(&piece).and_then(|()| writer.put(&piece)).map_err(|e| inner(&e))
        };
        rehome::depart(&owner, registry, each).map_err(explain)?;
        let rows = tally.rows();
        let manifest = tally.manifest((Form::Move, codes.rehome), recipient.thumbprint(), now)?;
        let signed = manifest.sign(Form::Move, ring.signer(now).map_err(anyhow::Error::msg)?)?;
        writer.put(&Piece::Manifest(signed))?;
        writer.close()?;
        Ok(Exported { epoch, rows })
    }
}

/// What this site's key seals, under the archive's. The name of a key in a token is no secret, and stays.
pub(crate) fn resealed(rows: Vec<Row>, own: &Kek, transport: &Kek) -> Result<Vec<Row>, charter_store::Error> {
    let one = |sealed: &String| {
        if sealed.starts_with(IN_TOKEN) {
            return Ok(sealed.clone());
        }
        let again = own.open(sealed).and_then(|secret| transport.seal(&secret));
        again.map_err(|e| charter_store::Error::Internal(format!("a secret of the registry: {e}")))
    };
    rows.into_iter()
        .map(|row| Ok(Row { sealed: row.sealed.iter().map(one).collect::<Result<_, _>>()?, ..row }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_sealed_anew_and_what_is_in_a_token_keeps_its_name() {
        let (own, transport, named) = (Kek::generate(), Kek::generate(), "pkcs11:object=key".to_owned());
        let sealed = vec![own.seal(b"secret").expect("sealed"), named.clone()];
        let row = Row { text: "(0)".to_owned(), sealed };
        let again = resealed(vec![row], &own, &transport).expect("sealed anew");
        assert_eq!(transport.open(&again[0].sealed[0]).expect("opens"), b"secret");
        assert_eq!(again[0].sealed[1], named);
        let strange = Row { text: "(0)".to_owned(), sealed: vec![named.replace("pkcs11", "x")] };
        assert!(resealed(vec![strange], &own, &transport).is_err());
    }
}
