//! The key of somebody who signs the anchor set: sealed under a key-encryption key in a file of its own, or in a
//! PKCS#11 token.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};
use charter_domain::json;
use charter_signing::{Algorithm, Kek, KeyStore, PublicKey, SealedStore, Signer, TokenSettings, TokenStore};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::files::{Input, PUBLIC, SECRET, create};

#[derive(Args)]
pub struct Make {
    /// File for the key; its public half goes into a second one, with `.pub` at the end.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[arg(long, value_name = "NAME", default_value = "ES256", value_parser = algorithm)]
    algorithm: Algorithm,
    #[command(flatten)]
    place: Place,
}

/// Where the private key is kept.
#[derive(Args)]
pub struct Place {
    /// Key-encryption key that the private key is sealed under; made if it is missing. Keep it on another medium.
    #[arg(long, value_name = "FILE", required_unless_present = "module", conflicts_with = "module")]
    kek: Option<PathBuf>,
    /// Library of a PKCS#11 token that keeps the private key.
    #[arg(long, value_name = "FILE", requires = "token_label", requires = "pin_file")]
    module: Option<PathBuf>,
    /// What the token is called.
    #[arg(long, value_name = "NAME", requires = "module")]
    token_label: Option<String>,
    /// Holds the token's PIN; mode 0600.
    #[arg(long, value_name = "FILE", requires = "module")]
    pin_file: Option<PathBuf>,
}

/// A key as it is filed: its public half, and what finds or opens the private one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    jwk: PublicKey,
    kept: String,
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    text.parse().map_err(|e: charter_signing::Error| e.to_string())
}

impl Place {
    /// `make`: whether a key-encryption key may be made.
    fn store(&self, make: bool) -> anyhow::Result<Box<dyn KeyStore>> {
        match (&self.kek, &self.module, &self.token_label, &self.pin_file) {
            (Some(kek), None, ..) => {
                let kek = if make { Kek::load_or_create(kek)? } else { Kek::load(kek)? };
                Ok(Box::new(SealedStore::new(kek)))
            }
            (None, Some(module), Some(label), Some(pin_file)) => {
                let (module, label, pin_file) = (module.clone(), label.clone(), pin_file.clone());
                Ok(Box::new(TokenStore::open(&TokenSettings { module, label, pin_file })?))
            }
            _ => bail!("name --kek, or --module with --token-label and --pin-file"),
        }
    }

    /// The private key of a key file.
    pub fn signer(&self, file: &Path) -> anyhow::Result<Arc<dyn Signer>> {
        let input = Input::read(file)?;
        // The parser's own message could repeat a piece of the file.
        let key: Result<KeyFile, _> = serde_json::from_slice(&input.bytes);
        let Ok(key) = key else { bail!("`{}` is no key file of `charterd ceremony key`", file.display()) };
        Ok(self.store(false)?.open(&key.jwk, &key.kept)?)
    }
}

pub fn make(args: &Make) -> anyhow::Result<()> {
    let (jwk, public) = made(args)?;
    println!(
        "key {} ({})\n{} stays with its holder, {} goes into the next version",
        jwk.kid(),
        jwk.algorithm(),
        args.out.display(),
        public.display()
    );
    Ok(())
}

/// A new key pair in its two files; the public half, and where it is.
pub fn made(args: &Make) -> anyhow::Result<(PublicKey, PathBuf)> {
    let mut public = args.out.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    for path in [&args.out, &public] {
        ensure!(!path.exists(), "`{}` is there already; give another --out", path.display());
    }
    let made = args.place.store(true)?.generate(args.algorithm)?;
    let jwk = made.signer.key().clone();
    let file = KeyFile { jwk: jwk.clone(), kept: made.kept };
    create(&args.out, format!("{}\n", serde_json::to_string_pretty(&file)?).as_bytes(), SECRET)?;
    create(&public, format!("{:#}\n", jwk.to_jwk()).as_bytes(), PUBLIC)?;
    Ok((jwk, public))
}

/// A public key in a file of its own.
pub fn read_public(path: &Path) -> anyhow::Result<PublicKey> {
    let input = Input::read(path)?;
    let unusable = || format!("`{}` holds no public key (JWK)", path.display());
    let jwk = json::parse_strict(std::str::from_utf8(&input.bytes).with_context(unusable)?);
    PublicKey::from_jwk(&jwk.with_context(unusable)?).with_context(unusable)
}
