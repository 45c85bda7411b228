//! `charterd ceremony`: a version of the anchor set is drafted, signed by holders of offline keys, each on a machine of
//! their own if they like, and put together with minutes. Files in, files out; no file is ever overwritten.

mod draft;
pub(crate) mod files;
mod finish;
pub(crate) mod key;
mod minutes;
mod sign;
mod summary;

use charter_domain::Timestamp;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum CeremonyCommand {
    /// Make a key pair for somebody who will sign the anchor set.
    Key(key::Make),
    /// Draft the next version: what is listed, who may sign, for how long.
    Init(draft::Init),
    /// Add one signature to a draft, after its fingerprint was compared.
    Sign(sign::Sign),
    /// Put signed copies together, check them as verifiers will, and write the version with its minutes.
    Finish(finish::Finish),
}

/// Does what was asked; `now` is the time on this machine's clock.
pub fn run(command: &CeremonyCommand, now: Timestamp) -> anyhow::Result<()> {
    match command {
        CeremonyCommand::Key(args) => key::make(args),
        CeremonyCommand::Init(args) => draft::init(args, now),
        CeremonyCommand::Sign(args) => sign::sign(args),
        CeremonyCommand::Finish(args) => finish::finish(args, now),
    }
}
