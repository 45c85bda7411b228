//! The transport key of a site: what is exported for this site is sealed to it. Kept beside the key-encryption key, as
//! ciphertext under it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use charter_signing::{Kek, Recipient, TransportKey};

use crate::{Config, durable};

/// For its owner alone.
const SECRET: u32 = 0o600;
/// Longest file of a recipient, in bytes.
const MAX_BYTES: u64 = 4 * 1024;

/// Where the configuration has this site's key.
pub(crate) fn path(config: &Config) -> PathBuf {
    let mut path = Path::new(&config.keys.kek_file).as_os_str().to_owned();
    path.push(".rehome");
    path.into()
}

/// Writes the public part of this site's key, made if there is none; its thumbprint.
pub fn recipient(config: &Config, to: &Path) -> anyhow::Result<String> {
    let kek = Kek::load_or_create(&config.keys.kek_file)?;
    let path = path(config);
    let key = match durable::read(&path)? {
        Some(kept) => opened(&kept, &kek)?,
        None => {
            let key = TransportKey::generate()?;
            durable::create(&path, key.to_sealed(&kek)?.as_bytes(), SECRET)
                .with_context(|| format!("cannot make `{}`", path.display()))?;
            key
        }
    };
    let public = format!("{}\n", key.recipient().to_json());
    std::fs::write(to, public).with_context(|| format!("cannot write `{}`", to.display()))?;
    Ok(key.recipient().thumbprint().to_owned())
}

/// This site's own key.
pub(super) fn own(config: &Config, kek: &Kek) -> anyhow::Result<TransportKey> {
    let path = path(config);
    let kept = durable::read(&path)?;
    let kept =
        kept.ok_or_else(|| anyhow!("this site has no transport key: `charterd rehome key` makes it"))?;
    opened(&kept, kek).with_context(|| format!("`{}`", path.display()))
}

fn opened(kept: &[u8], kek: &Kek) -> anyhow::Result<TransportKey> {
    Ok(TransportKey::from_sealed(std::str::from_utf8(kept)?.trim_end(), kek)?)
}

/// Another site's, from the file that it wrote.
pub(crate) fn read(path: &Path) -> anyhow::Result<Recipient> {
    use std::io::Read as _;
    let text = || format!("cannot read the recipient `{}`", path.display());
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .with_context(text)?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .with_context(text)?;
    Recipient::parse(&bytes).with_context(text)
}
