//! `charterd keys`: a backup of this site's secrets that any two of several officers open together, and none of them
//! alone. See docs/HA.md, "Keys".

mod backup;
mod restore;
mod site;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use charter_domain::Timestamp;
use charter_signing::TransportKey;
use clap::Subcommand;

pub use self::{
    backup::Backup,
    restore::{Compared, Restored, restore},
    site::backup,
};
use crate::{Config, durable};

/// For its owner alone.
const SECRET: u32 = 0o600;
/// Nothing in it is secret.
const PUBLIC: u32 = 0o644;

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make the key of an officer: the private half into a file for them alone, the public one beside it as FILE.pub.
    /// Needs no configuration.
    Officer {
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Seal what this site needs to open its keys again, so that any two of the officers open it together.
    Backup {
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Public key of an officer (FILE.pub); give it twice at least.
        #[arg(long = "officer", value_name = "FILE.pub", required = true, num_args = 1)]
        officers: Vec<PathBuf>,
    },
    /// Open a backup with the private keys of two officers, and write this site's secrets where the configuration has
    /// them.
    Restore {
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Private key of an officer; give it twice.
        #[arg(long = "officer", value_name = "FILE", required = true, num_args = 1)]
        officers: Vec<PathBuf>,
        /// Put them in the place of other secrets, which are kept beside them under another name.
        #[arg(long)]
        replace: bool,
    },
    /// Say of which key a backup is and who can open it, and that it is whole, without opening it. Needs no
    /// configuration.
    Check {
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
}

/// Does what was asked; `now` is the time on this machine's clock.
pub async fn run(
    command: &KeysCommand,
    config: impl FnOnce() -> anyhow::Result<Config>,
    now: Timestamp,
) -> anyhow::Result<()> {
    match command {
        KeysCommand::Officer { to } => println!("{}", officer(to)?),
        KeysCommand::Backup { to, officers } => {
            let made = backup(&config()?, officers, now)?;
            made.write(to)?;
            tell(&made);
        }
        KeysCommand::Restore { from, officers, replace } => {
            let (config, backup) = (config()?, Backup::read(from)?);
            tell(&backup);
            println!("{}", restore(&config, &backup, (officers, *replace), now).await?);
        }
        KeysCommand::Check { from } => tell(&Backup::read(from)?),
    }
    Ok(())
}

/// Makes the key of an officer in two files; its thumbprint.
pub fn officer(to: &Path) -> anyhow::Result<String> {
    let key = TransportKey::generate()?;
    let mut beside = to.as_os_str().to_owned();
    beside.push(".pub");
    let make = |path: &Path, text: &str, mode| {
        durable::create(path, format!("{text}\n").as_bytes(), mode).with_context(|| {
            format!("cannot make `{}`; a file that is there is not overwritten", path.display())
        })
    };
    make(to, &key.to_secret_json(), SECRET)?;
    make(Path::new(&beside), &key.recipient().to_json(), PUBLIC)?;
    Ok(key.recipient().thumbprint().to_owned())
}

fn tell(backup: &Backup) {
    let body = &backup.body;
    println!("made {} of the key {}", body.at, body.key);
    println!("holds {}", body.holds.join(", "));
    for officer in &body.officers {
        println!("officer {officer}");
    }
    println!("any two of these {} open it together", body.officers.len());
    if body.token {
        println!("keys in the PKCS#11 token, and its PIN, are not in it: back the token up by its own means");
    }
}
